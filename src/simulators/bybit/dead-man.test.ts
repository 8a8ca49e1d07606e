import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DeadMan } from './dead-man.ts'

it('is due once, when every connection that watched has been gone for longer than the window', () => {
  const deadMan = new DeadMan('DERIVATIVES', true)
  const [a, c] = [{}, {}]
  deadMan.set({ product: 'DERIVATIVES', timeWindow: 5 })
  deadMan.heard(a, 0)
  deadMan.heard(c, 0)
  deadMan.ended(c, 1_000)
  const whileOneIsThere = deadMan.isDue(20_000)
  deadMan.heard(a, 20_000)
  deadMan.ended(a, 21_000)
  const times = [26_000, 26_001, 26_002].map((at) => deadMan.isDue(at))

  assert.equal(whileOneIsThere, false)
  assert.deepEqual(times, [false, true, false])
})

it('takes a connection for gone whose pings have stopped, and comes back with a new one', () => {
  const deadMan = new DeadMan('SPOT', true)
  deadMan.heard({}, 0)
  const silent = [40_000, 40_001].map((at) => deadMan.isDue(at))
  const nobody = deadMan.isDue(1e9)
  deadMan.heard({}, 1e9)

  assert.deepEqual(silent, [false, true])
  assert.equal(nobody, false)
  assert.equal(deadMan.isDue(1e9 + 40_001), true)
})

it('is set for its product and from 3 to 300 seconds, and only where it is offered', () => {
  const deadMan = new DeadMan('DERIVATIVES', true)
  const body = { product: 'DERIVATIVES', timeWindow: 40 }
  for (const wrong of [{ timeWindow: 2 }, { timeWindow: 301 }, { product: 'SPOT' }])
    assert.throws(() => deadMan.set({ ...body, ...wrong }), /params error/)
  // Where no product is named, options are meant.
  assert.throws(() => deadMan.set({ timeWindow: 40 }), /params error/)
  deadMan.set(body)

  assert.deepEqual(deadMan.infos, [{ product: 'DERIVATIVES', dcpStatus: 'ON', timeWindow: '40' }])
  const none = new DeadMan('DERIVATIVES', false)
  assert.throws(() => none.set(body), /Permission denied/)
  none.heard({}, 0)
  assert.deepEqual([none.infos, none.isDue(1e9)], [[], false])
})
