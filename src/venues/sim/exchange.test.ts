import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { orderId, symbolId, venueId } from '../../core/brand.ts'
import { equitySpec, type InstrumentSpec } from '../../core/instrument.ts'
import { HOUR, MINUTE, ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { type ExchangeState, SimExchange } from './exchange.ts'
import { coin, Stage, T0, VENUE } from './stage.ts'

const share = equitySpec('SHARE', VENUE)
const future: InstrumentSpec = {
  ...coin,
  symbol: 'FUTURE',
  kind: 'future',
  tickSize: 0.25,
  multiplier: 50,
}
const slip = { slippage: { type: 'ticks' as const, ticks: 5 } }
const touch = { queue: 'touch' as const }

/** Facts without the acceptances, where a test is about what follows them. */
const after = (stage: Stage): string[] =>
  stage.facts().filter((fact) => !fact.startsWith('accepted'))

describe('a market order', () => {
  test('that is sent at the close of a bar fills at the open of the next, worsened', () => {
    const stage = new Stage(slip).bar([100, 101, 99, 100])
    stage.submit({ id: 'a' }).bar([102, 103, 101, 102])
    assert.deepEqual(stage.facts(), ['accepted a', 'filled a 10 @ 102.05'])
  })
  test('never fills outside the range of its bar', () => {
    const stage = new Stage(slip).submit({ id: 'a' }).submit({ id: 'b', side: 'sell' })
    stage.bar([102, 102.02, 101.99, 102])
    assert.deepEqual(after(stage), ['filled a 10 @ 102.02', 'filled b 10 @ 101.99'])
  })
  test('that is sent within a bar waits for the next bar', () => {
    const stage = new Stage().wait(30_000).submit({ id: 'a' })
    stage.bar([100, 100, 100, 100], { start: ms(T0), lengthMs: 30_000 })
    assert.deepEqual(after(stage), [])
    assert.deepEqual(after(stage.bar([101, 101, 101, 101])), ['filled a 10 @ 101'])
  })
  test('fills at the next print after its arrival, one latency later', () => {
    const stage = new Stage().submit({ id: 'a' }).trade(49, 100).trade(1, 101).trade(1, 102)
    assert.deepEqual(stage.facts(), [])
    assert.deepEqual(stage.wait(48).facts(), [])
    assert.deepEqual(stage.wait(1).facts(), ['accepted a'])
    assert.deepEqual(stage.wait(1).facts(), ['filled a 10 @ 102'])
  })
  test('fills at the far side of the next quote', () => {
    const stage = new Stage()
      .quote(1, 99, 100)
      .submit({ id: 'a' })
      .submit({ id: 'b', side: 'sell' })
    stage.quote(51, 101, 102).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 102', 'filled b 10 @ 101'])
  })
  test('does not fill at a print that is stamped as it arrived, or heard late', () => {
    const stage = new Stage().trade(1, 100).submit({ id: 'a' }).wait(60)
    const trade = { symbol: symbolId(0), ts: ms(T0 + 51), price: 90, size: 10 }
    stage
      .fact({ type: 'trade', at: ms(T0 + 70), trade })
      .trade(1, 100)
      .wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 100'])
  })
  test('waits for a quote where the symbol has shown one', () => {
    const stage = new Stage().quote(1, 99, 100).submit({ id: 'a' }).trade(60, 99)
    stage.quote(1, 99, 100).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 100'])
  })
  test('meets no bar that repeats the prints of its symbol', () => {
    const stage = new Stage().trade(1, 100).submit({ id: 'a' })
    assert.deepEqual(after(stage.bar([100, 100, 100, 100])), [])
  })
  test('meets no bar that repeats the quotes of its symbol, also where the next one came before it', () => {
    const stage = new Stage().submit({ id: 'a', side: 'sell', stop: 90 }).wait(MINUTE)
    const start = ms(stage.now)
    stage.quote(MINUTE / 2, 99, 100).quote(MINUTE / 2, 99, 100)
    stage.bar([99, 99, 80, 99], { start, lengthMs: 0 })
    assert.deepEqual(after(stage), [])
  })
  test('meets no bar that repeats a print which came late, after the next one', () => {
    const stage = new Stage().submit({ id: 'a', side: 'sell', stop: 90 }).wait(MINUTE)
    const start = ms(stage.now)
    stage.trade(MINUTE, 99)
    const late = { symbol: symbolId(0), ts: ms(start + MINUTE / 2), price: 99, size: 1 }
    stage.fact({ type: 'trade', at: ms(stage.now), trade: late })
    stage.bar([99, 99, 80, 99], { start, lengthMs: 0 })
    assert.deepEqual(after(stage), [])
  })
  test('meets a bar again in which its symbol has shown neither print nor quote', () => {
    for (const show of [
      (stage: Stage) => stage.quote(1, 99, 100),
      (stage: Stage) => stage.trade(1, 100),
    ]) {
      const stage = show(new Stage()).submit({ id: 'a', side: 'sell', stop: 95 })
      stage.bar([99, 99, 94, 96])
      assert.deepEqual(after(stage), [])
      stage.bar([99, 99, 94, 96])
      assert.deepEqual(after(stage), ['filled a 10 @ 95'])
    }
  })
  test('meets a bar again where only the quote of its end has come, and knows it after a restart', () => {
    const stage = new Stage().quote(1, 99, 100).submit({ id: 'a', side: 'sell', stop: 95 })
    stage.until(T0 + 10 * MINUTE).quote(MINUTE, 99, 100)
    const captured = JSON.parse(JSON.stringify(stage.exchange.capture())) as ExchangeState
    const { finerBefore: _, ...older } = captured
    const start = ms(T0 + 10 * MINUTE)
    const at = ms(start + MINUTE)
    const prices = { open: 99, high: 99, low: 94, close: 96, volume: 1_000, trades: 0 }
    const bar = { symbol: symbolId(0), timeframe: '1m', start, ...prices } as const
    const phases = (state: ExchangeState) => {
      const exchange = new SimExchange(stage.universe, {
        venue: VENUE,
        cash: 1e5,
        participation: 1,
      })
      exchange.restore(state)
      exchange.observe({ type: 'bar', at, source: 'venue', bar })
      return exchange.take(at).map(({ type }) => type)
    }
    assert.deepEqual(phases(captured), ['order.filled'])
    // An older version did not remember: the quote of the end counts as inside, as it did there.
    assert.deepEqual(phases(older), [])
  })
  test('meets no coarser bar than the finest seen', () => {
    const stage = new Stage().bar([100, 100, 100, 100]).submit({ id: 'a' })
    stage.bar([100, 100, 100, 100], { timeframe: '5m', lengthMs: 5 * MINUTE })
    assert.deepEqual(after(stage), [])
  })
  test('meets no warm-up, no bar without volume, and none that was filled in', () => {
    const stage = new Stage().submit({ id: 'a' })
    stage.bar([100, 100, 100, 100], { source: 'warmup' })
    stage.bar([100, 100, 100, 100], { volume: 0 })
    stage.bar([100, 100, 100, 100], { filled: true })
    assert.deepEqual(after(stage), [])
  })
})

describe('a limit order', () => {
  test('fills at its limit when a bar goes beyond', () => {
    const stage = new Stage().submit({ id: 'a', limit: 99 }).bar([100, 101, 98, 100])
    assert.deepEqual(after(stage), ['filled a 10 @ 99'])
  })
  test('fills at the open where that is better', () => {
    const stage = new Stage().submit({ id: 'a', limit: 99 }).bar([100, 101, 100, 100])
    assert.deepEqual(after(stage.bar([97, 98, 96, 98])), ['filled a 10 @ 97'])
  })
  for (const [queue, fills] of [
    ['touch', 1],
    ['through', 0],
    ['volume', 0],
  ] as const) {
    test(`fills ${fills} times by '${queue}' when the low is its limit`, () => {
      const stage = new Stage({ queue }).submit({ id: 'a', limit: 99 }).bar([100, 101, 99, 100])
      assert.equal(after(stage).length, fills)
    })
    test(`fills ${fills} times by '${queue}' when a print is at its limit`, () => {
      const stage = new Stage({ queue }).trade(1, 100).submit({ id: 'a', limit: 99 })
      stage.trade(60, 100).trade(1, 99).wait(50)
      assert.equal(after(stage).length, fills)
    })
  }
  test('that rests fills at its limit, not at the print beyond it', () => {
    const stage = new Stage().trade(1, 100).submit({ id: 'a', limit: 99 })
    stage.trade(60, 100).trade(1, 98).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 99'])
  })
  test('fills no better than a later print that is still beyond it', () => {
    const stage = new Stage().trade(1, 101).submit({ id: 'a', limit: 100 }).trade(60, 101)
    stage.trade(1, 98, 4).trade(1, 99).wait(50)
    assert.deepEqual(after(stage), ['filled a 4 @ 100', 'filled a 6 @ 99'])
  })
  test('that is fresh takes what the market offers', () => {
    const stage = new Stage({ fees: { type: 'fraction', maker: 0, taker: 0.001 } })
    stage.quote(1, 99, 100).submit({ id: 'a', limit: 101 }).quote(60, 99, 100).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 100'])
    assert.equal(stage.cash, 100_000 - 1_000 - 1)
  })
  test('that rests pays the fee of a maker', () => {
    const stage = new Stage({ fees: { type: 'fraction', maker: -0.001, taker: 0.01 } })
    stage.submit({ id: 'a', limit: 100 }).bar([101, 101, 99, 100])
    assert.equal(stage.cash, 100_000 - 1_000 + 1)
  })
  test('slips no further than its limit', () => {
    const stage = new Stage(slip).submit({ id: 'a', limit: 100.02 }).bar([100, 101, 99, 100])
    assert.deepEqual(after(stage), ['filled a 10 @ 100.02'])
  })
  test('fills by volume after the size ahead of it has printed', () => {
    const stage = new Stage({ queue: 'volume' }).quote(1, 99, 100, [50, 50])
    stage.submit({ id: 'a', limit: 99 }).quote(60, 99, 100, [50, 50])
    assert.deepEqual(after(stage.trade(1, 99, 40).wait(50)), [])
    assert.deepEqual(after(stage.trade(1, 99, 16).wait(50)), ['filled a 6 @ 99'])
    assert.deepEqual(after(stage.trade(1, 99, 16).wait(50)), ['filled a 4 @ 99'])
  })
  test('moves up when a quote shows less ahead of it', () => {
    const stage = new Stage({ queue: 'volume' }).quote(1, 99, 100, [50, 50])
    stage.submit({ id: 'a', limit: 99 }).quote(60, 99, 100, [5, 50]).trade(1, 99, 8).wait(50)
    assert.deepEqual(after(stage), ['filled a 3 @ 99'])
  })
})

describe('a post-only order', () => {
  test('is rejected where the last quote would take it', () => {
    const stage = new Stage().quote(1, 99, 100).submit({ id: 'a', limit: 100, postOnly: true })
    assert.deepEqual(stage.wait(100).facts(), [
      'rejected a: order a is post-only and would take at 100',
    ])
  })
  test('is canceled where its first bar opens beyond it', () => {
    const stage = new Stage()
      .bar([100, 100, 100, 100])
      .submit({ id: 'a', limit: 99, postOnly: true })
    assert.deepEqual(after(stage.bar([98, 99, 97, 98])), ['canceled a'])
  })
  test('makes at its limit', () => {
    const stage = new Stage().quote(1, 99, 100).submit({ id: 'a', limit: 99.5, postOnly: true })
    assert.deepEqual(after(stage.quote(60, 98, 99).wait(50)), ['filled a 10 @ 99.5'])
  })
})

describe('a stop order', () => {
  const stopped = (bar: readonly [number, number, number, number]) =>
    after(new Stage(slip).submit({ id: 'a', side: 'sell', stop: 99 }).bar(bar))
  test('fills at its stop, worsened, when a bar touches it', () => {
    assert.deepEqual(stopped([100, 101, 98, 100]), ['filled a 10 @ 98.95'])
  })
  test('fills at the open when the market gaps over it', () => {
    assert.deepEqual(stopped([97, 98, 96, 98]), ['filled a 10 @ 96.95'])
  })
  test('is touched by a low that equals it, and fills no lower', () => {
    assert.deepEqual(stopped([100, 101, 99, 100]), ['filled a 10 @ 99'])
  })
  test('sleeps while the market stays above', () => {
    assert.deepEqual(stopped([100, 101, 99.01, 100]), [])
  })
  test('is triggered by a print and fills at the next', () => {
    const stage = new Stage().trade(1, 100).submit({ id: 'a', side: 'sell', stop: 99 })
    stage.trade(60, 99).trade(1, 97).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 97'])
  })
  test('is triggered by a quote and takes it', () => {
    const stage = new Stage().submit({ id: 'a', side: 'sell', stop: 99 })
    assert.deepEqual(after(stage.quote(60, 98, 100).wait(50)), ['filled a 10 @ 98'])
  })
  test('with a limit fills within its bar only if the close proves it', () => {
    const limit = { id: 'a', side: 'sell', stop: 99, limit: 98.5 } as const
    const proved = new Stage().submit(limit).bar([100, 101, 98, 98.6])
    assert.deepEqual(after(proved), ['filled a 10 @ 98.5'])
    const open = new Stage().submit(limit).bar([100, 101, 97, 98])
    assert.deepEqual(after(open), [])
    assert.deepEqual(after(open.bar([98, 99, 98, 98])), ['filled a 10 @ 98.5'])
  })
})

describe('size', () => {
  test('is a share of the volume, in lots, for all orders together, the eager and the early first', () => {
    const stage = new Stage({ participation: 0.1 })
    stage.submit({ id: 'l', limit: 99 }).submit({ id: 'b' }).submit({ id: 'c' })
    assert.deepEqual(after(stage.bar([100, 101, 98, 100], { volume: 159 })), [
      'filled b 10 @ 100',
      'filled c 5 @ 100',
    ])
    assert.deepEqual(after(stage.bar([100, 101, 98, 100], { volume: 100 })), [
      'filled c 5 @ 100',
      'filled l 5 @ 99',
    ])
  })
  test('ioc takes what its first chance gives', () => {
    const stage = new Stage().submit({ id: 'a', tif: 'ioc' })
    const facts = after(stage.bar([100, 101, 98, 100], { volume: 4 }))
    assert.deepEqual(facts, ['filled a 4 @ 100', 'canceled a'])
  })
  test('ioc with a limit that is not reached at the open is canceled', () => {
    const stage = new Stage().submit({ id: 'a', tif: 'ioc', limit: 99 })
    assert.deepEqual(after(stage.bar([100, 101, 98, 100])), ['canceled a'])
  })
  test('fok takes all or nothing', () => {
    const none = new Stage().submit({ id: 'a', tif: 'fok' }).bar([100, 101, 98, 100], { volume: 9 })
    assert.deepEqual(after(none), ['canceled a'])
    const all = new Stage().submit({ id: 'a', tif: 'fok' }).bar([100, 101, 98, 100], { volume: 10 })
    assert.deepEqual(after(all), ['filled a 10 @ 100'])
  })
})

describe('time in force', () => {
  const day = { id: 'a', limit: 50, tif: 'day' } as const
  const close = T0 + 6 * HOUR
  test('a day order expires at the close of its session', () => {
    const stage = new Stage({}, [share]).submit(day).until(close + 49)
    assert.deepEqual(after(stage), [])
    assert.deepEqual(after(stage.wait(1)), ['expired a'])
  })
  test('a day order expires also when another has ended before', () => {
    const stage = new Stage({}, [share])
      .submit({ ...day, id: 'b' })
      .submit(day)
      .wait(100)
    stage.cancel('b').until(close + 50)
    assert.deepEqual(after(stage), ['canceled b', 'expired a'])
  })
  test('the last bar of the session comes before the expiry', () => {
    const stage = new Stage({}, [share]).submit(day).until(close - MINUTE)
    assert.deepEqual(after(stage.bar([51, 51, 49, 50])), ['filled a 10 @ 50'])
  })
  test('a day order that comes outside a session belongs to the next', () => {
    const stage = new Stage({}, [share])
      .until(close)
      .submit(day)
      .until(close + 24 * HOUR + 49)
    assert.deepEqual(after(stage), [])
    assert.deepEqual(after(stage.wait(1)), ['expired a'])
  })
  test('a day order meets the daily bar that holds its session', () => {
    const midnight = T0 - 10 * HOUR
    const stage = new Stage({}, [share])
    const daily = { timeframe: '1d', lengthMs: 24 * HOUR } as const
    stage.now = midnight
    stage.bar([60, 60, 60, 60], daily).submit({ ...day, limit: 70 })
    assert.deepEqual(after(stage.bar([60, 60, 60, 60], daily)), ['filled a 10 @ 60'])
  })
  test('data outside the session fill nothing, and the order waits', () => {
    const stage = new Stage({}, [share]).until(close).submit({ id: 'a' })
    assert.deepEqual(after(stage.bar([60, 60, 60, 60]).trade(1, 60).wait(50)), [])
    stage.until(close + 17.5 * HOUR)
    assert.deepEqual(after(stage.trade(0, 61).wait(50)), ['filled a 10 @ 61'])
  })
  test('an instrument that expires ends its orders and takes no more', () => {
    const stage = new Stage({}, [{ ...coin, expiry: ms(T0 + HOUR) }]).submit({ id: 'a', limit: 9 })
    stage
      .until(T0 + HOUR + 50)
      .submit({ id: 'b' })
      .wait(100)
    assert.deepEqual(after(stage), [
      'expired a',
      'rejected b: order b is for COIN, which has expired',
    ])
  })
})

describe('reduce-only', () => {
  const long = (options = {}) =>
    new Stage(options).submit({ id: 'in', qty: 4 }).bar([100, 100, 100, 100])
  test('is rejected where there is nothing to reduce', () => {
    const stage = new Stage().submit({ id: 'a', side: 'sell', reduceOnly: true }).wait(100)
    assert.deepEqual(after(stage), ['rejected a: order a would not reduce the position of COIN'])
  })
  test('is sized down to the position, and the rest canceled', () => {
    const stage = long().submit({ id: 'a', side: 'sell', reduceOnly: true })
    stage.bar([100, 100, 100, 100])
    assert.deepEqual(after(stage).slice(1), ['filled a 4 @ 100', 'canceled a'])
    assert.equal(stage.position, 0)
  })
  test('stop and target in one bar: the stop fills, the target is canceled', () => {
    const stage = long(touch)
    stage.submit({ id: 't', side: 'sell', qty: 4, limit: 105, reduceOnly: true })
    stage.submit({ id: 's', side: 'sell', qty: 4, stop: 95, reduceOnly: true })
    stage.bar([100, 110, 90, 100])
    assert.deepEqual(after(stage).slice(1), ['filled s 4 @ 95', 'canceled t'])
  })
})

describe('a bracket', () => {
  const stop = { id: 's', side: 'sell', stop: 95 } as const
  const target = { id: 't', side: 'sell', limit: 105 } as const
  test('holds its legs until the entry fills', () => {
    const stage = new Stage().submit({ id: 'e', limit: 90 }, stop, target)
    stage.bar([100, 110, 91, 100])
    assert.deepEqual(stage.facts(), ['accepted e', 'accepted s', 'accepted t'])
  })
  test('whose entry filled at the open stops before it wins, in one bar', () => {
    const stage = new Stage().submit({ id: 'e' }, stop, target).bar([100, 110, 90, 100])
    assert.deepEqual(after(stage), ['filled e 10 @ 100', 'filled s 10 @ 95', 'canceled t'])
  })
  test('whose entry filled at the open may win in that bar', () => {
    const stage = new Stage().submit({ id: 'e' }, stop, target).bar([100, 110, 96, 100])
    assert.deepEqual(after(stage), ['filled e 10 @ 100', 'filled t 10 @ 105', 'canceled s'])
  })
  test('whose entry filled within the bar does not win in that bar, but loses', () => {
    const win = new Stage().submit({ id: 'e', limit: 98 }, stop, target).bar([100, 110, 96, 100])
    assert.deepEqual(after(win), ['filled e 10 @ 98'])
    const lose = new Stage().submit({ id: 'e', limit: 98 }, stop, target).bar([100, 110, 94, 100])
    assert.deepEqual(after(lose), ['filled e 10 @ 98', 'filled s 10 @ 95', 'canceled t'])
  })
  test('whose entry fills on within a bar wins in it with what it had before, and no more', () => {
    const stage = new Stage().submit({ id: 'e', limit: 98 }, stop, target)
    stage.bar([100, 100, 97, 99], { volume: 4 }).facts()

    const facts = after(stage.bar([100, 110, 97, 100]))

    assert.deepEqual(
      facts.filter((fact) => fact.startsWith('filled')),
      ['filled e 6 @ 98', 'filled t 4 @ 105'],
    )
    assert.deepEqual(after(stage.bar([104, 106, 104, 105])), ['filled t 6 @ 105', 'canceled s'])
  })
  test('stops first on later bars too, unless the open is beyond the target', () => {
    const later = () => new Stage().submit({ id: 'e' }, stop, target).bar([100, 100, 100, 100])
    assert.deepEqual(after(later().bar([100, 110, 90, 100])).slice(1), [
      'filled s 10 @ 95',
      'canceled t',
    ])
    assert.deepEqual(after(later().bar([106, 110, 90, 100])).slice(1), [
      'filled t 10 @ 106',
      'canceled s',
    ])
  })
  test('sizes its legs by what the entry has filled', () => {
    const stage = new Stage().submit({ id: 'e', limit: 99 }, stop, target)
    assert.deepEqual(after(stage.bar([100, 100, 98, 100], { volume: 4 })), [
      'filled e 4 @ 99',
      'amended s qty 4',
      'amended t qty 4',
    ])
    assert.deepEqual(after(stage.bar([100, 100, 98, 100])), [
      'filled e 6 @ 99',
      'amended s qty 10',
      'amended t qty 10',
    ])
  })
  test('shrinks one leg by the fill of the other, and ends the entry', () => {
    const stage = new Stage().submit({ id: 'e', limit: 99 }, stop, target)
    stage.bar([100, 100, 98, 100], { volume: 8 })
    stage.facts()
    assert.deepEqual(after(stage.bar([104, 106, 104, 105], { volume: 3 })), [
      'filled t 3 @ 105',
      'canceled e',
      'amended s qty 5',
    ])
    assert.deepEqual(after(stage.bar([94, 94, 94, 94])), ['filled s 5 @ 94', 'canceled t'])
    assert.equal(stage.position, 0)
  })
  test('cancels its legs with an entry that ends unfilled', () => {
    const stage = new Stage().submit({ id: 'e', limit: 9 }, stop, target).wait(100).cancel('e')
    assert.deepEqual(after(stage.wait(100)), ['canceled e', 'canceled s', 'canceled t'])
  })
  test('cancels its legs with an entry that is rejected', () => {
    const stage = new Stage().submit({ id: 'e', qty: 0.5 }, stop, target).wait(100)
    assert.deepEqual(stage.facts(), [
      'rejected e: order e has quantity 0.5',
      'canceled s',
      'canceled t',
    ])
  })
  test('lets its stop be moved but not resized', () => {
    const stage = new Stage().submit({ id: 'e' }, stop, target).bar([100, 100, 100, 100])
    stage.amend('s', { stop: 98 }).amend('s', { qty: 3 }).bar([100, 100, 97, 100])
    assert.deepEqual(after(stage).slice(1), [
      'amended s stop 98',
      'refused s: order s is a leg, which is sized by its entry',
      'filled s 10 @ 98',
      'canceled t',
    ])
  })
  test('is refused where brackets are emulated', () => {
    const stage = new Stage({ brackets: 'emulated' }).submit({ id: 'e' }, stop).wait(100)
    assert.deepEqual(stage.facts(), [
      'rejected e: order e brings legs, and this venue has no brackets',
      'canceled s',
    ])
  })
})

describe('cancel and amend', () => {
  test('a cancel ends an order, and a second one is refused', () => {
    const stage = new Stage().submit({ id: 'a', limit: 9 }).wait(100).cancel('a').cancel('a')
    assert.deepEqual(after(stage.wait(100)), ['canceled a', 'refused a: order a is not live'])
  })
  test('a cancel that crosses a fill loses', () => {
    const stage = new Stage().trade(1, 100).submit({ id: 'a', limit: 99 }).wait(100).cancel('a')
    stage.trade(50, 98).wait(50)
    assert.deepEqual(after(stage), ['filled a 10 @ 98', 'refused a: order a is not live'])
  })
  test('an amend changes price and quantity', () => {
    const stage = new Stage().submit({ id: 'a', limit: 90 }).bar([100, 100, 99, 100])
    stage.amend('a', { limit: 99, qty: 12 }).bar([100, 100, 98, 100])
    assert.deepEqual(after(stage), ['amended a qty 12 limit 99', 'filled a 12 @ 99'])
  })
  test('an amend to a price that the market offers takes', () => {
    const stage = new Stage({ fees: { type: 'fraction', maker: 0, taker: 0.001 } })
    stage.submit({ id: 'a', limit: 90 }).quote(60, 99, 100).amend('a', { limit: 101 })
    assert.deepEqual(after(stage.quote(60, 99, 100).wait(50)).at(-1), 'filled a 10 @ 100')
    assert.equal(stage.cash, 100_000 - 1_000 - 1)
  })
  test('an amend to a better price meets no bar that began before it was sent', () => {
    const stage = new Stage().submit({ id: 'a', limit: 90 }).wait(30_000).amend('a', { limit: 110 })
    stage.bar([100, 100, 99, 100], { start: ms(T0), lengthMs: 30_000 })
    assert.deepEqual(after(stage), ['amended a limit 110'])
  })
  test('an amend of what is done, off the grid or below what is filled is refused', () => {
    const stage = new Stage().submit({ id: 'a', limit: 99 }).bar([100, 100, 98, 100], { volume: 4 })
    stage.facts()
    stage.amend('b', { qty: 1 }).amend('a', { limit: 1.001 }).amend('a', { limit: NaN })
    stage.amend('a', { qty: 4 }).wait(100)
    assert.deepEqual(stage.facts(), [
      'refused b: order b is not live',
      'refused a: order a has price 1.001 off the grid',
      'refused a: order a has price NaN off the grid',
      'refused a: order a has filled 4 and cannot have quantity 4',
    ])
  })
  test('a larger quantity goes to the back of the queue, a smaller one stays', () => {
    const stage = new Stage()
      .submit({ id: 'a', limit: 99 })
      .submit({ id: 'b', limit: 99 })
      .wait(100)
    stage.amend('a', { qty: 9 }).bar([100, 100, 98, 100], { volume: 1 })
    assert.deepEqual(after(stage), ['amended a qty 9', 'filled a 1 @ 99'])
    stage.amend('a', { qty: 11 }).bar([100, 100, 98, 100], { volume: 1 })
    assert.deepEqual(after(stage), ['amended a qty 11', 'filled b 1 @ 99'])
  })
})

describe('the venue', () => {
  for (const [name, wish, why] of [
    ['an unknown symbol', { symbol: 7 }, 'is for symbol 7, which is unknown'],
    ['a quantity off the grid', { qty: 1.5 }, 'has quantity 1.5'],
    ['a quantity of 0', { qty: 0 }, 'has quantity 0'],
    ['a price off the grid', { limit: 1.001 }, 'has price 1.001 off the grid'],
    ['a missing limit', { type: 'limit' }, 'is limit with limit undefined'],
    ['a missing stop', { type: 'stop' }, 'is stop with stop undefined'],
    ['too small a value', { limit: 0.5, qty: 1 }, 'is worth 0.5, less than 5'],
  ] as const) {
    test(`rejects ${name}`, () => {
      const stage = new Stage({}, [{ ...coin, minNotional: 5 }]).submit({ id: 'a', ...wish })
      assert.deepEqual(stage.wait(100).facts(), [`rejected a: order a ${why}`])
    })
  }
  test('executes no id twice', () => {
    const stage = new Stage().submit({ id: 'a' }).submit({ id: 'a' }).bar([100, 100, 100, 100])
    stage.submit({ id: 'a' }).bar([100, 100, 100, 100])
    const again = 'rejected a: order a was sent before'
    assert.deepEqual(stage.facts(), ['accepted a', again, 'filled a 10 @ 100', again])
    assert.equal(stage.position, 10)
  })
  test('says nothing of a fill before it has said that it accepted', () => {
    const stage = new Stage({ latency: { entryMs: 1, responseMs: 500 } }).submit({ id: 'a' })
    stage.bar([100, 100, 100, 100], { timeframe: '1s', lengthMs: 400 })
    assert.deepEqual(stage.facts(), [])
    assert.deepEqual(stage.wait(101).facts(), ['accepted a', 'filled a 10 @ 100'])
  })
  test('dates no answer before the driver that comes late for it', () => {
    const stage = new Stage()
    stage.submit({ id: 'a', limit: 9 })
    const facts = stage.exchange.take(ms(T0 + HOUR))
    assert.deepEqual(
      facts.map(({ at }) => at),
      [T0 + HOUR],
    )
  })
  test('does what was due within a bar before the bar, though the driver comes late', () => {
    const { exchange } = new Stage().submit({ id: 'a' })
    const known = { symbol: symbolId(0), timeframe: '1m', start: ms(T0), trades: 0 } as const
    const bar = { ...known, open: 100, high: 101, low: 99, close: 100, volume: 100 }
    exchange.observe({ type: 'bar', at: ms(T0 + MINUTE), source: 'venue', bar })
    const facts = exchange.take(ms(T0 + MINUTE)).map(({ type }) => type)
    assert.deepEqual(facts, ['order.accepted', 'order.filled'])
  })
  test('opens the account with the first take, and knows nothing else to do', () => {
    const exchange = new SimExchange(new Universe([coin]), { venue: VENUE, cash: 5 })
    assert.equal(exchange.nextAt(), Infinity)
    assert.deepEqual(exchange.take(ms(T0)), [
      { type: 'account', at: T0, venue: VENUE, equity: 5, cash: 5, buyingPower: 5 },
    ])
    assert.equal(exchange.take(ms(T0)), exchange.take(ms(T0 + 1)))
  })
  test('names the time of all that it has to do', () => {
    const stage = new Stage().submit({ id: 'a', limit: 9, tif: 'day' })
    const { exchange } = stage
    assert.equal(exchange.nextAt(), T0 + 50)
    stage.until(T0 + 50)
    assert.equal(exchange.nextAt(), T0 + 100)
    stage.until(T0 + 100)
    assert.equal(exchange.nextAt(), T0 + 10 * HOUR)
    stage.cancel('a').wait(100)
    assert.equal(exchange.nextAt(), Infinity)
  })
  test('moves only profit and fees in the cash of a future', () => {
    const stage = new Stage({ fees: { type: 'per-contract', perContract: 2 } }, [future])
    stage.submit({ id: 'a', qty: 2 }).bar([4_000, 4_000, 4_000, 4_000])
    assert.equal(stage.cash, 100_000 - 4)
    stage.submit({ id: 'b', qty: 2, side: 'sell' }).bar([4_010, 4_010, 4_010, 4_010])
    assert.equal(stage.cash, 100_000 - 8 + 2 * 10 * 50)
  })
  test('reports orders, fills, positions and account', () => {
    const stage = new Stage().submit({ id: 'a' }).submit({ id: 'b', limit: 9 })
    stage.bar([100, 100, 100, 101])
    assert.deepEqual(stage.exchange.report(ms(stage.now)), {
      at: stage.now,
      orders: [
        { id: 'a', venueId: 'v1', symbol: 0, side: 'buy', qty: 10, filled: 10, open: false },
        {
          id: 'b',
          venueId: 'v2',
          symbol: 0,
          side: 'buy',
          qty: 10,
          filled: 0,
          open: true,
          limit: 9,
        },
      ],
      fills: [{ id: 'f1', order: 'v1', qty: 10, price: 100, ts: T0 + 50 }],
      positions: [{ symbol: 0, qty: 10, avgPrice: 100 }],
      account: { equity: 100_010, cash: 99_000, buyingPower: 99_000 },
    })
  })
  test('refuses a batch for another venue, one too long, and a latency of 0', () => {
    const { exchange } = new Stage({ batch: 1 })
    const command = { type: 'cancel', id: orderId('a'), symbol: symbolId(0) } as const
    const batch = { venue: VENUE, kind: 'cancel', commands: [command, command] } as const
    assert.throws(() => exchange.execute(batch, ms(T0)), /holds at most 1/)
    const astray = { ...batch, venue: venueId('other'), commands: [] }
    assert.throws(() => exchange.execute(astray, ms(T0)), /does not reach sim/)
    assert.throws(() => new Stage({ latency: { entryMs: 0, responseMs: 1 } }), /entryMs/)
  })
})
