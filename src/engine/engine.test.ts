// The engine as a whole: the order of things in a turn, controls, and what it remembers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context, Hooks, Needs } from '../strategy/index.ts'
import { fillId, orderId, type Qty } from '../core/brand.ts'
import type { Input } from '../core/input.ts'
import { A, coin, filled, MONDAY_10, share } from '../testing/builders.ts'
import { ms } from '../core/time.ts'
import { type Actor, scenario, Stage } from '../testing/scenario.ts'

/** Writes down what its hooks hear, with the seconds after ten. */
function listener(heard: string[], needs: Needs = {}): Actor {
  const hooks = (ctx: Context): Hooks => {
    const note = (what: string) => heard.push(`${(ctx.now - MONDAY_10) / 1_000} ${what}`)
    return {
      onBar: ({ timeframe, close, trades }) => note(`bar ${timeframe} ${close} of ${trades}`),
      onQuote: ({ bid }) => note(`quote ${bid}`),
      onTrade: ({ price }) => note(`trade ${price}`),
      onTurn: () => note('turn'),
      onTimer: (name) => note(`timer ${name}`),
      onFill: ({ fill }) => note(`fill ${fill.qty}`),
      onDone: ({ reason }) => note(`done ${reason}`),
    }
  }
  return { needs, hooks }
}

test('within a millisecond: facts, then market, then bars, then timers, then onTurn', () => {
  const heard: string[] = []
  const actors = { s: listener(heard, { bars: '1m', every: { minute: '1m' } }) }
  const stage = scenario(
    `
    10:00:30  trade AAPL 100
    10:00:31  s buy 5                                  > submit #1 buy 5 market
    `,
    { actors },
  )
  heard.length = 0

  stage.play(`
    10:01:00  filled #1 5 @ 101
              trade AAPL 101
              quote AAPL 100.9 x 101.1
  `)

  // The trade of 10:01:00 is of the next bar: it closes the one before it.
  assert.deepEqual(heard, [
    '60 fill 5',
    '60 done filled',
    '60 bar 1m 100 of 1',
    '60 trade 101',
    '60 quote 100.9',
    '60 timer minute',
    '60 turn',
  ])
})

test('a bar that closes now has seen every trade stamped before its end', () => {
  const heard: string[] = []
  const stage = new Stage({ actors: { s: listener(heard, { bars: '1m' }) } })
  const at = (seconds: number) => ms(MONDAY_10 + seconds * 1_000)
  const trade = (price: number, ts: number) =>
    ({ type: 'trade', at: at(60), trade: { symbol: A, ts: at(ts), price, size: 1 } }) as const
  stage.play(`
    10:00:30  trade AAPL 100`)
  heard.length = 0

  stage.engine.turn(at(60), [trade(101, 59.998), trade(102, 59.999)])

  assert.deepEqual(heard, ['60 trade 101', '60 trade 102', '60 bar 1m 102 of 3', '60 turn'])
})

test('where the source tells bars, a trade is a price and in no bar', () => {
  const heard: string[] = []
  const options = { barsFrom: 'outside' } as const
  const stage = new Stage({ actors: { s: listener(heard, { bars: '1m' }) }, options })
  const at = ms(MONDAY_10 + 60_700)
  const prices = { open: 99, high: 103, low: 98, close: 102 }
  const bar = {
    symbol: A,
    timeframe: '1m',
    start: MONDAY_10,
    volume: 700,
    trades: 70,
    ...prices,
  } as const

  // As a run that begins within a minute sees it: one trade, the end of the minute, and its bar a little later.
  stage.play(`
    10:00:58  trade AAPL 100`)
  stage.engine.turn(ms(MONDAY_10 + 60_000), [])
  stage.engine.turn(at, [{ type: 'bar', at, bar, source: 'venue' }])

  assert.deepEqual(
    heard.filter((what) => !what.includes('turn')),
    ['58 trade 100', '60.7 bar 1m 102 of 70'],
  )
})

test('where bars come after their end, a higher bar waits for its last one', () => {
  const heard: string[] = []
  const actors = { s: listener(heard, { bars: ['1m', '5m'] }) }
  const stage = new Stage({ actors, options: { barsFrom: 'outside' } })
  const minute = (n: number) => {
    const at = ms(MONDAY_10 + (n + 1) * 60_000 + 700)
    const start = ms(MONDAY_10 + n * 60_000)
    const prices = { open: 100 + n, high: 100 + n, low: 100 + n, close: 100 + n }
    const bar = { symbol: A, timeframe: '1m', start, volume: 10, trades: 1, ...prices } as const
    return { at, inputs: [{ type: 'bar', at, bar, source: 'venue' }] } as const
  }
  const show = ({ at, inputs }: ReturnType<typeof minute>) => stage.engine.turn(at, inputs)

  for (const n of [0, 1, 2, 3]) show(minute(n))
  // The end of the five minutes passes before the last of them is told; then a minute without a trade.
  stage.engine.turn(ms(MONDAY_10 + 300_000), [])
  for (const n of [4, 5, 6, 7, 8, 10]) show(minute(n))

  assert.deepEqual(
    heard.filter((what) => what.includes('5m')),
    ['300.7 bar 5m 104 of 5', '660.7 bar 5m 108 of 4'],
  )
})

test('timers and bars that are due between inputs come at their own times', () => {
  const heard: string[] = []
  const needs = { bars: '1m', every: { half: '30s' } } as const
  const stage = new Stage({ actors: { s: listener(heard, needs) } })
  stage.play(`
    10:00:10  trade AAPL 100`)
  heard.length = 0

  stage.play(`
    10:02:05  trade AAPL 101`)

  assert.deepEqual(heard, [
    '30 timer half',
    '60 bar 1m 100 of 1',
    '60 timer half',
    '90 timer half',
    '120 timer half',
    '125 bar 1m 100 of 0',
    '125 trade 101',
    '125 turn',
  ])
})

test('a quiet market is a turn without inputs, at the moment that the engine names', () => {
  const heard: string[] = []
  const stage = new Stage({ actors: { s: listener(heard, { bars: '1m' }) } })
  stage.play(`
    10:00:10  trade AAPL 100`)
  heard.length = 0
  assert.equal(stage.engine.nextAt, MONDAY_10 + 60_000)

  stage.engine.turn(ms(stage.engine.nextAt), [])

  assert.deepEqual(heard, ['60 bar 1m 100 of 1'])
  assert.equal(stage.engine.nextAt, Infinity)
})

test('order facts are a reason for onTurn, and it comes once per turn', () => {
  const heard: string[] = []
  const stage = scenario(
    `
    10:00:00  trade AAPL 100
              trade AAPL 101
    10:00:01  s buy 5                                  > submit #1 buy 5 market
    10:00:02  wait
    10:00:03  accepted #1
    `,
    { actors: { s: listener(heard) } },
  )
  assert.deepEqual(heard, ['0 trade 100', '0 trade 101', '0 turn', '3 turn'])
  assert.equal(stage.engine.turns, 6, 'one for the account, one more for what the story wishes')
})

test('strategies are called in the order in which they are listed, then by symbol', () => {
  const heard: string[] = []
  const actor = (name: string): Actor => ({
    needs: { every: { beat: '1m' } },
    hooks: (ctx) => ({
      onTimer: () => heard.push(`${name} ${ctx.symbol}`),
      onTrade: () => heard.push(`${name} trade ${ctx.symbol}`),
    }),
  })
  const stage = new Stage({ symbols: ['A', 'B'], actors: { z: actor('z'), a: actor('a') } })
  stage.play(`
    10:00:01  wait
    10:00:59  trade B 100
    10:01:00  wait`)
  assert.deepEqual(heard, ['z trade 1', 'a trade 1', 'z 0', 'z 1', 'a 0', 'a 1'])
})

test('time backwards is an assertion, and so is an input of the future', () => {
  const stage = scenario('10:00:00  trade AAPL 100')
  assert.throws(() => stage.engine.turn(ms(MONDAY_10 - 1), []), /time moves forward/)
  assert.throws(() => {
    stage.play(`
      10:00:00  wait`)
    stage.engine.turn(MONDAY_10, [
      { type: 'control', at: ms(MONDAY_10 + 1), control: { do: 'pause' }, by: 'test' },
    ])
  }, /no input of turn/)
})

test('a pause denies what is new and lets out what is held', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  pause
              s buy 1                                  ! denied paused
              s sell 4                                 > submit #2 sell 4 market
    10:00:04  filled #2 4 @ 100
    10:00:05  resume
              s buy 1                                  > submit #3 buy 1 market
  `)
})

test('cancel-all cancels every order; what is left without a stop is closed', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                       > submit #2 sell 10 stop 98 gtc
    10:00:03  s buy 5 limit 99                         > submit #3 buy 5 limit 99
    10:00:04  cancel-all                               > cancel #2    > cancel #3
    10:00:05  cancel-all
    10:00:06  canceled #3
    10:00:07  canceled #2                              > submit #4 sell 10 market reduce-only
               ! signal bracket.broken the stop ended as canceled and leaves 10 unprotected
  `)
})

test('a stop closes the open bars, and nothing new leaves after it', () => {
  const heard: string[] = []
  scenario(
    `
    10:00:10  trade AAPL 100
    10:00:20  stop
    10:00:30  s buy 1                                  ! denied stopping
    `,
    { actors: { s: listener(heard, { bars: '1m' }) } },
  )
  assert.deepEqual(heard.slice(2), ['20 bar 1m 100 of 1'])
})

test('kill switch and safe mode are told, denied by, and switched off', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  safe-mode on                             ! safe-mode on: the story says so
              s buy 1                                  ! denied safe-mode
              s sell 1                                 > submit #2 sell 1 market
    10:00:04  safe-mode off                            ! safe-mode off
    10:00:05  kill-switch on                           ! kill-switch on: the story says so
                                                       > cancel #2
              s sell 2 limit 101                       ! denied kill-switch
    10:00:06  kill-switch off                          ! kill-switch off
              s buy 1                                  > submit #3 buy 1 market
  `)
})

test('the kill switch cancels entries that rest, and leaves what protects', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s bracket buy 10 stop 98 target 104      > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100                       > submit #2 sell 10 stop 98 gtc
                                                       > submit #3 sell 10 limit 104 gtc
    10:00:03  s buy 5 limit 99                         > submit #4 buy 5 limit 99
    10:00:04  kill-switch on                           ! kill-switch on: the story says so
                                                       > cancel #4
    10:00:05  canceled #4                              = #2 sent 0/10, #3 sent 0/10
  `)
  assert.equal(stage.engine.statistics.orders.live, 2)
})

test('a venue that is down takes no new orders', () => {
  scenario(`
    10:00:00  trade AAPL 100
              venue down orders
    10:00:01  s buy 1                                  ! denied venue-down
    10:00:02  venue up orders
              s buy 1                                  > submit #1 buy 1 market
  `)
})

test('the account is what its venue says, and moves with every fill', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100 fee 1.5               = cash 98998.5
    10:00:03  account 50000                            = cash 50000
    10:00:04  trade AAPL 101
  `)
  assert.equal(stage.engine.equity, 51_010)
  assert.equal(stage.engine.exposure, 1_010)
})

test('an instrument may join during the day', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100`)
  const input = { type: 'instrument.added', at: stage.engine.now, spec: share('MSFT') } as const
  stage.engine.turn(stage.engine.now, [input])
  stage.play(`
    10:00:01  trade MSFT 50
    10:01:00  wait`)
  assert.equal(stage.engine.universe.size, 2)
})

test('an overfill is booked and trips safe mode', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100
    10:00:03  filled #1 1 @ 100                        ! safe-mode on: order s-r-1 filled 11 of 10
                                                       = position 11 @ 100
    10:00:04  s buy 1                                  ! denied safe-mode
  `)
})

test('a fill of an unknown order trips safe mode; other facts of it are let go', () => {
  scenario(`
    10:00:00  trade AAPL 100
    10:00:01  accepted #7
    10:00:02  canceled #7
    10:00:03  filled #7 1 @ 100                        ! safe-mode on: fill f1 is of the unknown order
                                                       = position 0
  `)
})

test('a fill counts once, for ever', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s buy 10                                 > submit #1 buy 10 market
    10:00:02  filled #1 4 @ 100 as x
              filled #1 4 @ 100 as x                   = position 4 @ 100
    10:00:03  filled #1 6 @ 100 as y                   = position 10 @ 100, #1 done filled 10/10
  `)
  stage.restored().play(`
    10:00:04  filled #1 4 @ 100 as x
              filled #1 6 @ 100 as y                   = position 10 @ 100, cash 99000
    Tue 10:00:04  filled #1 6 @ 100 as y               = position 10 @ 100
  `)
})

test('the state hash differs wherever anything differs', () => {
  const story = `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10 limit 99                        > submit #1 buy 10 limit 99`
  const changes = [
    '',
    '10:00:02  wait',
    '10:00:01  trade AAPL 100.01',
    '10:00:01  trade AAPL 100',
    '10:00:01  quote AAPL 99.99 x 100.01',
    '10:00:01  quote AAPL 99.98 x 100.02',
    '10:00:01  accepted #1',
    '10:00:01  filled #1 1 @ 99',
    '10:00:01  filled #1 1 @ 99 as other',
    '10:00:01  filled #1 1 @ 99 fee 0.01',
    '10:00:01  filled #1 2 @ 99',
    '10:00:01  canceled #1',
    '10:00:01  s cancel #1    > cancel #1',
    '10:00:01  account 100001',
    '10:00:01  pause',
    '10:00:01  stop',
    '10:00:01  safe-mode on   ! safe-mode',
    '10:00:01  kill-switch on   ! kill-switch   > cancel #1',
    '10:00:01  venue down orders',
  ]
  const hashes = changes.map((change) => scenario(`${story}\n${change}`).engine.hash())
  assert.equal(new Set(hashes).size, changes.length)
  const again = changes.map((change) => scenario(`${story}\n${change}`).engine.hash())
  assert.deepEqual(again, hashes)
})

test('a restored engine knows the last quotes', () => {
  const stage = scenario('10:00:00  quote AAPL 99.99 x 100.01').restored()
  assert.deepEqual([stage.lane('s').quote?.bid, stage.lane('s').price], [99.99, 100])
})

test('an order ends once, also where it fills after its cancel and is taken back', () => {
  const { engine } = scenario(`
    10:00:00  trade AAPL 100
    10:00:00  s buy 10 limit 99                        > submit #1 buy 10 limit 99
    10:00:01  accepted #1
    10:00:02  s cancel #1                              > cancel #1
  `)
  const at = ms(MONDAY_10 + 3_000)
  const of = { at, id: orderId('s-r-1'), ts: at } as const
  const trade = { qty: 4 as Qty, price: 99 }
  const inputs: readonly Input[] = [
    { type: 'order.canceled', ...of },
    filled('s-r-1', { at, fill: 'f1', qty: 4, price: 99 }),
    { type: 'order.busted', ...of, bust: fillId('b1'), fill: fillId('f1'), ...trade },
  ]
  const { notices } = engine.turn(at, inputs)
  const changes = notices.flatMap((notice) =>
    notice.type === 'order.changed' ? [[notice.order.filled, notice.isEnd]] : [],
  )
  assert.deepEqual(changes, [
    [0, true],
    [4, false],
    [0, false],
  ])
})

test('a number of more steps than a grid can count is denied, and the lane goes on', () => {
  const symbols = [coin('BTC', { lotSize: 1e-8, tickSize: 1e-8 })]
  scenario(
    `
    10:00:00  trade BTC 100
    10:00:01  s buy 100000000                          ! denied missing-data
    10:00:02  s buy 1 limit 100000000                  ! denied missing-data
    10:00:03  s buy 1 limit 99 stop 100000000          ! denied missing-data
    10:00:04  s bracket buy 1 stop 98 target 100000000  ! denied missing-data
    10:00:05  s rest 100000000 @ 99 | 1 @ 100000000    ! denied missing-data
                                                       ! denied missing-data
    10:00:06  s buy 1                                  > submit #1 buy 1 market gtc
    `,
    { symbols },
  )
})
