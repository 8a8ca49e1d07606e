// The market maker: where it quotes, when it quotes less, and when it withdraws.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { money } from '../core/instrument.ts'
import type { Quote } from '../core/market.ts'
import { ms } from '../core/time.ts'
import { A, coin, filled, future, MONDAY_10, order, quote } from '../testing/builders.ts'
import { type ScenarioOptions, Stage } from '../testing/scenario.ts'
import { breakerOf, guardOf, killOf, modeAfter } from './maker/guards.ts'
import { BLANK, type Memory, withFill, withMid } from './maker/memory.ts'
import { ladderOf, microprice, type View } from './maker/quoters.ts'
import { widthAfter } from './maker/width.ts'
import { marketMaker } from './market-maker.ts'

const P = { ...marketMaker.params.parse({}), qty: 1 }
const NOW = MONDAY_10
const top = (changes: Partial<Quote> = {}): Quote =>
  quote({ bid: 9_999, ask: 10_001, bidSize: 10, askSize: 10, ...changes })
const view = (changes: Partial<View> = {}): View => ({
  quote: top(),
  volatilityBps: 0,
  inventoryPercent: 0,
  width: 1,
  scale: 1,
  ...changes,
})
const first = (changes: Partial<View>, p = P): readonly number[] => {
  const { bids, asks } = ladderOf(view(changes), p)
  return [bids[0]!.price, asks[0]!.price].map((price) => Math.round(price * 100) / 100)
}

describe('quoters', () => {
  test('the edge quoter stands a round trip of fees and a buffer away', () => {
    // 1 + 1 + 2 basis points of 10000.
    assert.deepEqual(first({}), [9_996, 10_004])
  })

  test('the edge quoter stands further away where the market moves more', () => {
    assert.deepEqual(first({ volatilityBps: 20 }), [9_990, 10_010])
  })

  test('both quotes are lower while long, and higher while short', () => {
    const flat = first({})
    const long = first({ inventoryPercent: 20 })
    const short = first({ inventoryPercent: -20 })
    assert.deepEqual(long, [9_994, 10_002])
    assert.deepEqual(short, [9_998, 10_006])
    assert.ok(long[0]! < flat[0]! && long[1]! < flat[1]!)
    assert.ok(short[0]! > flat[0]! && short[1]! > flat[1]!)
  })

  test('the skew has a limit, and quotes never cross the market', () => {
    const { bids, asks } = ladderOf(view({ inventoryPercent: 100_000 }), P)
    assert.equal(Math.round(bids[0]!.price), 9_966)
    assert.equal(asks[0]!.price, 10_001)
  })

  test('levels step away, and hold a fifth less each', () => {
    const { bids } = ladderOf(view({ scale: 0.5 }), P)
    assert.deepEqual(
      bids.map(({ price, qty }) => [Math.round(price * 10) / 10, qty]),
      [
        [9_996, 0.5],
        [9_995.5, 0.4],
        [9_995, 0.3],
      ],
    )
  })

  test('the volatility quoter has a spread between its limits, and drops levels that are too tight', () => {
    const p = { ...P, quoter: 'volatility' as const }
    assert.equal(ladderOf(view({ volatilityBps: 1 }), p).bids.length, 2)
    // 95 % of 10 is a spread of 9.5; the first level is 0.4 of it away.
    assert.deepEqual(first({ volatilityBps: 10 }, p), [9_996.2, 10_003.8])
    assert.deepEqual(first({ volatilityBps: 1_000 }, p), [9_990, 10_010])
  })

  test('the microprice is nearer to the side that shows less', () => {
    assert.equal(microprice(top({ bidSize: 30, askSize: 10 })), 10_000.5)
  })
})

describe('guards', () => {
  const after = (changes: Partial<Memory>): Memory => ({ ...BLANK, mid: 100, ...changes })
  const level = (changes: Partial<Memory>, inventory = 0): string =>
    guardOf(after(changes), { now: NOW, inventory }, P).level
  const moves = (size: number) => Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? size : -size))
  const takers = (count: number) =>
    Array.from({ length: count }, () => ({ at: NOW - 1_000, isTaker: true, edgeBps: 0 }))

  test('each signal has a soft and a hard limit, and the hardest wins', () => {
    assert.equal(level({}), 'none')
    assert.deepEqual(
      [level({ changes: moves(15) }), level({ changes: moves(25) })],
      ['soft', 'hard'],
    )
    const slow = (ms: number) => ({ latencies: Array.from({ length: 9 }, () => ms) })
    assert.deepEqual([level(slow(301)), level(slow(451))], ['soft', 'hard'])
    assert.deepEqual([level({}, 0.07), level({}, 0.11)], ['soft', 'hard'])
    assert.deepEqual([level({ fills: takers(12) }), level({ fills: takers(20) })], ['soft', 'hard'])
    assert.equal(level({ changes: moves(15), fills: takers(20) }), 'hard')
  })

  test('the profit score is of deviations, and not of money', () => {
    const profits = (end: number) => [...Array.from({ length: 59 }, (_, i) => i % 2), end]
    assert.equal(level({ profits: profits(0) }), 'none')
    assert.equal(level({ profits: profits(-0.5) }), 'soft')
    assert.equal(level({ profits: profits(-5) }), 'hard')
  })

  test('the loss of the day and twice it as a drawdown end it', () => {
    assert.equal(killOf(after({ cash: -299 }), P), undefined)
    assert.match(killOf(after({ cash: -300 }), P)!, /the loss of the day is 300/)
    assert.match(
      killOf(after({ cash: 100, dayProfit: 100, profits: [750] }), P)!,
      /the drawdown is 650/,
    )
  })

  test('the breaker opens at half refusals, probes after half a minute, and closes when five were taken', () => {
    const refusals = Array.from({ length: 5 }, (_, i) => NOW + i)
    const state = after({ refusals, acceptances: [NOW, NOW] })
    assert.equal(breakerOf(state, ms(NOW + 10)), 'open')
    assert.equal(breakerOf(state, NOW + 30_010), 'probing')
    const taken = Array.from({ length: 5 }, (_, i) => NOW + 30_010 + i)
    assert.equal(breakerOf({ ...state, acceptances: taken }, NOW + 30_020), 'closed')
    assert.equal(breakerOf({ ...state, refusals: refusals.slice(1) }, NOW + 10), 'closed')
  })
})

describe('modes', () => {
  const window = (memory: Memory, riskRatio = 0): Memory => {
    const { why: _why, ...next } = modeAfter(memory, { now: NOW, riskRatio }, P)
    return { ...memory, ...next }
  }
  const slow = { ...BLANK, latencies: Array.from({ length: 9 }, () => 400) }

  test('warnings in a row halve it, and good windows bring it back', () => {
    const once = window(slow)
    const twice = window(once)
    assert.deepEqual([once.mode, twice.mode], ['active', 'cooldown'])
    const quick = window({ ...twice, latencies: [] })
    assert.deepEqual([quick.mode, window(quick).mode], ['cooldown', 'active'])
  })

  test('anything critical freezes it until 24 windows in a row were good', () => {
    let memory = window(BLANK, 0.41)
    assert.equal(memory.mode, 'frozen')
    for (let i = 0; i < 23; i++) memory = window(memory)
    assert.equal(memory.mode, 'frozen')
    memory = window({ ...slow, ...memory, latencies: slow.latencies })
    for (let i = 0; i < 23; i++) memory = window({ ...memory, latencies: [] })
    assert.equal(memory.mode, 'frozen')
    assert.equal(window(memory).mode, 'active')
  })

  test('ten fills with less than the least edge are critical', () => {
    const fills = (edgeBps: number) =>
      Array.from({ length: 10 }, () => ({ at: NOW, isTaker: false, edgeBps }))
    assert.equal(window({ ...BLANK, fills: fills(2.4) }).mode, 'frozen')
    assert.equal(window({ ...BLANK, fills: fills(2.5) }).mode, 'active')
  })
})

describe('width', () => {
  const at = (memory: Memory, volatilityBps: number, now = NOW) =>
    widthAfter(memory, { now, volatilityBps, size: 10, thin: 0 })

  test('it grows with the market by a step at a time, to a limit', () => {
    let memory: Memory = BLANK
    const seen = []
    for (let i = 1; i <= 9; i++) {
      memory = { ...memory, ...at(memory, 50, ms(NOW + i * 200)) }
      seen.push(Math.round(memory.width * 10) / 10)
    }
    assert.deepEqual(seen, [1.2, 1.4, 1.6, 1.8, 1.9, 1.9, 1.9, 1.9, 1.9])
  })

  test('it stays for a moment', () => {
    const once = { ...BLANK, ...at(BLANK, 50) }
    assert.equal(at(once, 50, ms(NOW + 199)).width, once.width)
  })
})

test('a fill is measured against the mid of its moment, fees included', () => {
  const memory = withMid(BLANK, 100, NOW)
  const bought = withFill(
    memory,
    order({ id: 'a', side: 'buy', postOnly: true }),
    { qty: 10, price: 99.9, fee: money(0.0999) },
    NOW,
  )
  const [fill] = bought.fills
  assert.equal(fill?.isTaker, false)
  assert.equal(Math.round(fill.edgeBps * 100) / 100, 9)
  assert.equal(bought.qty, 10)
})

const COIN: ScenarioOptions = {
  symbols: [coin('BTC', { tickSize: 0.1, lotSize: 0.001 })],
  actors: {
    mm: {
      strategy: marketMaker,
      params: {
        levels: 1,
        notional: 10_000,
        maxPosition: 50_000,
        softInventory: 1,
        hardInventory: 1,
      },
    },
  },
}
const play = (story: string): Stage => new Stage(COIN).play(story)
const QUOTED = `
  10:00:00  quote BTC 9999.5 x 10000.5                 > submit #1 buy 1 limit 9996.4 gtc post-only
                                                       > submit #2 sell 1 limit 10003.5 gtc post-only
  10:00:00.050  accepted #1
                accepted #2
`

describe('in the market', () => {
  test('quotes both sides, and lower on both after it has bought', () => {
    const stage = play(QUOTED)
    const [bid, ask] = stage.lane('mm').orders.map(({ limit }) => limit)
    assert.ok(bid! < 9_999.5 && ask! > 10_000.5)

    stage.engine.turn(stage.engine.now, [])
    stage.play(`
      10:00:01  filled #1 1 @ 9996.4                   > cancel #2
                                                       > submit #3 buy 1 limit 9994.4 gtc post-only
                                                       > submit #4 sell 1 limit 10001.5 gtc post-only
    `)
  })

  test('withdraws for half a second after a jump', () => {
    play(`${QUOTED}
      10:00:01  quote BTC 10019.5 x 10020.5            ! signal spike
                                                       > cancel #1
                                                       > cancel #2
      10:00:01.400  quote BTC 10019.6 x 10020.6
    `)
  })

  test('has nothing at the venue while a guard is hard', () => {
    const stage = play(QUOTED)
    const lane = stage.lane('mm')
    const memory = lane.state as Memory
    lane.state = { ...memory, latencies: Array.from({ length: 9 }, () => 500) }
    stage.play(`
      10:00:02  quote BTC 9999.6 x 10000.6             ! signal guard
                                                       > cancel #1
                                                       > cancel #2
      10:00:03  quote BTC 9999.5 x 10000.5
    `)
  })

  test('freezes at the loss of a day in money, whatever a contract is of', () => {
    const params = { levels: 1, notional: 200_000, maxPosition: 1e6, softInventory: 1 }
    const stage = new Stage({
      symbols: [future('ES')],
      actors: { mm: { strategy: marketMaker, params } },
      cash: 1e7,
    })
    const show = (bid: number): void => {
      const at = ms(stage.engine.now + 1_000)
      const quote = { symbol: A, ts: at, bid, bidSize: 5, ask: bid + 0.25, askSize: 5 }
      stage.engine.turn(at, [{ type: 'quote', at, quote }])
    }
    stage.play(`
      10:00:00  quote ES 4000 x 4000.25                > submit #1 buy 1 limit 3998.5 post-only
                                                       > submit #2 sell 1 limit 4001.75 post-only
    `)
    const modeAt = (bid: number): string => {
      show(bid)
      return (stage.lane('mm').state as Memory).mode
    }
    stage.engine.turn(ms(stage.engine.now + 50), [
      filled('mm-r-1', { at: ms(stage.engine.now + 50), qty: 1, price: 3_998.5 }),
    ])

    // One contract of 50 a point: 5.75 points are 287.50, and 6.25 are 312.50.
    assert.deepEqual([3_996, 3_992.5, 3_992].map(modeAt), ['active', 'active', 'frozen'])
  })

  test('decides as if there had been no restart', () => {
    const before = play(QUOTED)
    const after = before.restored()
    for (const stage of [before, after]) {
      for (let i = 1; i < 40; i++) {
        const at = 10_000 + ((i * 7) % 5)
        const input = { symbol: A, bid: at - 0.5, ask: at + 0.5, bidSize: 5, askSize: 5 }
        const ts = ms(stage.engine.now + 1_000)
        stage.engine.turn(ts, [{ type: 'quote', at: ts, quote: { ...input, ts } }])
      }
    }
    assert.equal(after.engine.intents, before.engine.intents)
    assert.equal(after.engine.hash(), before.engine.hash())
  })
})
