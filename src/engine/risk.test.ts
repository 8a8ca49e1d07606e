import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type Ms, orderId, type SymbolId } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import { money } from '../core/instrument.ts'
import { DENY_CODES, type DenyCode } from '../core/notice.ts'
import type { Order, OrderRequest } from '../core/order.ts'
import type { TermsByKind } from '../core/terms.ts'
import { DAY, HOUR, MINUTE, plus } from '../core/time.ts'
import {
  A,
  B,
  C,
  coin,
  filled,
  future,
  MONDAY_10,
  order,
  request,
  share,
  SIM,
  termsOf,
  universeOf,
  utc,
} from '../testing/builders.ts'
import { valuedAt } from './commitments.ts'
import { Externals } from './externals.ts'
import { Orders } from './orders.ts'
import { Portfolio } from './portfolio.ts'
import { scenario } from '../testing/scenario.ts'
import { type Asker, isReducing, Risk, type RiskState } from './risk.ts'
import { RISK_DEFAULTS, type RiskLimits } from './risk-limits.ts'

/** No limit that a test does not set: what is denied is denied by what it set. */
const OPEN: RiskLimits = {
  ...RISK_DEFAULTS,
  maxPositionFraction: Infinity,
  maxExposureFraction: Infinity,
  leverage: Infinity,
  maxPositions: Infinity,
  maxOpenOrders: Infinity,
  maxTradesPerDay: Infinity,
  maxDailyLossFraction: Infinity,
  ordersPerMinute: Infinity,
}

/** A venue that takes all orders. */
const ANY = termsOf().crypto!

/** Risk over an account of 10,000 with AAPL at 100, ES at 5,000 and BTC at 50,000. */
class Desk {
  readonly universe = universeOf(
    'AAPL',
    future('ES'),
    coin('BTC'),
    share('X', { minNotional: 500 }),
  )
  readonly portfolio = new Portfolio(this.universe, 'USD')
  readonly orders = new Orders(this.universe, 'r')
  readonly externals = new Externals()
  readonly risk: Risk
  now: Ms = MONDAY_10

  constructor(limits: Partial<RiskLimits> = {}, terms: TermsByKind = termsOf()) {
    this.risk = new Risk(
      { ...OPEN, ...limits },
      {
        portfolio: this.portfolio,
        orders: this.orders,
        externals: this.externals,
        lanesOf: (symbol) => [{ strategy: 's', position: { qty: this.portfolio.qty(symbol) } }],
      },
      calendarOf('us-equity'),
      new Map([[SIM, { terms }]]),
    )
    this.portfolio.setCash(10_000)
    for (const [symbol, price] of [100, 5_000, 50_000, 10].entries()) {
      this.portfolio.mark(this.universe.all[symbol]!.id, price, this.now)
    }
  }

  /** Why the order is denied, or 'passes'. */
  ask(
    changes: Parameters<typeof request>[0] = {},
    asker: Partial<Asker> = {},
  ): DenyCode | 'passes' {
    return this.denial(changes, asker)?.code ?? 'passes'
  }

  detail(changes: Parameters<typeof request>[0] = {}, asker: Partial<Asker> = {}): string {
    return this.denial(changes, asker)?.detail ?? 'passes'
  }

  denial(changes: Parameters<typeof request>[0], asker: Partial<Asker>) {
    const asked: OrderRequest = request(changes)
    const instrument = this.universe.at(asked.symbol)
    return this.risk.check(this.now, instrument, asked, {
      held: 0,
      live: [],
      isProtective: false,
      ...asker,
    })
  }

  /** Buys where the quantity is above zero, at the last price. */
  hold(symbol: SymbolId, qty: number): void {
    this.portfolio.fill(symbol, { signedQty: qty, price: this.portfolio.price(symbol), fee: 0 })
  }

  /** Puts a live order into the book. */
  work(changes: Parameters<typeof order>[0]): Order {
    const live = order(changes)
    this.orders.add(live)
    return live
  }
}

// Each code, with the number that was met and its limit.

const denials: readonly (readonly [
  DenyCode,
  string,
  (desk: Desk) => string,
  Partial<RiskLimits>?,
  TermsByKind?,
])[] = [
  [
    'kill-switch',
    'the kill switch is on: storm',
    (desk) => {
      desk.risk.state.setKillSwitch('storm')
      return desk.detail()
    },
  ],
  [
    'stopping',
    'the engine is stopping',
    (desk) => {
      desk.risk.state.setStopping(true)
      return desk.detail()
    },
  ],
  [
    'paused',
    'trading is paused',
    (desk) => {
      desk.risk.state.setPaused(true)
      return desk.detail()
    },
  ],
  [
    'safe-mode',
    'safe mode is on: breaker',
    (desk) => {
      desk.risk.state.setSafeMode('breaker')
      return desk.detail()
    },
  ],
  [
    'venue-down',
    'feed of sim is down',
    (desk) => {
      desk.risk.state.setStream({ venue: SIM, stream: 'feed' }, false)
      return desk.detail()
    },
  ],
  [
    'drawdown',
    'the drawdown of 6 % is at level halt',
    (desk) => {
      desk.risk.updateDrawdown(desk.now)
      desk.portfolio.setCash(9_400)
      desk.risk.updateDrawdown(desk.now)
      return desk.detail()
    },
  ],
  [
    'daily-loss',
    'the loss of the day 301 is above the limit of 300',
    (desk) => {
      desk.risk.onFill(desk.now, -300, 1, false)
      return desk.detail()
    },
    { maxDailyLoss: 300 },
  ],
  [
    'max-trades-per-day',
    'trades of the day 3 is above the limit of 2',
    (desk) => {
      for (let i = 0; i < 2; i++) desk.risk.onFill(desk.now, 0, 0, true)
      return desk.detail()
    },
    { maxTradesPerDay: 2 },
  ],
  [
    'max-positions',
    'open positions 2 is above the limit of 1',
    (desk) => {
      desk.hold(C, 0.01)
      return desk.detail()
    },
    { maxPositions: 1 },
  ],
  [
    'max-order-notional',
    'order notional 1000 is above the limit of 999',
    (desk) => desk.detail(),
    { maxOrderNotional: 999 },
  ],
  [
    'max-position-notional',
    'position notional 2000 is above the limit of 1500',
    (desk) => {
      desk.hold(A, 10)
      return desk.detail()
    },
    { maxPositionNotional: 1_500 },
  ],
  [
    'max-exposure',
    'exposure 6000 is above the limit of 5000',
    (desk) => {
      desk.hold(C, 0.1)
      return desk.detail()
    },
    { maxExposureFraction: 0.5 },
  ],
  [
    'max-open-orders',
    'open orders 2 is above the limit of 1',
    (desk) => {
      desk.work({ symbol: C, qty: 0.01 })
      return desk.detail()
    },
    { maxOpenOrders: 1 },
  ],
  [
    'order-rate',
    'orders in a minute 3 is above the limit of 2',
    (desk) => {
      desk.ask()
      desk.ask()
      return desk.detail()
    },
    { ordersPerMinute: 2 },
  ],
  [
    'insufficient-buying-power',
    'margin 25000 is above the limit of 20000',
    (desk) => desk.detail({ symbol: B, qty: 1 }),
    { leverage: 2, marginRate: 0.1 },
  ],
  [
    'price-band',
    'distance of 111 from 100 0.11 is above the limit of 0.1',
    (desk) => desk.detail({ type: 'limit', limit: 111 }),
  ],
  [
    'stale-price',
    'age of the last price in ms 300001 is above the limit of 300000',
    (desk) => {
      desk.now = plus(MONDAY_10, 300_001)
      return desk.detail()
    },
  ],
  [
    'market-closed',
    `AAPL has no regular session at ${utc('2026-03-09 20:00')}`,
    (desk) => {
      desk.now = utc('2026-03-09 20:00')
      return desk.detail()
    },
  ],
  [
    'symbol-halted',
    'AAPL is halted: 3 here and 5 there',
    (desk) => {
      desk.risk.state.setHalt({ symbol: A, cause: 'position', why: '3 here and 5 there' }, true)
      return desk.detail()
    },
  ],
  [
    'duplicate',
    'the same order is live as twin',
    (desk) => desk.detail({}, { live: [order({ id: 'twin', qty: 3 })] }),
  ],
  [
    'opposite-bracket',
    'its lane has one the other way: s-r-1 and its exits',
    (desk) => desk.detail({}, { opposes: orderId('s-r-1') }),
  ],
  [
    'self-cross',
    'it would trade with our own rests, sell at 99',
    (desk) => {
      desk.orders.add(order({ id: 'rests', side: 'sell', type: 'limit', limit: 99 }))
      return desk.detail()
    },
  ],
  ['off-grid', 'quantity 1.5 is not a multiple of 1', (desk) => desk.detail({ qty: 1.5 })],
  [
    'below-minimum',
    'order notional 490 is below 500',
    (desk) => desk.detail({ symbol: desk.universe.all[3]!.id, qty: 49 }),
  ],
  [
    'not-taken',
    'sim takes no stop orders of coins (BTC), but market and limit',
    (desk) => desk.detail({ symbol: C, type: 'stop', stop: 51_000, qty: 0.01, tif: 'gtc' }),
    {},
    { crypto: { ...ANY, takes: { market: ['gtc'], limit: ['gtc', 'ioc'] } } },
  ],
  [
    'bad-request',
    'a limit order has limit undefined and stop undefined',
    (desk) => desk.detail({ type: 'limit' }),
  ],
  ['missing-data', 'the quantity is not finite: NaN', (desk) => desk.detail({ qty: NaN })],
]

for (const [code, expected, meet, limits, terms] of denials) {
  test(`denies with ${code} and says what was met`, () => {
    const desk = new Desk(limits, terms)
    assert.equal(meet(desk), expected)
    assert.equal(desk.risk.denied.get(code), 1)
  })
}

test('can deny with every code of the list', () => {
  assert.deepEqual(denials.map(([code]) => code).toSorted(), DENY_CODES.toSorted())
})

test('lets an order pass that meets no limit', () => {
  const desk = new Desk()
  assert.equal(desk.ask(), 'passes')
  assert.equal(desk.risk.denied.size, 0)
})

// At a limit: what is equal to it passes where the limit is the most that is allowed.

const borders: readonly (readonly [string, Partial<RiskLimits>, (desk: Desk) => string, string])[] =
  [
    ['order notional', { maxOrderNotional: 1_000 }, (desk) => desk.ask(), 'passes'],
    ['position notional', { maxPositionNotional: 1_000 }, (desk) => desk.ask(), 'passes'],
    ['position fraction', { maxPositionFraction: 0.1 }, (desk) => desk.ask(), 'passes'],
    [
      'position fraction, one lot more',
      { maxPositionFraction: 0.1 },
      (desk) => desk.ask({ qty: 11 }),
      'max-position-notional',
    ],
    [
      'position notional with its slack',
      { maxPositionNotional: 999.5 },
      (desk) => desk.ask(),
      'passes',
    ],
    [
      'the age of a price',
      {},
      (desk) => {
        desk.now = plus(MONDAY_10, 300_000)
        return desk.ask()
      },
      'passes',
    ],
    ['exposure', { maxExposureFraction: 0.1 }, (desk) => desk.ask(), 'passes'],
    ['buying power', { leverage: 0.1 }, (desk) => desk.ask(), 'passes'],
    ['price band', { priceBand: 0.1 }, (desk) => desk.ask({ type: 'limit', limit: 110 }), 'passes'],
    ['price band below', {}, (desk) => desk.ask({ type: 'limit', limit: 89.99 }), 'price-band'],
    ['price band of a stop', {}, (desk) => desk.ask({ type: 'stop', stop: 120 }), 'price-band'],
    [
      'daily loss, where one that is met denies',
      { maxDailyLoss: 300 },
      (desk) => {
        desk.risk.onFill(desk.now, -300, 0, false)
        return desk.ask()
      },
      'daily-loss',
    ],
    [
      'daily loss in fractions of equity',
      { maxDailyLossFraction: 0.05 },
      (desk) => {
        desk.risk.onFill(desk.now, -501, 0, false)
        return desk.ask()
      },
      'daily-loss',
    ],
  ]
for (const [name, limits, ask, expected] of borders) {
  test(`${expected === 'passes' ? 'passes' : 'denies'} at the limit of ${name}`, () => {
    assert.equal(ask(new Desk(limits)), expected)
  })
}

// The order of the tiers: with everything wrong, each cure shows the next code.

test('gives the code of the first tier that refuses', () => {
  const desk = new Desk({
    maxDailyLoss: 300,
    maxTradesPerDay: 1,
    maxPositions: 1,
    maxOrderNotional: 50_000,
    maxPositionNotional: 15_000,
    maxExposureFraction: 1,
    leverage: 2,
    maxOpenOrders: 1,
    ordersPerMinute: 1,
  })
  const { risk, portfolio } = desk
  risk.updateDrawdown(MONDAY_10)
  portfolio.setCash(9_000)
  risk.updateDrawdown(MONDAY_10)
  portfolio.setCash(10_000)
  desk.hold(C, 0.1)
  desk.work({ id: 'old', symbol: C, qty: 0.01, side: 'sell', role: 'stop' })
  const live = [order({ id: 'twin', type: 'limit', limit: 115 })]
  risk.onFill(MONDAY_10, -400, 0, true)
  risk.state.setKillSwitch('x')
  risk.state.setStopping(true)
  risk.state.setPaused(true)
  risk.state.setSafeMode('x')
  risk.state.setStream({ venue: SIM, stream: 'feed' }, false)
  desk.now = utc('2026-03-09 22:00')
  portfolio.mark(A, 100, MONDAY_10)

  let asked: Parameters<typeof request>[0] = { type: 'limit', qty: 600.5 }
  const met: string[] = []
  const next = (cure: () => void): void => {
    met.push(desk.ask(asked, { live }))
    cure()
  }
  next(() => (asked = { ...asked, qty: 600, limit: 115.005 }))
  next(() => (asked = { ...asked, limit: 115 }))
  next(() => risk.state.setKillSwitch(null))
  next(() => (desk.now = plus(MONDAY_10, HOUR)))
  const { isStopping: _stopped, ...rest } = risk.capture()
  next(() => risk.restore({ ...rest, killSwitch: null, isStopping: false }))
  next(() => risk.state.setPaused(false))
  next(() => risk.state.setSafeMode(null))
  next(() => risk.state.setStream({ venue: SIM, stream: 'feed' }, true))
  next(() => {
    for (let i = 0; i < 3; i++) risk.updateDrawdown(desk.now)
  })
  next(() => risk.onFill(desk.now, 400, 0, false))
  next(() => risk.restore({ ...risk.capture(), tradesToday: 0 }))
  next(() => desk.hold(C, -0.1))
  next(() => (asked = { ...asked, qty: 140 }))
  next(() => (asked = { ...asked, qty: 100 }))
  next(() => (asked = { ...asked, qty: 80 }))

  assert.deepEqual(met, [
    'off-grid',
    'off-grid',
    'kill-switch',
    'market-closed',
    'stopping',
    'paused',
    'safe-mode',
    'venue-down',
    'drawdown',
    'daily-loss',
    'max-trades-per-day',
    'max-positions',
    'max-order-notional',
    'max-position-notional',
    'max-exposure',
  ])
})

test('gives the code of the first mechanical check that refuses', () => {
  const desk = new Desk({ maxOpenOrders: 1, ordersPerMinute: 1 })
  desk.work({ id: 'old', symbol: C, qty: 0.01 })
  desk.now = plus(MONDAY_10, HOUR)
  const reduce = { symbol: C, side: 'sell', qty: 0.01 } as const
  desk.ask(reduce, { held: 0.01 })
  const live = [order({ id: 'twin', type: 'limit', limit: 115 })]
  const asked = { type: 'limit', limit: 115 } as const

  const met = [desk.ask(asked, { live })]
  desk.orders.apply(filled('old', { qty: 0.01 }))
  met.push(desk.ask(asked, { live }))
  desk.now = plus(desk.now, MINUTE)
  met.push(desk.ask(asked, { live }))
  desk.portfolio.mark(A, 100, desk.now)
  met.push(desk.ask(asked, { live }))
  desk.portfolio.mark(A, 110, desk.now)
  met.push(desk.ask(asked, { live }))
  met.push(desk.ask(asked))

  assert.deepEqual(met, [
    'max-open-orders',
    'order-rate',
    'stale-price',
    'price-band',
    'duplicate',
    'passes',
  ])
})

test('an order at the market meets our own at the best price of the other side', () => {
  const quoted = { actors: { maker: {}, taker: {} }, limits: { amend: false } } as const
  scenario(
    `
    10:00:00  quote AAPL 99.9 x 100.1
              maker rest 5 @ 99.95 | 5 @ 100.05   > submit #1 maker buy 5 limit 99.95 post-only
                                                  > submit #2 maker sell 5 limit 100.05 post-only
    10:00:01  accepted #1
              accepted #2
    10:00:02  taker buy 5                         ! denied taker self-cross
    10:00:03  taker sell 4                        ! denied taker self-cross
    10:00:04  quote AAPL 99.97 x 100.03
    10:00:05  taker buy 5                         > submit #3 taker buy 5 market
    10:00:06  filled #3 5 @ 100.03
              taker sell 5                        > submit #4 taker sell 5 market
    `,
    quoted,
  )
})

// Tier 1.

const malformed: readonly (readonly [string, Parameters<typeof request>[0], DenyCode])[] = [
  ['no quantity', { qty: 0 }, 'below-minimum'],
  ['a quantity below zero', { qty: -10 }, 'below-minimum'],
  ['an infinite quantity', { qty: Infinity }, 'missing-data'],
  ['more lots than can be counted', { qty: 1e17 }, 'bad-request'],
  ['a market order with a limit', { limit: 100 }, 'bad-request'],
  ['a stop order without a stop', { type: 'stop' }, 'bad-request'],
  ['a stop order with a limit', { type: 'stop', stop: 100, limit: 100 }, 'bad-request'],
  ['a stop-limit order without a limit', { type: 'stop-limit', stop: 100 }, 'bad-request'],
  ['a limit of zero', { type: 'limit', limit: 0 }, 'bad-request'],
  ['a limit below zero', { type: 'limit', limit: -5 }, 'bad-request'],
  ['a limit that is no number', { type: 'limit', limit: NaN }, 'missing-data'],
  ['a limit off the grid', { type: 'limit', limit: 100.005 }, 'off-grid'],
  ['a stop off the grid', { type: 'stop', stop: 100.005 }, 'off-grid'],
  ['a limit of more ticks than can be counted', { type: 'limit', limit: 1e16 }, 'bad-request'],
]
for (const [name, changes, code] of malformed) {
  test(`denies ${name}, for an exit and a protective leg too`, () => {
    const desk = new Desk()
    const sell = { side: 'sell', ...changes } as const
    assert.equal(desk.ask(changes), code)
    assert.equal(desk.ask(sell, { held: 1e300 }), code)
    assert.equal(desk.ask(sell, { isProtective: true }), code)
  })
}

// What exits and protective legs pass.

/** Everything of tiers 3 to 6 refuses. */
function refusing(): Desk {
  const desk = new Desk({
    maxOrderNotional: 1,
    maxOpenOrders: 0,
    ordersPerMinute: 0,
    maxTradesPerDay: 0,
  })
  desk.risk.state.setStopping(true)
  desk.risk.state.setPaused(true)
  desk.risk.state.setSafeMode('x')
  desk.risk.state.setStream({ venue: SIM, stream: 'feed' }, false)
  desk.risk.onFill(desk.now, -1e6, 0, true)
  desk.portfolio.setCash(NaN)
  desk.risk.updateDrawdown(desk.now)
  desk.portfolio.mark(A, NaN, 0)
  return desk
}
const EXIT = { side: 'sell' } as const

test('lets an order that reduces pass whatever tiers 3 to 6 say', () => {
  assert.equal(refusing().ask(EXIT, { held: 10 }), 'passes')
  assert.equal(refusing().ask({}, { held: -10 }), 'passes')
  assert.notEqual(refusing().ask(EXIT), 'passes')
})

test('holds an order that reduces to the kill switch and the trading hours', () => {
  const desk = refusing()
  desk.risk.state.setKillSwitch('x')
  assert.equal(desk.ask(EXIT, { held: 10 }), 'kill-switch')
  desk.risk.state.setKillSwitch(null)
  desk.now = utc('2026-03-09 22:00')
  assert.equal(desk.ask(EXIT, { held: 10 }), 'market-closed')
})

test('lets a protective leg pass the kill switch and the trading hours too', () => {
  const desk = refusing()
  desk.risk.state.setKillSwitch('x')
  desk.now = utc('2026-03-09 22:00')
  assert.equal(desk.ask({ ...EXIT, type: 'stop', stop: 90 }, { isProtective: true }), 'passes')
})

const reductions: readonly (readonly [
  string,
  number,
  number,
  Partial<Parameters<typeof order>[0]>[],
  boolean,
])[] = [
  ['all that is held', 10, 10, [], true],
  ['a part', 10, 4, [], true],
  ['more than is held', 10, 11, [], false],
  ['what is not held', 0, 10, [], false],
  ['what is short', -10, 10, [], false],
  ['what another exit already sells', 10, 10, [{ qty: 1 }], false],
  ['what another exit leaves', 10, 6, [{ qty: 4 }], true],
  ['what the rest of another exit leaves', 10, 6, [{ qty: 8, filled: 4, phase: 'open' }], true],
  ['what a live entry of a bracket sells', 10, 10, [{ qty: 10, role: 'entry' }], false],
  ['what a leg would sell', 10, 10, [{ qty: 10, role: 'stop' }], true],
  ['what a purchase adds to', 10, 10, [{ side: 'buy', qty: 10 }], true],
  ['what a finished order sold', 10, 10, [{ qty: 10, phase: 'done' }], true],
  ['a holding that is no number', NaN, 10, [], false],
]
for (const [name, held, qty, live, expected] of reductions) {
  test(`takes a sale of ${name} for ${expected ? 'an exit' : 'no exit'}`, () => {
    const asker = {
      held,
      live: live.map((changes, i) => order({ id: `l${i}`, side: 'sell', ...changes })),
      isProtective: false,
    }
    assert.equal(
      isReducing(universeOf('AAPL').at(A), request({ side: 'sell', qty }), asker),
      expected,
    )
  })
}

// Fail closed.

const BAD = [NaN, Infinity, -Infinity, 0, -1, undefined as unknown as number]

for (const value of BAD) {
  test(`denies a market order at a last price of ${value}`, () => {
    const desk = new Desk()
    desk.portfolio.mark(A, value, desk.now)
    assert.equal(desk.ask(), 'missing-data')
  })

  test(`denies a limit order at a last price of ${value}`, () => {
    const desk = new Desk({ priceBand: Infinity, staleAfterMs: Infinity })
    desk.portfolio.mark(A, value, desk.now)
    assert.equal(desk.ask({ type: 'limit', limit: 100 }), 'missing-data')
  })

  test(`denies at an equity of ${value}`, () => {
    const desk = new Desk()
    desk.portfolio.setCash(value)
    assert.notEqual(desk.ask(), 'passes')
  })

  test(`denies while another holding has a price of ${value}`, () => {
    const desk = new Desk()
    desk.hold(C, 0.1)
    desk.portfolio.mark(C, value, desk.now)
    assert.notEqual(desk.ask(), 'passes')
  })
}

test('denies before the first price, with no limit on its age', () => {
  const desk = new Desk({ staleAfterMs: Infinity })
  const { id } = desk.universe.add(share('NEW'))
  desk.portfolio.grow()
  assert.equal(desk.ask({ symbol: id }), 'missing-data')
  assert.equal(desk.ask({ symbol: id, type: 'limit', limit: 100 }), 'missing-data')
})

test('denies after an equity that was not known', () => {
  const desk = new Desk()
  desk.portfolio.setCash(NaN)
  desk.risk.updateDrawdown(desk.now)
  desk.portfolio.setCash(10_000)
  assert.match(desk.detail(), /NaN % is at level halt/)
})

test('denies after a profit that is no number', () => {
  const desk = new Desk()
  desk.risk.onFill(desk.now, NaN, 0, false)
  assert.equal(desk.ask(), 'missing-data')
})

const NUMBERS = Object.entries(RISK_DEFAULTS).flatMap(([key, value]) =>
  typeof value === 'number' ? [key] : [],
)
for (const key of NUMBERS) {
  test(`refuses to run with a ${key} that is no number or below zero`, () => {
    for (const value of [NaN, -1, undefined]) {
      assert.throws(() => new Desk({ [key]: value }), new RegExp(`the risk limit ${key} is >= 0`))
    }
  })
}

test('lets no order pass that increases, where one number is none', () => {
  const spoiled = fc.constantFrom('price', 'cash', 'qty', 'limit', 'holding')
  const value = fc.constantFrom(NaN, Infinity, -Infinity, undefined as unknown as number)
  const side = fc.constantFrom('buy', 'sell')
  const qty = fc.integer({ min: 1, max: 50 })
  fc.assert(
    fc.property(spoiled, value, side, qty, fc.boolean(), (what, bad, way, size, isLimit) => {
      const desk = new Desk({ priceBand: Infinity, staleAfterMs: Infinity })
      desk.hold(C, 0.01)
      const asked = {
        side: way,
        qty: what === 'qty' ? bad : size,
        ...(isLimit || what === 'limit'
          ? { type: 'limit' as const, limit: what === 'limit' ? bad : 100 }
          : {}),
      } as const
      if (what === 'price') desk.portfolio.mark(A, bad, desk.now)
      if (what === 'cash') desk.portfolio.setCash(bad)
      if (what === 'holding') desk.portfolio.mark(C, bad, desk.now)
      assert.notEqual(desk.ask(asked), 'passes')
    }),
    { numRuns: 500 },
  )
})

// Pessimism: open orders count as if filled.

test('counts live entries of the symbol towards its position', () => {
  const desk = new Desk({ maxPositionNotional: 2_500 })
  desk.work({ id: 'live', qty: 20, filled: 4, phase: 'open' })
  assert.equal(desk.ask({ qty: 9 }), 'passes')
  assert.equal(desk.detail({ qty: 10 }), 'position notional 2600 is above the limit of 2500')
})

test('values an order at the price at which it is worth most, of those that it may trade at', () => {
  const spec = share('BTCUSD', { kind: 'perpetual', inverse: true, calendar: '24/7' })
  for (const instrument of [universeOf('AAPL').at(A), universeOf(spec).at(A)]) {
    const worth = (price: number): number => instrument.notional(1, price)
    const [low, last, high] = [80, 100, 125]
    const at = (side: 'buy' | 'sell', prices: object): number =>
      worth(valuedAt(instrument, { side, ...prices }, last))

    for (const limit of [low, last, high]) {
      const bought = Math.max(worth(Math.min(limit, last)), worth(limit))
      const sold = Math.max(worth(Math.max(limit, last)), worth(limit))
      assert.equal(at('buy', { limit }), bought, `${instrument.symbol} bought to ${limit}`)
      assert.equal(at('sell', { limit }), sold, `${instrument.symbol} sold from ${limit}`)
    }
    assert.ok(at('buy', { stop: high }) >= worth(high))
    assert.ok(at('sell', { stop: low }) >= worth(low))
    assert.equal(at('buy', {}), worth(last))
  }
})

test('does not let a live sale make room for a purchase', () => {
  const desk = new Desk({ maxPositionNotional: 1_500 })
  desk.hold(A, 10)
  desk.work({ id: 'out', side: 'sell', qty: 10 })
  assert.equal(desk.ask({ qty: 10 }), 'max-position-notional')
})

test('counts live entries of other symbols towards exposure, at their own price', () => {
  const desk = new Desk({ maxExposureFraction: 0.5 })
  desk.work({ id: 'c', symbol: C, qty: 0.1, type: 'limit', limit: 45_000 })
  assert.equal(desk.detail(), 'exposure 5500 is above the limit of 5000')
})

test('counts an order that would become another only as what it would become', () => {
  const cases = [
    { limits: { maxExposureFraction: 0.5 }, symbol: C, qty: 0.1, limit: 45_000 },
    { limits: { leverage: 2.5, marginRate: 0.1 }, symbol: B, qty: 1, limit: 4_900 },
  ] as const
  for (const { limits, ...given } of cases) {
    const desk = new Desk(limits)
    const replaces = desk.work({ id: 'rests', type: 'limit', ...given })
    const wanted = { type: 'limit', ...given, limit: given.limit + 50 } as const
    assert.equal(desk.ask(wanted, { replaces }), 'passes')
    assert.notEqual(desk.ask(wanted), 'passes')
  }
})

test('counts holdings and entries of futures by their margin', () => {
  const desk = new Desk({ leverage: 8, marginRate: 0.1 })
  desk.work({ id: 'b', symbol: B, qty: 1 })
  desk.hold(B, 1)
  assert.equal(desk.ask({ symbol: B, qty: 1 }), 'passes')
  desk.hold(B, 1)
  assert.equal(desk.detail({ symbol: B, qty: 1 }), 'margin 100000 is above the limit of 80000')
})

test('counts a sale at the last price where that is above its limit', () => {
  const desk = new Desk({ maxOrderNotional: 900, priceBand: Infinity })
  const cheap = { type: 'limit', limit: 1 } as const
  assert.equal(desk.ask({ side: 'sell', ...cheap }), 'max-order-notional')
  assert.equal(desk.ask({ side: 'buy', ...cheap }), 'passes')
})

test('counts no leg of a bracket, and no reduce-only order that the position can take', () => {
  const desk = new Desk({ maxExposureFraction: 0.25, maxPositions: 1 })
  desk.hold(A, 10)
  desk.work({ id: 'stop', side: 'sell', qty: 10, role: 'stop' })
  desk.work({ id: 'out', side: 'sell', qty: 10, reduceOnly: true })
  assert.equal(desk.ask(), 'passes')
})

test('counts a sale that turns a position round as if the exits had filled before it', () => {
  const turned = (...exits: Parameters<typeof order>[0][]): string => {
    const desk = new Desk({ maxPositionNotional: 1_000 })
    desk.hold(A, 10)
    for (const [i, exit] of exits.entries()) desk.work({ id: `o${i}`, side: 'sell', ...exit })
    return desk.ask({ side: 'sell', qty: 15 }, { held: 10 })
  }
  const stop = { qty: 10, role: 'stop' } as const
  const part = { qty: 5, reduceOnly: true } as const
  assert.deepEqual(
    [turned(), turned(part), turned(part, part), turned(stop), turned(stop, part)],
    ['passes', 'passes', ...Array<string>(3).fill('max-position-notional')],
  )
})

for (const changes of [
  { side: 'sell', qty: 11 },
  { side: 'buy', qty: 10 },
] as const) {
  test(`counts a reduce-only order to ${changes.side} ${changes.qty} against a holding of 10`, () => {
    const desk = new Desk({ maxExposureFraction: 0.25 })
    desk.hold(A, 10)
    desk.work({ id: 'odd', reduceOnly: true, ...changes })
    assert.equal(desk.ask(), 'max-exposure')
  })
}

test('counts a reduce-only order that there is nothing to reduce for', () => {
  const desk = new Desk({ maxExposureFraction: 0.15, maxPositions: 1 })
  desk.work({ id: 'odd', symbol: C, side: 'sell', qty: 0.02, reduceOnly: true })
  assert.equal(desk.ask(), 'max-positions')
})

test('counts fills that open a position as trades of the day, and no others', () => {
  const desk = new Desk({ maxTradesPerDay: 1 })
  desk.risk.onFill(desk.now, 0, 0, false)
  assert.equal(desk.ask(), 'passes')
  desk.risk.onFill(desk.now, 0, 0, true)
  assert.equal(desk.ask(), 'max-trades-per-day')
})

test('counts a position that is turned round as a trade of the day', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s sell 20                             > submit #2 sell 20 market
    10:00:04  filled #2 20 @ 100                    = s/AAPL position -10 @ 100
    10:00:05  s buy 20                              ! denied max-trades-per-day
    10:00:06  s buy 10                              > submit #3 buy 10 market
  `,
    { risk: { maxTradesPerDay: 2 } },
  )
})

test('lets what turns a position round fill in parts, and ends what else could open one', () => {
  const limits = { risk: { maxTradesPerDay: 2 } }
  const story = (more: string): string => `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s sell 20                             > submit #2 sell 20 market
    ${more}`
  scenario(
    story(`
    10:00:04  filled #2 15 @ 100                    = s/AAPL position -5 @ 100
    10:00:05  filled #2 5 @ 100                     = s/AAPL position -10 @ 100`),
    limits,
  )
  // The position is gone, and the rest would open a third one.
  scenario(
    story(`
    10:00:04  filled #2 15 @ 100
    10:00:05  s buy 5                               > submit #3 buy 5 market
    10:00:06  filled #3 5 @ 100                     > cancel #2`),
    limits,
  )
  const exit = 's sell 10 limit 105                 > submit #2 sell 10 limit 105'
  scenario(
    story(`
    10:00:04  filled #3 15 @ 100                    > cancel #2
    10:00:05  filled #3 5 @ 100                     = s/AAPL position -10 @ 100`)
      .replace('submit #2', 'submit #3')
      .replace('10:00:03', `10:00:02  ${exit}\n    10:00:03`),
    limits,
  )
})

test('counts what each lane of a symbol opens as a trade of the day', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 s buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  t buy 20                             > submit #2 t buy 20 market
    10:00:04  filled #2 20 @ 100                    = t/AAPL position 20 @ 100
    10:00:05  u buy 20                              ! denied u max-trades-per-day
  `,
    { risk: { maxTradesPerDay: 2 }, actors: { s: {}, t: {}, u: {} } },
  )
})

test('takes money that was moved for no loss, once, and only where it explains the cash', () => {
  const desk = new Desk()
  const peakOf = (): number => desk.risk.capture().drawdown.peaks[0]!.peak
  const { equity, cash } = desk.portfolio
  desk.risk.updateDrawdown(desk.now)
  assert.equal(peakOf(), equity)

  const old = { id: 'old', amount: money(5_000) }
  assert.equal(desk.risk.onTransfers([old], cash - 1), 0)
  assert.equal(peakOf(), equity)
  const half = { id: 'half', amount: money(-equity / 2) }
  assert.equal(desk.risk.onTransfers([old, half], cash - equity / 2 - 1), -equity / 2)
  assert.equal(desk.risk.onTransfers([half], cash - equity / 2 - 1), 0)
  assert.equal(peakOf(), equity / 2)
})

test('counts symbols with live entries as positions', () => {
  const entries = (limits: Partial<RiskLimits>): Desk => {
    const desk = new Desk(limits)
    desk.work({ id: 'c', symbol: C, qty: 0.01 })
    desk.work({ id: 'c2', symbol: C, qty: 0.02 })
    return desk
  }
  assert.equal(entries({ maxPositions: 1 }).ask(), 'max-positions')
  assert.equal(entries({ maxPositions: 2 }).ask(), 'passes')
})

test('counts what others of the account may open as positions, once a symbol', () => {
  const asked = (maxPositions: number, filled: number): string => {
    const desk = new Desk({ maxPositions })
    const instrument = desk.universe.at(C)
    const terms = { symbol: C, side: 'buy', avgPrice: 1, open: true } as const
    const qtys = { qty: instrument.qty(1), filled: instrument.qty(filled) }
    for (const venueId of ['x', 'y'])
      desk.externals.take({ venueId, ...terms, ...qtys }, instrument)
    return desk.ask()
  }
  assert.deepEqual([asked(1, 0), asked(2, 0), asked(1, 1)], ['max-positions', 'passes', 'passes'])
})

test('lets a symbol that is held or entered have more, at the most positions', () => {
  const desk = new Desk({ maxPositions: 2 })
  desk.hold(A, 1)
  desk.work({ id: 'c', symbol: C, qty: 0.01 })
  assert.deepEqual(
    [desk.ask(), desk.ask({ symbol: C, qty: 0.02 }), desk.ask({ symbol: B, qty: 1 })],
    ['passes', 'passes', 'max-positions'],
  )
})

test('counts each live order that may open a position as a trade of the day', () => {
  const asked = (maxTradesPerDay: number, ...works: Parameters<typeof order>[0][]): string => {
    const desk = new Desk({ maxTradesPerDay })
    desk.hold(A, 10)
    for (const [i, work] of works.entries()) desk.work({ id: `o${i}`, ...work })
    return desk.ask({ symbol: C, qty: 0.01 })
  }
  const adds = { qty: 5 }
  const turns = { side: 'sell', qty: 11 } as const
  const exits = { side: 'sell', qty: 10 } as const
  const leg = { ...exits, role: 'stop' } as const
  assert.deepEqual(
    [asked(1, leg), asked(1, exits), asked(1, adds), asked(1, turns), asked(1, exits, exits)],
    ['passes', 'passes', ...Array<string>(3).fill('max-trades-per-day')],
  )
  assert.deepEqual([asked(2, adds), asked(2, adds, turns)], ['passes', 'max-trades-per-day'])
})

test('counts an order that is to become another once among the trades of the day', () => {
  const desk = new Desk({ maxTradesPerDay: 1 })
  const replaces = desk.work({ id: 'quote', type: 'limit', limit: 99 })
  assert.deepEqual([desk.ask(), desk.ask({}, { replaces })], ['max-trades-per-day', 'passes'])
})

test('keeps to the trades of a day where two turn round, and where two lanes open at once', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 s buy 10 market
    10:00:02  t buy 10                              > submit #2 t buy 10 market
    10:00:03  u buy 10                              ! denied u max-trades-per-day
    10:00:04  filled #1 10 @ 100
    10:00:05  s sell 20                             ! denied s max-trades-per-day
    10:00:06  filled #2 10 @ 100
    10:00:07  s sell 10                             > submit #3 s sell 10 market
  `,
    { risk: { maxTradesPerDay: 2 }, actors: { s: {}, t: {}, u: {} } },
  )
})

test('an order that adds may open, and is none of more than the day has', () => {
  const story = `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  s buy 5 limit 97`
  scenario(`${story}                                ! denied max-trades-per-day`, {
    risk: { maxTradesPerDay: 1 },
  })
  const both = scenario(
    `${story}                                       > submit #3 buy 5 limit 97
    10:00:04  filled #2 10 @ 97
              filled #3 5 @ 97                      = position 5 @ 97
    10:00:05  s bracket buy 5 stop 95               ! denied max-trades-per-day
  `,
    { risk: { maxTradesPerDay: 2 } },
  )
  assert.equal(both.engine.capture().risk.tradesToday, 2)
})

test('ends what could open once more where a lane is flat and the trades of the day are used up', () => {
  const story = `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10 limit 100                    > submit #1 buy 10 limit 100
    10:00:02  filled #1 5 @ 100                     = position 5 @ 100
    10:00:03  s sell 5 limit 101                    > submit #2 sell 5 limit 101
    10:00:04  filled #2 5 @ 101`
  scenario(`${story}                                > cancel #1`, { risk: { maxTradesPerDay: 1 } })
  scenario(story, { risk: { maxTradesPerDay: 2 } })
})

test('takes only an equal live order of the same side and prices for a duplicate', () => {
  const twin = { type: 'limit', limit: 100 } as const
  const live = [order({ id: 'twin', ...twin })]
  const desk = new Desk()
  assert.deepEqual(
    [
      desk.ask(twin, { live }),
      desk.ask({ ...twin, limit: 99.5 }, { live }),
      desk.ask({ ...twin, side: 'sell' }, { live }),
      desk.ask({}, { live }),
      desk.ask({ type: 'stop', stop: 99 }, { live: [order({ type: 'stop', stop: 98 })] }),
      desk.ask(twin, { live: [order({ ...twin, phase: 'done' })] }),
      desk.ask(twin, { live: [order({ ...twin, role: 'target' })] }),
    ],
    ['duplicate', 'passes', 'passes', 'passes', 'passes', 'passes', 'passes'],
  )
})

// Time.

test('begins the counts of a day with the trading day of its calendar', () => {
  const desk = new Desk({ maxTradesPerDay: 1, maxDailyLoss: 300, tradingHours: 'always' })
  desk.risk.onFill(desk.now, -1_000, 0, true)
  const midnight = utc('2026-03-10 04:00')
  const ask = (at: Ms): string => {
    desk.now = at
    desk.portfolio.mark(A, 100, at)
    return desk.ask()
  }
  assert.equal(ask(plus(midnight, -1)), 'daily-loss')
  assert.equal(ask(midnight), 'passes')
})

test('begins a new day with the fill that comes first', () => {
  const desk = new Desk({ maxDailyLoss: 300 })
  desk.risk.onFill(desk.now, -250, 0, false)
  desk.now = plus(desk.now, DAY)
  desk.portfolio.mark(A, 100, desk.now)
  desk.risk.onFill(desk.now, -250, 0, false)
  assert.equal(desk.ask(), 'passes')
})

test('nets profits with losses and takes fees for losses', () => {
  const desk = new Desk({ maxDailyLoss: 300 })
  desk.risk.onFill(desk.now, -350, 0, false)
  desk.risk.onFill(desk.now, 100, 0, false)
  assert.equal(desk.ask(), 'passes')
  desk.risk.onFill(desk.now, 0, 50, false)
  assert.equal(desk.ask(), 'daily-loss')
})

test('frees an order of the rate after a minute', () => {
  const desk = new Desk({ ordersPerMinute: 1 })
  desk.ask()
  desk.now = plus(MONDAY_10, MINUTE - 1)
  assert.equal(desk.ask(), 'order-rate')
  desk.now = plus(MONDAY_10, MINUTE)
  assert.equal(desk.ask(), 'passes')
})

test('counts no denied order for the rate', () => {
  const desk = new Desk({ ordersPerMinute: 1 })
  for (let i = 0; i < 5; i++) desk.ask({ qty: 1.5 })
  assert.equal(desk.ask(), 'passes')
})

test('counts exits for the rate, and remembers no more of them than it needs', () => {
  const desk = new Desk({ ordersPerMinute: 3 })
  for (let i = 0; i < 1_000; i++) desk.ask(EXIT, { held: 10 })
  assert.equal(desk.risk.capture().orderTimes.length, 3)
  assert.equal(desk.ask(), 'order-rate')
})

test('remembers no order where there is no rate', () => {
  const desk = new Desk()
  for (let i = 0; i < 1_000; i++) desk.ask()
  assert.equal(desk.risk.capture().orderTimes.length, 0)
})

test('keeps the hours of each instrument', () => {
  const evening = (limits: Partial<RiskLimits>) => {
    const desk = new Desk({ staleAfterMs: Infinity, ...limits })
    desk.now = utc('2026-03-09 22:30')
    return [desk.ask(), desk.ask({ symbol: B, qty: 1 }), desk.ask({ symbol: C, qty: 0.01 })]
  }
  assert.deepEqual(evening({}), ['market-closed', 'passes', 'passes'])
  assert.deepEqual(evening({ tradingHours: 'extended' }), ['passes', 'passes', 'passes'])
  const desk = new Desk({ staleAfterMs: Infinity, tradingHours: 'always' })
  desk.now = utc('2026-03-07 12:00')
  assert.equal(desk.ask(), 'passes')
})

test('lets trading go on when what stopped it ends', () => {
  const desk = new Desk()
  for (const set of [
    (isOn: boolean) => desk.risk.state.setKillSwitch(isOn ? '' : null),
    (isOn: boolean) => desk.risk.state.setSafeMode(isOn ? '' : null),
    (isOn: boolean) => desk.risk.state.setPaused(isOn),
    (isOn: boolean) => desk.risk.state.setStream({ venue: SIM, stream: 'feed' }, !isOn),
  ]) {
    set(true)
    assert.notEqual(desk.ask(), 'passes')
    set(false)
    assert.equal(desk.ask(), 'passes')
  }
})

// Restart.

test('goes on after a restart as if there had been none', () => {
  const limits = { maxDailyLoss: 300, maxTradesPerDay: 3, ordersPerMinute: 2 }
  const prepared: readonly ((desk: Desk) => void)[] = [
    () => {},
    ({ risk }) => risk.state.setKillSwitch('why'),
    ({ risk }) => risk.state.setSafeMode('why'),
    ({ risk }) => risk.state.setPaused(true),
    ({ risk }) => risk.state.setStopping(true),
    ({ risk }) => risk.state.setStream({ venue: SIM, stream: 'feed' }, false),
    ({ risk, now }) => risk.onFill(now, -301, 0, false),
    ({ risk, now }) => [1, 2, 3].forEach(() => risk.onFill(now, 0, 0, true)),
    (desk) => [1, 2].forEach(() => desk.ask()),
    (desk) => {
      desk.risk.updateDrawdown(desk.now)
      desk.portfolio.setCash(9_300)
      desk.risk.updateDrawdown(desk.now)
    },
  ]
  for (const prepare of prepared) {
    const running = new Desk(limits)
    prepare(running)
    const restarted = new Desk(limits)
    restarted.risk.restore(JSON.parse(JSON.stringify(running.risk.capture())) as RiskState)
    restarted.portfolio.setCash(running.portfolio.cash)
    assert.deepEqual(restarted.risk.capture(), running.risk.capture())
    for (let i = 0; i < 3; i++) assert.equal(restarted.detail(), running.detail())
  }
})

test('a venue is down until all of its streams are up', () => {
  const desk = new Desk()
  desk.risk.state.setStream({ venue: SIM, stream: 'feed' }, false)
  desk.risk.state.setStream({ venue: SIM, stream: 'orders' }, false)
  desk.risk.state.setStream({ venue: SIM, stream: 'orders' }, true)
  assert.equal(desk.ask(), 'venue-down')
  desk.risk.state.setStream({ venue: SIM, stream: 'feed' }, true)
  assert.equal(desk.ask(), 'passes')
})

test('a feed that is down for some symbols stops those alone, until it is up for them or for all', () => {
  const feed = { venue: SIM, stream: 'feed' } as const
  const some = { ...feed, symbols: [A] }
  for (const back of [some, feed]) {
    const desk = new Desk()
    const asked = (): string[] => [desk.ask(), desk.ask({ symbol: C, qty: 0.01 })]
    desk.risk.state.setStream(some, false)
    assert.deepEqual(asked(), ['venue-down', 'passes'])
    assert.deepEqual([desk.risk.state.safety.down, desk.risk.state.safety.without], [[], [A]])
    const restarted = new Desk()
    restarted.risk.restore(JSON.parse(JSON.stringify(desk.risk.capture())) as RiskState)
    assert.equal(restarted.ask(), 'venue-down')
    desk.risk.state.setStream(feed, false)
    assert.deepEqual(asked(), ['venue-down', 'venue-down'])
    desk.risk.state.setStream(feed, true)
    desk.risk.state.setStream(some, false)
    desk.risk.state.setStream(back, true)
    assert.deepEqual(asked(), ['passes', 'passes'])
  }
})

test('an exit of a coin reduces although the difference of its parts is off the grid', () => {
  const instrument = universeOf(coin('BTC', { lotSize: 0.1 })).at(A)
  const live = [order({ side: 'sell', qty: 0.1, phase: 'open' })]
  const asker = { held: 0.3, live, isProtective: false }
  assert.equal(isReducing(instrument, request({ side: 'sell', qty: 0.2 }), asker), true)
  assert.equal(isReducing(instrument, request({ side: 'sell', qty: 0.3 }), asker), false)
})

// What the venue takes.

const COINS: TermsByKind = {
  crypto: {
    ...ANY,
    takes: { market: ['gtc', 'ioc'], limit: ['gtc'], 'stop-limit': ['gtc'] },
    postOnly: false,
    shorts: false,
  },
  equity: { ...ANY, fractions: false },
}
const lots = { symbol: C, qty: 0.01, tif: 'gtc' } as const

test('denies what the venue does not take of a kind, in words that say what it does', () => {
  const desk = new Desk({}, COINS)
  const limit = { type: 'limit', limit: 50_000 } as const
  for (const [wish, detail] of [
    [{ symbol: B }, 'sim takes no orders of futures (ES), but other kinds'],
    [
      { ...lots, type: 'stop', stop: 51_000 },
      'sim takes no stop orders of coins (BTC), but market, limit and stop-limit',
    ],
    [{ ...lots, tif: 'fok' }, 'sim takes no market orders fok of coins (BTC), but gtc and ioc'],
    [{ ...lots, ...limit, tif: 'ioc' }, 'sim takes no limit orders ioc of coins (BTC), but gtc'],
    [
      { ...lots, ...limit, postOnly: true },
      'sim takes no post-only orders of coins (BTC), but what may take as well',
    ],
    [lots, 'passes'],
    [{ symbol: A }, 'passes'],
  ] as const) {
    assert.equal(desk.detail(wish), detail)
  }
  const halves = new Desk({}, { equity: { ...ANY, fractions: false } })
  const half = halves.universe.add(share('HALF', { lotSize: 0.5 }))
  halves.portfolio.mark(half.id, 100, halves.now)
  assert.equal(
    halves.detail({ symbol: half.id, qty: 1.5 }),
    'sim takes no quantity of 1.5 of shares (HALF), but whole numbers',
  )
})

test('what the venue does not take may not leave to protect or to reduce either', () => {
  const desk = new Desk({}, COINS)
  const stop = { ...lots, side: 'sell', type: 'stop', stop: 49_000 } as const
  assert.equal(desk.ask(stop, { held: 0.01, isProtective: true }), 'not-taken')
  assert.equal(desk.ask({ ...lots, side: 'sell', tif: 'day' }, { held: 0.01 }), 'not-taken')
})

test('denies a sale of more than is held and in no other sale, where there are no shorts', () => {
  const sale = { ...lots, side: 'sell' } as const
  const desk = new Desk({}, COINS)
  assert.equal(
    desk.detail(sale),
    'sim takes no short sale of 0.01 of coins (BTC), but sales of what is free, which is 0',
  )
  desk.hold(C, 0.03)
  assert.equal(desk.ask(sale), 'passes', 'another lane holds them')
  const leg = desk.work({ ...sale, id: 's-r-1', type: 'limit', limit: 51_000, role: 'target' })
  desk.work({ ...sale, id: 's-r-2', type: 'limit', limit: 52_000 })
  assert.equal(desk.ask({ ...sale, qty: 0.02 }), 'not-taken')
  assert.equal(desk.ask({ ...sale, qty: 0.02 }, { replaces: leg }), 'passes')
  const instrument = desk.universe.at(C)
  const [qty, none] = [instrument.qty(0.01), instrument.qty(0)]
  const foreign = { venueId: 'x', symbol: C, side: 'sell', avgPrice: 0, open: true } as const
  desk.externals.take({ ...foreign, qty, filled: none }, instrument)
  assert.equal(desk.ask(sale), 'not-taken', 'somebody else sells the rest')
  assert.equal(desk.ask({ ...sale, qty: 0.03 }, { held: 0.03 }), 'passes', 'who wants out gets out')
  assert.equal(new Desk().ask(sale), 'passes', 'elsewhere it is a short')
})
