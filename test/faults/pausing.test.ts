// Pausing: the process of the engine stands still, or its clock is moved. The real adapter, in virtual time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Control, Input } from '../../src/core/input.ts'
import { iso, ms } from '../../src/core/time.ts'
import { ailmentsOf } from '../../src/runtime/live/health.ts'
import type { Context, Hooks } from '../../src/strategy/index.ts'
import { Stage } from '../../src/testing/scenario.ts'
import { type Action, Bench, timed } from './bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const buy: Action = (context) => context.buy({ qty: 1 })

test('F092 after a long pause no old signal becomes an order before the venue was asked', async (t) => {
  const bench = await Bench.start(t)
  await bench.run(5 * SECOND)
  const { reports } = bench.live.statistics

  // The signal is sent while the process stands still, and is the first that it hears.
  bench.world.freeze('engine 1', 30 * SECOND)
  bench.tells(buy)
  await bench.until(() => bench.denials.length + bench.submitted.length > 0)

  assert.match(bench.denials.join(), /^paused: trading is held: nothing was seen for 3\d s$/)
  assert.equal(bench.live.statistics.reports, reports)
  assert.deepEqual(bench.submitted, [])
  assert.ok(bench.has(/trading is held, nothing was seen for 3\d s; alpaca is asked first/))

  await bench.until(() => bench.live.health.hold === undefined)
  assert.ok(bench.live.statistics.reports > reports)
  await bench.does(buy)
  assert.equal(bench.submitted.length, 1)
  bench.check()
})

test('F092 a clock that is moved holds trading until the venue was asked, and a start lifts what is left', async (t) => {
  const bench = await Bench.start(t)
  const holds = (): string[] =>
    bench
      .inputs('control')
      .flatMap(({ control }) =>
        control.do === 'hold' && control.isBlind !== true ? [control.why] : [],
      )
  for (const byMs of [60 * SECOND, -60 * SECOND]) {
    await bench.run(5 * SECOND)
    bench.world.node('engine 1').jump(byMs)
    await bench.run(5 * SECOND)
  }
  assert.match(
    holds().join(),
    /^nothing was seen for 6\d s,the venue was asked,the clock went back by \d+ s,the venue was asked$/,
  )

  bench.inject({
    on: 'rest',
    method: 'GET',
    path: '/v2/orders',
    fault: 'status',
    status: 503,
    for: '90s',
  })
  bench.world.freeze('engine 1', 30 * SECOND)
  await bench.run(60 * SECOND)
  assert.match(bench.live.health.hold ?? 'none', /nothing was seen for 3\d s/)
  await bench.restart(60 * SECOND)
  assert.equal(bench.live.health.hold, undefined)
  await bench.does(buy)
  assert.equal(bench.submitted.length, 1)
  bench.check()
})

test('F600 what a person has sold while the process stood still is not sold once more', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'rest', method: 'GET', path: '/v2/positions', fault: 'slow', by: '4s' })

  bench.world.freeze('engine 1', 30 * SECOND)
  bench.inject({ on: 'trading', fault: 'drop', for: '3s' })
  bench.inject({ on: 'orders', fault: 'foreign', symbol: 'AAPL', side: 'sell', qty: 10 })
  await bench.run(31 * SECOND)
  await bench.does((context) => context.sell({ qty: 10 }))
  await bench.does((context) => context.close())
  await bench.run(2 * MINUTE)

  assert.equal(bench.held(), 0)
  assert.deepEqual(bench.submitted, ['s-r-1'])
  assert.equal(bench.live.health.hold, undefined)
  assert.deepEqual(bench.halts, ['position'])
})

test('F600 an exit that a strategy wants after a pause leaves when the venue has told what it has', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'rest', method: 'GET', path: '/v2/positions', fault: 'slow', by: '4s' })

  bench.world.freeze('engine 1', 30 * SECOND)
  await bench.run(31 * SECOND)
  await bench.does((context) => context.close())
  assert.equal(bench.held(), 10)
  await bench.until(() => bench.live.health.hold === undefined)
  await bench.run(2 * SECOND)

  assert.equal(bench.held(), 0)
  bench.check()
})

test('F690 of two pauses within one report, the last one too ends with exits that no longer wait for what it tells', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'rest', method: 'GET', path: '/v2/positions', fault: 'slow', by: '4s' })
  void bench.live.reconcile()
  for (let i = 0; i < 2; i++) {
    bench.world.node('engine 1').jump(60 * SECOND)
    await bench.run(SECOND)
  }
  await bench.until(() => bench.live.health.hold === undefined)

  const holds = bench
    .inputs('control')
    .flatMap(({ control }) =>
      control.do === 'hold' ? [!control.on ? 'none' : control.isBlind ? 'blind' : 'held'] : [],
    )
  assert.deepEqual(holds.slice(-3), ['blind', 'held', 'none'])
  bench.check()
})

test('F600 a run that is to end flat right after a pause closes what the venue says that it has', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'rest', method: 'GET', path: '/v2/positions', fault: 'slow', by: '4s' })

  bench.world.freeze('engine 1', 30 * SECOND)
  await bench.run(31 * SECOND)
  const { remaining } = await bench.world.settled(bench.live.stop('flatten'))

  assert.deepEqual(remaining, [])
  assert.equal(bench.held(), 0)
})

test('F600 a target that the price has left again while the process stood still is not taken', async (t) => {
  const bench = await Bench.start(t, { hasCoin: true })
  const bracket = { side: 'buy', qty: 0.5, stop: 980, target: 1_100 } as const
  await bench.does((context) => context.bracket(bracket), 'BTC/USD')
  await bench.run(SECOND)

  bench.world.freeze('engine 1', 30 * SECOND)
  bench.inject({ on: 'market', fault: 'print', symbol: 'BTC/USD', price: 1_100, size: 1 })
  await bench.run(2 * MINUTE)

  assert.deepEqual(
    [...bench.account.open].map(({ side, type }) => `${side} ${type}`),
    ['sell stop_limit'],
  )
  bench.check()
})

test('F600 quotes are withdrawn before the venue was asked, and timers that wait make no turns meanwhile', () => {
  const stage = new Stage({ actors: { s: { needs: { every: { second: '1s' } } } } })
  stage.play('10:00:00  trade AAPL 100')
  stage.lane('s').rest({ bids: [{ price: 99, qty: 1 }], asks: [] })
  stage.play(`
    10:00:01  wait                > submit #1 buy 1 limit 99 post-only
    10:00:02  accepted #1`)
  const at = ms(stage.engine.now + 30 * SECOND)
  const hold: Control = { do: 'hold', on: true, why: 'nothing was seen', isBlind: true }

  const turn = stage.engine.turn(at, [{ type: 'control', at, control: hold, by: 'guard' }])

  assert.deepEqual(
    turn.batches.flatMap(({ commands }) => commands.map(({ type }) => type)),
    ['cancel'],
  )
  assert.ok(stage.engine.nextAt > at)
})

test('F451 a start whose clock is behind the last turn says so, and is not healthy until it has caught up', async (t) => {
  const bench = await Bench.start(t)
  await bench.run(5 * SECOND)
  bench.kill()
  bench.world.node('engine 2').jump(-600 * SECOND)
  await bench.start()

  const isBehind = /^the clock is \d+ s behind the last turn: no bar closes and no timer fires/
  assert.ok(bench.has(isBehind))
  await bench.run(60 * SECOND)
  assert.match(ailmentsOf(bench.live.health).join(), isBehind)

  await bench.run(600 * SECOND)
  assert.doesNotMatch(ailmentsOf(bench.live.health).join(), /behind the last turn/)
  bench.check()
})

test('F451 a clock that is set back while a run goes on is told with what stands still until then', async (t) => {
  const bench = await Bench.start(t)
  await bench.run(5 * SECOND)

  bench.world.node('engine 1').jump(-600 * SECOND)
  await bench.run(5 * SECOND)

  const isBehind = /^the clock is \d+ s behind the last turn: no bar closes and no timer fires/
  assert.ok(bench.has(isBehind))
  assert.match(ailmentsOf(bench.live.health).join(), isBehind)
})

const IS_OFF =
  /^the clock of this machine is 3600 s (ahead of|behind) that of alpaca: market data are dropped/

test('F601 a start whose clock is an hour ahead says so, where all data are dropped', async (t) => {
  const bench = await Bench.start(t)
  await bench.run(5 * SECOND)
  bench.kill()
  bench.world.node('engine 2').jump(60 * MINUTE)
  await bench.start()

  assert.ok(bench.has(IS_OFF))
  assert.match(ailmentsOf(bench.live.health).join(), IS_OFF)
  const { future, old } = bench.adapter.feed.counts
  assert.ok(future + old > 0)
})

test('F601 a clock that is set wrong and right again while a run goes on is told each time', async (t) => {
  const bench = await Bench.start(t)
  const node = bench.world.node('engine 1')
  await bench.run(MINUTE)
  assert.deepEqual(ailmentsOf(bench.live.health), [])

  for (const times of [1, 2]) {
    node.jump(60 * MINUTE)
    await bench.run(10 * SECOND)
    assert.match(ailmentsOf(bench.live.health).join(), IS_OFF)
    assert.equal(bench.told.filter((text) => IS_OFF.test(text)).length, times)
    node.jump(-60 * MINUTE)
    await bench.run(10 * SECOND)
    assert.doesNotMatch(ailmentsOf(bench.live.health).join(), IS_OFF)
  }
})

test('F469 timers that fell due while the process stood still are not lived at their own times', async (t) => {
  const fired: number[] = []
  const setup = timed('1s', {
    risk: { maxPositions: 0 },
    onTimer: (context) => {
      fired.push(context.now)
      context.buy({ qty: 1 })
    },
  })
  const bench = await Bench.start(t, { live: { setup } })
  await bench.run(5 * SECOND)

  bench.world.freeze('engine 1', 30 * SECOND)
  const from = bench.world.now
  await bench.run(30 * SECOND)
  await bench.until(() => bench.live.health.hold === undefined)
  await bench.run(2 * SECOND)

  const meanwhile = fired.filter((at) => at > from && at < from + 30 * SECOND)
  assert.deepEqual(meanwhile, [])
  const since = fired.filter((at) => at >= from + 30 * SECOND)
  assert.ok(since.length >= 2 && since.length <= 4, `fired ${since.length} times since`)
  await bench.restart()
  bench.check()
})

test('F691 what a timer wants that fell due while the process stood still leaves when the hold is over', async (t) => {
  const fired: number[] = []
  const setup = timed('1m', {
    onTimer: (context) => {
      fired.push(context.now)
      context.buy({ qty: 1 })
    },
  })
  const bench = await Bench.start(t, { live: { setup } })
  await bench.run(25 * SECOND)

  bench.world.freeze('engine 1', MINUTE)
  await bench.run(MINUTE)
  await bench.until(() => bench.live.health.hold === undefined)
  await bench.run(2 * SECOND)

  assert.equal(fired.length, 1)
  assert.deepEqual([bench.denials, bench.submitted], [[], ['s-r-1']])
  await bench.restart()
  bench.check()
})

test('F691 a run that ends when its report was sure goes on with timers that wait for the end of the hold', () => {
  const fired: string[] = []
  const hooks = (ctx: Context): Hooks => ({
    onTimer: (name) => void fired.push(`${name} ${iso(ctx.now).slice(11, 19)}`),
  })
  const before = new Stage({ actors: { s: { needs: { every: { minute: '1m' } }, hooks } } })
  before.play('10:00:30  trade AAPL 100')
  const last = before.engine.now
  const at = ms(last + 60 * SECOND)
  const why = 'nothing was seen for 60 s'
  const hold = (more: Partial<Extract<Control, { do: 'hold' }>>): Input => ({
    type: 'control',
    at: more.isBlind === true ? last : at,
    control: { do: 'hold', on: true, why, ...more },
    by: 'heartbeat',
  })
  before.engine.turn(last, [hold({ isBlind: true })])
  before.engine.turn(at, [hold({ areTimersLate: true })])
  const after = before.restored()
  assert.equal(after.engine.hash(), before.engine.hash())
  assert.equal(after.engine.nextAt, before.engine.nextAt)
  assert.ok(after.engine.nextAt > at)
  assert.deepEqual(fired, [])

  after.engine.turn(at, [hold({ on: false })])

  assert.deepEqual(fired, ['minute 14:01:30'])
})

test('F542 a run ends while a hold keeps timers back, and the next one fires them after it, once', () => {
  const fired: string[] = []
  const hooks = (ctx: Context): Hooks => ({
    onTimer: (name) => void fired.push(`${name} ${iso(ctx.now).slice(11, 19)}`),
  })
  const every = { minute: '1m', often: '40s', hourly: '1h' }
  const before = new Stage({ actors: { s: { needs: { every }, hooks } } })
  before.play('10:00:30  trade AAPL 100')
  const began = before.engine.now
  const turn = ({ engine }: Stage, seconds: number, hold?: boolean): void => {
    const at = ms(began + seconds * SECOND)
    const why = 'nothing was seen for 60 s'
    const control: Control = { do: 'hold', on: hold === true, why, isBlind: true }
    engine.turn(at, hold === undefined ? [] : [{ type: 'control', at, control, by: 'guard' }])
  }
  turn(before, 0, true)
  turn(before, 60)
  const after = before.restored()
  assert.equal(after.engine.hash(), before.engine.hash())
  assert.equal(after.engine.nextAt, before.engine.nextAt)
  assert.deepEqual(fired, [])

  turn(after, 61, false)
  turn(after, 62)

  assert.deepEqual(fired, ['minute 14:01:31', 'often 14:01:31'])
})
