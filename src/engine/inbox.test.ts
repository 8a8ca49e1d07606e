import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { symbolId } from '../core/brand.ts'
import { type Input, isMarket, type MarketInput } from '../core/input.ts'
import { BAR, type MarketRows, QUOTE, TRADE } from '../core/market-rows.ts'
import { ms, TIMEFRAMES } from '../core/time.ts'
import { bar, filled, quote, trade } from '../testing/builders.ts'
import { Inbox, INBOX_DEFAULTS } from './inbox.ts'

const tradeAt = (at: number, price = 100): Input => ({
  type: 'trade',
  at: ms(at),
  trade: trade({ ts: ms(at), price }),
})
const factAt = (at: number, id = 's-r-1'): Input => filled(id, { at, ts: at })

const quoteAt = (at: number, bid: number, symbol: number): Input => ({
  type: 'quote',
  at: ms(at),
  quote: quote({ ts: ms(at), bid, symbol: symbolId(symbol) }),
})

const small = (capacity: number, maxAgeMs = 1_000): Inbox => new Inbox({ capacity, maxAgeMs })

function drain(inbox: Inbox, now = 0): Input[] {
  const all: Input[] = []
  while (inbox.nextAt !== Infinity) all.push(...inbox.takeTurn(now))
  return all
}

/** Prices of trades, ids of facts. */
const names = (inputs: readonly Input[]): (string | number)[] =>
  inputs.map((input) =>
    input.type === 'trade' ? input.trade.price : input.type === 'order.filled' ? input.id : '?',
  )

test('holds 10,000 market inputs for 60 seconds by default', () => {
  assert.deepEqual(INBOX_DEFAULTS, { capacity: 10_000, maxAgeMs: 60_000 })
})

test('drops the oldest of 10,001 market inputs and counts it', () => {
  const inbox = new Inbox()

  for (let i = 0; i <= 10_000; i++) inbox.push(tradeAt(1, i))

  const taken = inbox.takeTurn(1, Infinity)
  assert.deepEqual([taken.length, ...names([taken[0]!, taken.at(-1)!])], [10_000, 1, 10_000])
  assert.equal(inbox.statistics.dropped, 1)
})

test('never drops a fact to make room for market data', () => {
  const inbox = small(2)

  inbox.push(factAt(1, 'first'))
  for (let price = 1; price <= 5; price++) inbox.push(tradeAt(1, price))
  inbox.push(factAt(1, 'last'))

  assert.deepEqual(names(drain(inbox)), ['first', 4, 5, 'last'])
  assert.equal(inbox.statistics.dropped, 3)
})

test('asserts that facts do not overflow, and keeps those that wait', () => {
  const inbox = small(2)
  inbox.push(factAt(1, 'a'))
  inbox.push(factAt(1, 'b'))

  assert.throws(() => inbox.push(factAt(1, 'c')), /at most 2 facts wait, the next: order.filled/)

  assert.equal(inbox.statistics.pushed, 2)
  assert.deepEqual(names(drain(inbox)), ['a', 'b'])
})

test('takes a control as it takes a fact', () => {
  const inbox = small(1)
  const control: Input = { type: 'control', at: ms(1), control: { do: 'pause' }, by: 'me' }

  inbox.push(control)
  inbox.push(tradeAt(1, 1))
  inbox.push(tradeAt(1, 2))

  assert.deepEqual(drain(inbox), [control, tradeAt(1, 2)])
})

test('takes more facts than fit at once when they are taken meanwhile', () => {
  const inbox = small(2)
  inbox.push(factAt(0, '0'))
  const taken: (string | number)[] = []

  for (let i = 1; i <= 50; i++) {
    inbox.push(factAt(i, String(i)))
    taken.push(...names(inbox.takeTurn(i)))
  }

  assert.deepEqual(
    taken,
    Array.from({ length: 50 }, (_, i) => String(i)),
  )
  assert.equal(inbox.statistics.waiting, 1)
})

test('throws away a market input that is older than the limit, not one that is as old', () => {
  const inbox = small(10, 60_000)
  inbox.push(tradeAt(999, 1))
  inbox.push(tradeAt(1_000, 2))

  assert.deepEqual(names(inbox.takeTurn(61_000)), [2])
  assert.equal(inbox.statistics.expired, 1)
})

test('gives a fact however old it is', () => {
  const inbox = small(10, 60_000)
  inbox.push(factAt(0, 'old'))

  assert.deepEqual(names(inbox.takeTurn(10_000_000)), ['old'])
})

test('gives what follows where all that was first has expired', () => {
  const inbox = small(10, 1_000)
  inbox.push(tradeAt(0, 1))
  inbox.push(tradeAt(5_000, 2))

  assert.deepEqual(names(inbox.takeTurn(5_000)), [2])
})

test('takes a bar that is too old as one of the past, and throws away what is as old beside it', () => {
  const inbox = small(10, 1_000)
  const old: Input = { type: 'bar', at: ms(0), bar: bar(), source: 'venue' }
  for (const input of [tradeAt(0, 1), old, tradeAt(0, 2), old]) inbox.push(input)
  inbox.push({ ...old, at: ms(4_500) })

  assert.deepEqual(inbox.takeTurn(5_000), [
    { ...old, source: 'warmup' },
    { ...old, source: 'warmup' },
  ])
  assert.deepEqual(inbox.takeTurn(5_000), [{ ...old, at: 4_500 }])
  const { expired, pastBars, dropped } = inbox.statistics
  assert.deepEqual({ expired, pastBars, dropped }, { expired: 2, pastBars: 2, dropped: 0 })
})

test('lets no bar go for trades and quotes that come after it', () => {
  const inbox = small(16)
  const kept: Input = { type: 'bar', at: ms(0), bar: bar(), source: 'venue' }
  inbox.push(kept)
  for (let i = 1; i <= 100; i++) inbox.push(tradeAt(i, i))

  assert.deepEqual(inbox.takeTurn(100), [kept])
  const { dropped, waiting } = inbox.statistics
  assert.equal(dropped + waiting, 100)
  assert.equal(inbox.nextAt, dropped + 1)
})

test('drops the oldest bar where nothing but bars waits', () => {
  const inbox = small(3)
  for (const at of [1, 2, 3, 4])
    inbox.push({ type: 'bar', at: ms(at), bar: bar(), source: 'venue' })

  assert.equal(inbox.nextAt, 2)
  assert.equal(inbox.statistics.dropped, 1)
})

test('takes one moment per turn', () => {
  const inbox = small(10)
  for (const at of [1, 1, 2, 2, 3]) inbox.push(tradeAt(at, at))

  const turns = [1, 2, 3, 4].map(() => names(inbox.takeTurn(3)))

  assert.deepEqual(turns, [[1, 1], [2, 2], [3], []])
})

test('keeps the order of arrival between facts and market data', () => {
  const inbox = small(10)
  const inputs = [tradeAt(1, 1), factAt(1, 'a'), tradeAt(1, 2), factAt(1, 'b'), tradeAt(1, 3)]

  for (const input of inputs) inbox.push(input)

  assert.deepEqual(inbox.takeTurn(1), inputs)
})

test('ends a turn at its limit and goes on with the same moment', () => {
  const inbox = small(10)
  for (let price = 1; price <= 5; price++) inbox.push(tradeAt(1, price))

  assert.deepEqual(
    [names(inbox.takeTurn(1, 3)), names(inbox.takeTurn(1, 3))],
    [
      [1, 2, 3],
      [4, 5],
    ],
  )
})

test('refuses a turn of no inputs, which would never empty the inbox', () => {
  assert.throws(() => small(10).takeTurn(1, 0), /a turn takes at least one input/)
})

test('counts what came, went, waits and was lost', () => {
  const inbox = small(4, 1_000)
  for (let price = 1; price <= 5; price++) inbox.push(tradeAt(0, price))
  inbox.push(factAt(0))
  inbox.takeTurn(0, 2)
  inbox.push(tradeAt(5_000, 6))
  inbox.takeTurn(5_000, 1)

  assert.deepEqual(inbox.statistics, {
    pushed: 7,
    taken: 3,
    dropped: 1,
    conflated: 0,
    expired: 2,
    pastBars: 0,
    waiting: 1,
    utilisation: 0.25,
    peak: 1,
  })
})

test('tells when its next input arrived, and Infinity where none waits', () => {
  const inbox = small(4)
  assert.equal(inbox.nextAt, Infinity)
  inbox.push(factAt(7))
  assert.equal(inbox.nextAt, 7)
  inbox.push(tradeAt(6))
  inbox.takeTurn(7)
  assert.equal(inbox.nextAt, 6)
})

const at = ms(42)
const exact: readonly (readonly [string, MarketInput])[] = [
  ['a trade without an id', { type: 'trade', at, trade: trade({ price: 1 / 3, size: 1e-8 }) }],
  [
    'a trade with an id',
    { type: 'trade', at, trade: trade({ id: 'T-1', symbol: symbolId(65_535) }) },
  ],
  ['a trade with an empty id', { type: 'trade', at, trade: trade({ id: '' }) }],
  ['a quote', { type: 'quote', at, quote: quote({ bid: 0.1 + 0.2, askSize: 0 }) }],
  ['a bar of a venue', { type: 'bar', at, bar: bar(), source: 'venue' }],
  ['a bar of the warm-up', { type: 'bar', at, bar: bar({ open: 7 }), source: 'warmup' }],
  ['a filled bar', { type: 'bar', at, bar: bar({ filled: true }), source: 'venue' }],
  [
    'a filled bar of the warm-up',
    { type: 'bar', at, bar: bar({ filled: true, volume: 0, trades: 0 }), source: 'warmup' },
  ],
  ...TIMEFRAMES.map(
    (timeframe) =>
      [
        `a ${timeframe} bar`,
        { type: 'bar', at, bar: bar({ timeframe }), source: 'venue' },
      ] as const,
  ),
]

for (const [name, input] of exact) {
  test(`gives ${name} back exactly`, () => {
    const inbox = small(1)
    inbox.push(input)
    assert.deepEqual(inbox.takeTurn(42), [input])
  })
}

test('gives a slot that held an id to a trade without one', () => {
  const inbox = small(1)
  const [named, plain] = [exact[1]![1], exact[0]![1]]

  inbox.push(named)
  inbox.push(plain)

  assert.deepEqual(inbox.takeTurn(42), [plain])
})

/** One row: a trade with the halves of its id, or a quote. */
function rowOf(kind: number, symbol: number, ts: number, values: readonly number[]): MarketRows {
  const columns = { kind: Uint8Array.of(kind), symbol: Uint32Array.of(symbol) }
  return { ...columns, ts: Float64Array.of(ts), values: Float64Array.from([...values, 0, 0]) }
}

test('takes trades and quotes from columns as it takes them as inputs, and keeps copies', () => {
  const inbox = small(3)
  const [plain, named, quoted] = [
    rowOf(TRADE, 65_535, 41, [1 / 3, 1e-8, -1, -1]),
    rowOf(TRADE, 7, 41, [2, 3, 529_835_250, 29_461]),
    rowOf(QUOTE, 7, 41, [0.1 + 0.2, 5, 0.4, 0]),
  ]

  for (const rows of [plain, named, quoted]) {
    inbox.pushRow(rows, 0, at)
    rows.values.fill(NaN)
  }

  const [ts, symbol] = [ms(41), symbolId(7)]
  assert.deepEqual(inbox.takeTurn(42), [
    { type: 'trade', at, trade: { symbol: symbolId(65_535), ts, price: 1 / 3, size: 1e-8 } },
    { type: 'trade', at, trade: { symbol, ts, price: 2, size: 3, id: '52983525000029461' } },
    { type: 'quote', at, quote: { symbol, ts, bid: 0.1 + 0.2, bidSize: 5, ask: 0.4, askSize: 0 } },
  ])
})

test('gives a slot that held the id of a row to a trade without one', () => {
  const inbox = small(1)

  inbox.pushRow(rowOf(TRADE, 7, 41, [2, 3, 0, 29_461]), 0, at)
  inbox.push(exact[0]![1])

  assert.deepEqual(inbox.takeTurn(42), [exact[0]![1]])
})

test('refuses a bar that comes in columns, and is as it was', () => {
  const inbox = small(1)
  assert.throws(() => inbox.pushRow(rowOf(BAR, 7, 41, [1, 1, 1, 1]), 0, at), /comes as an input/)
  assert.deepEqual([inbox.statistics.pushed, inbox.nextAt], [0, Infinity])
})

/** What the inbox promises, said with one array. */
class Model {
  readonly #capacity: number
  readonly #maxAgeMs: number
  #waiting: Input[] = []
  #newQuotes = 0
  dropped = 0
  conflated = 0
  expired = 0
  pastBars = 0

  constructor(capacity: number, maxAgeMs: number) {
    this.#capacity = capacity
    this.#maxAgeMs = maxAgeMs
  }

  canTake(input: Input): boolean {
    return isMarket(input) || this.#waiting.filter((one) => !isMarket(one)).length < this.#capacity
  }

  push(input: Input): void {
    const isFull = (): boolean => this.#waiting.filter(isMarket).length === this.#capacity
    if (isMarket(input) && isFull() && this.#newQuotes * 8 >= this.#capacity) this.#conflate()
    if (input.type === 'quote') this.#newQuotes++
    if (isMarket(input) && isFull()) this.#makeRoom()
    this.#waiting.push(input)
  }

  #makeRoom(): void {
    const first = this.#waiting.findIndex(isMarket)
    const ticks = this.#waiting.filter((one) => isMarket(one) && one.type !== 'bar')
    const many = ticks.slice(0, Math.ceil(this.#capacity / 8))
    const isBar = this.#waiting[first]!.type === 'bar'
    const gone = isBar && many.length > 0 ? many : [this.#waiting[first]!]
    this.#waiting = this.#waiting.filter((one) => !gone.includes(one))
    this.dropped += gone.length
  }

  #conflate(): void {
    const symbols = this.#waiting.map((one) =>
      one.type === 'quote' ? one.quote.symbol : undefined,
    )
    const kept = this.#waiting.filter(
      (_one, i) => symbols[i] === undefined || symbols.lastIndexOf(symbols[i]) === i,
    )
    this.conflated += this.#waiting.length - kept.length
    this.#waiting = kept
    this.#newQuotes = 0
  }

  takeTurn(now: number, limit: number): Input[] {
    this.#expire(now)
    const turn: Input[] = []
    const at = this.#waiting[0]?.at
    while (this.#waiting[0] !== undefined && this.#waiting[0].at === at && turn.length < limit) {
      turn.push(this.#waiting.shift()!)
      this.#expire(now)
    }
    return turn
  }

  #expire(now: number): void {
    for (;;) {
      const i = this.#waiting.findIndex(isMarket)
      const first = this.#waiting[i]
      if (first === undefined || now - first.at <= this.#maxAgeMs) return
      if (first.type === 'bar') {
        if (first.source === 'venue') this.pastBars++
        this.#waiting[i] = { ...first, source: 'warmup' }
        return
      }
      this.#waiting.splice(i, 1)
      this.expired++
    }
  }

  get waiting(): number {
    return this.#waiting.length
  }
}

const barAt = (at: number, open: number): Input => ({
  type: 'bar',
  at: ms(at),
  bar: bar({ open }),
  source: 'venue',
})

// A step is a push (a fact where the second number is low) or a turn.
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('push' as const), fc.nat(9), fc.nat(3)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant('turn' as const), fc.integer({ min: 1, max: 6 }), fc.nat(3)),
  },
)

/** From columns, where there are any. */
function pushAsRow(inbox: Inbox, input: Input): void {
  if (input.type === 'trade') {
    const { symbol, ts, price, size } = input.trade
    inbox.pushRow(rowOf(TRADE, symbol, ts, [price, size, -1, -1]), 0, input.at)
  } else if (input.type === 'quote') {
    const { symbol, ts, bid, bidSize, ask, askSize } = input.quote
    inbox.pushRow(rowOf(QUOTE, symbol, ts, [bid, bidSize, ask, askSize]), 0, input.at)
  } else inbox.push(input)
}

test('does what a plain array would do', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.array(step, { maxLength: 120 }),
      (size, steps) => {
        const inbox = small(size, 5)
        const model = new Model(size, 5)
        let now = 0
        for (const [i, [what, number, passed]] of steps.entries()) {
          now += passed
          if (what === 'turn') {
            assert.deepEqual(inbox.takeTurn(now, number), model.takeTurn(now, number))
          } else {
            const input =
              number < 3
                ? factAt(now, `f-${i}`)
                : number < 6
                  ? tradeAt(now, i)
                  : number < 8
                    ? quoteAt(now, i, number % 2)
                    : barAt(now, i)
            if (!model.canTake(input)) continue
            if (i % 2 === 0) inbox.push(input)
            else pushAsRow(inbox, input)
            model.push(input)
          }
          const { waiting, dropped, conflated, expired, pastBars, pushed, taken } = inbox.statistics
          assert.deepEqual(
            [waiting, dropped, conflated, expired, pastBars],
            [model.waiting, model.dropped, model.conflated, model.expired, model.pastBars],
          )
          assert.equal(pushed, taken + dropped + conflated + expired + waiting)
        }
      },
    ),
    { numRuns: 500 },
  )
})
