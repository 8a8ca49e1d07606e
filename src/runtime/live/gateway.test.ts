import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ms, orderId } from '../../core/brand.ts'
import type { Batch, Command, Turn } from '../../core/command.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Input } from '../../core/input.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Broker } from '../../core/venue.ts'
import { A, MONDAY_10, order, SIM } from '../../testing/builders.ts'
import { ms } from '../../core/time.ts'
import { Gateway, type GatewayOptions, QUEUE_MAX } from './gateway.ts'

type Answer = Result<{ readonly venueId: string }>

/** A broker that answers when the test says so. */
class Desk {
  now = MONDAY_10
  readonly inputs: Input[] = []
  readonly calls: Batch[] = []
  readonly gateway: Gateway
  readonly #answers: ((answers: readonly Answer[] | Error) => void)[] = []
  #n = 0

  constructor(options: Partial<GatewayOptions> = {}) {
    const broker: Broker = {
      execute: (batch) =>
        new Promise((resolve, reject) => {
          this.calls.push(batch)
          this.#answers.push((answer) =>
            answer instanceof Error ? reject(answer) : resolve(answer),
          )
        }),
      report: () => Promise.reject(new Error('not asked for')),
    }
    this.gateway = new Gateway({
      brokers: new Map([[SIM, broker]]),
      now: () => this.now,
      sink: (input) => this.inputs.push(input),
      ...options,
    })
  }

  send(...commands: readonly Command[]): void {
    this.sendAll([{ venue: SIM, kind: commands[0]!.type, commands }])
  }

  sendAll(batches: readonly Batch[]): void {
    const turn: Turn = { n: ++this.#n, at: this.now, inputs: [], notices: [], batches }
    this.gateway.send(turn)
  }

  async answer(...answers: readonly Answer[]): Promise<string[]> {
    this.#answers.shift()!(answers)
    return await this.heard()
  }

  async fail(): Promise<string[]> {
    this.#answers.shift()!(new Error('a bug of the adapter'))
    return await this.heard()
  }

  async heard(): Promise<string[]> {
    await new Promise(setImmediate)
    return this.inputs.splice(0).map((input) => {
      if (input.type === 'control') return input.control.do
      return 'id' in input ? `${input.type} ${input.id}` : input.type
    })
  }
}

const QUOTE = { quote: true } as const
const submit = (id: string, changes = {}): Command => ({
  type: 'submit',
  order: order({ id, ...changes }),
})
const cancel = (id: string): Command => ({ type: 'cancel', id: order({ id }).id, symbol: A })
const taken = ok({ venueId: 'v' })
const refused = (code: Fault['code'], context?: Fault['context']): Answer =>
  failed(fault(code, 'no', context))

test('one batch is under way at a venue, the next follows in order', async () => {
  const desk = new Desk()

  desk.send(submit('a'))
  desk.send(cancel('b'))
  assert.equal(desk.calls.length, 1)
  assert.deepEqual([...desk.gateway.underWay], ['a', 'b'])

  assert.deepEqual(await desk.answer(taken), ['order.accepted a'])
  assert.equal(desk.calls.length, 2)
  assert.deepEqual(await desk.answer(taken), [])
  assert.equal(desk.gateway.underWay.size, 0)
})

test('of a batch each command has its own answer', async () => {
  const desk = new Desk()
  desk.send(submit('a'), submit('b'), submit('c'))

  const heard = await desk.answer(taken, refused('bad-request'), refused('outcome-unknown'))

  assert.deepEqual(heard, ['order.accepted a', 'order.rejected b', 'halt-symbol'])
})

test('the legs of a rejected entry are rejected with it', async () => {
  const desk = new Desk()
  desk.send({ type: 'submit', order: order({ id: 'a' }), legs: [order({ id: 'a-stop' })] })

  assert.deepEqual(await desk.answer(refused('bad-request')), [
    'order.rejected a',
    'order.rejected a-stop',
  ])
})

for (const [code, context, heard] of [
  ['outcome-unknown', undefined, 'halt-symbol'],
  ['timeout', undefined, 'halt-symbol'],
  ['network', { sent: 'maybe' }, 'halt-symbol'],
  ['network', { sent: 'no' }, 'order.rejected a'],
  ['rate-limited', undefined, 'order.rejected a'],
  ['unsupported', undefined, 'order.rejected a'],
] as const) {
  const sent = context === undefined ? '' : `, sent: ${context.sent}`
  test(`${code}${sent} to a submit becomes ${heard}`, async () => {
    const desk = new Desk()
    desk.send(submit('a'))

    assert.deepEqual(await desk.answer(refused(code, context)), [heard])
  })
}

test('an adapter that throws, or gives too few answers, leaves outcomes unknown', async () => {
  const desk = new Desk()
  desk.send(submit('a'))
  desk.send(submit('b'), submit('c'))

  assert.deepEqual(await desk.fail(), ['halt-symbol'])
  assert.deepEqual(await desk.answer(taken), ['order.accepted b', 'halt-symbol'])
})

test('a refused cancel is told, an unknown one is left to the stream', async () => {
  const desk = new Desk()
  desk.send(cancel('a'), cancel('b'))

  assert.deepEqual(await desk.answer(refused('not-found'), refused('outcome-unknown')), [
    'cancel.rejected a',
  ])
})

test('a submit that waited too long is not sent, a cancel and an exit are', async () => {
  const desk = new Desk({ maxAgeMs: 1_000 })
  desk.send(submit('a'))
  desk.send(submit('b'), submit('c', { reduceOnly: true }))
  desk.send(cancel('d'))
  desk.now = (desk.now + 5_000) as Ms

  await desk.answer(taken)
  assert.deepEqual(desk.calls[1]!.commands, [submit('c', { reduceOnly: true })])
  assert.deepEqual(await desk.answer(taken), ['order.rejected b', 'order.accepted c'])
  assert.deepEqual(desk.calls[2]!.commands, [cancel('d')])
  assert.equal(desk.gateway.statistics.unsent, 1)
})

test('what waits when the kill switch comes on does not leave', async () => {
  const desk = new Desk()
  desk.send(submit('a'))
  desk.send(submit('b'))
  desk.gateway.kill('a person said so')

  assert.deepEqual(await desk.answer(taken), ['order.accepted a', 'order.rejected b'])
  assert.equal(desk.calls.length, 1)
})

test('a quote that waits when the kill switch comes on is not moved, and a leg is', async () => {
  const desk = new Desk()
  const amend = { type: 'amend', symbol: A } as const
  desk.send(submit('a'))
  desk.send({ ...amend, id: orderId('q'), ...QUOTE })
  desk.send({ ...amend, id: orderId('leg') })
  desk.gateway.kill('a person said so')

  assert.deepEqual(await desk.answer(taken), ['order.accepted a', 'cancel.rejected q'])
  assert.deepEqual(
    desk.calls.flatMap(({ commands }) => commands.map(({ type }) => type)),
    ['submit', 'amend'],
  )
})

test('a dry run answers at once and sends nothing', async () => {
  const desk = new Desk({ isDryRun: true })

  desk.send(submit('a'))

  assert.deepEqual(await desk.heard(), ['order.rejected a'])
  assert.deepEqual(desk.calls, [])
})

test('an order that is given to be sent twice is an error of the program', async () => {
  const unhandled: unknown[] = []
  const desk = new Desk()
  desk.send(submit('a'))
  await desk.answer(taken)
  desk.send(submit('a'))

  await desk.gateway.idle().catch((error: unknown) => unhandled.push(error))

  assert.match(String(unhandled[0]), /order a is sent once/)
  assert.equal(desk.calls.length, 1)
})

test('more batches than the limit are an error of the program', () => {
  const desk = new Desk()
  desk.send(submit('first'))
  for (let i = 0; i < QUEUE_MAX; i++) desk.send(submit(`o${i}`))

  assert.throws(() => desk.send(submit('last')), /at most 1000 batches wait/)
})

test('nothing is told and nothing leaves after it is closed', async () => {
  const desk = new Desk()
  desk.send(submit('a'))
  desk.send(submit('b'))

  desk.gateway.close()

  assert.deepEqual(await desk.answer(taken), [])
  assert.equal(desk.calls.length, 1)
})

const THREE = new Map([[SIM, 3]])
const batchOf = (wave: number, ...commands: readonly Command[]): Batch => ({
  venue: SIM,
  kind: commands[0]!.type,
  commands,
  ...(wave === 0 ? {} : { wave }),
})
const kinds = ({ calls }: Desk): string[] =>
  calls.map(({ commands }) =>
    commands
      .map((one) => (one.type === 'submit' ? one.order.id : `${one.type} ${one.id}`))
      .join(' '),
  )

test('lets as many batches be under way as the venue takes, in their order', async () => {
  const desk = new Desk({ inFlight: THREE })
  for (const id of ['a', 'b', 'c', 'd']) desk.send(submit(id))
  assert.deepEqual(kinds(desk), ['a', 'b', 'c'])
  await desk.answer(ok({ venueId: 'v' }))
  assert.deepEqual(kinds(desk), ['a', 'b', 'c', 'd'])
})

test('what is about an order under way waits for its answer, and all behind it', async () => {
  const desk = new Desk({ inFlight: THREE })
  desk.send(submit('a'))
  desk.send(cancel('a'))
  desk.send(submit('b'))
  assert.deepEqual(kinds(desk), ['a'])
  await desk.answer(ok({ venueId: 'v' }))
  assert.deepEqual(kinds(desk), ['a', 'cancel a', 'b'])
})

test('a wave of quotes waits for the waves before it, and not for cancels', async () => {
  const desk = new Desk({ inFlight: THREE })
  desk.sendAll([
    batchOf(0, cancel('old')),
    batchOf(0, submit('a', QUOTE)),
    batchOf(1, submit('b', QUOTE)),
  ])
  assert.deepEqual(kinds(desk), ['cancel old', 'a'])
  await desk.answer(ok({ venueId: 'v' }))
  assert.deepEqual(kinds(desk), ['cancel old', 'a'])
  await desk.answer(ok({ venueId: 'v' }))
  assert.deepEqual(kinds(desk), ['cancel old', 'a', 'b'])
})

test('places and moves no quote after the deadline of its turn, and cancels all the same', async () => {
  let deadlineMs = 200
  const desk = new Desk({ quoteAgeMsMax: () => deadlineMs })
  const late: readonly Command[] = [submit('q', QUOTE), submit('plain'), cancel('c')]
  desk.send(submit('first'))
  for (const one of late) desk.send(one)
  desk.send({ type: 'amend', id: orderId('m'), symbol: A, quote: true })
  desk.now = ms(desk.now + 201)
  for (let i = 0; i < 3; i++) await desk.answer(ok({ venueId: 'v' }))
  assert.deepEqual(kinds(desk), ['first', 'plain', 'cancel c'])
  assert.equal(desk.gateway.statistics.late, 2)

  deadlineMs = 1_000
  desk.send(submit('again', QUOTE))
  assert.deepEqual(kinds(desk).at(-1), 'again')
})
