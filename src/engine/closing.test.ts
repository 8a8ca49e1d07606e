// Closes, told as stories: how a lane gets rid of what it has when the venue, the clock or a person is in the way.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Order } from '../core/order.ts'
import type { Context, Hooks } from '../strategy/index.ts'
import { coin, termsOf } from '../testing/builders.ts'
import { scenario, type ScenarioOptions } from '../testing/scenario.ts'

const two: ScenarioOptions = { actors: { a: {}, b: {} } }

const held = `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc`

test('a close cancels first, waits for the cancels, then sells what is left', () => {
  scenario(`${held}
    10:00:03  s close                               > cancel #2    > cancel #3
    10:00:04  canceled #2                           = closing s
    10:00:05  filled #3 4 @ 104
    10:00:06  canceled #3                           > submit #4 sell 6 market reduce-only
    10:00:07  filled #4 6 @ 100                     = live none, position 0, closing none
  `)
})

test('a close of a short buys back', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s sell 10                             > submit #1 sell 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 buy 10 market reduce-only
    10:00:04  filled #2 10 @ 99                     = position 0, closing none
  `)
})

test('a close of nothing is nothing', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s close                               = closing none
  `)
})

test('a close while the entry is partly filled cancels it and sells what came in', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 100 stop 98    > submit #1 buy 10 limit 100
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
    10:00:03  s close                               > cancel #1    > cancel #2
    10:00:04  canceled #2
    10:00:05  filled #1 3 @ 100                     = position 7 @ 100
    10:00:06  canceled #1                           > submit #3 sell 7 market reduce-only
    10:00:07  filled #3 7 @ 100                     = live none, position 0, closing none
  `)
})

const beside: ScenarioOptions = { limits: { terms: termsOf({ exitsBesideLegs: true }) } }

test('where the venue lets it, the sale follows the cancels of the legs at once', () => {
  scenario(
    `${held}
    10:00:03  s close                               > cancel #2    > cancel #3
                                                    > submit #4 sell 10 market reduce-only
    10:00:04  filled #2 4 @ 98                      = position 6 @ 100, closing s
    10:00:05  canceled #2
              canceled #3
              filled #4 6 @ 99                      = live #4, position 0, closing s
    10:00:06  canceled #4                           = live none, closing none
  `,
    beside,
  )
})

test('where the venue lets it, a sale still waits for an entry that may fill', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 entry 100 stop 98    > submit #1 buy 10 limit 100
    10:00:02  filled #1 4 @ 100                     > submit #2 sell 4 stop 98 gtc
    10:00:03  s close                               > cancel #1    > cancel #2
    10:00:04  filled #1 3 @ 100                     = position 7 @ 100
    10:00:05  canceled #1                           > submit #3 sell 7 market reduce-only
    10:00:06  canceled #2
              filled #3 7 @ 100                     = live none, position 0, closing none
  `,
    beside,
  )
})

test('where the venue lets it, a sale still waits where another lane holds the symbol', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  a bracket buy 10 stop 98              > submit #1 a buy 10 market
              b sell 4                              > submit #2 b sell 4 market
    10:00:02  filled #1 10 @ 100                    > submit #3 a sell 10 stop 98 gtc
              filled #2 4 @ 100
    10:00:03  a close                               > cancel #3
    10:00:04  canceled #3                           > submit #4 a sell 10 market
  `,
    { ...two, ...beside },
  )
})

test('a second close changes nothing', () => {
  scenario(`${held}
    10:00:03  s close
              s close                               > cancel #2    > cancel #3
    10:00:04  s close
    10:00:05  canceled #2
              canceled #3                           > submit #4 sell 10 market reduce-only
    10:00:06  s close
              flatten
    10:00:07  filled #4 10 @ 100                    = live none, position 0, closing none
    10:00:08  s close
  `)
})

test('a lane that cancels all of its orders leaves the market order of its close alone', () => {
  scenario(`${held}
    10:00:03  s close                               > cancel #2    > cancel #3
    10:00:04  canceled #2
              canceled #3                           > submit #4 sell 10 market reduce-only
    10:00:05  filled #4 4 @ 100
              s cancel #4                           = live #4, position 6 @ 100, closing s
    10:00:06  filled #4 6 @ 100                     = live none, position 0, closing none
  `)
})

test('nothing is placed while a lane is closing', () => {
  scenario(`${held}
    10:00:03  s close                               > cancel #2    > cancel #3
              s bracket buy 10 stop 98              ! denied duplicate: the lane is closing
              s sell 10                             ! denied duplicate: the lane is closing
    10:00:04  canceled #2
              canceled #3                           > submit #4 sell 10 market reduce-only
    10:00:05  filled #4 10 @ 100
    10:00:06  s bracket buy 10 stop 98              > submit #5 buy 10 market
  `)
})

test('a close in the turn that placed the legs takes them back before they leave', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 market reduce-only
    10:00:03  filled #2 10 @ 100                    = live none, position 0, closing none
  `,
    { actors: { s: { hooks: (ctx) => ({ onFill: () => ctx.close() }) } } },
  )
})

/** One that sells 5 when it hears of such an order. */
const entersOn = (
  hook: 'onFill' | 'onDone',
  isExit: (order: Order) => boolean,
  options: ScenarioOptions = {},
): ScenarioOptions => {
  const hooks = (ctx: Context): Hooks => {
    const enter = (order: Order): void => {
      if (isExit(order)) ctx.sell({ qty: 5 })
    }
    return hook === 'onDone' ? { onDone: enter } : { onFill: ({ order }) => enter(order) }
  }
  return { ...options, actors: { s: { hooks } } }
}
const isSale = ({ reduceOnly }: Order): boolean => reduceOnly === true

test('where its close is over the lane may enter as soon as it hears of the fill', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 sell 10 market reduce-only
    10:00:04  filled #2 4 @ 101                     ! denied duplicate: the lane is closing
    10:00:05  filled #2 6 @ 101                     > submit #3 sell 5 market
                                                    = live #3, position 0, closing none
  `,
    entersOn('onFill', isSale),
  )
})

test('where its close is over the lane may enter when it hears of the end of the order', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 sell 10 market reduce-only
    10:00:04  filled #2 10 @ 101                    > submit #3 sell 5 market
                                                    = live #3, position 0, closing none
  `,
    entersOn('onDone', isSale),
  )
})

test('a price that comes in one turn with the end of a close may be an entry', () => {
  scenario(
    `
    10:00:00  quote AAPL 99.99 x 100.01
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 sell 10 market reduce-only
    10:00:04  filled #2 10 @ 101
              trade AAPL 101                        > submit #3 sell 5 market
                                                    = live #3, position 0, closing none
  `,
    { actors: { s: { hooks: (ctx) => ({ onTrade: () => void ctx.sell({ qty: 5 }) }) } } },
  )
})

test('a leg that ends a close is done with before the lane enters anew', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  s close                               > cancel #2    > submit #3 sell 10 market reduce-only
    10:00:04  filled #3 6 @ 99
              canceled #3
              filled #2 4 @ 98                      = live #2, position 0, closing s
    10:00:05  canceled #2                           > submit #4 sell 5 market
                                                    = live #4, position 0, closing none
    10:00:06  filled #4 5 @ 98                      = live none, position -5 @ 98, closing none
  `,
    entersOn('onDone', ({ type }) => type === 'stop', beside),
  )
})

test('a stop that is hit while it is canceled ends the close, and the lane may enter in its fill', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    10:00:03  s close                               > cancel #2
    10:00:04  filled #2 10 @ 98                     > submit #3 sell 5 market
                                                    = live #3, position 0, closing none
    10:00:05  filled #3 5 @ 98                      = live none, position -5 @ 98, closing none
  `,
    entersOn('onFill', ({ type }) => type === 'stop'),
  )
})

test('what was to rest is forgotten with the close, and what is declared after it rests', () => {
  scenario(
    `
    10:00:00  trade BTC 10000
    10:00:00  s rest 1 @ 9999 | 1 @ 10001           > submit #1 buy 1 limit 9999 gtc post-only
                                                    > submit #2 sell 1 limit 10001 gtc post-only
    10:00:00  accepted #1
              accepted #2
    10:00:01  s close                               > cancel #1    > cancel #2
    10:00:02  canceled #1
              canceled #2                           = live none, closing none
    10:00:09  wait                                  = live none
    10:00:10  s rest 1 @ 9990 |                     > submit #3 buy 1 limit 9990 gtc post-only
  `,
    { symbols: [coin('BTC', { tickSize: 0.1, lotSize: 0.001 })] },
  )
})

test('a close at night keeps the stop, is denied once, and sells at the open of the next session', () => {
  const stage = scenario(`
    15:59:00  trade AAPL 100
    15:59:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market
    15:59:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
                                                    > submit #3 sell 10 limit 104 gtc
    16:00:00  s close                               ! denied market-closed
                                                    = live #2 #3, closing s
    16:00:30  wait
    18:00:00  wait
    Tue 09:29:59.999  wait
  `)
  const open = Date.UTC(2026, 2, 10, 13, 30)
  assert.equal(stage.engine.nextAt, open, 'a quiet market wakes the engine at the open')
  stage.play(`
    Tue 09:30  wait                                 > cancel #2    > cancel #3
    Tue 09:30:01  canceled #2
                  canceled #3                       > submit #4 sell 10 market reduce-only
    Tue 09:30:02  filled #4 10 @ 97                 = live none, position 0, closing none
  `)
})

test('a stop that is hit while a close waits for the open is the close', () => {
  scenario(`
    15:59:00  trade AAPL 100
    15:59:01  s bracket buy 10 stop 98              > submit #1 buy 10 market
    15:59:02  filled #1 10 @ 100                    > submit #2 sell 10 stop 98 gtc
    16:00:00  flatten                               ! denied market-closed
    Tue 09:29:00  filled #2 10 @ 97                 = live none, position 0, closing none
    Tue 09:30:00  wait
  `)
})

test('a market that never closes is not waited for', () => {
  scenario(
    `
    23:00:00  trade BTC 100
    23:00:01  s buy 1                               > submit #1 buy 1 market gtc
    23:00:02  filled #1 1 @ 100
    23:00:03  s close                               > submit #2 sell 1 market gtc reduce-only
  `,
    { symbols: [coin('BTC')] },
  )
})

test('a close under a kill switch keeps the stop, is denied once, and goes on when it is off', () => {
  scenario(`${held}
    10:00:03  kill-switch on                        ! kill-switch on
    10:00:04  s close                               ! denied kill-switch
                                                    = live #2 #3
    10:00:35  wait
    10:05:00  kill-switch off                       ! kill-switch off
                                                    > cancel #2    > cancel #3
  `)
})

test('a rejected close is tried again, each time later; after five a person is called', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 sell 10 market reduce-only
    10:00:04  rejected #2 halted
    10:00:32.999  wait
    10:00:33  wait                                  > submit #3 sell 10 market reduce-only
    10:00:34  rejected #3 halted
    10:01:32.999  wait
    10:01:33  wait                                  > submit #4 sell 10 market reduce-only
    10:01:34  canceled #4
    10:03:33  wait                                  > submit #5 sell 10 market reduce-only
    10:03:34  expired #5
    10:07:33  wait                                  > submit #6 sell 10 market reduce-only
    10:07:34  rejected #6 halted
  `)
  assert.equal(stage.engine.nextAt, Date.UTC(2026, 2, 9, 14, 15, 33))
  stage.play(`
    10:15:33  wait                       ! safe-mode on: s could not close 10 AAPL in 5 tries
                                                    = closing none, position 10 @ 100, safe-mode on
    10:30:00  s buy 1                               ! denied safe-mode
    10:30:01  flatten                               > submit #7 sell 10 market reduce-only
    10:30:02  filled #7 10 @ 100                    = position 0, closing none
  `)
})

test('a close that fails tells so although safe mode is on already', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  safe-mode on                          ! safe-mode on: the story says so
    10:00:04  s close                               > submit #2 sell 10 market reduce-only
    10:00:05  rejected #2 no
    10:01:00  wait                                  > submit #3 sell 10 market reduce-only
    10:01:01  rejected #3 no
    10:03:00  wait                                  > submit #4 sell 10 market reduce-only
    10:03:01  rejected #4 no
    10:06:00  wait                                  > submit #5 sell 10 market reduce-only
    10:06:01  rejected #5 no
    10:12:00  wait                                  > submit #6 sell 10 market reduce-only
    10:12:01  rejected #6 no
    10:22:00  wait                                  ! safe-mode on: s could not close 10 AAPL
  `)
})

test('what a close sold in part is sold on', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  s close                               > submit #2 sell 10 market reduce-only
    10:00:04  filled #2 4 @ 100
    10:00:05  canceled #2                           = position 6 @ 100
    10:00:33  wait                                  > submit #3 sell 6 market reduce-only
  `)
})

test('a cancel that is refused is sent again after a while', () => {
  const stage = scenario(`${held}
    10:00:03  s close                               > cancel #2    > cancel #3
    10:00:04  canceled #2
              accepted #3
    10:00:05  refused #3 too many requests
    10:00:07  wait
  `)
  assert.equal(stage.engine.nextAt, Date.UTC(2026, 2, 9, 14, 0, 8))
  stage.play(`
    10:00:08  wait                                  > cancel #3
    10:00:09  canceled #3                           > submit #4 sell 10 market reduce-only
  `)
})

test('flatten closes all lanes, halted ones too', () => {
  const hooks = () => ({
    onTrade() {
      throw new Error('oops')
    },
  })
  scenario(
    `
    10:00:00  quote AAPL 99.99 x 100.01
    10:00:01  a buy 10                              > submit #1 a buy 10 market
              b sell 4                              > submit #2 b sell 4 market
    10:00:02  filled #1 10 @ 100
              filled #2 4 @ 100                     = position 6 @ 100
    10:00:03  trade AAPL 100                        ! halted a
    10:00:04  flatten                               > submit #3 a sell 10 market
                                                    > submit #4 b buy 4 market
    10:00:05  filled #3 10 @ 100
              filled #4 4 @ 100                     = position 0, closing none
  `,
    { actors: { a: { hooks }, b: {} } },
  )
})

test('strategies that hold opposite positions of one symbol each close their own', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  a buy 10                              > submit #1 a buy 10 market
              b sell 10                             > submit #2 b sell 10 market
    10:00:02  filled #1 10 @ 100
              filled #2 10 @ 100                    = position 0, a position 10 @ 100, b position -10 @ 100
    10:00:03  a close                               > submit #3 a sell 10 market
    10:00:04  filled #3 10 @ 101                    = a position 0, position -10 @ 101
    10:00:05  b close                               > submit #4 b buy 10 market reduce-only
    10:00:06  filled #4 10 @ 101                    = position 0, cash 100000
  `,
    two,
  )
})

test('a lane of three that cannot see itself in the net position sends no reduce-only order', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  a buy 10                              > submit #1 a buy 10 market
              b buy 5                               > submit #2 b buy 5 market
              c sell 5                              > submit #3 c sell 5 market
    10:00:02  filled #1 10 @ 100
              filled #2 5 @ 100
              filled #3 5 @ 100                     = position 10 @ 100
    10:00:03  flatten                               > submit #4 a sell 10 market
                                                    > submit #5 b sell 5 market
                                                    > submit #6 c buy 5 market
  `,
    { actors: { a: {}, b: {}, c: {} } },
  )
})

test('a drawdown of emergency closes everything in the turn that finds it', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 90 stop 50              > submit #1 buy 90 market
    10:00:02  filled #1 90 @ 100                    > submit #2 sell 90 stop 50 gtc
    10:01:00  trade AAPL 97                         = closing none
    10:02:00  trade AAPL 88                         > cancel #2    ! drawdown emergency
    10:02:01  canceled #2                           > submit #3 sell 90 market reduce-only
    10:02:02  filled #3 90 @ 88                     = position 0, closing none
    10:02:03  s buy 1                               ! denied drawdown
  `,
    { cash: 10_000 },
  )
})

test('closes go on after a restore at any moment, in the same order', () => {
  const story = [
    `10:00:00  trade AAPL 100
     10:00:01  a buy 10                             > submit #1 a buy 10 market
               b buy 5                              > submit #2 b buy 5 market
     10:00:02  filled #1 10 @ 100
               filled #2 5 @ 100
     10:00:03  a buy 1 limit 99                     > submit #3 a buy 1 limit 99
               b buy 1 limit 98                     > submit #4 b buy 1 limit 98`,
    '10:00:04  b close                              > cancel #4',
    '10:00:05  a close                              > cancel #3',
    `10:00:06  canceled #4
               canceled #3                          > submit #5 a sell 10 market
                                                    > submit #6 b sell 5 market`,
    `10:00:07  rejected #5 no
               rejected #6 no`,
    '10:00:20  wait',
    '10:00:36  wait                                 > submit #7 a sell 10 market    > submit #8 b sell 5 market',
  ]
  let stage = scenario(story[0]!, two)
  for (const line of story.slice(1)) {
    const { nextAt } = stage.engine
    stage = stage.restored()
    assert.equal(stage.engine.nextAt, nextAt)
    stage.play(line)
  }
})

test('its market order is left alone by a cancel of all: it would only be sent again', () => {
  scenario(`${held}
    10:00:03  s close                               > cancel #2    > cancel #3
    10:00:04  canceled #2
              canceled #3                           > submit #4 sell 10 market reduce-only
    10:00:05  cancel-all
    10:00:06  filled #4 10 @ 100                    = s/AAPL position 0
  `)
})
