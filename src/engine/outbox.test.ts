import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { BATCHING_DEFAULTS } from '../core/batching.ts'
import { orderId, type Px, type Qty, type SymbolId, venueId } from '../core/brand.ts'
import type { Batch, Command } from '../core/command.ts'
import { A, B, limitsOf, MONDAY_10, order, share, SIM, universeOf } from '../testing/builders.ts'
import { ms } from '../core/time.ts'
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
  assert.deepEqual(outbox.flush(MONDAY_10), [])
  const { commands, batches, saved } = outbox.statistics
  assert.deepEqual({ commands, batches, saved }, { commands: 0, batches: 0, saved: 0 })
})

test('sends what is wanted once', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.flush(MONDAY_10).length, 1)
  assert.deepEqual(outbox.flush(MONDAY_10), [])
})

test('annihilates a submit and its cancel', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.cancel(cancel('a')), 'annihilated')
  assert.deepEqual(outbox.flush(MONDAY_10), [])
  assert.equal(outbox.statistics.folded.annihilated, 2)
  assert.equal(outbox.statistics.saved, 2)
})

test('cancels an order that left in an earlier turn', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  outbox.flush(MONDAY_10)
  assert.equal(outbox.cancel(cancel('a')), 'wanted')
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim a'])
})

test('folds a second cancel into the first', () => {
  const outbox = make()
  outbox.cancel(cancel('a'))
  assert.equal(outbox.cancel(cancel('a')), 'wanted')
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded.cancel, 1)
})

test('merges amends of one order: the last value of each field wins', () => {
  const outbox = make()
  outbox.amend(amend('a', { qty: 5, limit: 99 }))
  outbox.amend(amend('a', { limit: 98 }))
  outbox.amend(amend('a', { stop: 90 }))
  assert.deepEqual(outbox.flush(MONDAY_10)[0]!.commands, [
    amend('a', { qty: 5, limit: 98, stop: 90 }),
  ])
  assert.equal(outbox.statistics.folded.amend, 2)
})

test('lets a cancel beat an amend that came before it', () => {
  const outbox = make()
  outbox.amend(amend('a', { qty: 5 }))
  outbox.cancel(cancel('a'))
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded.amend, 1)
})

test('lets a cancel beat an amend that comes after it', () => {
  const outbox = make()
  outbox.cancel(cancel('a'))
  outbox.amend(amend('a', { qty: 5 }))
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim a'])
  assert.equal(outbox.statistics.folded.amend, 1)
})

test('says of an amend that its order has not left', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  assert.equal(outbox.amend(amend('a', { qty: 5 })), 'unsent')
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['submit@sim a'])
})

test('sends an unsent order as it was wanted last', () => {
  const outbox = make()
  outbox.submit(submit('a'))
  const changed: Of<'submit'> = { type: 'submit', order: order({ id: 'a', qty: 7 }) }
  outbox.submit(changed)
  assert.deepEqual(outbox.flush(MONDAY_10)[0]!.commands, [changed])
})

test('sends cancels first, then amends, then submits', () => {
  const outbox = make()
  outbox.submit(submit('new'))
  outbox.amend(amend('changed', { qty: 5 }))
  outbox.cancel(cancel('old'))
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), [
    'cancel@sim old',
    'amend@sim changed',
    'submit@sim new',
  ])
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
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), [
    'cancel@other 9',
    'submit@sim 1 3',
    'submit@other 2 4',
  ])
})

test('cuts a kind to the batch limit of its venue', () => {
  const outbox = make(10)
  for (let i = 0; i < 25; i++) outbox.submit(submit(`a${i}`))
  for (let i = 0; i < 10; i++) outbox.cancel(cancel(`b${i}`))
  assert.deepEqual(
    outbox.flush(MONDAY_10).map(({ kind, commands }) => [kind, commands.length]),
    [
      ['cancel', 10],
      ['submit', 10],
      ['submit', 10],
      ['submit', 5],
    ],
  )
  const { commands, batches, saved } = outbox.statistics
  assert.deepEqual({ commands, batches, saved }, { commands: 35, batches: 4, saved: 31 })
})

test('sends cancel and submit as the amend that replaces them', () => {
  const outbox = make()
  outbox.cancel(cancel('a'))
  outbox.cancel(cancel('b'))
  assert.deepEqual(outbox.canceledOf(A), ['a', 'b'])
  outbox.replace(amend('a', { limit: 99 }))
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim b', 'amend@sim a'])
  assert.equal(outbox.statistics.folded.replaced, 1)
  assert.equal(outbox.statistics.saved, 1)
})

/** A venue that takes so many orders a second, of each kind. */
const withQuota = (quota: number): Outbox =>
  new Outbox(
    universe,
    new Map([[SIM, limitsOf(20, { orders: { batch: 20, perSecond: 1_000, quota } })]]),
  )

const sizes = (batches: readonly Batch[]): string[] =>
  batches.map(({ kind, commands }) => `${kind} ${commands.length}`)

test('cuts a call to what is left of the quota of its kind in this second', () => {
  const outbox = withQuota(10)
  for (let i = 0; i < 7; i++) outbox.submit(submit(`a${i}`))
  assert.deepEqual(sizes(outbox.flush(MONDAY_10)), ['submit 7'])

  for (let i = 0; i < 20; i++) outbox.submit(submit(`b${i}`))
  for (let i = 0; i < 9; i++) outbox.cancel(cancel(`a${i}`))

  const at = ms(MONDAY_10 + 999)
  assert.deepEqual(sizes(outbox.flush(at)), ['cancel 9', 'submit 3', 'submit 10', 'submit 7'])
  assert.equal(outbox.statistics.cutByQuota, 2)
  assert.equal(outbox.statistics.quotaPeak, 27)
})

test('has the whole quota again a second later', () => {
  const outbox = withQuota(10)
  for (let i = 0; i < 10; i++) outbox.submit(submit(`a${i}`))
  outbox.flush(MONDAY_10)
  for (let i = 0; i < 10; i++) outbox.submit(submit(`b${i}`))
  assert.deepEqual(sizes(outbox.flush(ms(MONDAY_10 + 1_000))), ['submit 10'])
})

const quoteOf = (id: string, symbol: SymbolId): Of<'submit'> => ({
  type: 'submit',
  order: { ...order({ id, symbol }), quote: true },
})

test('lets quotes of many symbols leave in waves, and nobody out', () => {
  const many = universeOf(...Array.from({ length: 12 }, (_, i) => `S${i}`))
  const outbox = new Outbox(many, new Map([[SIM, limitsOf(100)]]), {
    ...BATCHING_DEFAULTS,
    maxBatchSize: 100,
    maxParallelSymbols: 10,
  })
  for (const { id } of many.all) {
    outbox.cancel(cancel(`old${id}`, id))
    outbox.submit(quoteOf(`new${id}`, id))
  }
  const batches = outbox.flush(MONDAY_10)
  assert.deepEqual(sizes(batches), ['cancel 12', 'submit 10', 'submit 2'])
  assert.deepEqual(
    batches.map(({ wave = 0 }) => wave),
    [0, 0, 1],
  )
})

test('makes each command a call of its own while batching is off, in the same order', () => {
  const outbox = make()
  const wish = () => {
    for (const id of ['a', 'b']) outbox.cancel(cancel(id))
    for (const id of ['c', 'd']) outbox.submit(submit(id))
  }
  outbox.switch({ ...BATCHING_DEFAULTS, enabled: false })
  wish()
  const singles = ['cancel@sim a', 'cancel@sim b', 'submit@sim c', 'submit@sim d']
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), singles)

  outbox.switch({ ...BATCHING_DEFAULTS, coalesceCancel: false })
  wish()
  const places = ['cancel@sim a', 'cancel@sim b', 'submit@sim c d']
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), places)

  outbox.switch({ ...BATCHING_DEFAULTS, coalescePlace: false })
  wish()
  assert.deepEqual(lines(outbox.flush(MONDAY_10)), ['cancel@sim a b', ...singles.slice(2)])
})

test('folds nothing of one order into another: each keeps its owner', () => {
  const outbox = make()
  const of = (strategy: string, id: string): Of<'submit'> => ({
    type: 'submit',
    order: order({ id, strategy, side: strategy === 'one' ? 'buy' : 'sell' }),
  })
  outbox.submit(of('one', 'one-1'))
  outbox.submit(of('two', 'two-1'))
  outbox.cancel(cancel('two-1'))
  outbox.submit(of('two', 'two-2'))
  const [batch] = outbox.flush(MONDAY_10)
  assert.deepEqual(batch?.commands, [of('one', 'one-1'), of('two', 'two-2')])
})

for (const batch of [0, -1, 0.5, NaN]) {
  test(`refuses a venue whose batches hold ${batch} commands`, () => {
    assert.throws(() => make(batch), /a batch of sim holds at least one command/)
  })
}

test('asserts that a venue is known', () => {
  const outbox = new Outbox(universe, new Map([[SIM, limitsOf()]]))
  outbox.submit(submit('a', B))
  assert.throws(() => outbox.flush(MONDAY_10), /the limits of venue other are known/)
})

test('asserts that a snapshot is taken between turns', () => {
  for (const wish of ['submit', 'cancel', 'amend'] as const) {
    const outbox = make()
    if (wish === 'submit') outbox.submit(submit('a'))
    else if (wish === 'cancel') outbox.cancel(cancel('a'))
    else outbox.amend(amend('a', { qty: 1 }))
    assert.throws(() => outbox.capture(MONDAY_10), /a snapshot is taken between turns/)
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
  outbox.flush(MONDAY_10)
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
    outbox.flush(MONDAY_10)
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
    outbox.flush(MONDAY_10)
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
      restarted.restore(JSON.parse(JSON.stringify(running.capture(MONDAY_10))))
      for (const outbox of [running, restarted]) run(outbox, turns.slice(cut))
      assert.deepEqual(restarted.capture(MONDAY_10), running.capture(MONDAY_10))
      assert.equal(restarted.intents, running.intents)
    }),
  )
})

/** What a venue has after each command was sent by itself, in the order of the wish: nothing folded, nothing shared. */
class Naive {
  readonly live = new Map<string, number>()

  wish(command: Command): void {
    if (command.type === 'submit') this.live.set(command.order.id, command.order.qty)
    else if (command.type === 'cancel') this.live.delete(command.id)
    else if (this.live.has(command.id)) this.live.set(command.id, command.qty!)
  }
}

test('leaves the venue with the orders that one call for each wish would leave', () => {
  const turns = fc.array(
    fc.array(
      fc.tuple(
        fc.constantFrom('submit', 'cancel', 'amend'),
        fc.nat(9),
        fc.integer({ min: 1, max: 9 }),
      ),
      {
        maxLength: 30,
      },
    ),
    { maxLength: 6 },
  )
  const switches = fc.record({
    enabled: fc.boolean(),
    coalesceCancel: fc.boolean(),
    coalescePlace: fc.boolean(),
    maxBatchSize: fc.integer({ min: 1, max: 30 }),
    maxParallelSymbols: fc.integer({ min: 1, max: 3 }),
  })
  fc.assert(
    fc.property(turns, fc.integer({ min: 1, max: 12 }), switches, (turns, perSecond, batching) => {
      const outbox = withQuota(perSecond)
      outbox.switch({ ...BATCHING_DEFAULTS, ...batching })
      const [naive, venue] = [new Naive(), new Naive()]
      const used = new Set<string>()
      let wishes = 0
      for (const [n, turn] of turns.entries()) {
        for (const [what, i, qty] of turn) {
          // An id is used once, and only what is live is canceled or changed: the desk sees to it.
          const id = what === 'submit' ? `${n}-${i}` : ([...naive.live.keys()][i] ?? '')
          if (id === '' || (what === 'submit' && used.has(id))) continue
          used.add(id)
          wishes++
          const changed = { type: 'submit', order: order({ id, qty }) } as const
          const command =
            what === 'submit' ? changed : what === 'cancel' ? cancel(id) : amend(id, { qty })
          naive.wish(command)
          if (command.type === 'submit') outbox.submit(command)
          else if (command.type === 'cancel') outbox.cancel(command)
          else if (outbox.amend(command) === 'unsent') outbox.submit(changed)
        }
        for (const { commands } of outbox.flush(MONDAY_10))
          for (const one of commands) venue.wish(one)
        assert.deepEqual(Object.fromEntries(venue.live), Object.fromEntries(naive.live))
      }
      const { batches, saved } = outbox.statistics
      assert.equal(batches + saved, wishes)
    }),
  )
})
