// Lanes: what a strategy sees and may do, its warm-up, its state, and what happens when it throws.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { realisedProfit } from '../core/position.ts'
import type { Context, Hooks, OrderIntent } from '../strategy/index.ts'
import { A, bar, MONDAY_10, utc } from '../testing/builders.ts'
import { type Actor, scenario, Stage } from '../testing/scenario.ts'

/** Fires once armed, so that a story can come to its point first. */
interface Trap {
  isArmed: boolean
}

const trapIn = (hook: keyof Hooks, trap: Trap, snap: (error: Error) => unknown): Actor => {
  const fail = () => (trap.isArmed ? snap(new TypeError(`no ${hook}`)) : undefined)
  return { needs: { bars: '1m', every: { beat: '5m' } }, hooks: () => ({ [hook]: fail }) }
}

const facts: Readonly<Record<Exclude<keyof Hooks, 'gauges'>, string>> = {
  onBar: 'bar AAPL 100 101 99 100',
  onQuote: 'quote AAPL 99.99 x 100.01',
  onTrade: 'trade AAPL 100',
  onTurn: 'trade AAPL 100',
  onTimer: 'wait',
  onFill: 'filled #4 1 @ 100',
  onDone: 'canceled #4',
}

const fails = (error: Error): never => {
  throw error
}

/** What a hook may do wrong, and what is told of it. */
const wrongs = Object.keys(facts).flatMap((hook) => [
  { hook, does: 'throws', snap: fails, told: `no ${hook}` },
  {
    hook,
    does: 'waits, and throws then,',
    snap: (failure: Error) => Promise.reject(failure),
    told: 'it',
  },
])

for (const { hook, does, snap, told } of wrongs) {
  test(`a strategy that ${does} in ${hook} is halted alone, and its legs go on protecting`, () => {
    const trap = { isArmed: false }
    const actors = { bad: trapIn(hook as keyof Hooks, trap, snap), good: {} }
    const fact = facts[hook as keyof typeof facts]
    const stage = scenario(
      `
      10:00:01  quote AAPL 99.99 x 100.01
      10:00:02  bad bracket buy 10 stop 98 target 104  > submit #1 bad buy 10 market
      10:00:03  filled #1 10 @ 100                     > submit #2 bad sell 10 stop 98 gtc
                                                       > submit #3 bad sell 10 limit 104 gtc
      10:00:04  bad buy 2 limit 99                     > submit #4 bad buy 2 limit 99
      `,
      { actors },
    )

    trap.isArmed = true
    stage.play(`
      10:05:00  ${fact}                                ! halted bad TypeError: ${told}
                                                       = halted bad
    `)
    trap.isArmed = false

    stage.play(`
      10:05:01  bad buy 1
                good buy 1                             > submit #5 good buy 1 market
      10:05:02  filled #2 10 @ 98                      > cancel #3
      10:05:03  release bad                            = halted none
      10:05:04  bad buy 1                              > submit #6 bad buy 1 market
    `)
  })
}

const cruel = {
  get message(): string {
    throw new Error('nothing to see')
  },
  toString(): string {
    throw new Error('nothing to see')
  },
}
const oddities: readonly (readonly [string, unknown, string])[] = [
  ['a text', 'oops', 'oops'],
  ['nothing', undefined, 'undefined'],
  ['what has no text', Object.create(null), 'an object that cannot be told'],
  ['what throws when it is told', cruel, 'an object that cannot be told'],
  ['a trap', new Proxy(new Error('x'), { get: () => fails(new Error('no')) }), 'an object that'],
]
for (const [name, thrown, told] of oddities) {
  test(`a strategy that throws ${name} is halted alone`, () => {
    const bad: Actor = {
      hooks: () => ({
        onTrade: () => {
          throw thrown
        },
      }),
    }
    scenario(
      `
      10:00:00  trade AAPL 100    ! halted bad ${told}
      10:00:01  good buy 1        > submit #1 good buy 1 market
      `,
      { actors: { bad, good: {} } },
    )
  })
}

test('of what a strategy throws no more is kept than a person reads', () => {
  const hooks = () => ({ onTrade: () => fails(new Error('x'.repeat(1_000_000))) })
  const stage = scenario('10:00:00  trade AAPL 100    ! halted s Error: xxx', {
    actors: { s: { hooks } },
  })
  assert.ok(stage.engine.lanes[0]!.halted!.length < 2_100)
})

for (const hook of ['onbar', 'onFills', 'Gauges']) {
  test(`a strategy with a hook ${hook} does not begin: nobody would call it`, () => {
    const hooks = () => ({ [hook]: () => {} })
    const refused = new RegExp(`gives a hook ${hook} for AAPL, which is none; allowed: onBar, onQ`)
    assert.throws(() => new Stage({ actors: { s: { hooks } } }), refused)
  })
}

test('what a strategy keeps beside its hooks is its own', () => {
  const hooks = () => ({ onTrade: () => {}, once: true, onward: 3, levels: [] })
  assert.ok(new Stage({ actors: { s: { hooks } } }))
})

test('a release may name one symbol', () => {
  const trap = { isArmed: true }
  const actors = { s: trapIn('onTrade', trap, fails) }
  const stage = scenario(
    `
    10:00:00  trade AAPL 100                           ! halted s
              trade MSFT 100                           ! halted s
    10:00:01  release other
    10:00:02  release s MSFT                           = halted s
    10:00:03  s/AAPL buy 1
              s/MSFT buy 1                             > submit #1 MSFT buy 1 market
    `,
    { actors, symbols: ['AAPL', 'MSFT'] },
  )
  assert.equal(stage.lane('s/AAPL').halted, 'TypeError: no onTrade')
})

test('nothing leaves and nothing is said during the warm-up', () => {
  const hooks = (ctx: Context) => ({
    onBar() {
      ctx.signal('bar')
      ctx.buy({ qty: 1 })
    },
  })
  scenario(
    `
    10:00:00  warmup AAPL 99 101 99 100
    10:01:00  bar AAPL 99 101 99 100
              s close
              s bracket buy 1 stop 98
    10:02:00  bar AAPL 99 101 99 100                   ! signal bar    > submit #1 buy 1 market
    `,
    { actors: { s: { needs: { bars: '1m', warmup: 3 }, hooks } } },
  )
})

test('the warm-up waits for every timeframe', () => {
  const stage = new Stage({
    actors: { s: { needs: { bars: ['1m', '5m'], warmup: 1 }, hooks: () => ({ onBar() {} }) } },
  })
  stage.play('10:01:00  bar AAPL 99 101 99 100')
  assert.equal(stage.lane('s').isWarmingUp, true)
  stage.play('10:05:00  bar AAPL 99 101 99 100    ! gap 1m')
  assert.equal(stage.lane('s').isWarmingUp, false, 'the five minutes have closed')
})

test('state is frozen and replaced, and comes back from a restore', () => {
  const actor: Actor = { state: () => ({ levels: [1], note: 'begun' }) }
  const stage = new Stage({ actors: { s: actor } })
  const lane = stage.lane('s')
  const state = lane.state as { levels: number[] }

  assert.throws(() => state.levels.push(2), TypeError)
  lane.state = { levels: [...state.levels, 2], note: 'changed' }

  assert.throws(() => (lane.state as { levels: number[] }).levels.push(3), TypeError)
  assert.deepEqual(lane.state, { levels: [1, 2], note: 'changed' })
  const back = stage.restored().lane('s')
  assert.deepEqual(back.state, { levels: [1, 2], note: 'changed' })
  assert.throws(() => (back.state as { levels: number[] }).levels.push(3), TypeError)
})

test('a peer is another symbol as it is now, with what the same strategy holds there', () => {
  const seen: unknown[] = []
  const hooks = (ctx: Context): Hooks => {
    const peer = ctx.peer(ctx.instrument.symbol === 'AAPL' ? 'MSFT' : 'AAPL')
    return {
      onTurn: () => {
        const { instrument, price, quote, position } = peer
        if (ctx.instrument.symbol === 'AAPL')
          seen.push([instrument.symbol, price, quote?.bid, position.qty])
      },
    }
  }
  const options = { symbols: ['AAPL', 'MSFT'], actors: { s: { hooks }, other: {} } }
  const stage = scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  trade AAPL 101
              quote MSFT 49.99 x 50.01
    10:00:02  s/MSFT buy 10            > submit #1 s MSFT buy 10 market
    10:00:03  filled #1 10 @ 50
              other/MSFT buy 5         > submit #2 other MSFT buy 5 market
    10:00:04  filled #2 5 @ 50
              trade AAPL 100
    `,
    options,
  )

  assert.deepEqual(seen, [
    ['MSFT', undefined, undefined, 0],
    ['MSFT', 50, 49.99, 0],
    ['MSFT', 50, 49.99, 10],
  ])
  seen.length = 0
  stage.restored().play('10:00:05  trade AAPL 99')
  assert.deepEqual(seen, [['MSFT', 50, 49.99, 10]])
})

test('a strategy that wants a peer that the run does not have cannot begin, or is halted', () => {
  const eager = { hooks: (ctx: Context): Hooks => ({ onTurn: () => void ctx.peer('SPX') }) }
  scenario('10:00:00  trade AAPL 100  ! halted s Error: SPX is no symbol of this run', {
    actors: { s: eager },
  })

  const actors = { s: { hooks: (ctx: Context): Hooks => (ctx.peer('SPX'), {}) } }
  assert.throws(() => new Stage({ actors }), /strategy s: symbol\(\) throws .*SPX is no symbol/)
})

test('a state of null and no state at all are told apart after a restore', () => {
  const stage = new Stage({ actors: { none: {}, nothing: { state: () => null } } }).restored()
  assert.equal(stage.lane('none').state, undefined)
  assert.equal(stage.lane('nothing').state, null)
})

test('a state that a snapshot would give back as something else halts its lane, which keeps the one before', () => {
  const unsaved: readonly (readonly [string, unknown])[] = [
    ['ctx.state.low is Infinity', { low: Infinity }],
    ['ctx.state.rates.1 is NaN', { rates: [1, NaN] }],
    ['ctx.state is a list with undefined in it', [undefined]],
    ['ctx.state.seen is a Map', { seen: new Map() }],
    ['ctx.state.at is a Date', { at: new Date(0) }],
    ['ctx.state.next is a function', { next: () => 0 }],
    ['ctx.state is a bigint', 1n],
    // What somebody else has frozen is looked at all the same.
    ['ctx.state.inner.low is -Infinity', Object.freeze({ inner: { low: -Infinity } })],
  ]
  for (const [what, state] of unsaved) {
    const hooks = (ctx: Context): Hooks => ({ onTrade: () => void (ctx.state = state) })
    const actor = { state: () => ({ last: 1, none: undefined }), hooks }
    const stage = new Stage({ actors: { s: actor } })
    stage.play(`10:00:00 trade AAPL 100  ! halted s Error: ${what}, which is not saved`)

    assert.deepEqual(stage.lane('s').state, { last: 1, none: undefined })
    assert.throws(() => new Stage({ actors: { s: { state: () => state } } }), new RegExp(what))
  }
})

test('rebuilding shows the bars, changes no state, trades nothing and says nothing', () => {
  const seen: number[] = []
  const times: number[] = []
  const hooks = (ctx: Context) => ({
    onBar({ close }: { readonly close: number }) {
      seen.push(close)
      times.push(ctx.now)
      ctx.state = { last: close }
      ctx.signal('bar')
      ctx.buy({ qty: 1 })
      ctx.close()
    },
  })
  const actor = { needs: { bars: '1m' as const }, state: () => ({ last: 0 }), hooks }
  const stage = scenario('10:00:00  account 50000', { actors: { s: actor } })
  const before = stage.engine.hash()

  const shown = [1, 2].map((close) => ({ at: MONDAY_10, bar: bar({ close }) }))
  stage.engine.rebuild(stage.lane('s'), shown)

  assert.deepEqual(seen, [1, 2])
  assert.deepEqual(times, [MONDAY_10, MONDAY_10], 'each bar is shown at its own time')
  assert.deepEqual(stage.lane('s').state, { last: 0 })
  assert.equal(stage.engine.hash(), before)
  stage.play('10:00:01  wait')
})

test('a strategy sees prices, money, its holding, its orders and the session', () => {
  const stage = new Stage({ actors: { s: {}, other: {} } })
  const ctx: Context = stage.lane('s')
  assert.deepEqual([ctx.price, ctx.quote, ctx.position.isFlat], [undefined, undefined, true])

  stage.play(`
    09:00:00  trade AAPL 99`)
  assert.equal(ctx.session, undefined, 'before the open')

  stage.play(`
    10:00:00  quote AAPL 99.98 x 100.02
    10:00:01  s buy 10                                 > submit #1 s buy 10 market
              other buy 5 limit 99                     > submit #2 other buy 5 limit 99
    10:00:02  filled #1 4 @ 100
    10:00:03  trade AAPL 110                           ! gap 1m
  `)
  assert.equal(ctx.price, 110)
  assert.equal(ctx.quote?.bid, 99.98)
  assert.equal(ctx.equity, 100_040)
  assert.deepEqual([ctx.position.qty, ctx.position.avgPrice], [4, 100])
  assert.deepEqual(
    [ctx.position.isLong, ctx.position.isShort, ctx.position.isFlat],
    [true, false, false],
  )
  assert.deepEqual(
    ctx.orders.map(({ filled, qty }) => [filled, qty]),
    [[4, 10]],
  )
  assert.equal(stage.lane('s').session?.close, Date.UTC(2026, 2, 9, 20))
  assert.equal(ctx.now, Date.UTC(2026, 2, 9, 14, 0, 3))
})

test('a size is a fraction of equity, bounded by the loss at the stop, the limits and the drawdown', () => {
  const stage = new Stage({ risk: { maxPositionFraction: 0.5, maxOrderNotional: 30_000 } })
  const ctx: Context = stage.lane('s')
  assert.equal(ctx.size(0.1), 0, 'no price')

  stage.play(`
    10:00:00  trade AAPL 100`)
  assert.equal(ctx.size(0.1), 100)
  assert.equal(ctx.size(0.1, 80), 50, '1 % of equity is lost at a stop 20 away')
  assert.equal(ctx.size(0.1, 100), 0, 'a stop at the price')
  assert.equal(ctx.size(0.9), 300, 'the most that an order may be worth')
  assert.equal(ctx.size(NaN), 0)

  stage.play(`
    10:01:00  account 96500                            ! drawdown warning`)
  assert.equal(ctx.size(0.1), 48, 'half of 96 at the level of warning')
  stage.play(`
    10:02:00  account 94000                            ! drawdown halt`)
  assert.equal(ctx.size(0.1), 0)
})

test('a signal is a notice and nothing else', () => {
  const stage = scenario(`
    10:00:00  trade AAPL 100
    10:00:01  s signal hello                           ! signal hello {}
  `)
  const before = stage.engine.hash()
  const [, notice] = [
    stage.lane('s').signal('again', { level: 3 }),
    stage.engine.turn(stage.engine.now, []).notices,
  ]
  assert.deepEqual(notice, [
    {
      type: 'signal',
      at: stage.engine.now,
      strategy: 's',
      symbol: 0,
      name: 'again',
      data: { level: 3 },
    },
  ])
  assert.equal(stage.engine.hash(), before)
})

test('a lane reaches no order of another', () => {
  scenario(
    `
    10:00:00  trade AAPL 100
    10:00:01  a buy 10 limit 99                        > submit #1 a buy 10 limit 99
    10:00:02  b cancel #1
    10:00:03  b cancel #7
    10:00:04  a cancel #1                              > cancel #1
    `,
    { actors: { a: {}, b: {} } },
  )
})

test('a strategy that is asked for its gauges looks at its context, and nothing of what it wants or assigns is done', () => {
  let seen: unknown
  const teller: Actor = {
    hooks: (context: Context) => ({
      gauges: () => {
        context.buy({ qty: 1 })
        context.state = 'touched'
        seen = context.quote?.bid
        return { spread_bps: 3 }
      },
    }),
  }
  const stage = scenario('10:00:01  quote AAPL 99.99 x 100.01', {
    actors: { teller, bad: { hooks: () => ({ gauges: () => assert.fail('no gauges') }) } },
  })

  const told = stage.engine.lanes.map((lane) => [lane.strategy, lane.gauges(), lane.state])

  assert.deepEqual(told, [
    ['teller', { spread_bps: 3 }, undefined],
    ['bad', {}, undefined],
  ])
  assert.equal(seen, 99.99)
  stage.play('10:00:02  quote AAPL 99.99 x 100.01  = halted none')
})

test('a warm-up ends by its bars also where no hook hears them, and where there are none it has none', () => {
  for (const [needs, bars] of [
    [{ bars: '1m', warmup: 2 }, 2],
    [{ quotes: true, warmup: 2 }, 0],
  ] as const) {
    const stage = new Stage({
      actors: { s: { needs, hooks: () => ({ onTurn: () => undefined }) } },
    })
    for (let minute = 1; minute <= bars; minute++) {
      assert.equal(stage.lane('s').isWarmingUp, true)
      stage.play(`10:0${minute}:00  bar AAPL 100 101 99 100`)
    }
    assert.equal(stage.lane('s').isWarmingUp, false)
    assert.equal(stage.restored().lane('s').isWarmingUp, false)
  }
})

test('what an asynchronous hook does after its turn changes nothing', () => {
  let later = (): void => assert.fail('the hook has run')
  const hooks = (context: Context): Hooks => ({
    onTrade: () =>
      new Promise<void>((resolve) => {
        later = () => {
          assert.equal(context.buy({ qty: 1 }), undefined)
          context.state = { count: 1 }
          resolve()
        }
      }) as unknown as void,
  })
  const state = () => ({ count: 0 })
  const stage = scenario('10:00:00  trade AAPL 100  ! halted s', {
    actors: { s: { state, hooks } },
  })
  const before = stage.engine.hash()

  later()

  assert.equal(stage.engine.hash(), before)
  stage.play('10:00:01  wait')
})

test('what a lane takes over on the other side is held at the price that the venue has it at', () => {
  const held = `
    10:00:00  trade AAPL 100
    10:00:01  s buy 10              > submit #1 buy 10 market
    10:00:02  filled #1 10 @ 100    = position 10 @ 100`
  for (const [qty, avgPrice, told] of [
    [-5, 120, '-5 @ 120'],
    [4, 120, '4 @ 100'],
    [0, 120, '0'],
  ] as const) {
    const { engine } = scenario(held)
    const control = { do: 'adopt', symbol: A, strategy: 's', before: 10, qty, avgPrice } as const
    engine.turn(engine.now, [{ type: 'control', at: engine.now, control, by: 'test' }])

    const { current } = engine.lanes[0]!.position
    assert.equal(told, current.qty === 0 ? '0' : `${current.qty} @ ${current.avgPrice}`)
    assert.equal(realisedProfit(current), 0)
  }
})

test('a bar of the past is shown at its own time, as it is when it is rebuilt', () => {
  const seen: (readonly [number, boolean])[] = []
  const hooks = (ctx: Context): Hooks => ({
    onBar: () => void seen.push([ctx.now, ctx.session !== undefined]),
  })
  const stage = new Stage({ actors: { s: { needs: { bars: ['1m', '5m'] }, hooks } } })
  const at = utc('2026-03-10 12:00')
  const past = bar({ start: utc('2026-03-09 15:04') })

  // With it the five minutes close.
  stage.engine.turn(at, [{ type: 'bar', at, source: 'warmup', bar: past }])

  const end = utc('2026-03-09 15:05')
  assert.deepEqual(seen, [
    [end, true],
    [end, true],
  ])
  assert.equal(stage.lane('s').now, at)
})

test('a wish that is said to be false is none', () => {
  const stage = new Stage().play('10:00:00  trade AAPL 100')
  const wish: object = { qty: 1, limit: 99, postOnly: false, reduceOnly: false }
  const id = stage.lane('s').buy(wish as OrderIntent)
  const { order } = stage.engine.ours.orders.find((known) => known.order.id === id)!
  assert.deepEqual([order.postOnly, order.reduceOnly], [undefined, undefined])
})
