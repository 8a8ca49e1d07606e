// sma-cross: its tables, and its decisions as stories. With a pair of 1 and 2 bars, each turn of the close is a cross.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notice } from '../core/notice.ts'
import { MINUTE, ms } from '../core/time.ts'
import { A, bar, MONDAY_10, termsOf } from '../testing/builders.ts'
import { Stage } from '../testing/scenario.ts'
import { confidenceOf, regimeOf, smaCross } from './sma-cross.ts'

test('the regime is the distance from the average in ranges', () => {
  const average = 100
  const strengthAt = (close: number, range = 2) => regimeOf(close, average, range)
  assert.deepEqual(strengthAt(103.5), { regime: 'trending', strength: 0.875 })
  assert.deepEqual(strengthAt(96.99).regime, 'trending')
  assert.deepEqual(strengthAt(120), { regime: 'trending', strength: 1 })
  assert.deepEqual(strengthAt(103), { regime: 'unknown', strength: 0.75 })
  assert.deepEqual(strengthAt(101), { regime: 'unknown', strength: 0.25 })
  assert.deepEqual(strengthAt(100.99), { regime: 'ranging', strength: 0 })
  assert.deepEqual(strengthAt(120, 0), { regime: 'ranging', strength: 0 })
  assert.deepEqual(strengthAt(120, NaN), { regime: 'ranging', strength: 0 })
  assert.deepEqual(regimeOf(120, NaN, 2), { regime: 'unknown', strength: 0 })
})

test('confidence follows regime and speed', () => {
  const row = (regime: Parameters<typeof confidenceOf>[0]) =>
    [2, 1, 0].map((i) => confidenceOf(regime, i, 3))
  assert.deepEqual(row('trending'), [0.9, 0.7, 0.5])
  assert.deepEqual(row('ranging'), [0.3, 0.2, 0.2])
  assert.deepEqual(row('unknown'), [0.7, 0.6, 0.5])
  assert.equal(confidenceOf('trending', 0, 1), 0.9, 'a single pair is the slowest')
})

/** Fifty bars that stand at 100 with a range of 2, up to ten o'clock; the next is number 51, the first to count. */
function warmed(params: object): Stage {
  const stage = new Stage({
    actors: { sma: { strategy: smaCross, params } },
    limits: { terms: termsOf({ brackets: 'native' }) },
  })
  const bars = Array.from({ length: 50 }, (_, i) =>
    bar({ start: ms(MONDAY_10 - (50 - i) * MINUTE), open: 100, high: 101, low: 99, close: 100 }),
  )
  stage.play('08:00:00  wait')
  for (const each of bars) {
    const at = ms(each.start + MINUTE)
    const turn = stage.engine.turn(at, [{ type: 'bar', at, bar: each, source: 'venue' }])
    assert.deepEqual(turn.notices, [], 'nothing is said during the warm-up')
  }
  return stage
}

const turning = { pairs: [[1, 2]] }

test('a cross opens a bracket with stop and target by ATR', () => {
  // Range 2, distance from the average 1.96: not known, 0.7.
  warmed(turning).play(`
    10:01:00  bar AAPL 100 102 100 102      ! signal cross {"side":"buy","fast":1,"slow":2,"close":102,"atr":2,"confidence":0.7
              > submit #1 buy 19 market with #2 sell 19 stop 99 gtc, #3 sell 19 limit 108 gtc
  `)
  // A range of 4 takes ATR to 30 / 14; the distance of 3.92 is 1.83 of it: trending, 0.9.
  warmed(turning).play(`
    10:01:00  bar AAPL 100 96 96 96         ! signal cross {"side":"sell"
              > submit #1 sell 20 market with #2 buy 20 stop 99.21 gtc, #3 buy 20 limit 89.57 gtc
  `)
})

test('without ATR the exits are fractions of the close', () => {
  warmed({ ...turning, exits: 'percent' }).play(`
    10:01:00  bar AAPL 100 102 100 102      ! signal cross
              > submit #1 buy 19 market with #2 sell 19 stop 100.98 gtc, #3 sell 19 limit 104.04 gtc
  `)
})

test('a trailing stop follows once the profit is there', () => {
  warmed({ ...turning, exits: 'percent', trailing: true }).play(`
    10:01:00  bar AAPL 100 102 100 102      ! signal cross
              > submit #1 buy 19 market with #2 sell 19 stop 100.98 gtc, #3 sell 19 limit 104.04 gtc
    10:01:01  filled #1 19 @ 102
    10:02:00  bar AAPL 102 103 102 103
    10:03:00  bar AAPL 103 103.5 103 103.4  > amend #2 stop 102.98
  `)
})

test('a signal of too little confidence is told and not traded', () => {
  // A distance of 0.98 is 0.49 of the range: ranging, 0.3.
  warmed(turning).play(`
    10:01:00  bar AAPL 100 101 99 101       ! signal cross {"side":"buy","fast":1,"slow":2,"close":101,"atr":2,"confidence":0.3
  `)
  warmed({ ...turning, minConfidence: 0.3 }).play(`
    10:01:00  bar AAPL 100 101 99 101       ! signal cross
              > submit #1 buy 19 market with #2 sell 19 stop 98 gtc, #3 sell 19 limit 107 gtc
  `)
})

test('a cross against the position closes it; one with it changes nothing', () => {
  warmed(turning).play(`
    10:01:00  bar AAPL 100 102 100 102      ! signal cross {"side":"buy"
              > submit #1 buy 19 market with #2 sell 19 stop 99 gtc, #3 sell 19 limit 108 gtc
    10:01:01  filled #1 19 @ 102
    10:02:00  bar AAPL 102 102 101 101      ! signal cross {"side":"sell"
    10:03:00  bar AAPL 101 104 101 104      ! signal cross {"side":"buy"
    10:04:00  bar AAPL 104 104 102 103      ! signal cross {"side":"sell"
                                            > cancel #2   > cancel #3
    10:04:01  canceled #2
              canceled #3                   > submit #4 sell 19 market reduce-only
    10:04:02  filled #4 19 @ 103            = position 0, live none
    10:05:00  bar AAPL 103 105 103 105      ! signal cross {"side":"buy"
              > submit #5 buy 19 market with #6 sell 19 stop 101.99 gtc, #7 sell 19 limit 111.01 gtc
  `)
})

test('shorts are opened only where they are allowed', () => {
  warmed({ ...turning, shorts: false }).play(`
    10:01:00  bar AAPL 100 100 96 96        ! signal cross {"side":"sell"
  `)
})

test('each pair signals on its own, and none twice in the same direction', () => {
  const stage = warmed({
    pairs: [
      [2, 4],
      [1, 2],
    ],
    minConfidence: 1,
  })
  const pairsOf = (notices: readonly Notice[]) =>
    notices.flatMap((notice) =>
      notice.type === 'signal'
        ? [
            `${String(notice.data['side'])} ${String(notice.data['fast'])}/${String(notice.data['slow'])}`,
          ]
        : [],
    )
  // Up, standing still, up again: the pair of 1 and 2 touches and does not signal twice.
  const closes = [101, 101, 102, 101, 100, 100, 99, 103]
  const heard = closes.map((close, i) => {
    const at = ms(MONDAY_10 + (i + 1) * MINUTE)
    const next = bar({
      start: ms(at - MINUTE),
      open: close,
      high: close + 1,
      low: close - 1,
      close,
    })
    return pairsOf(stage.engine.turn(at, [{ type: 'bar', at, bar: next, source: 'venue' }]).notices)
  })
  assert.deepEqual(heard, [
    ['buy 1/2', 'buy 2/4'],
    [],
    [],
    ['sell 1/2'],
    ['sell 2/4'],
    [],
    [],
    ['buy 1/2', 'buy 2/4'],
  ])
})

test('bars that were filled are no price action', () => {
  const stage = warmed(turning)
  stage.play(`
    10:01:00  bar AAPL 100 102 100 102      ! signal cross
              > submit #1 buy 19 market with #2 sell 19 stop 99 gtc, #3 sell 19 limit 108 gtc
  `)
  const at = ms(MONDAY_10 + 2 * MINUTE)
  const filled = bar({
    symbol: A,
    start: ms(at - MINUTE),
    open: 50,
    high: 50,
    low: 50,
    close: 50,
    filled: true,
  })
  const turn = stage.engine.turn(at, [{ type: 'bar', at, bar: filled, source: 'venue' }])
  assert.deepEqual(turn.notices, [])
})

test('parameters are refused with their path', () => {
  const faults = (params: object) =>
    smaCross.params.safeParse(params).error?.issues.map(({ path }) => path.join('.'))
  assert.equal(faults({}), undefined)
  assert.deepEqual(
    faults({
      pairs: [
        [5, 15],
        [30, 10],
      ],
    }),
    ['pairs'],
  )
  assert.deepEqual(
    faults({
      pairs: [
        [5, 15],
        [0, 10],
      ],
    }),
    ['pairs.1.0'],
  )
  assert.deepEqual(faults({ pairs: [] }), ['pairs'])
  assert.deepEqual(faults({ fraction: 1.5 }), ['fraction'])
  assert.deepEqual(faults({ stop: 0 }), ['stop'])
  assert.deepEqual(faults({ exits: 'never' }), ['exits'])
  assert.deepEqual(faults({ trailing: true, stop: 0.005, trailDistance: 0.005 }), ['trailDistance'])
  assert.equal(faults({ trailing: false, stop: 0.005, trailDistance: 0.005 }), undefined)
  assert.deepEqual(smaCross.needs(smaCross.params.parse({})), { bars: '1m', warmup: 51 })
  assert.equal(smaCross.needs(smaCross.params.parse({ pairs: [[5, 200]] })).warmup, 201)
})
