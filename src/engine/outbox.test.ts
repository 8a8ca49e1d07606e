import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { orderId, type Px, type Qty, venueId } from '../core/brand.ts'
import type { Batch, Command } from '../core/command.ts'
import { A, B, limitsOf, order, share, SIM, universeOf } from '../testing/builders.ts'
import { Outbox } from './outbox.ts'

type Of<T extends Command['type']> = Extract<Command, { readonly type: T }>

const OTHER = venueId('other')
/** AAPL trades on one venue, MSFT on another. */
const universe = universeOf('AAPL', share('MSFT', { venue: OTHER }))

const make = (batch = 20): Outbox =>
  new Outbox(
    universe,
    new Map([
      [SIM, limitsOf(batch)],
      [OTHER, limitsOf(batch)],
    ]),
  )

const submit = (id: string, symbol = A): Of<'submit'> => ({
  type: 'submit',
  order: order({ id, symbol }),
})
const cancel = (id: string, symbol = A): Of<'cancel'> => ({
  type: 'cancel',
  id: orderId(id),
  symbol,
})
const amend = (
  id: string,
  changes: { qty?: number; limit?: number; stop?: number },
): Of<'amend'> => ({
  type: 'amend',
  id: orderId(id),
  symbol: A,
  ...(changes as { qty?: Qty; limit?: Px; stop?: Px }),
})

const idOf = (command: Command): string =>
  command.type === 'submit' ? command.order.id : command.id

/** `kind@venue ids` of each batch. */
const lines = (batches: readonly Batch[]): string[] =>
  batches.map(({ kind, venue, commands }) => `${kind}@${venue} ${commands.map(idOf).join(' ')}`)

test('sends nothing where nothing is wanted', () => {
  const outbox = make()
  assert.deepEqual(outbox.flush(), [])
  assert.deepEqual(outbox.statistics, { commands: 0, batches: 0, folded: 0 })
})

test('sends what is wanted once', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.flush().length, 1)
  assert.deepEqual(outbox.flush(), [])
})

test('annihilates a submit and its cancel', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.cancel(cancel('a')), 'annihilated')
  assert.deepEqual(outbox.flush(), [])
  assert.deepEqual(outbox.statistics, { commands: 0, batches: 0, folded: 2 })
})

test('cancels an order that left in an earlier turn', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  outbox.flush()
  assert.equal(outbox.cancel(cancel('a')), 'wanted')
  assert.deepEqual(lines(outbox.flush()), ['cancel@sim a'])
})

test('folds a second cancel into the first', () => {
  const outbox = make()
  outbox.cancel(cancel('a'))
  assert.equal(outbox.cancel(cancel('a')), 'wanted')
  assert.deepEqual(lines(outbox.flush()), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded, 1)
})

test('merges amends of one order: the last value of each field wins', () => {
  const outbox = make()
  outbox.amend(amend('a', { qty: 5, limit: 99 }))
  outbox.amend(amend('a', { limit: 98 }))
  outbox.amend(amend('a', { stop: 90 }))
  assert.deepEqual(outbox.flush()[0]!.commands, [amend('a', { qty: 5, limit: 98, stop: 90 })])
  assert.equal(outbox.statistics.folded, 2)
})

test('lets a cancel beat an amend that came before it', () => {
  const outbox = make()
  outbox.amend(amend('a', { qty: 5 }))
  outbox.cancel(cancel('a'))
  assert.deepEqual(lines(outbox.flush()), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded, 1)
})

test('lets a cancel beat an amend that comes after it', () => {
  const outbox = make()
  outbox.cancel(cancel('a'))
  outbox.amend(amend('a', { qty: 5 }))
  assert.deepEqual(lines(outbox.flush()), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded, 1)
})

test('says of an amend that its order has not left', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.amend(amend('a', { qty: 5 })), 'unsent')
  assert.deepEqual(lines(outbox.flush()), ['submit@sim a'])
})

test('sends an unsent order as it was wanted last', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  const changed: Of<'submit'> = { type: 'submit', order: order({ id: 'a', qty: 7 }) }
  outbox.submit(changed)
  assert.deepEqual(outbox.flush()[0]!.commands, [changed])
})

test('sends cancels first, then amends, then submits', () => {
  const outbox = make()
  outbox.submit(submit('new'))
  outbox.amend(amend('changed', { qty: 5 }))
  outbox.cancel(cancel('old'))
  assert.deepEqual(lines(outbox.flush()), ['cancel@sim old', 'amend@sim changed', 'submit@sim new'])
})

test('groups by venue, and keeps the order of the wishes within each', () => {
  const outbox = make()
  for (const [id, symbol] of [
    ['1', A],
    ['2', B],
    ['3', A],
    ['4', B],
  ] as const) {
    outbox.submit(submit(id, symbol))
  }
  outbox.cancel(cancel('9', B))
  assert.deepEqual(lines(outbox.flush()), ['cancel@other 9', 'submit@sim 1 3', 'submit@other 2 4'])
})

test('cuts a kind to the batch limit of its venue', () => {
  const outbox = make(10)
  for (let i = 0; i < 25; i++) outbox.submit(submit(`a${i}`))
  for (let i = 0; i < 10; i++) outbox.cancel(cancel(`b${i}`))
  assert.deepEqual(
    outbox.flush().map(({ kind, commands }) => [kind, commands.length]),
    [
      ['cancel', 10],
      ['submit', 10],
      ['submit', 10],
      ['submit', 5],
    ],
  )
  assert.deepEqual(outbox.statistics, { commands: 35, batches: 4, folded: 0 })
})

for (const batch of [0, -1, 0.5, NaN]) {
  test(`refuses a venue whose batches hold ${batch} commands`, () => {
    assert.throws(() => make(batch), /a batch of sim holds at least one command/)
  })
}

test('asserts that a venue is known', () => {
  const outbox = new Outbox(universe, new Map([[SIM, limitsOf()]]))
  outbox.submit(submit('a', B))
  assert.throws(() => outbox.flush(), /the limits of venue other are known/)
})

test('asserts that a snapshot is taken between turns', () => {
  for (const wish of ['submit', 'cancel', 'amend'] as const) {
    const outbox = make()
    if (wish === 'submit') outbox.submit(submit('a'))
    else if (wish === 'cancel') outbox.cancel(cancel('a'))
    else outbox.amend(amend('a', { qty: 1 }))
    assert.throws(() => outbox.capture(), /a snapshot is taken between turns/)
  }
})

const different: readonly (readonly [string, Command])[] = [
  ['id', submit('b')],
  ['symbol', submit('a', B)],
  ['side', { type: 'submit', order: order({ id: 'a', side: 'sell' }) }],
  ['quantity', { type: 'submit', order: order({ id: 'a', qty: 11 }) }],
  ['type', { type: 'submit', order: order({ id: 'a', type: 'limit', limit: 100 }) }],
  ['stop', { type: 'submit', order: order({ id: 'a', type: 'stop', stop: 100 }) }],
  ['time in force', { type: 'submit', order: order({ id: 'a', tif: 'gtc' }) }],
  ['post-only', { type: 'submit', order: order({ id: 'a', postOnly: true }) }],
  ['reduce-only', { type: 'submit', order: order({ id: 'a', reduceOnly: true }) }],
  ['legs', { ...submit('a'), legs: [order({ id: 'a1' })] }],
  ["legs' quantity", { ...submit('a'), legs: [order({ id: 'a1', qty: 9 })] }],
  ['kind', cancel('a')],
  ['amended quantity', amend('a', { qty: 1 })],
  ['amended limit', amend('a', { limit: 1 })],
  ['amended stop', amend('a', { stop: 1 })],
]

function wish(outbox: Outbox, command: Command): void {
  if (command.type === 'submit') outbox.submit(command)
  else if (command.type === 'cancel') outbox.cancel(command)
  else outbox.amend(command)
}

function hashAfter(command: Command): string {
  const outbox = make()
  wish(outbox, command)
  outbox.flush()
  return outbox.intents
}

test('gives commands that differ in anything different hashes', () => {
  const hashes = new Set([hashAfter(submit('a')), ...different.map(([, one]) => hashAfter(one))])
  assert.equal(hashes.size, different.length + 1)
})

test('gives equal commands in another order another hash', () => {
  const hash = (...ids: string[]): string => {
    const outbox = make()
    for (const id of ids) outbox.submit(submit(id))
    outbox.flush()
    return outbox.intents
  }
  assert.notEqual(hash('a', 'b'), hash('b', 'a'))
})

const wishes = fc.array(
  fc.array(fc.tuple(fc.constantFrom('submit', 'cancel', 'amend'), fc.nat(9)), { maxLength: 12 }),
  { maxLength: 8 },
)

function run(outbox: Outbox, turns: readonly (readonly (readonly [string, number])[])[]): void {
  for (const [n, turn] of turns.entries()) {
    for (const [what, i] of turn) {
      if (what === 'submit') outbox.submit(submit(`${n}-${i}`))
      else if (what === 'cancel') outbox.cancel(cancel(`${n}-${i}`))
      else outbox.amend(amend(`${n}-${i}`, { qty: i + 1 }))
    }
    outbox.flush()
  }
}

test('hashes intents alike, however they are batched', () => {
  fc.assert(
    fc.property(wishes, fc.integer({ min: 1, max: 5 }), (turns, batch) => {
      const [one, many] = [make(batch), make(1_000)]
      run(one, turns)
      run(many, turns)
      assert.equal(one.intents, many.intents)
      assert.equal(one.statistics.commands, many.statistics.commands)
    }),
  )
})

test('goes on hashing and counting after a restart as if there had been none', () => {
  fc.assert(
    fc.property(wishes, fc.nat(8), (turns, cut) => {
      const running = make()
      run(running, turns.slice(0, cut))
      const restarted = make()
      restarted.restore(JSON.parse(JSON.stringify(running.capture())))
      for (const outbox of [running, restarted]) run(outbox, turns.slice(cut))
      assert.deepEqual(restarted.capture(), running.capture())
      assert.equal(restarted.intents, running.intents)
    }),
  )
})
