import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { applyCash, cashOf, openAccount, worth } from '../core/account.ts'
import { fillId, orderId, type Qty, venueId } from '../core/brand.ts'
import { equitySpec, type InstrumentSpec, money } from '../core/instrument.ts'
import type { BracketRole, Order, Side } from '../core/order.ts'
import { applyFill, FLAT, openProfit, type Position, realisedProfit } from '../core/position.ts'
import { MINUTE, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { Statistics } from './statistics.ts'
import type { FillNotice } from './trips.ts'

const START = ms(Date.UTC(2026, 2, 23, 13, 30))
const at = (minutes: number) => ms(START + minutes * MINUTE)
const universe = () =>
  new Universe(['AAPL', 'SPY', 'QQQ'].map((symbol) => equitySpec(symbol, venueId('sim'))))

interface Trade {
  readonly strategy?: string
  readonly symbol?: string
  readonly side: Side
  readonly qty: number
  readonly price: number
  readonly fee?: number
  readonly minute?: number
  /** When it is heard; at once where not given. */
  readonly heard?: number
  readonly role?: BracketRole
}

/** Books trades as the engine does, lane by lane, and tells the statistics. */
class Desk {
  readonly universe = universe()
  readonly statistics: Statistics
  readonly #lanes = new Map<string, { readonly symbol: string; position: Position }>()
  #account = openAccount('USD', 100_000)
  #fills = 0

  constructor(options: { readonly tripsMax?: number } = {}) {
    this.statistics = new Statistics({ universe: this.universe, equity: 100_000, ...options })
  }

  trade({ strategy = 's', symbol = 'AAPL', fee = 0, ...trade }: Trade): void {
    const instrument = this.universe.find(symbol)!
    const key = `${strategy} ${symbol}`
    const lane = this.#lanes.get(key) ?? { symbol, position: FLAT }
    const signedQty = trade.side === 'buy' ? trade.qty : -trade.qty
    const booked = { signedQty, price: trade.price, fee }
    const position = applyFill(lane.position, booked, instrument)
    const profit = realisedProfit(position) - realisedProfit(lane.position)
    this.#account = applyCash(this.#account, booked, profit, instrument)
    this.#lanes.set(key, { symbol, position })
    const number = ++this.#fills
    const time = at(trade.minute ?? number)
    const qty = trade.qty as Qty
    const order: Order = {
      id: orderId(`o-${number}`),
      strategy,
      symbol: instrument.id,
      side: trade.side,
      type: 'market',
      qty,
      tif: 'day',
      phase: 'done',
      reason: 'filled',
      filled: qty,
      avgPrice: trade.price,
      createdAt: time,
      updatedAt: time,
      ...(trade.role === undefined ? {} : { role: trade.role }),
    }
    const id = fillId(`f-${number}`)
    const fill = { id, qty, price: trade.price, fee: money(fee), ts: time }
    const notice: FillNotice = {
      type: 'fill',
      at: trade.heard === undefined ? time : at(trade.heard),
      order,
      fill,
      profit,
      position: position.qty,
    }
    this.statistics.onNotice(notice)
  }

  equity(marks: Readonly<Record<string, number>>): number {
    let equity = cashOf(this.#account)
    for (const { symbol, position } of this.#lanes.values()) {
      equity += worth(position, marks[symbol]!, this.universe.find(symbol)!)
    }
    return equity
  }

  openProfit(marks: Readonly<Record<string, number>>): number {
    let profit = 0
    for (const { symbol, position } of this.#lanes.values()) {
      profit += openProfit(position, marks[symbol]!, this.universe.find(symbol)!)
    }
    return profit
  }
}

test('tells a round trip from flat to flat with its averages and its exit', () => {
  const desk = new Desk()
  desk.trade({ side: 'buy', qty: 10, price: 100, fee: 1, minute: 0 })
  desk.trade({ side: 'buy', qty: 30, price: 104, fee: 1, minute: 2 })
  desk.trade({ side: 'sell', qty: 20, price: 105, fee: 1, minute: 5 })
  desk.trade({ side: 'sell', qty: 20, price: 107, fee: 1, minute: 9, role: 'target' })

  const { trips, openTrips } = desk.statistics.summary()
  assert.equal(openTrips, 0)
  assert.deepEqual(trips, [
    {
      strategy: 's',
      symbol: 'AAPL',
      side: 'long',
      qty: 40,
      entryAt: at(0),
      exitAt: at(9),
      entryHeardAt: at(0),
      exitHeardAt: at(9),
      entryPrice: 103,
      exitPrice: 106,
      gross: 120,
      fees: 4,
      net: 116,
      netFraction: money(116 / 4120),
      heldMs: 9 * MINUTE,
      fills: 4,
      exit: 'target',
    },
  ])
})

test('splits a fill that flips through zero between two trips', () => {
  const desk = new Desk()
  desk.trade({ side: 'buy', qty: 10, price: 100 })
  desk.trade({ side: 'sell', qty: 40, price: 101, fee: 4 })
  desk.trade({ side: 'buy', qty: 30, price: 102 })

  const { trips } = desk.statistics.summary()
  assert.deepEqual(
    trips.map(({ side, qty, gross, fees }) => ({ side, qty, gross, fees })),
    [
      { side: 'long', qty: 10, gross: 10, fees: 1 },
      { side: 'short', qty: 30, gross: -30, fees: 3 },
    ],
  )
})

test('counts the profit of an inherited position, and makes no trip of it', () => {
  const desk = new Desk()
  const order: Order = {
    id: orderId('o-1'),
    strategy: 's',
    symbol: desk.universe.find('SPY')!.id,
    side: 'sell',
    type: 'market',
    qty: 5 as Qty,
    tif: 'day',
    phase: 'done',
    reason: 'filled',
    filled: 5 as Qty,
    avgPrice: 10,
    createdAt: START,
    updatedAt: START,
  }
  const fill = { id: fillId('f'), qty: 5 as Qty, price: 10, fee: money(0), ts: START }
  desk.statistics.onFill({ type: 'fill', at: START, order, fill, profit: 25, position: 0 })

  const { total, openTrips } = desk.statistics.summary()
  assert.equal(total.realised, 25)
  assert.equal(total.trips, 0)
  assert.equal(openTrips, 0)
})

test('tells win rate, profit factor, expectancy and streaks', () => {
  const desk = new Desk()
  for (const profit of [10, 20, -5, -15, -10, 0, 30]) {
    desk.trade({ side: 'buy', qty: 1, price: 100 })
    desk.trade({ side: 'sell', qty: 1, price: 100 + profit })
  }

  const { total } = desk.statistics.summary()
  assert.equal(total.trips, 7)
  assert.equal(total.winRate, money(3 / 7))
  assert.equal(total.breakEven, 1)
  assert.equal(total.profitFactor, 2)
  assert.equal(total.expectancy, money(30 / 7))
  assert.equal(total.averageWin, 20)
  assert.equal(total.averageLoss, -10)
  assert.equal(total.largestWin, 30)
  assert.equal(total.largestLoss, -15)
  assert.equal(total.longestWinStreak, 2)
  assert.equal(total.longestLossStreak, 3)
})

test('has no profit factor without losses, and no averages without trips', () => {
  const desk = new Desk()
  assert.equal(desk.statistics.summary().total.expectancy, null)

  desk.trade({ side: 'buy', qty: 1, price: 100 })
  desk.trade({ side: 'sell', qty: 1, price: 101 })
  assert.equal(desk.statistics.summary().total.profitFactor, null)
})

test('lists a bounded number of trips and counts the rest', () => {
  const desk = new Desk({ tripsMax: 2 })
  for (let i = 0; i < 3; i++) {
    desk.trade({ side: 'buy', qty: 1, price: 100 })
    desk.trade({ side: 'sell', qty: 1, price: 101 })
  }

  const { trips, tripsUnlisted, total } = desk.statistics.summary()
  assert.equal(trips.length, 2)
  assert.equal(tripsUnlisted, 1)
  assert.equal(total.trips, 3)
})

test('counts orders, denials and incidents', () => {
  const desk = new Desk()
  const symbol = desk.universe.find('QQQ')!.id
  const halt = { type: 'strategy.halted', strategy: 's', symbol, error: 'boom' } as const
  desk.statistics.onNotice(halt)
  desk.statistics.onNotice({ type: 'bar.gap', symbol, timeframe: '1m', from: at(0), to: at(5) })
  const request = { symbol, side: 'buy', type: 'market', qty: 1 as Qty, tif: 'day' } as const
  const denial = { code: 'max-exposure', detail: 'too much' } as const
  desk.statistics.onNotice({ type: 'order.denied', strategy: 's', request, denial })

  const summary = desk.statistics.summary()
  assert.deepEqual(summary.denied, { 'max-exposure': 1 })
  assert.equal(summary.orders.denied, 1)
  assert.equal(summary.incidents.gaps, 1)
  assert.deepEqual(summary.incidents.halted, ['s on QQQ: boom'])
})

test('counts an order by the end that it met first', () => {
  const { statistics, universe } = new Desk()
  const symbol = universe.find('QQQ')!.id
  const [zero, four] = [0, 4].map((filled) => ({ filled: filled as Qty, avgPrice: 0 })) as [
    Pick<Order, 'filled' | 'avgPrice'>,
    Pick<Order, 'filled' | 'avgPrice'>,
  ]
  const times = { createdAt: START, updatedAt: START }
  const request = { symbol, side: 'buy', type: 'market', qty: 9 as Qty, tif: 'day' } as const
  const known = { ...request, ...times, id: orderId('s-r-1'), strategy: 's' } as const
  const canceled = { ...known, phase: 'done', reason: 'canceled' } as const

  for (const [isEnd, filled] of [
    [true, zero],
    [false, four],
    [false, zero],
  ] as const)
    statistics.onNotice({ type: 'order.changed', order: { ...canceled, ...filled }, isEnd })

  const { canceled: count, filled } = statistics.summary().orders
  assert.deepEqual([count, filled], [1, 0])
})

const anyTrade: fc.Arbitrary<Trade> = fc.record({
  strategy: fc.constantFrom('one', 'two'),
  symbol: fc.constantFrom('AAPL', 'SPY', 'QQQ'),
  side: fc.constantFrom('buy', 'sell'),
  qty: fc.integer({ min: 1, max: 50 }),
  price: fc.integer({ min: 1_000, max: 20_000 }).map((cents) => cents / 100),
  fee: fc.integer({ min: -100, max: 500 }).map((cents) => cents / 100),
})

test('symbols and strategies add up to the total, and to the change of equity less open profit', () => {
  const marks = { AAPL: 123.45, SPY: 67.89, QQQ: 50.01 }
  fc.assert(
    fc.property(fc.array(anyTrade, { maxLength: 80 }), (trades) => {
      const desk = new Desk()
      for (const trade of trades) desk.trade(trade)
      desk.statistics.sample(ms(START + MINUTE), desk.equity(marks), 0)

      const { total, symbols, strategies, change, openProfit } = desk.statistics.summary()
      const net = (groups: typeof symbols) => groups.reduce((sum, group) => sum + group.net, 0)
      const cents = (x: number) => Math.round(x * 100) + 0
      assert.ok(Math.abs(net(symbols) - total.net) < 0.001)
      assert.ok(Math.abs(net(strategies) - total.net) < 0.001)
      assert.ok(Math.abs(desk.openProfit(marks) - openProfit) < 0.001)
      assert.equal(cents(total.net + openProfit), cents(change))
    }),
  )
})

test('finished trips add up to the net of all fills once every lane is flat', () => {
  fc.assert(
    fc.property(fc.array(anyTrade, { maxLength: 60 }), (trades) => {
      const desk = new Desk()
      const held = new Map<string, number>()
      for (const trade of trades) {
        const key = `${trade.strategy} ${trade.symbol}`
        const signed = trade.side === 'buy' ? trade.qty : -trade.qty
        held.set(key, (held.get(key) ?? 0) + signed)
        desk.trade(trade)
      }
      for (const [key, qty] of held) {
        const [strategy = '', symbol = ''] = key.split(' ')
        if (qty === 0) continue
        const side = qty > 0 ? 'sell' : 'buy'
        desk.trade({ strategy, symbol, side, qty: Math.abs(qty), price: 99.5 })
      }

      const { trips, total, openTrips } = desk.statistics.summary()
      assert.equal(openTrips, 0)
      const sum = trips.reduce((net, trip) => net + trip.net, 0)
      assert.ok(Math.abs(sum - total.net) < 0.001)
      const wins = trips.filter((trip) => trip.net > 0).length
      assert.equal(total.wins, wins)
    }),
  )
})

test('a trip lasts from fill to fill, whenever they were heard', () => {
  const desk = new Desk()
  desk.trade({ side: 'buy', qty: 10, price: 100, minute: 10, heard: 20 })
  desk.trade({ side: 'sell', qty: 10, price: 99, minute: 20, heard: 20, role: 'stop' })

  const [trip] = desk.statistics.summary().trips
  const { entryAt, exitAt, entryHeardAt, exitHeardAt, heldMs } = trip!
  assert.deepEqual([entryAt, exitAt, heldMs], [at(10), at(20), 10 * MINUTE])
  assert.deepEqual([entryHeardAt, exitHeardAt], [at(20), at(20)])
})

test('tells nothing of a run without samples', () => {
  const { from, daily, drawdown, exposure } = new Desk().statistics.summary()

  assert.equal(from, null)
  assert.equal(daily.days, 0)
  assert.equal(drawdown, null)
  assert.equal(exposure.timeInMarket, 0)
})

test('takes its days from what is traded, whichever symbol comes first', () => {
  const share = equitySpec('AAPL', venueId('sim'))
  const coin = { ...equitySpec('BTC', venueId('sim')), kind: 'crypto', calendar: '24/7' } as const
  const future = { ...equitySpec('ES', venueId('sim')), kind: 'future', calendar: 'cme' } as const
  const daily = (specs: readonly InstrumentSpec[], traded?: readonly number[]) => {
    const universe = new Universe(specs)
    const symbols = traded?.map((i) => universe.all[i]!.id)
    const statistics = new Statistics({
      universe,
      equity: 100,
      ...(symbols === undefined ? {} : { traded: symbols }),
    })
    // A week from Monday, whose weekend is over when it ends.
    for (let hour = 1; hour <= 7 * 24; hour++) {
      statistics.sample(ms(Date.UTC(2026, 1, 23, 6 + hour)), 100 + (hour % 30), 0)
    }
    return statistics.summary().daily
  }

  assert.deepEqual(daily([share, coin]), daily([coin, share]))
  assert.deepEqual(daily([share, future]), daily([future, share]))
  assert.equal(daily([share, coin]).daysPerYear, 365)
  assert.equal(daily([share, coin]).days, 8)
  assert.equal(daily([share, future]).daysPerYear, 252)
  assert.equal(daily([share]).days, 6)
  assert.deepEqual(daily([coin, share], [1]), daily([share]))
})
