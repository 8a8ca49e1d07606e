import assert from 'node:assert/strict'
import { it } from 'node:test'
import { KEPT_MAX, OrderList } from './order-list.ts'

interface Listed {
  readonly id: string
  isDone: boolean
}

interface Traded {
  readonly order: Listed
  readonly n: number
}

const listOf = (): OrderList<Listed, Traded> =>
  new OrderList({ clientIdOf: ({ id }) => `client ${id}`, isDone: (order) => order.isDone })

it('forgets the oldest orders that are done, by either id, and no other', () => {
  const list = listOf()
  const resting = { id: 'resting', isDone: false }
  list.add(resting)
  for (let n = 1; n < 2 * KEPT_MAX; n++) list.add({ id: `${n}`, isDone: true })

  assert.equal(list.all.length, KEPT_MAX + 1)
  assert.equal(list.made, 2 * KEPT_MAX)
  assert.equal(list.all[0], resting)
  assert.equal(list.find('resting'), resting)
  assert.equal(list.findByClientId('client resting'), resting)
  assert.equal(list.find(`${KEPT_MAX - 1}`), undefined)
  assert.equal(list.findByClientId(`client ${KEPT_MAX - 1}`), undefined)
  assert.equal(list.find(`${KEPT_MAX}`)?.id, `${KEPT_MAX}`)
})

it('forgets the oldest executions', () => {
  const list = listOf()
  const order = { id: 'one', isDone: false }
  for (let n = 0; n < 2 * KEPT_MAX; n++) list.addExecution({ order, n })

  assert.equal(list.executions.length, KEPT_MAX)
  assert.equal(list.executions[0]?.n, KEPT_MAX)
})

it('takes back the last execution of an order', () => {
  const list = listOf()
  const [one, other] = [
    { id: 'one', isDone: false },
    { id: 'other', isDone: false },
  ]
  for (const [n, order] of [one, one, other].entries()) list.addExecution({ order, n })
  const taken = [list.takeExecution(one), list.takeExecution(one), list.takeExecution(one)]

  assert.deepEqual(
    taken.map((each) => each?.n),
    [1, 0, undefined],
  )
  assert.deepEqual(
    list.executions.map(({ n }) => n),
    [2],
  )
})
