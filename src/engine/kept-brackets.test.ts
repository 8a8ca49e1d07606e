// Brackets where one exit rests alone, and stops only as stop-limits: as with the coins of Alpaca.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MINUTE, plus } from '../core/time.ts'
import { bar, coin, MONDAY_10, termsOf } from '../testing/builders.ts'
import { scenario, type ScenarioOptions, Stage } from '../testing/scenario.ts'

const RESTS = ['gtc', 'ioc'] as const
const kept: ScenarioOptions = {
  symbols: [coin('BTC')],
  limits: {
    terms: termsOf({
      takes: { market: RESTS, limit: RESTS, 'stop-limit': RESTS },
      shorts: false,
      exits: 'one',
      stopCollar: 0.05,
      marketRests: true,
    }),
  },
}

/** 1 BTC at 100, with a stop at 98 and a target at 104. */
const held = `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 1 stop 98 target 104    > submit #1 buy 1 market gtc
    10:00:02  filled #1 1 @ 100                     > submit #2 sell 1 stop 98 limit 93.1 gtc
    10:00:03  accepted #2                           = live #2, position 1 @ 100`

test('the stop rests as a stop-limit, and the target goes to the market when its price has come', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 103.99
    10:00:05  trade BTC 104                         > cancel #2
    10:00:06  trade BTC 105
    10:00:07  canceled #2                           > submit #3 sell 1 market ioc
    10:00:08  trade BTC 105
    10:00:09  filled #3 1 @ 104.5                   = live none, position 0, closing none
  `,
    kept,
  )
})

test('a target whose price has gone again while the stop was canceled is sold all the same', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  trade BTC 97
    10:00:06  canceled #2                           > submit #3 sell 1 market ioc
    10:00:07  filled #3 1 @ 97                      = live none, position 0
  `,
    kept,
  )
})

test('a stop that fills before its cancel leaves nothing to sell', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  filled #2 1 @ 98                      = live none, position 0
    10:00:06  refused #2 filled
    10:00:07  trade BTC 104                         = live none, closing none
  `,
    kept,
  )
})

test('of a stop that fills in part before its cancel, the rest is sold', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  filled #2 0.4 @ 98
    10:00:06  canceled #2                           > submit #3 sell 0.6 market ioc
    10:00:07  filled #3 0.6 @ 104                   = live none, position 0
  `,
    kept,
  )
})

test('a stop that cannot be canceled protects on, and the target waits half a minute', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  refused #2 busy                       = live #2, #2 open 0/1
    10:00:06  trade BTC 104
    10:00:33  trade BTC 104.5
    10:00:34  trade BTC 104.5                       > cancel #2
    10:00:35  canceled #2                           > submit #3 sell 1 market ioc
    10:00:36  filled #3 1 @ 104.5                   = live none, position 0
  `,
    kept,
  )
})

test('a cancel of the stop that is not answered is sent again', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:08  trade BTC 103
    10:00:09  trade BTC 103                         > cancel #2
    10:00:10  trade BTC 103
    10:00:11  canceled #2                           > submit #3 sell 1 market ioc
    10:00:12  filled #3 1 @ 103                     = live none, position 0
  `,
    kept,
  )
})

test('a stop that could not be canceled, and that the venue ends then, is no protection', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  refused #2 busy
    10:00:06  expired #2                            > submit #3 sell 1 market ioc reduce-only
           ! signal bracket.broken the stop ended as expired and leaves 1 unprotected
    10:00:07  filled #3 1 @ 104                     = live none, position 0, closing none
  `,
    kept,
  )
})

test('the target cancels what is left of the entry, and what still comes of it is sold too', () => {
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 1 entry 100 stop 98 target 104  > submit #1 buy 1 limit 100 gtc
    10:00:02  filled #1 0.6 @ 100                   > submit #2 sell 0.6 stop 98 limit 93.1 gtc
    10:00:03  accepted #2
    10:00:04  trade BTC 104                         > cancel #1   > cancel #2
    10:00:05  filled #1 0.1 @ 100
    10:00:06  canceled #2                           > submit #3 sell 0.7 market ioc
    10:00:07  filled #1 0.1 @ 100
    10:00:08  canceled #1
    10:00:09  filled #3 0.7 @ 104                   > submit #4 sell 0.1 market ioc
    10:00:10  filled #4 0.1 @ 104                   = live none, position 0
    10:00:11  filled #1 0.1 @ 100                   > submit #5 sell 0.1 market ioc
    10:00:12  filled #5 0.1 @ 104                   = live none, position 0
  `,
    kept,
  )
})

test('a target that the venue does not take is told, and the position is closed', () => {
  for (const [fact, reason] of [
    ['rejected #3 no funds', 'rejected'],
    ['canceled #3', 'canceled'],
  ]) {
    scenario(
      `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  canceled #2                           > submit #3 sell 1 market ioc
    10:00:06  ${fact}                               > submit #4 sell 1 market ioc reduce-only
           ! signal bracket.broken the target ended as ${reason} and leaves 1 unprotected
    10:00:07  filled #4 1 @ 104                     = live none, position 0, closing none
  `,
      kept,
    )
  }
})

test('a stop that the venue refuses is told, and the position is closed', () => {
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 1 stop 98 target 104    > submit #1 buy 1 market gtc
    10:00:02  filled #1 1 @ 100                     > submit #2 sell 1 stop 98 limit 93.1 gtc
    10:00:03  rejected #2 no funds                  > submit #3 sell 1 market ioc reduce-only
           ! signal bracket.broken the stop ended as rejected and leaves 1 unprotected
    10:00:04  filled #3 1 @ 100                     = live none, position 0, closing none
  `,
    kept,
  )
})

test('a price that has passed the limit of the stop by closes the position', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 93.1
    10:00:05  trade BTC 93.09                       > cancel #2
           ! signal bracket.broken the price of 93.09 has passed the limit of the stop by, 93.1
    10:00:06  canceled #2                           > submit #3 sell 1 market ioc reduce-only
    10:00:07  filled #3 1 @ 93                      = live none, position 0, closing none
  `,
    kept,
  )
})

test('a stop that trails takes its limit along', () => {
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 1 stop 98 trail 0.01 0.005  > submit #1 buy 1 market gtc
    10:00:02  filled #1 1 @ 100                     > submit #2 sell 1 stop 98 limit 93.1 gtc
    10:00:03  accepted #2
    10:00:04  trade BTC 102                         > amend #2 limit 96.41 stop 101.49
    10:00:05  amended #2 limit 96.41 stop 101.49
    10:00:06  trade BTC 96.41
    10:00:07  trade BTC 96.4                        > cancel #2
           ! signal bracket.broken the price of 96.4 has passed the limit of the stop by, 96.41
  `,
    kept,
  )
})

test('a close of the strategy while the target is taken sells once', () => {
  scenario(
    `${held}
    10:00:04  trade BTC 104                         > cancel #2
    10:00:05  s close
    10:00:06  canceled #2                           > submit #3 sell 1 market ioc reduce-only
    10:00:07  filled #3 1 @ 104                     = live none, position 0, closing none
  `,
    kept,
  )
})

test('of bars the close counts, and that of a bar of long ago does not', () => {
  const options = { base: '1m', barsFrom: 'outside' } as const
  const stage = new Stage({ ...kept, options }).play(`${held}
    10:01:00  bar BTC 100 105 99 103
    10:10:00  wait`)
  const { universe } = stage.engine
  const at = plus(MONDAY_10, 10 * MINUTE + 1)
  const old = bar({ symbol: universe.all[0]!.id, start: plus(MONDAY_10, 2 * MINUTE), close: 105 })
  const { batches } = stage.engine.turn(at, [{ type: 'bar', at, bar: old, source: 'venue' }])
  assert.deepEqual(batches, [])
  stage.play('10:11:00  bar BTC 103 105 103 104    > cancel #2   ! gap 1m')
})

test('a short is kept alike, its stop above', () => {
  const terms = termsOf({ exits: 'one', stopCollar: 0.05 })
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket sell 1 stop 102 target 96   > submit #1 sell 1 market gtc
    10:00:02  filled #1 1 @ 100                     > submit #2 buy 1 stop 102 limit 107.1 gtc
    10:00:03  accepted #2
    10:00:04  trade BTC 96                          > cancel #2
    10:00:05  canceled #2                           > submit #3 buy 1 market gtc
    10:00:06  filled #3 1 @ 96                      = live none, position 0
  `,
    { ...kept, limits: { terms } },
  )
})

test('a kept target goes on after a restore at any moment', () => {
  const story = [
    '10:00:00  trade BTC 100',
    '10:00:01  s bracket buy 1 stop 98 target 104   > submit #1 buy 1 market gtc',
    '10:00:02  filled #1 1 @ 100     > submit #2 sell 1 stop 98 limit 93.1 gtc',
    '10:00:02  accepted #2',
    '10:00:03  trade BTC 104         > cancel #2',
    '10:00:04  refused #2 busy',
    '10:00:05  trade BTC 104',
    '10:00:33  trade BTC 104         > cancel #2',
    '10:00:34  trade BTC 97',
    '10:00:35  canceled #2           > submit #3 sell 1 market ioc',
    '10:00:36  filled #3 1 @ 97      = live none, position 0, closing none',
  ]
  let stage = new Stage(kept).play(story[0]!)
  for (const line of story.slice(1)) stage = stage.restored().play(line)
})

test('a close whose market order finds no price tries again at the price of then', () => {
  scenario(
    `${held}
    10:00:04  s close                               > cancel #2
    10:00:05  canceled #2                           > submit #3 sell 1 market ioc reduce-only
    10:00:06  filled #3 0.4 @ 97
    10:00:07  canceled #3
    10:00:34  wait
    10:00:35  wait                                  > submit #4 sell 0.6 market ioc reduce-only
    10:00:36  filled #4 0.6 @ 95                    = live none, position 0, closing none
  `,
    kept,
  )
})

test('what is worth less than the venue takes waits for its stop while more may come', () => {
  const options = { ...kept, symbols: [coin('BTC', { minNotional: 10 })] }
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 0.1 stop 98             ! denied below-minimum: the stop of the bracket may be
    10:00:02  s bracket buy 1 entry 100 stop 98 target 104  > submit #1 buy 1 limit 100 gtc
    10:00:03  filled #1 0.05 @ 100                  = position 0.05 @ 100
    10:00:04  filled #1 0.05 @ 100                  = position 0.1 @ 100
    10:00:05  filled #1 0.05 @ 100                  > submit #2 sell 0.15 stop 98 limit 93.1 gtc
  `,
    options,
  )
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:02  s bracket buy 1 entry 100 stop 98 target 104  > submit #1 buy 1 limit 100 gtc
    10:00:03  filled #1 0.05 @ 100                  = position 0.05 @ 100
    10:00:04  canceled #1                           > submit #2 sell 0.05 stop 98 limit 93.1 gtc
  `,
    options,
  )
})
