// Brackets, told as stories: the story plays the venue, so that each race can happen.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coin, termsOf } from '../testing/builders.ts'
import { scenario, type ScenarioOptions, Stage } from '../testing/scenario.ts'

const native: ScenarioOptions = { limits: { terms: termsOf({ brackets: 'native' }) } }

test('the first fill of the entry brings the legs, and further fills grow them', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  accepted #1
    10:00:03  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
                                                    = #1 open 4/10, position 4 @ 100
    10:00:04  accepted #2
              accepted #3
    10:00:05  filled #1 6 @ 100.5                   > amend #2 qty 10   > amend #3 qty 10
                                                    = #1 done filled 10/10, position 10 @ 100.3
    10:00:06  amended #2 qty 10
              amended #3 qty 10                     = #2 open 0/10, #3 open 0/10
  `)
})

test('a leg that fills cancels the other, and nothing is left', () => {
  const begin = `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc`
  scenario(`${begin}
    10:00:03  filled #3 10 @ 104                    > cancel #2
    10:00:04  canceled #2                           = live none, position 0, cash 100040
  `)
  scenario(`${begin}
    10:00:03  filled #2 10 @ 97.9                   > cancel #3
    10:00:04  canceled #3                           = live none, position 0, cash 99979
  `)
})

test('a short is protected by a stop above and a target below', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket sell 10 stop 102 target 96  > submit #1 sell 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 buy 10 stop 102 gtc
                                                    > submit #3 buy 10 limit 96 gtc
    10:00:03  filled #3 10 @ 96                     > cancel #2
    10:00:04  canceled #2                           = live none, position 0, cash 100040
  `)
})

test('a part of a leg shrinks the other and cancels what is left of the entry', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 6 @ 100                     > submit #2 sell 6 stop 98 gtc
                                                    > submit #3 sell 6 limit 104 gtc
    10:00:03  filled #3 2 @ 104                     > cancel #1   > amend #2 qty 4
    10:00:04  canceled #1
              amended #2 qty 4                      = live #2 #3, #2 open 0/4, #3 open 2/6
    10:00:05  filled #2 1 @ 98                      > amend #3 qty 5
    10:00:06  amended #3 qty 5
              filled #3 3 @ 104                     > cancel #2
    10:00:07  canceled #2                           = live none, position 0
  `)
})

test('growth within the turn that places a leg leaves as one submit', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100
              filled #1 6 @ 100                     > submit #2 sell 10 stop 98 gtc
    10:00:03  accepted #2                           = #2 open 0/10
  `)
})

test('acknowledgements that come late ask for nothing twice', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
    10:00:03  filled #1 3 @ 100                     > amend #2 qty 7    > amend #3 qty 7
    10:00:04  accepted #2
              accepted #3
    10:00:05  accepted #1
    10:00:06  amended #2 qty 7
              amended #3 qty 7                      = #2 open 0/7, #3 open 0/7
  `)
})

test('a leg may fill before its entry is acknowledged', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    10:00:03  filled #2 10 @ 98                     > cancel #3
    10:00:04  accepted #2
    10:00:05  accepted #1
    10:00:06  canceled #3                           = live none, position 0, #1 done filled 10/10
  `)
})

test('every fact may come twice and changes nothing the second time', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  accepted #1
    10:00:03  accepted #1
    10:00:04  filled #1 4 @ 100 as x                > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
    10:00:05  filled #1 4 @ 100 as x                = position 4 @ 100, #1 open 4/10
    10:00:06  filled #2 4 @ 98 as y                 > cancel #3   > cancel #1
    10:00:07  filled #2 4 @ 98 as y                 = position 0
    10:00:08  canceled #1
              canceled #3                           = live none
    10:00:09  canceled #1
              canceled #3
              accepted #1
              refused #1 already gone
              rejected #3 unknown
              expired #2                            = live none, position 0, #1 done canceled 4/10
  `)
})

test('an entry that is canceled unfilled leaves nothing', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98     > submit #1 buy 10 limit 99
    10:00:02  accepted #1
    10:00:03  s cancel #1                           > cancel #1
    10:00:04  canceled #1                           = live none, position 0
  `)
})

test('an entry that is canceled in its own turn never leaves', () => {
  const story = `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104
              s cancel #1                           = #1 done canceled 0/10, live none
    10:00:02  s bracket buy 10 stop 98 target 104
              s close                               = live none, closing none
  `
  scenario(story)
  scenario(story, native)
})

test('a stop that the venue ends is no protection: the position goes to the market and the lane is told', () => {
  for (const [fact, reason] of [
    ['rejected #2 no such price', 'rejected'],
    ['expired #2', 'expired'],
    ['canceled #2', 'canceled'],
  ]) {
    scenario(`
      10:00:00  trade AAPL 100
      10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
      10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                      > submit #3 sell 10 limit 104 gtc
      10:00:03  ${fact}                               > cancel #3
           ! signal bracket.broken the stop ended as ${reason} and leaves 10 unprotected
      10:00:04  canceled #3                           > submit #4 sell 10 market reduce-only
      10:00:05  filled #4 10 @ 99.9                   = live none, position 0, closing none
    `)
  }
})

test('a target that the venue ends leaves the stop to its work', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
    10:00:03  rejected #3 too far
    10:00:04  filled #1 6 @ 100                     > amend #2 qty 10    = live #2
  `)
})

test('both legs that fill turn the lane around: what is left over goes to the market', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    10:00:03  filled #2 10 @ 98                     > cancel #3
    10:00:04  filled #3 10 @ 104                    > submit #4 buy 10 market reduce-only
                                       ! signal bracket.broken both legs of the bracket filled
                                                    = position -10 @ 104
    10:00:05  filled #4 10 @ 104                    = position 0, live none, closing none
  `)
})

test('a fill after the cancel is booked and protected', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98 target 104   > submit #1 buy 10 limit 99
    10:00:02  s cancel #1                           > cancel #1
    10:00:03  canceled #1                           = live none
    10:00:04  filled #1 3 @ 99                      > submit #2 sell 3 stop 98 gtc
                                                    > submit #3 sell 3 limit 104 gtc
                                                    = position 3 @ 99, #1 done canceled 3/10
    10:00:05  filled #3 3 @ 104                     > cancel #2
    10:00:06  canceled #2                           = live none, position 0
  `)
})

test('an entry that fills on after its stop has filled gets new legs', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
    10:00:03  filled #2 4 @ 98                      > cancel #3    > cancel #1
    10:00:04  filled #1 3 @ 98.5                    > submit #4 sell 3 stop 98 gtc
    10:00:05  canceled #3                           > submit #5 sell 3 limit 104 gtc
    10:00:06  canceled #1                           = live #4 #5, position 3 @ 98.5
    10:00:07  filled #4 3 @ 98                      > cancel #5
    10:00:08  canceled #5                           = live none, position 0
  `)
})

test('a stop whose cancel is under way is placed anew once it has ended', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
                                                    > submit #3 sell 4 limit 104 gtc
    10:00:03  filled #3 4 @ 104                     > cancel #2   > cancel #1
    10:00:04  filled #1 3 @ 104.1                   > submit #4 sell 3 limit 104 gtc
    10:00:05  canceled #2                           > submit #5 sell 3 stop 98 gtc
              canceled #1                           = live #4 #5, position 3 @ 104.1
  `)
})

test('a stop that did not take its size is no protection for the rest', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
    10:00:03  accepted #2
    10:00:04  filled #1 6 @ 100                     > amend #2 qty 10
    10:00:05  refused #2 too many requests          > cancel #2
                   ! signal bracket.broken the stop was not amended and covers 4 of 10
    10:00:06  canceled #2                           > submit #3 sell 10 market reduce-only
    10:00:07  filled #3 10 @ 100                    = live none, position 0
  `)
})

test('a size that changes again before the venue has answered is asked for when it has', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
    10:00:03  filled #1 3 @ 100                     > amend #2 qty 7
    10:00:04  filled #1 3 @ 100
    10:00:05  amended #2 qty 7                      > amend #2 qty 10
    10:00:06  amended #2 qty 10                     = #2 open 0/10
    10:00:07  amended #2 qty 10                     = #2 open 0/10
  `)
})

test('a stop that the strategy cancels itself is closed like one that the venue ended', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  s cancel #2                           > cancel #2
    10:00:04  canceled #2                           > submit #3 sell 10 market reduce-only
                       ! signal bracket.broken the stop ended as canceled and leaves 10 unprotected
  `)
})

test('parts of a coin add up to nothing left', () => {
  const symbols = [coin('BTC', { lotSize: 0.1 })]
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s bracket buy 0.3 stop 98 target 104  > submit #1 buy 0.3 market gtc
    10:00:02  filled #1 0.3 @ 100                   > submit #2 sell 0.3 stop 98 gtc
                                                    > submit #3 sell 0.3 limit 104 gtc
    10:00:03  filled #2 0.1 @ 98                    > amend #3 qty 0.2
    10:00:04  amended #3 qty 0.2
              filled #3 0.2 @ 104                   > cancel #2
    10:00:05  canceled #2                           = live none, position 0
  `,
    { symbols },
  )
})

test('a bracket whose prices make no sense is denied before it leaves', () => {
  scenario(`
    10:00:00  s bracket buy 10 stop 98              ! denied missing-data
    10:00:01  trade AAPL 100
    10:00:02  s bracket buy 10 stop 101             ! denied bad-request: the stop 101 of a buy
    10:00:03  s bracket buy 10 stop 98 target 99    ! denied bad-request: the target 99 of a buy
    10:00:04  s bracket sell 10 stop 98             ! denied bad-request: the stop 98 of a sell
    10:00:05  s bracket buy 10 stop -5              ! denied bad-request: the stop -5
    10:00:06  s bracket sell 10 stop 101 target -1  ! denied bad-request: the stop 101 and the target -1
    10:00:07  s bracket buy 10 stop NaN             ! denied missing-data
    10:00:08  s bracket buy 10 stop 98 target NaN   ! denied missing-data
    10:00:09  s bracket buy 0 stop 98               ! denied below-minimum
    10:00:10  s bracket buy 10 entry 97 stop 98     ! denied bad-request: the stop 98 of a buy
  `)
})

test('a bracket whose stop could not trail is denied before it leaves', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 95 trail 0.01 NaN       ! denied missing-data: the trail
    10:00:02  s bracket buy 10 stop 95 trail NaN 0.01       ! denied missing-data: the trail
    10:00:03  s bracket buy 10 stop 95 trail Infinity 0.01  ! denied missing-data: the trail
    10:00:04  s bracket buy 10 stop 95 trail 0.01 0         ! denied bad-request: a stop trails by
    10:00:05  s bracket buy 10 stop 95 trail 0.01 -0.01     ! denied bad-request: a stop trails by
    10:00:06  s bracket sell 10 stop 105 trail 0.01 1       ! denied bad-request: a stop trails by
    10:00:07  s bracket buy 10 stop 95 trail 0 0.5          > submit #1 buy 10 market
  `)
})

test('the entry of a bracket is no exit, whatever the lane holds', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
              safe-mode on                             ! safe-mode on
    10:00:03  s bracket sell 10 stop 105 target 95     ! denied safe-mode
    10:00:04  s sell 10                                > submit #2 sell 10 market
  `)
})

test('native legs leave with their entry and are only watched', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104
          > submit #1 buy 10 market with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
    10:00:02  accepted #1
              accepted #2
              accepted #3
    10:00:03  filled #1 4 @ 100
    10:00:04  amended #2 qty 4
              amended #3 qty 4                      = #2 open 0/4, #3 open 0/4
    10:00:05  filled #1 6 @ 100
    10:00:06  amended #2 qty 10
              amended #3 qty 10                     = live #2 #3
    10:00:07  filled #3 10 @ 104
    10:00:08  canceled #2                           = live none, position 0
  `,
    native,
  )
})

test('a native leg that is canceled in the turn of its entry is canceled after that has left', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104
              s cancel #3                           > submit #1 buy 10 market with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
                                                    > cancel #3
    10:00:02  accepted #1
              accepted #2
              accepted #3
              canceled #3                           = live #1 #2
    `,
    native,
  )
})

test('a native bracket that ends unfilled leaves nothing', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98
                                   > submit #1 buy 10 limit 99 with #2 sell 10 stop 98 gtc
    10:00:02  s cancel #1                           > cancel #1
    10:00:03  canceled #1
              canceled #2                           = live none, position 0
    10:00:04  s bracket buy 10 entry 99 stop 98
                                   > submit #3 buy 10 limit 99 with #4 sell 10 stop 98 gtc
    10:00:05  rejected #3 not today
              canceled #4                           = live none
  `,
    native,
  )
})

// As at Bybit.
const reduceOnly: ScenarioOptions = { limits: { terms: termsOf({ reduceOnly: true }) } }

test('legs that are kept here are reduce-only where the venue has such orders', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc reduce-only
                                                    > submit #3 sell 4 limit 104 gtc reduce-only
    10:00:03  filled #1 6 @ 100                     > amend #2 qty 10   > amend #3 qty 10
    10:00:04  amended #2 qty 10
              amended #3 qty 10
    10:00:05  filled #3 10 @ 104                    > cancel #2
    10:00:06  canceled #2                           = live none, position 0
  `,
    reduceOnly,
  )
})

test('a leg that the position could not take alone is an order as any other', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s bracket sell 4 stop 102             > submit #2 sell 4 market
    10:00:04  filled #2 4 @ 100                     > submit #3 buy 4 stop 102 gtc
  `,
    reduceOnly,
  )
})

test('no leg is reduce-only where another strategy may come to hold the symbol', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  a bracket buy 10 stop 98              > submit #1 a buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 a sell 10 stop 98 gtc
  `,
    { ...reduceOnly, actors: { a: {}, b: {} } },
  )
})

// As at Alpaca.
const oneTif: ScenarioOptions = {
  limits: { terms: termsOf({ brackets: 'native', protectsParts: false, oneTif: true }) },
}

test('after a restart the next end of an entry is when it was', () => {
  const before = new Stage(oneTif).play(`
    Mon 15:00:00  trade AAPL 100
    Mon 15:00:01  s bracket buy 10 entry 99 stop 98 target 104
          > submit #1 buy 10 limit 99 gtc with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc`)
  const nextAts = (): number[] => [before, before.restored()].map(({ engine }) => engine.nextAt)
  const [close] = nextAts()
  assert.deepEqual(nextAts(), [close, close])
  before.play(`
    Mon 15:00:02  filled #1 10 @ 99
    Mon 16:00:00  wait`)
  const [none, again] = nextAts()
  assert.ok(none! > close!)
  assert.equal(again, none)
})

test('where a native bracket has one time in force its exits outlive the close, and its entry does not', () => {
  scenario(
    `
    Mon 15:00:00  trade AAPL 100
    Mon 15:00:01  s bracket buy 10 stop 98 target 104
          > submit #1 buy 10 market gtc with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
    Mon 15:00:02  filled #1 10 @ 100
    Mon 15:00:03  s bracket buy 10 entry 99 stop 98 target 104
          > submit #4 buy 10 limit 99 gtc with #5 sell 10 stop 98 gtc, #6 sell 10 limit 104 gtc
    Mon 15:00:04  accepted #4
    Mon 15:59:59  wait
    Mon 16:00:00  wait                              > cancel #4
    Mon 16:00:01  refused #4
    Mon 16:00:29  wait
    Mon 16:00:30  wait                              > cancel #4
    Mon 16:00:31  canceled #4
                  canceled #5
                  canceled #6                       = live #2 #3
    Tue 09:30:00  wait                              = live #2 #3, position 10 @ 100
  `,
    oneTif,
  )
})

test('an entry of before the open ends with the session that it waits for, also in an engine that was restored', () => {
  const stage = scenario(
    `
    Mon 17:00:00  trade AAPL 100
    Mon 17:00:01  s bracket buy 10 entry 99 stop 98 target 104
          > submit #1 buy 10 limit 99 gtc with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
    Tue 09:30:00  wait
  `,
    { ...oneTif, risk: { tradingHours: 'always' } },
  )
  stage.restored().play('Tue 16:00:00  wait               > cancel #1')
})

const parting: ScenarioOptions = {
  limits: {
    terms: termsOf({ brackets: 'native', protectsParts: false, oneTif: true, exits: 'one' }),
  },
}
/** An entry of which a part has filled is canceled by its strategy. */
const PART = `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98 target 104
          > submit #1 buy 10 limit 99 gtc with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
    10:00:02  accepted #1
              filled #1 3 @ 99
    10:00:03  s cancel #1                           > cancel #1`

for (const order of [
  ['canceled #1', 'canceled #2', 'canceled #3'],
  ['canceled #3', 'canceled #2', 'canceled #1'],
  ['canceled #2', 'canceled #1', 'canceled #3'],
]) {
  test(`what an entry has brought in that ends with its legs is kept here, as told by ${order.join(', ')}`, () => {
    scenario(
      `${PART}
    10:00:04  ${order[0]}
    10:00:05  ${order[1]}
    10:00:06  ${order[2]}                           > submit #4 sell 3 stop 98 gtc
    10:00:07  accepted #4                           = live #4, position 3 @ 99, closing none
    10:00:08  trade AAPL 104                        > cancel #4
    10:00:09  canceled #4                           > submit #5 sell 3 market gtc
    10:00:10  filled #5 3 @ 104                     = position 0, live none
  `,
      parting,
    )
  })
}

test('native legs whose entry fills though its cancel was sent are none of ours', () => {
  scenario(
    `${PART}
    10:00:04  filled #1 7 @ 99
              refused #1                            = live #2 #3, position 10 @ 99, closing none
  `,
    parting,
  )
})

test('a native stop that was canceled as well as its entry is not placed again', () => {
  scenario(
    `${PART}
    10:00:04  s cancel #2                           > cancel #2
    10:00:05  canceled #1
    10:00:06  canceled #2                           > cancel #3
                    ! signal bracket.broken the stop ended as canceled and leaves 3 unprotected
    10:00:07  canceled #3                           > submit #4 sell 3 market reduce-only
  `,
    parting,
  )
})

test('a native stop that ended before its entry filled is no protection', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98
                                   > submit #1 buy 10 limit 99 with #2 sell 10 stop 98 gtc
    10:00:02  canceled #2                           = live #1
    10:00:03  filled #1 10 @ 99                     > submit #3 sell 10 market reduce-only
                   ! signal bracket.broken the stop ended as canceled and leaves 10 unprotected
  `,
    native,
  )
})

test('a native leg that is heard of before its entry sends nothing to the market', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98
                                   > submit #1 buy 10 market with #2 sell 10 stop 98 gtc
    10:00:02  filled #2 10 @ 98                     > cancel #1
                                       ! signal bracket.broken both legs of the bracket filled
    10:00:03  filled #1 10 @ 100                    = position 0, live none, closing none
    10:00:04  refused #1 filled
  `,
    native,
  )
})

const trailing = (side: 'buy' | 'sell', stop: number): string => `
    10:00:00  trade AAPL 100
    10:00:01  s bracket ${side} 10 stop ${stop} trail 0.02 0.01  > submit #1 ${side} 10 market`

test('a trailing stop of a long begins at its activation and only rises', () => {
  scenario(`${trailing('buy', 95)}
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 95 gtc
    10:00:03  trade AAPL 101.99
    10:00:04  trade AAPL 102                        > amend #2 stop 100.98
    10:00:05  trade AAPL 101
    10:00:06  trade AAPL 102
    10:00:07  trade AAPL 104                        > amend #2 stop 102.96
    10:00:08  amended #2 stop 102.96
    10:00:09  filled #2 10 @ 102.9                  = position 0, live none
    10:00:10  trade AAPL 110
  `)
})

test('a trailing stop of a short only falls', () => {
  scenario(`${trailing('sell', 105)}
    10:00:02  filled #1 10 @ 100                    > submit #2 buy 10 stop 105 gtc
    10:00:03  trade AAPL 98.5
    10:00:04  trade AAPL 98                         > amend #2 stop 98.98
    10:00:05  trade AAPL 99
    10:00:06  trade AAPL 96                         > amend #2 stop 96.96
  `)
})

test('the bar that the entry filled in does not move the trailing stop', () => {
  scenario(`
    10:00:00  bar AAPL 100 100 100 100
    10:00:01  s bracket buy 10 stop 95 trail 0.02 0.01    > submit #1 buy 10 market
    10:01:00  filled #1 10 @ 100                    > submit #2 sell 10 stop 95 gtc
              bar AAPL 100 110 99 100
    10:02:00  bar AAPL 100 103 100 101              > amend #2 stop 101.97
  `)
  scenario(`
    10:00:00  bar AAPL 100 100 100 100
    10:00:01  s bracket buy 10 stop 95 trail 0.02 0.01    > submit #1 buy 10 market
    10:00:30  filled #1 10 @ 100                    > submit #2 sell 10 stop 95 gtc
    10:01:00  bar AAPL 110 110 99 100
    10:02:00  bar AAPL 100 103 100 101              > amend #2 stop 101.97
  `)
})

test('a print of the millisecond of the fill does not move the trailing stop', () => {
  scenario(`${trailing('buy', 95)}
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 95 gtc
              trade AAPL 103
    10:00:03  trade AAPL 102                        > amend #2 stop 100.98
  `)
})

test('what a leg lacks is asked for again after half a minute, and once more after the next', () => {
  const story = [
    '10:00:00  trade AAPL 100',
    '10:00:01  s bracket buy 10 stop 95 target 120 trail 0.02 0.01   > submit #1 buy 10 market',
    '10:00:02  filled #1 4 @ 100        > submit #2 sell 4 stop 95 gtc   > submit #3 sell 4 limit 120 gtc',
    '10:00:03  accepted #2',
    '10:00:04  accepted #3',
    '10:00:05  filled #1 6 @ 100        > amend #2 qty 10   > amend #3 qty 10',
    '10:00:06  amended #2 qty 10',
    '10:00:07  refused #3 busy          = #3 open 0/4',
    '10:00:34  accepted #1',
    '10:00:35  wait                     > amend #3 qty 10',
    '10:00:36  refused #3 busy',
    '10:00:37  trade AAPL 104           > amend #2 stop 102.96',
    '10:00:38  refused #2 busy',
    '10:01:04  trade AAPL 104',
    '10:01:05  wait                     > amend #3 qty 10',
    '10:01:06  amended #3 qty 10        = #3 open 0/10',
    '10:01:07  wait                     > amend #2 stop 102.96',
    '10:01:08  amended #2 stop 102.96',
    '10:01:40  wait',
  ]
  scenario(story.join('\n'))
  let stage = scenario(story[0]!)
  for (const line of story.slice(1)) stage = stage.restored().play(line)
})

test('a refusal after an answer that was lost closes nothing before the venue has told how the stop is', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 95              > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 95 gtc
    10:00:03  accepted #2
    10:00:04  filled #1 6 @ 100                     > amend #2 qty 10
    10:00:34  wait                                  > amend #2 qty 10
    10:00:35  refused #2 filled
    10:01:04  wait                                  > amend #2 qty 10
    10:01:34  wait                                  > amend #2 qty 10
    10:01:35  refused #2 busy                       > cancel #2
           ! signal bracket.broken the stop was not amended and covers 4 of 10
  `)
})

test('a trailing stop that moves on takes along what the stop lacks of its size', () => {
  scenario(`${trailing('buy', 95)}
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 95 gtc
    10:00:03  accepted #2
    10:00:04  filled #1 6 @ 100                     > amend #2 qty 10
    10:00:05  trade AAPL 104                        > amend #2 qty 10 stop 102.96
    10:00:06  amended #2 qty 10 stop 102.96
    10:00:40  wait
  `)
})

test('a leg of which nothing is left, and whose cancel is refused, has half a minute before the next', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    10:00:03  accepted #2
              accepted #3
    10:00:04  filled #3 10 @ 104                    > cancel #2
    10:00:05  refused #2 busy                       = #2 open 0/10
    10:00:06  trade AAPL 104
    10:00:34  wait                                  > cancel #2
    10:00:35  refused #2 busy
    10:01:04  wait                                  > cancel #2
    10:01:05  canceled #2                           = live none, position 0
  `)
})

test('brackets go on after a restore at any moment', () => {
  const story = [
    '10:00:00  trade AAPL 100',
    '10:00:01  s bracket buy 10 stop 95 target 120 trail 0.02 0.01   > submit #1 buy 10 market',
    '10:00:02  filled #1 4 @ 100 as x   > submit #2 sell 4 stop 95 gtc   > submit #3 sell 4 limit 120 gtc',
    '10:00:03  filled #1 4 @ 100 as x   = position 4 @ 100',
    '10:00:04  trade AAPL 104           > amend #2 stop 102.96',
    '10:00:05  filled #2 4 @ 102.9      > cancel #3   > cancel #1',
    '10:00:06  canceled #1',
    '10:00:07  canceled #3              = live none',
    '10:00:08  filled #1 2 @ 103        > submit #4 sell 2 stop 102.96 gtc   > submit #5 sell 2 limit 120 gtc',
    '10:00:09  canceled #4              > cancel #5    ! signal bracket.broken',
    '10:00:10  canceled #5              > submit #6 sell 2 market reduce-only',
    '10:00:11  filled #6 2 @ 103        = live none, position 0, closing none',
  ]
  let stage = scenario(story[0]!)
  for (const line of story.slice(1)) stage = stage.restored().play(line)
})

test('legs that the venue keeps go with what they were for', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104
          > submit #1 buy 10 market with #2 sell 10 stop 98 gtc, #3 sell 10 limit 104 gtc
    10:00:02  filled #1 10 @ 100
    10:00:03  s sell 4                              > submit #4 sell 4 market
    10:00:04  filled #4 4 @ 100                     > cancel #2   > cancel #3
    10:00:05  canceled #2                           > submit #5 sell 6 stop 98 gtc
    10:00:06  canceled #3                           > submit #6 sell 6 limit 104 gtc
    10:00:07  s sell 6                              > submit #7 sell 6 market
    10:00:08  filled #7 6 @ 100                     > cancel #5   > cancel #6
    10:00:09  canceled #5
              canceled #6                           = live none, position 0, closing none
  `,
    native,
  )
})

test('a native leg that is sized once more while its cancel is under way gives way all the same', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market with #2 sell 10 stop 98 gtc
    10:00:02  filled #1 6 @ 100
              amended #2 qty 6
    10:00:03  s sell 4                              > submit #3 sell 4 market
    10:00:04  filled #3 4 @ 100
              filled #1 2 @ 100
              amended #2 qty 8                      > cancel #2
    10:00:05  canceled #2                           > submit #4 sell 4 stop 98 gtc
    10:00:06  filled #1 2 @ 100                     > amend #4 qty 6
  `,
    native,
  )
})

test('a stop that fills before it is canceled is closed at the market', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  s sell 10                             > submit #3 sell 10 market
    10:00:04  filled #3 10 @ 99                     > cancel #2
    10:00:05  filled #2 10 @ 98                     > submit #4 buy 10 market reduce-only
                                                    ! signal bracket.broken a leg and another exit filled
    10:00:06  filled #4 10 @ 98                     = live none, position 0
  `)
})

test('a sale of what is held beside brackets leaves them alone, and one of more takes the oldest first', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 5                               > submit #1 buy 5 market
    10:00:02  filled #1 5 @ 100
    10:00:03  s bracket buy 10 stop 98              > submit #2 buy 10 market
    10:00:04  filled #2 10 @ 100                    > submit #3 sell 10 stop 98 gtc
    10:00:05  s bracket buy 20 stop 97              > submit #4 buy 20 market
    10:00:06  filled #4 20 @ 100                    > submit #5 sell 20 stop 97 gtc
    10:00:07  s sell 5                              > submit #6 sell 5 market
    10:00:08  filled #6 5 @ 100                     = live #3 #5, position 30 @ 100
    10:00:09  s sell 12                             > submit #7 sell 12 market
    10:00:10  filled #7 12 @ 100                    > cancel #3   > amend #5 qty 18
  `)
})

test('brackets against each other, and one against what is held beside it, keep their legs', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s bracket sell 4 stop 102             > submit #2 sell 4 market
    10:00:04  filled #2 4 @ 100                     > submit #3 buy 4 stop 102 gtc
    10:00:05  s sell 6                              > submit #4 sell 6 market
    10:00:06  filled #4 6 @ 100                     = live #3, position 0
  `)
})

test('a bracket the other way is denied until the first one can hold nothing any more', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 99 stop 98 target 104   > submit #1 buy 10 limit 99
    10:00:02  s bracket sell 10 entry 101 stop 105  ! denied opposite-bracket
    10:00:03  filled #1 10 @ 99                     > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    10:00:04  s bracket sell 5 entry 103 stop 105   ! denied opposite-bracket
    10:00:05  s bracket buy 5 stop 97               > submit #4 buy 5 market
    10:00:06  rejected #4 no
    10:00:07  filled #3 10 @ 104                    > cancel #2
    10:00:08  s bracket sell 5 stop 106             > submit #5 sell 5 market
  `)
})

test('an order that only reduced is canceled when a leg has taken what it was for', () => {
  const story = (exit: string, more: string): string => `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  ${exit}
    10:00:04  filled #2 6 @ 98                      = position 4 @ 100
    10:00:05  filled #2 4 @ 98                      ${more}`
  scenario(story('s sell 4 limit 105                > submit #3 sell 4 limit 105', '> cancel #3'))
  // What is more than is held was held against the limits.
  scenario(story('s sell 11 limit 105               > submit #3 sell 11 limit 105', '= live #3'))
})

test('an order that only reduced is canceled when the venue takes back what it was for', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 6 @ 100 as f1
              filled #1 4 @ 100 as f2               = position 10 @ 100
    10:00:03  s sell 4 limit 105                    > submit #2 sell 4 limit 105
    10:00:04  s sell 3 limit 106                    > submit #3 sell 3 limit 106
    10:00:05  busted #1 4 @ 100 of f2               > cancel #3          = position 6 @ 100
    10:00:06  busted #1 6 @ 100 of f1               > cancel #2          = position 0
  `)
})

test('an exit keeps its order as long as what is held covers it', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s sell 4 limit 105                    > submit #2 sell 4 limit 105
    10:00:04  s sell 6 limit 106                    > submit #3 sell 6 limit 106
    10:00:05  filled #3 6 @ 106
    10:00:06  filled #2 4 @ 105                     = position 0, live none
  `)
})
