// What holds in every world: accounts that agree, orders that are sent once, legs that protect, and a state that
// is all there is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { cashOf } from '../src/core/account.ts'
import type { Order } from '../src/core/order.ts'
import { isLive } from '../src/core/order.ts'
import type { EngineState } from '../src/engine/engine-state.ts'
import type { Session } from '../src/runtime/session/session.ts'
import { settle, World, type WorldOptions } from './worlds/world.ts'

const seeds = fc.integer({ min: 1, max: 1_000_000 })

/** Runs worlds of several seeds to a moment of rest. */
function everyWorld(
  options: WorldOptions,
  runs: number,
  check: (session: Session, world: World) => void,
): void {
  const property = fc.property(seeds, (seed) => {
    const world = new World(seed, options)
    const session = world.build()
    for (const turn of world.run(() => session)) checkLanes(session, turn.at)
    settle(session)
    check(session, world)
  })
  fc.assert(property, { seed: 1, numRuns: runs })
}

/** What the lanes hold adds up to what the account holds, in every turn. */
function checkLanes({ engine }: Session, at: number): void {
  const net = new Map<number, number>()
  for (const { symbol, position } of engine.lanes) {
    net.set(symbol, (net.get(symbol) ?? 0) + position.qty)
  }
  for (const [symbol, { qty }] of engine.capture().portfolio.positions) {
    const lanes = engine.universe.at(symbol as Order['symbol']).qty(net.get(symbol) ?? 0)
    assert.equal(lanes, qty, `lanes of symbol ${symbol} at ${at}`)
  }
}

const ordersOf = (state: EngineState): readonly Order[] =>
  state.orders.entries.map(({ order }) => order)

test('positions and cash of the engine are those of the venue', () => {
  let traded = 0
  everyWorld({ facts: 300 }, 25, (session) => {
    const { engine, exchange } = session
    const report = exchange.report(engine.now)
    const { portfolio, orders } = engine.capture()
    assert.ok(Math.abs(cashOf(portfolio.account) - report.account.cash) < 1e-6)
    const held = portfolio.positions.filter(([, { qty }]) => qty !== 0)
    const heldByVenue = new Map(report.positions.map(({ symbol, qty }) => [Number(symbol), qty]))
    assert.deepEqual(new Map(held.map(([symbol, { qty }]) => [symbol, qty])), heldByVenue)
    const live = ordersOf(engine.capture())
      .filter(isLive)
      .map(({ id }) => id)
    const open = report.orders.filter((order) => order.open).map(({ id }) => id)
    assert.deepEqual(new Set(live), new Set(open), 'both know the same live orders')
    traded += orders.entries.filter(({ order }) => order.filled > 0).length
    assert.equal(engine.statistics.orders.unknown, 0)
  })
  assert.ok(traded > 500, `${traded} orders filled`)
})

test('no order id is sent twice', () => {
  const property = fc.property(seeds, (seed) => {
    const world = new World(seed, { facts: 200 })
    const session = world.build()
    const sent = new Set<string>()
    for (const { batches } of world.run(() => session)) {
      for (const command of batches.flatMap(({ commands }) => commands)) {
        if (command.type !== 'submit') continue
        for (const { id } of [command.order, ...(command.legs ?? [])]) {
          assert.ok(!sent.has(id), `${id} is sent once`)
          sent.add(id)
        }
      }
    }
  })
  fc.assert(property, { seed: 2, numRuns: 20 })
})

test('once quiet, no leg is live without what it protects', () => {
  everyWorld({ facts: 300 }, 25, ({ engine }) => {
    const orders = ordersOf(engine.capture())
    for (const leg of orders.filter((order) => isLive(order) && isExit(order))) {
      const entry = orders.find(({ id }) => id === leg.group)!
      const out = orders.filter((order) => order.group === leg.group && isExit(order))
      const left = entry.filled - out.reduce((sum, { filled }) => sum + filled, 0)
      assert.ok(isLive(entry) || left > 1e-9, `${leg.id} protects ${left}`)
    }
  })
})

const isExit = ({ role }: Order): boolean => role === 'stop' || role === 'target'

test('once quiet, all that brackets hold has a stop, or is being closed', () => {
  let held = 0
  everyWorld({ facts: 300, onlyBrackets: true, isUnattended: true }, 40, ({ engine }) => {
    const orders = ordersOf(engine.capture())
    assert.equal(engine.capture().risk.safeMode, null)
    for (const lane of engine.lanes) {
      if (lane.position.isFlat || lane.closing !== undefined) continue
      const stops = orders.filter(
        (order) =>
          isLive(order) &&
          order.role === 'stop' &&
          order.strategy === lane.strategy &&
          order.symbol === lane.symbol,
      )
      const covered = stops.reduce((sum, { qty, filled }) => sum + qty - filled, 0)
      assert.ok(
        Math.abs(covered - Math.abs(lane.position.qty)) < 1e-9,
        `${lane.strategy} ${covered}`,
      )
      held++
    }
  })
  assert.ok(held > 20, `${held} positions were held at the end`)
})

test('a session that is restored from JSON at every turn goes on like one that never stopped', () => {
  const property = fc.property(seeds, (seed) => {
    const world = new World(seed, { facts: 100 })
    const whole = world.build()
    const hashes: string[] = []
    for (const turn of world.run(() => whole)) hashes.push(`${turn.at} ${whole.engine.hash()}`)

    let session = world.build()
    let n = 0
    for (const turn of world.run(() => session)) {
      assert.equal(`${turn.at} ${session.engine.hash()}`, hashes[n], `turn ${n}`)
      const state = JSON.stringify(session.capture())
      session = world.build()
      session.restore(JSON.parse(state))
      assert.equal(JSON.stringify(session.capture()), state, 'what was restored is captured alike')
      n++
    }
    assert.equal(n, hashes.length)
    assert.equal(session.engine.intents, whole.engine.intents)
  })
  fc.assert(property, { seed: 3, numRuns: 6 })
})
