// Faults of quotes: what keeps them from where they are wanted. Row F490.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../../src/core/time.ts'
import { MONDAY_10 } from '../../src/testing/builders.ts'
import { scenario } from '../../src/testing/scenario.ts'

test('F490 quotes that may not move any more in this minute wait for the next one, and nothing is done until then', () => {
  const stage = scenario('10:00:00  trade AAPL 100')
  const { engine } = stage
  const quoteAt = (price: number): void => {
    const policy = { cancelsPerMinute: 2, amends: false, minRestMs: 0, urgentBps: 1_000 }
    stage.lane('s').rest({ bids: [{ price, qty: 1 }], asks: [] }, policy)
  }
  quoteAt(99)
  stage.play('10:00:01  wait                > submit #1 buy 1 limit 99 post-only')
  quoteAt(98)
  stage.play(`
    10:00:02  accepted #1         > cancel #1
                                  > submit #2 buy 1 limit 98 post-only
    10:00:03  canceled #1`)
  quoteAt(97)
  stage.play(`
    10:00:04  accepted #2         > cancel #2
                                  > submit #3 buy 1 limit 97 post-only
    10:00:05  canceled #2`)
  quoteAt(96)
  stage.play('10:00:06  accepted #3')

  let turns = 0
  const end = MONDAY_10 + 61_999
  while (engine.nextAt <= end) {
    turns++
    engine.turn(ms(engine.nextAt), [])
  }
  assert.ok(turns < 10, `${turns} turns in a minute of waiting`)
  stage.play(`
    10:01:02  wait                > cancel #3
                                  > submit #4 buy 1 limit 96 post-only`)
})
