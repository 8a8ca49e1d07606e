import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type OrderId, type SymbolId, symbolId } from '../core/brand.ts'
import { money } from '../core/instrument.ts'
import { apply, isLive, type Order, type OrderInput, sign } from '../core/order.ts'
import { ms } from '../core/time.ts'
import type { VenueReport } from '../core/venue.ts'
import { A, B, MONDAY_10, order, SIM, universeOf } from '../testing/builders.ts'
import { Externals } from './externals.ts'
import { Orders } from './orders.ts'
import { reconcile } from './reconcile.ts'
import { type Asked, NO_MEMORY, type Ours, type Reconciled } from './reconcile-terms.ts'

const universe = universeOf('A', 'B', 'C')
const VISIBLE_MS = 10_000
const at = (seconds: number) => ms(MONDAY_10 + seconds * 1_000)

/** A believed account that takes the inputs it is given, by the engine's own transition table. */
class Book {
  readonly orders = new Map<OrderId, { order: Order; fills: Set<string> }>()
  readonly positions = new Map<SymbolId, number>()
  readonly externals = new Externals()
  readonly dust = new Map<SymbolId, number>()
  halts: Ours['halts'] = []
  cash = 1_000
  memory = NO_MEMORY

  constructor(...orders: readonly Order[]) {
    for (const one of orders) this.orders.set(one.id, { order: one, fills: new Set() })
  }

  get ours(): Ours {
    const positions = [...this.positions].map(([symbol, qty]) => ({ symbol, qty }))
    const { orders, dust, halts, cash } = this
    return {
      orders: [...orders.values()],
      externals: this.externals.known,
      positions: positions.filter(({ qty }) => qty !== 0),
      dust,
      halts,
      cash,
    }
  }

  hear(report: VenueReport, seconds: number, changes: Partial<Asked> = {}): Reconciled {
    const result = reconcile(this.ours, report, this.memory, {
      venue: SIM,
      universe,
      askedAt: at(seconds),
      at: at(seconds),
      before: { positions: this.ours.positions, cash: this.cash, halts: this.halts },
      visibilityMs: VISIBLE_MS,
      resendAgeMsMax: 0,
      underWay: new Set(),
      ...changes,
    })
    this.memory = result.memory
    for (const input of result.inputs) this.#take(input)
    return result
  }

  #take(input: Reconciled['inputs'][number]): void {
    if (input.type === 'external') {
      const { signedQty = 0 } =
        this.externals.take(input.order, universe.at(input.order.symbol)) ?? {}
      const { symbol } = input.order
      this.positions.set(symbol, (this.positions.get(symbol) ?? 0) + signedQty)
    }
    if (input.type === 'account') this.cash = input.cash
    if (input.type === 'control' && input.control.do === 'dust')
      this.dust.set(input.control.symbol, input.control.qty)
    if (input.type === 'control' && input.control.do === 'halt-symbol') {
      const { symbol, cause, on, why } = input.control
      const rest = this.halts.filter((halt) => halt.symbol !== symbol || halt.cause !== cause)
      this.halts = on ? [...rest, { symbol, cause, why }] : rest
    }
    if (!('id' in input)) return
    const entry = this.orders.get(input.id)!
    const { order: before } = entry
    // The report is of a later moment than the order: what it changes is as old as the report.
    const book = new Orders(universe, 'r')
    const state = { next: 1, finished: [], unknown: 0 }
    book.restore({ ...state, entries: [{ order: before, fills: [...entry.fills] }] })
    const { after } = book.apply(input)!
    entry.order = after
    entry.fills = new Set(book.known[0]!.fills)
    const { symbol, side } = before
    const moved = sign(side) * (after.filled - before.filled)
    this.positions.set(symbol, (this.positions.get(symbol) ?? 0) + moved)
  }
}

type TheirOrder = VenueReport['orders'][number]
const theirs = (id: string, changes: Record<string, unknown> = {}): TheirOrder =>
  ({
    id,
    venueId: `v-${id}`,
    symbol: A,
    side: 'buy',
    qty: 10,
    filled: 0,
    open: true,
    ...changes,
  }) as TheirOrder

const fill = (id: string, of: string, qty: number) =>
  ({ id, order: `v-${of}`, qty, price: 100, ts: MONDAY_10 }) as VenueReport['fills'][number]

const report = (
  changes: {
    orders?: readonly TheirOrder[]
    fills?: VenueReport['fills']
    positions?: readonly (readonly [symbol: number, qty: number, dust?: number])[]
    cash?: number
  } = {},
): VenueReport =>
  ({
    at: MONDAY_10,
    orders: changes.orders ?? [],
    fills: changes.fills ?? [],
    positions: (changes.positions ?? []).map(([symbol, qty, dust]) => ({
      symbol: symbolId(symbol),
      qty,
      avgPrice: 100,
      ...(dust === undefined ? {} : { dust }),
    })),
    account: { equity: 1_000, cash: changes.cash ?? 1_000, buyingPower: 1_000 },
  }) as unknown as VenueReport

const kinds = ({ differences }: Reconciled): string[] => differences.map(({ kind }) => kind)
const types = ({ inputs }: Reconciled): string[] => inputs.map(({ type }) => type)

test('an order that was taken without an answer is accepted', () => {
  const book = new Book(order({ id: 'x' }))

  const result = book.hear(report({ orders: [theirs('x')] }), 1)

  assert.deepEqual(types(result), ['order.accepted'])
  assert.equal(book.orders.get('x' as OrderId)!.order.phase, 'open')
})

test("a missed fill is booked under the venue's id, and the position agrees", () => {
  const book = new Book(order({ id: 'x' }))

  const result = book.hear(
    report({
      orders: [theirs('x', { filled: 10, open: false })],
      fills: [fill('f1', 'x', 4), fill('f2', 'x', 6)],
      positions: [[0, 10]],
    }),
    1,
  )

  assert.deepEqual(kinds(result), ['missed-fill', 'missed-fill'])
  assert.deepEqual([...book.orders.get('x' as OrderId)!.fills], ['f1', 'f2'])
  assert.equal(book.positions.get(A), 10)
  assert.equal(result.open, 0)
})

test('what filled is told before what ended', () => {
  const live = { phase: 'open', side: 'sell', qty: 10 } as const
  const book = new Book(
    order({ id: 'stop', venueId: 'v-stop', ...live }),
    order({ id: 'target', venueId: 'v-target', ...live }),
  )
  book.positions.set(A, 10)
  const orders = [
    theirs('stop', { side: 'sell', open: false }),
    theirs('target', { side: 'sell', open: false, filled: 10 }),
  ]

  const { inputs } = book.hear(report({ orders, fills: [fill('f1', 'target', 10)] }), 1)

  assert.deepEqual(
    inputs.map(({ type }) => type),
    ['order.filled', 'order.canceled'],
  )
})

for (const [how, qty, filled, open, ended] of [
  ['grew and filled', 15, 15, false, 'done filled 15/15'],
  ['grew and filled in part', 15, 12, true, 'open undefined 12/15'],
  ['grew, filled in part and was canceled', 15, 12, false, 'done canceled 12/15'],
  ['shrank and filled', 6, 6, false, 'done filled 6/6'],
] as const) {
  test(`an order that ${how} unheard is of the venue's size before its fills count`, () => {
    const book = new Book(order({ id: 'x', phase: 'open', venueId: 'v-x' }))

    const result = book.hear(
      report({
        orders: [theirs('x', { qty, filled, open })],
        fills: [fill('f1', 'x', filled)],
        positions: [[0, filled]],
      }),
      1,
    )

    assert.deepEqual(types(result).slice(0, 2), ['order.amended', 'order.filled'])
    const { order: now } = book.orders.get('x' as OrderId)!
    assert.equal(`${now.phase} ${now.reason} ${now.filled}/${now.qty}`, ended)
  })
}

test('an order whose fills were heard, and that it shrank was not, is over', () => {
  const book = new Book(order({ id: 'x', phase: 'open', venueId: 'v-x', filled: 6, avgPrice: 100 }))
  book.orders.get('x' as OrderId)!.fills.add('f1')

  book.hear(report({ orders: [theirs('x', { qty: 6, filled: 6, open: false })] }), 1)

  const { order: now } = book.orders.get('x' as OrderId)!
  assert.equal(`${now.phase} ${now.reason} ${now.filled}/${now.qty}`, 'done filled 6/6')
})

test('an order that has filled here and is larger and open at the venue is told, and halts its symbol', () => {
  const done = { phase: 'done', reason: 'filled', filled: 12, avgPrice: 100 } as const
  const book = new Book(order({ id: 'x', venueId: 'v-x', ...done }))

  const result = book.hear(report({ orders: [theirs('x', { qty: 15, filled: 12 })] }), 1)

  assert.deepEqual(kinds(result), ['revived-order'])
  assert.deepEqual(
    book.halts.map(({ cause }) => cause),
    ['unknown-order'],
  )
})

test('an order without a trace is rejected only after the window and a second report', () => {
  const book = new Book(order({ id: 'x' }))

  const first = book.hear(report(), 1)
  const early = book.hear(report(), 5)
  const second = book.hear(report(), 11)

  assert.deepEqual(types(first), ['control'])
  assert.equal(book.halts.length, 0)
  assert.deepEqual(types(early), [])
  assert.deepEqual(types(second), ['control', 'order.rejected'])
  assert.deepEqual(kinds(second), ['not-found'])
  const { order: ended } = book.orders.get('x' as OrderId)!
  assert.equal(`${ended.phase} ${ended.reason}`, 'done rejected')
})

test('an order that turns up before the window ends is adopted', () => {
  const book = new Book(order({ id: 'x' }))

  book.hear(report(), 1)
  const found = book.hear(report({ orders: [theirs('x')] }), 9)
  const later = book.hear(report(), 12)

  assert.deepEqual(types(found), ['control', 'order.accepted'])
  assert.deepEqual(
    book.halts.map(({ cause }) => cause),
    ['unknown-order'],
  )
  assert.equal(later.memory.absent.get('x' as OrderId), at(12))
})

test('a late fill of an order that was not found is booked', () => {
  const book = new Book(order({ id: 'x' }))
  book.hear(report(), 1)
  book.hear(report(), 11)

  book.hear(
    report({
      orders: [theirs('x', { filled: 10, open: false })],
      fills: [fill('f1', 'x', 10)],
      positions: [[0, 10]],
    }),
    20,
  )

  assert.equal(book.positions.get(A), 10)
  assert.equal(book.orders.get('x' as OrderId)!.order.reason, 'filled')
})

test('an order that was not found and is open after all is told', () => {
  const book = new Book(order({ id: 'x' }))
  book.hear(report(), 1)
  book.hear(report(), 11)

  const result = book.hear(report({ orders: [theirs('x')] }), 20)

  assert.deepEqual(kinds(result), ['revived-order'])
  assert.deepEqual(
    book.halts.map(({ cause }) => cause),
    ['unknown-order'],
    'it may trade, and nobody here counts it',
  )
  book.hear(report({ orders: [theirs('x', { open: false })] }), 30)
  assert.deepEqual(book.halts, [])
})

test('an order that we never sent is external', () => {
  const book = new Book()
  const ended = theirs('z', { open: false })

  const result = book.hear(report({ orders: [theirs('y'), ended] }), 1)
  const same = book.hear(report({ orders: [theirs('y'), ended] }), 2)

  assert.deepEqual(kinds(result), ['external-order'])
  assert.deepEqual([types(result), types(same)], [['external'], []])
})

test('what an external order fills after it was heard of moves the position, once', () => {
  const book = new Book()
  const filled = (qty: number) =>
    report({ orders: [theirs('y', { filled: qty })], positions: [[0, qty + 3]] })
  book.positions.set(A, 7)
  book.hear(filled(4), 1)

  const more = book.hear(filled(6), 2)
  const same = book.hear(filled(6), 3)

  assert.deepEqual([types(more), types(same)], [['external'], []])
  assert.equal(book.positions.get(A), 9)
})

test('what no fill explains waits for a second report and becomes one fill, once', () => {
  const book = new Book(order({ id: 'x' }))
  const told = report({
    orders: [theirs('x', { filled: 10, open: false })],
    fills: [fill('f1', 'x', 4)],
    positions: [[0, 10]],
  })

  book.hear(told, 1)
  assert.equal(book.positions.get(A), 4)
  book.hear(told, 12)
  const again = book.hear(told, 30)

  assert.deepEqual([...book.orders.get('x' as OrderId)!.fills], ['f1', '~x:4-10'])
  assert.equal(book.positions.get(A), 10)
  assert.deepEqual(types(again), [])
})

test('a fill that comes after it was concluded takes the place of that one, once', () => {
  const book = new Book(order({ id: 'x' }))
  const orders = [theirs('x', { filled: 10, open: false })]
  book.hear(report({ orders, positions: [[0, 10]] }), 1)
  book.hear(report({ orders, positions: [[0, 10]] }), 12)
  const real = report({ orders, fills: [fill('f1', 'x', 10)], positions: [[0, 10]] })

  const first = book.hear(real, 20)
  const second = book.hear(real, 30)

  assert.equal(book.positions.get(A), 10)
  assert.deepEqual([...book.orders.get('x' as OrderId)!.fills], ['f1'])
  assert.deepEqual([types(first), kinds(first), types(second)], [['order.filled'], [], []])
})

test('fills of other sizes than what was concluded add up to what the venue counts', () => {
  const book = new Book(order({ id: 'x' }))
  const before = [theirs('x', { filled: 4 })]
  book.hear(report({ orders: before, positions: [[0, 4]] }), 1)
  book.hear(report({ orders: before, positions: [[0, 4]] }), 12)
  const orders = [theirs('x', { filled: 9 })]

  book.hear(report({ orders, fills: [fill('f1', 'x', 3)], positions: [[0, 9]] }), 20)
  assert.deepEqual([...book.orders.get('x' as OrderId)!.fills], ['~x:3-4', 'f1'])
  const fills = [fill('f1', 'x', 3), fill('f2', 'x', 6)]
  book.hear(report({ orders, fills, positions: [[0, 9]] }), 25)

  assert.equal(book.positions.get(A), 9)
  assert.deepEqual([...book.orders.get('x' as OrderId)!.fills], ['f1', 'f2'])
})

test('a position that fills do not explain halts its symbol after two reports, with both numbers', () => {
  const book = new Book()
  const told = report({ positions: [[1, 7]] })

  const first = book.hear(told, 1)
  const second = book.hear(told, 2)
  const third = book.hear(told, 3)
  const healed = book.hear(report(), 4)

  assert.deepEqual(types(first), [])
  assert.deepEqual(types(second), ['control'])
  assert.equal(second.differences[0]!.text, 'B is 0 here and 7 at sim')
  assert.deepEqual(types(third), [])
  assert.deepEqual(types(healed), ['control'])
  assert.deepEqual(book.halts, [])
})

test('so much more than we count as the venue calls dust is no difference, and nothing less is', () => {
  const differs = (qty: number, dust = 0): boolean => {
    const book = new Book()
    book.positions.set(A, 9)
    book.hear(report({ positions: [[0, qty, dust]] }), 1)
    return kinds(book.hear(report({ positions: [[0, qty, dust]] }), 2)).includes('position')
  }

  assert.deepEqual(
    [differs(10, 1), differs(9, 1), differs(10, 0.9), differs(10), differs(8, 5)],
    [false, false, true, true, true],
  )
})

test('orders that others have at rest keep no cash back, what they have traded does', () => {
  const book = new Book()
  book.cash = 0
  const other = theirs('x', { id: undefined, symbol: B })
  book.hear(report({ orders: [other] }), 1)
  assert.equal(book.cash, 1_000)

  const traded = [{ ...other, filled: 4 }] as unknown as VenueReport['orders']
  book.hear(report({ orders: traded, positions: [[1, 4]], cash: 600 }), 2)
  assert.equal(book.cash, 1_000)
  book.hear(report({ orders: traded, positions: [[1, 4]], cash: 600 }), 3)
  assert.equal(book.cash, 600)
})

test('dust of each purchase adds up without an end, and is no difference', () => {
  const book = new Book()
  book.positions.set(A, 100)
  for (let i = 1; i <= 500; i++) book.hear(report({ positions: [[0, 100 + i, 3]] }), i)

  assert.deepEqual([book.halts, book.dust.get(A)], [[], 499])
  // What comes at once and is more than fees leave is a difference all the same, and so is what is less.
  book.hear(report({ positions: [[0, 604, 3]] }), 501)
  book.hear(report({ positions: [[0, 604, 3]] }), 502)
  assert.equal(book.halts[0]?.why, 'A is 100 here and 604 at sim')
})

test('dust that was sold is known no more after two reports, and less than a position is a difference', () => {
  const book = new Book()
  book.positions.set(A, 100)
  book.dust.set(A, 40)

  book.hear(report({ positions: [[0, 100]] }), 1)
  assert.equal(book.dust.get(A), 40)
  book.hear(report({ positions: [[0, 100]] }), 2)
  assert.equal(book.dust.get(A), 0)
  book.hear(report({ positions: [[0, 99]] }), 3)
  book.hear(report({ positions: [[0, 99]] }), 4)
  assert.equal(book.halts[0]?.why, 'A is 100 here and 99 at sim')
})

test('what may be a fill that crossed the report is taken for dust only where five reports have it', () => {
  const book = new Book(order({ id: 'x', updatedAt: at(100) }))
  book.positions.set(A, 100)
  for (let i = 1; i <= 4; i++) book.hear(report({ positions: [[0, 102, 3]] }), i)
  assert.equal(book.dust.get(A), undefined)
  book.hear(report({ positions: [[0, 101, 3]] }), 5)
  assert.equal(book.dust.get(A), 1)
})

test('one report without positions is no proof of being flat', () => {
  const book = new Book()
  book.positions.set(A, 10)

  book.hear(report(), 1)
  book.hear(report({ positions: [[0, 10]] }), 2)
  book.hear(report(), 3)

  assert.deepEqual(book.halts, [])
})

test('a position with less than its order has filled here halts its symbol after two reports', () => {
  const book = new Book(order({ id: 'x', phase: 'done', reason: 'filled', filled: 10 }))
  book.positions.set(A, 10)
  const busted = report({ orders: [theirs('x', { open: false })] })

  const first = book.hear(busted, 1)
  const second = book.hear(busted, 6)

  assert.deepEqual([kinds(first), types(first)], [['too-much-filled'], []])
  assert.deepEqual(kinds(second), ['too-much-filled', 'position'])
  assert.equal(book.halts[0]?.why, 'A is 10 here and 0 at sim')
})

test('reports agree on a difference that trades have moved along', () => {
  const book = new Book()
  book.positions.set(A, 3)
  book.hear(report({ positions: [[0, 10]] }), 1)
  book.positions.set(A, 5)

  const { differences } = book.hear(report({ positions: [[0, 12]] }), 2)

  assert.equal(differences[0]?.text, 'A is 5 here and 12 at sim')
})

/** A book with an order that changes after each question. */
const quoting = (): Book => new Book(order({ id: 'x', updatedAt: at(1_000) }))

test('a difference that stays halts its symbol, however often its orders change', () => {
  const book = quoting()

  for (let i = 0; i < 4; i++) book.hear(report({ positions: [[0, 7]] }), i)
  assert.equal(book.halts.length, 0)
  const fifth = book.hear(report({ positions: [[0, 7]] }), 4)

  assert.deepEqual(kinds(fifth), ['position'])
  assert.equal(book.halts[0]?.why, 'A is 0 here and 7 at sim')
})

test('fills that cross reports halt nothing', () => {
  const book = quoting()
  for (let i = 0; i < 20; i++) {
    // The venue tells what was between ours at the question and ours at the answer.
    const before = { positions: [{ symbol: A, qty: i }], cash: 1_000, halts: book.halts }
    book.positions.set(A, i + 2)
    book.hear(report({ positions: [[0, i + 1]] }), i, { before })
  }
  // The venue knows of a fill that comes to us after the answer, and next time it does not.
  for (let i = 0; i < 20; i++)
    book.hear(report({ positions: [[0, 21 + (((i % 4) + 1) % 4)]] }), 20 + i)

  assert.deepEqual(book.halts, [])
})

test('a difference that is larger than what crosses is found where fills cross every report', () => {
  const book = quoting()
  for (let i = 0; i < 5; i++) {
    const before = { positions: [{ symbol: A, qty: i }], cash: 1_000, halts: book.halts }
    book.positions.set(A, i + 1)
    book.hear(report({ positions: [[0, 50 + i + (i % 2)]] }), i, { before })
  }

  assert.equal(book.halts.length, 1)
})

test('what crosses a report neither hides a difference that stays nor is one', () => {
  const book = quoting()
  const before = { positions: [{ symbol: A, qty: 9 }], cash: 1_000, halts: [] }
  for (let i = 0; i < 8; i++) {
    const told = report({ positions: [[0, 7]] })
    book.hear(told, i, i % 2 === 0 ? {} : { before })
  }
  assert.deepEqual(book.halts, [])

  book.hear(report({ positions: [[0, 7]] }), 9)

  assert.equal(book.halts.length, 1)
})

test('an order that changed after the report was asked for is left to the next one', () => {
  const book = new Book(order({ id: 'x', updatedAt: at(5) }))

  const result = book.hear(report({ orders: [theirs('x', { open: false })] }), 2)

  assert.deepEqual(types(result), [])
})

test('an order that changed in the very millisecond of the question is asked about again, soon', () => {
  const book = new Book(order({ id: 'x', updatedAt: at(2) }))
  const filled = {
    orders: [theirs('x', { filled: 10, open: false })],
    fills: [fill('f1', 'x', 10)],
  }

  const unsure = book.hear(report(filled), 2)
  const underWay = book.hear(report(filled), 2, { underWay: new Set(['x' as OrderId]) })
  const sure = book.hear(report({ ...filled, positions: [[0, 10]] }), 7)

  assert.deepEqual([types(unsure), unsure.open, unsure.memory], [[], 1, NO_MEMORY])
  assert.equal(underWay.open, 0)
  assert.deepEqual([kinds(sure), sure.open], [['missed-fill'], 0])
})

test('an order that was heard of after the question needs no report soon', () => {
  const book = new Book(order({ id: 'x', updatedAt: at(2) + 1 }))

  assert.equal(book.hear(report({ orders: [theirs('x')] }), 2).open, 0)
})

test('an order with a request under way is not looked for', () => {
  const book = new Book(order({ id: 'x' }))
  const underWay = new Set(['x' as OrderId])

  book.hear(report(), 1, { underWay })
  const result = book.hear(report(), 20, { underWay })

  assert.deepEqual(types(result), [])
  assert.equal(result.memory.absent.size, 0)
})

test('a cancel that the venue never got is refused after the window', () => {
  const book = new Book(order({ id: 'x', phase: 'open', venueId: 'v-x', cancelSentAt: MONDAY_10 }))

  const early = book.hear(report({ orders: [theirs('x')] }), 5)
  const late = book.hear(report({ orders: [theirs('x')] }), 15)

  assert.deepEqual(types(early), [])
  assert.deepEqual(types(late), ['cancel.rejected'])
})

test('the account is taken from the venue where nothing is on its way', () => {
  const book = new Book()

  const first = book.hear(report({ cash: 900 }), 1)
  const second = book.hear(report({ cash: 900 }), 2)

  assert.deepEqual(types(first), ['account'])
  assert.deepEqual(types(second), [])
})

test('the account is taken after five reports where orders never rest, and differences of what moves are not', () => {
  const book = quoting()
  const moving = { before: { positions: [], cash: 900, halts: [] } }

  for (let i = 0; i < 9; i++)
    assert.deepEqual(types(book.hear(report({ cash: 950 }), i, moving)), [])
  for (let i = 0; i < 4; i++) assert.deepEqual(types(book.hear(report({ cash: 800 }), i)), [])
  const fifth = book.hear(report({ cash: 800 }), 4)

  assert.deepEqual(types(fifth), ['account'])
  assert.equal(book.cash, 800)
})

test('cash waits for a position that differed once no longer than for what moves', () => {
  const book = quoting()
  book.hear(report({ positions: [[0, 50]], cash: 800 }), 0)
  let reports = 1
  for (; book.cash !== 800 && reports < 60; reports++) {
    // From then on fills cross every report, and none agrees exactly.
    const before = { positions: [{ symbol: A, qty: reports }], cash: 1_000, halts: book.halts }
    book.positions.set(A, reports + 2)
    book.hear(report({ positions: [[0, reports + 1]], cash: 800 }), reports, { before })
  }

  assert.equal(reports, 5)
})

test('cash that differs waits while the venue cannot tell what was brought or taken, for five reports', () => {
  const [patient, told] = [new Book(), new Book()]
  const untold = { transfers: 'untold' } as const
  const transfers = [{ id: 'out', amount: money(-100) }]

  for (let i = 0; i < 4; i++) {
    assert.deepEqual(types(patient.hear(report({ cash: 900 }), i, untold)), [])
    assert.deepEqual(types(told.hear(report({ cash: 900 }), i, untold)), [])
  }
  const [lost] = patient.hear(report({ cash: 900 }), 4, untold).inputs
  const [taken] = told.hear(report({ cash: 900 }), 4, { transfers }).inputs

  assert.ok(lost?.type === 'account' && lost.transfers === undefined)
  assert.ok(taken?.type === 'account')
  assert.deepEqual(taken.transfers, transfers)
})

test('cash that differs waits as long as the venue tells what was brought or taken for the first time', () => {
  const book = new Book()
  const transfers = [{ id: 'out', amount: money(-100) }]

  for (let i = 0; i < 9; i++)
    assert.deepEqual(types(book.hear(report({ cash: 900 }), i, { transfers: 'news' })), [])
  const [taken] = book.hear(report({ cash: 900 }), 9, { transfers }).inputs

  assert.ok(taken?.type === 'account')
  assert.deepEqual(taken.transfers, transfers)
})

// ── Properties: an arbitrary venue, and what we have heard of it ────────────────────────────────────────

interface Story {
  readonly side: 'buy' | 'sell'
  readonly fills: readonly number[]
  readonly heard: readonly boolean[]
  readonly isTaken: boolean
  readonly isOpen: boolean
  /** Fills that the venue's list no longer has. */
  readonly lost: readonly boolean[]
}

const story: fc.Arbitrary<Story> = fc.record({
  side: fc.constantFrom('buy', 'sell'),
  fills: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }),
  heard: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  lost: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
  isTaken: fc.boolean(),
  isOpen: fc.boolean(),
})

function worldOf(stories: readonly Story[]): { book: Book; told: VenueReport } {
  const book = new Book()
  const orders: TheirOrder[] = []
  const fills: VenueReport['fills'][number][] = []
  const positions = new Map<number, number>()
  for (const [i, { side, fills: sizes, heard, lost, isTaken, isOpen }] of stories.entries()) {
    const id = `o${i}` as OrderId
    const symbol = symbolId(i % 3)
    book.orders.set(id, { order: order({ id, symbol, side, qty: 20 }), fills: new Set() })
    if (!isTaken) continue
    let filled = 0
    for (const [k, qty] of sizes.entries()) {
      filled += qty
      positions.set(symbol, (positions.get(symbol) ?? 0) + sign(side) * qty)
      if (!lost[k]!) fills.push(fill(`f${i}-${k}`, id, qty))
      if (!heard[k]!) continue
      const entry = book.orders.get(id)!
      const heardFill = {
        type: 'order.filled',
        at: MONDAY_10,
        id,
        fill: `f${i}-${k}`,
        qty,
        price: 100,
      }
      const input = { ...heardFill, fee: 0, ts: MONDAY_10 } as unknown as OrderInput
      entry.order = apply(entry.order, input, universe.at(symbol))
      entry.fills.add(`f${i}-${k}`)
      book.positions.set(symbol, (book.positions.get(symbol) ?? 0) + sign(side) * qty)
    }
    orders.push(theirs(id, { symbol, side, qty: 20, filled, open: isOpen && filled < 20 }))
  }
  return { book, told: report({ orders, fills, positions: [...positions] }) }
}

test('whatever was missed: two reports make quantities, ends and positions the same, and a third changes nothing', () => {
  fc.assert(
    fc.property(fc.array(story, { maxLength: 6 }), (stories) => {
      const { book, told } = worldOf(stories)

      for (const seconds of [1, 20, 40]) book.hear(told, seconds)
      const again = book.hear(told, 60)

      for (const [id, { order: one }] of book.orders) {
        const their = told.orders.find((other) => other.id === id)
        assert.equal(one.filled, their?.filled ?? 0)
        assert.equal(isLive(one), their?.open ?? false)
      }
      for (const { symbol, qty } of told.positions)
        assert.equal(book.positions.get(symbol) ?? 0, qty)
      assert.deepEqual(again.inputs, [])
      assert.deepEqual(again.differences, [])
      assert.equal(again.open, 0)
      assert.deepEqual(book.halts, [])
    }),
    { numRuns: 500 },
  )
})

test('it gives the same for the same, and leaves what it was given as it was', () => {
  fc.assert(
    fc.property(fc.array(story, { maxLength: 6 }), (stories) => {
      const one = worldOf(stories)
      const two = worldOf(stories)
      const before = JSON.stringify(one.told)

      assert.deepEqual(one.book.hear(one.told, 1), two.book.hear(two.told, 1))
      assert.equal(JSON.stringify(one.told), before)
    }),
  )
})
