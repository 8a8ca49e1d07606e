// Two engines for one account: one leads, the other is ready, and never do both have orders in the market.
import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Wishes } from '../../src/runtime/live/wishes.ts'
import { temporary } from '../cli/skein.ts'
import { LEASE_MS, Pair } from '../quoting/pair.ts'

/** What clearing the account takes, and the next price. */
const TICK_MS = 1_500

test('F340 a leader is killed: the follower clears what it left, takes its position over, and quotes within its lease and a tick', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.resting.join() === 'a', 5_000)
  await pair.world.until(() => pair.positionAtVenue() > 0, 10_000)
  await pair.world.until(() => pair.resting.join() === 'a', 5_000)

  pair.kill(a)
  const since = pair.world.now
  await pair.world.run(LEASE_MS + TICK_MS, () => pair.resting.join() === 'b')

  assert.deepEqual(pair.resting, ['b'], `after ${pair.world.now - since} ms`)
  assert.ok(pair.positionAtVenue() > 0)
  assert.deepEqual([...pair.together], [])
  const [lane] = b.live.engine.lanes
  assert.equal(lane?.position.qty, pair.positionAtVenue())
  assert.deepEqual(b.live.engine.ours.halts, [])
  assert.equal(b.live.health.takeovers, 1)
  assert.equal(b.live.health.isFollowing, false)
  await pair.end(b)
})

test('F341 a leader that stood still past its lease sends nothing when it wakes, and ends', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.resting.join() === 'a', 5_000)

  await pair.world.run(1_000)
  // What it wakes with is what has waited for it, and a sign of life only after that.
  a.signs.holdBack()
  pair.world.freeze('a', 1.6 * LEASE_MS)
  await pair.world.run(LEASE_MS + TICK_MS, () => pair.resting.join() === 'b')
  assert.deepEqual(pair.resting, ['b'])
  const mine = () =>
    pair.local.venue.audit.requests.filter(
      ({ method, body }) => method === 'POST' && body.includes('-a-'),
    ).length
  const before = mine()
  const { commands } = a.live.statistics.gateway
  await pair.world.run(LEASE_MS)
  const wanted = a.live.statistics.gateway.commands - commands
  a.signs.goOn()
  await pair.world.run(LEASE_MS)

  assert.ok(wanted > 0, 'it wakes and wants something')
  assert.equal(mine(), before)
  assert.match(a.lost.join(), /was taken over by run b/)
  assert.equal(a.live.pump.hasFailed, true)
  assert.deepEqual([...pair.together], [])
  assert.deepEqual(pair.resting, ['b'])
  await pair.end(a, b)
})

test('F342 a run that follows hears the market, wants nothing, and is healthy', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.run(5 * LEASE_MS)

  const { engine, gateway } = b.live.statistics
  assert.equal(engine.orders.created, 0)
  assert.equal(gateway.commands, 0)
  assert.ok(b.live.engine.priceAge(b.live.engine.lanes[0]!.symbol, pair.world.now) <= 400)
  assert.equal(b.live.health.isFollowing, true)
  assert.match(b.live.health.hold ?? '', /another engine trades the account/)
  assert.deepEqual([...pair.together], [])
  assert.deepEqual(pair.resting, ['a'])
  await pair.end(a, b)
})

test('F449 a leader that was killed with open orders follows, and takes over what the account holds by then', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.positionAtVenue() > 0, 10_000)
  await pair.world.until(
    () => a.live.engine.liveOrders.some(({ phase }) => phase === 'open'),
    5_000,
  )
  pair.kill(a)
  await pair.world.until(() => pair.resting.join() === 'b', LEASE_MS + TICK_MS)
  const since = pair.positionAtVenue()
  await pair.world.until(() => pair.positionAtVenue() > since, 10_000)

  const again = await pair.engine(t, 'a', { process: 'a again' })
  assert.equal(again.live.health.isFollowing, true)
  assert.ok(again.live.engine.liveOrders.length > 0)
  pair.kill(b)
  await pair.world.until(() => pair.resting.join() === 'a', 30_000)

  assert.equal(again.live.engine.lanes[0]?.position.qty, pair.positionAtVenue())
  await pair.world.run(10_000)
  assert.deepEqual(again.live.engine.ours.halts, [])
  assert.equal(again.live.engine.lanes[0]?.position.qty, pair.positionAtVenue())
  assert.deepEqual([...pair.together], [])
  await pair.end(again)
})

test('F593 a run that takes over has the cash of the account before it has its positions', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.positionAtVenue() > 0, 10_000)
  await pair.world.run(10_000)
  // What came or left without a trade cannot be read.
  const path = '/v5/account/transaction-log'
  const { nemesis } = pair.local.venue
  nemesis.inject({ on: 'rest', path, fault: 'code', code: 10016, when: 'before' })
  const before = b.live.engine.ours.cash

  pair.kill(a)
  await pair.world.until(() => b.live.health.takeovers === 1, 30_000)

  assert.equal(b.live.engine.lanes[0]?.position.qty, pair.positionAtVenue())
  assert.ok(b.live.engine.ours.cash < before - 1)
  await pair.end(b)
})

test('F442 a run that follows takes no position over that is another’s', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const wishes = new Wishes(join(temporary(t), 'b.db'))
  const b = await pair.engine(t, 'b', { wishes })
  await pair.world.until(() => pair.positionAtVenue() > 0, 10_000)

  const name = wishes.put({ want: 'adopt', symbol: 'S0USDT', why: '', by: 'test' })
  await pair.world.run(2_000)

  assert.equal(wishes.refusal(name), 'another engine trades the account')
  const { held, ours } = b.live.engine
  assert.deepEqual([held, ours.externals, ours.halts], [[], [], []])
  await pair.end(a, b)
})

test('F443 a run that follows ends without a look at what the other trades', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.resting.join() === 'a', 10_000)

  const { remaining } = await pair.world.settled(b.live.stop())

  const { held, ours } = b.live.engine
  assert.deepEqual([remaining, held, ours.externals, ours.halts], [[], [], [], []])
  assert.deepEqual(pair.resting, ['a'])
  await pair.end(a, b)
})

test('F457 a run that follows goes on while nobody can say whether the account is free, and leads when it is', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  const { leases } = pair

  renameSync(leases, `${leases}.away`)
  mkdirSync(leases)
  await pair.world.run(2_000)
  rmdirSync(leases)
  renameSync(`${leases}.away`, leases)
  await pair.world.run(1_000)

  assert.deepEqual([a.live.pump.hasFailed, b.live.pump.hasFailed], [false, false])
  assert.equal(b.live.health.isFollowing, true)
  pair.kill(a)
  await pair.world.run(LEASE_MS + TICK_MS, () => pair.resting.join() === 'b')
  assert.deepEqual(pair.resting, ['b'])
  await pair.end(b)
})

test('F539 a leader that comes back first takes over what another has left since, and what is its own goes on', async (t) => {
  const pair = await Pair.start(t)
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.positionAtVenue() > 0, 10_000)
  pair.kill(a)
  await pair.world.until(() => pair.resting.join() === 'b', LEASE_MS + TICK_MS)
  const since = pair.positionAtVenue()
  await pair.world.until(() => pair.positionAtVenue() > since, 10_000)
  pair.kill(b)
  await pair.world.run(LEASE_MS + TICK_MS)

  const again = await pair.engine(t, 'a', { process: 'a again' })
  await pair.world.run(10_000)

  assert.deepEqual(again.live.engine.ours.halts, [])
  assert.equal(again.live.engine.lanes[0]?.position.qty, pair.positionAtVenue())
  assert.equal(again.live.health.takeovers, 1)
  pair.kill(again)
  await pair.world.run(LEASE_MS + TICK_MS)

  // Nobody has come between.
  const last = await pair.engine(t, 'a', { process: 'a at last' })
  assert.equal(last.live.health.isFollowing, false)
  await pair.world.run(10_000)

  assert.equal(last.live.health.takeovers, 0)
  assert.deepEqual(last.live.engine.ours.halts, [])
  assert.deepEqual([...pair.together], [])
  await pair.end(last)
})

test('F645 a run that takes the account over leaves the orders of a person there, and takes all of the other run', async (t) => {
  const pair = await Pair.start(t)
  const [account] = pair.local.venue.accounts
  const instrument = pair.local.venue.universe.all[0]!
  const a = await pair.engine(t, 'a')
  const b = await pair.engine(t, 'b')
  await pair.world.until(() => pair.resting.join() === 'a', 5_000)
  const terms = { type: 'Limit', tif: 'GTC', direction: 0, reduceOnly: false } as const
  // Of the venue's own screens, and of another program.
  for (const linkId of ['', '5cf98598-39a7-459e-97bf-76ca765ee020', 'stop1']) {
    const draft = { ...terms, linkId, instrument, side: 'buy', qty: 1, price: 100 } as const
    account!.place({ ...draft, positionIdx: 0 }, pair.world.now)
  }
  const persons = (): number => [...account!.open].filter(({ price }) => price === 100).length
  assert.equal(persons(), 3)

  pair.kill(a)
  await pair.world.until(() => pair.resting.join() === 'b', LEASE_MS + 2 * TICK_MS)

  assert.equal(persons(), 3)
  assert.deepEqual([...pair.together], [])
  assert.equal(b.live.engine.ours.externals.filter(({ open }) => open).length, 3)
  assert.deepEqual(b.live.engine.ours.halts, [])
  await pair.end(b)
})
