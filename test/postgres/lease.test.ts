// Leases of accounts in a real Postgres: what an engine may that runs beside another on another machine.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Ms } from '../../src/core/brand.ts'
import { systemTime } from '../../src/io/clock.ts'
import { systemIo } from '../../src/io/system.ts'
import { type AccountLease, leaseOf } from '../../src/runtime/live/account-lease.ts'
import { defineConfig } from '../../src/runtime/config/config.ts'
import { StoreError } from '../../src/store/index.ts'
import { type PostgresLeaseOptions, takePostgresLease } from '../../src/store/postgres-lease.ts'
import { clusterFor, query } from './cluster.ts'
import { Proxy } from './proxy.ts'
import { until } from './workers.ts'

const postgres = await clusterFor()
const { skip } = postgres

/** None runs out while a test is under way, however slow the machine is. */
const LEASE_MS = 60_000
/** The least that the configuration allows, for those that are waited for. */
const SHORT_MS = 1_000
const RENEWALS = 3
const TAKING = /insert into skein\.leases/

/** Engines on machines of their own: each with a clock and timers that may stand still. */
async function machines(t: TestContext) {
  const url = await postgres.database()
  const engine = (holder: string, changes: Partial<PostgresLeaseOptions> = {}) => {
    const lost: string[] = []
    const waits: string[] = []
    const state = { isStopped: false, aheadMs: 0, wallAheadMs: 0 }
    const late: (() => void)[] = []
    const renewals: (() => void)[] = []
    const time: PostgresLeaseOptions['time'] = {
      now: () => (systemTime.now() + state.wallAheadMs) as Ms,
      monotonic: () => systemTime.monotonic() + state.aheadMs,
      after: (delayMs, fire) => {
        if (delayMs === LEASE_MS / RENEWALS) renewals.push(fire)
        return systemTime.after(delayMs, () => (state.isStopped ? late.push(fire) : fire()))
      },
    }
    /** A process that was stopped finds its timers due. */
    const wake = (): void => {
      state.isStopped = false
      for (const fire of late.splice(0)) fire()
    }
    const take = async () => {
      const onLost = (why: string) => lost.push(why)
      const onWait = (why: string) => waits.push(why)
      const asked = { url, account: 'alpaca one', holder, time, leaseMs: LEASE_MS, onLost, onWait }
      const lease = await takePostgresLease({ ...asked, ...changes })
      t.after(() => lease.release())
      return lease
    }
    /** Its time to renew has come. */
    const renew = async (): Promise<void> => {
      const times = renewals.length
      renewals.at(-1)!()
      await until(() => renewals.length > times, 'it is renewed')
    }
    return { take, lost, waits, state, wake, renew }
  }
  // An account that is new to the database is waited for as long as a lease: here it is not.
  const after: PostgresLeaseOptions['time']['after'] = (delayMs, fire) =>
    systemTime.after(delayMs === LEASE_MS ? 0 : delayMs, fire)
  for (const account of ['alpaca one', 'alpaca two'])
    await (await engine('zero', { account, time: { ...systemTime, after } }).take()).release()
  return { url, engine }
}

const isLocked = (error: unknown): boolean => error instanceof StoreError && error.code === 'locked'

test('F402 an account that is traded from another machine', { skip }, async (t) => {
  const { engine } = await machines(t)
  const first = await engine('run one on desk-1').take()

  await assert.rejects(engine('run two on desk-2').take(), {
    code: 'locked',
    message: /^alpaca one is traded by run one on desk-1, last heard of at .*, \d\.\d s ago\. Stop/,
  })
  const other = await engine('run two', { account: 'alpaca two' }).take()
  assert.deepEqual([first.holds(), other.holds()], [true, true])

  await first.release()
  assert.equal(first.holds(), false)
  const second = await engine('run two on desk-2').take()
  assert.ok(second.holds() && second.token > first.token)
})

test('of many that ask at once, one gets the account', { skip }, async (t) => {
  const { engine } = await machines(t)

  const asked = ['a', 'b', 'c', 'd'].map((name) => engine(name).take())
  const answers = await Promise.allSettled(asked)

  const refused = answers.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  assert.equal(refused.length, 3)
  assert.ok(refused.every(isLocked))
})

test('a lease is kept as long as its holder lives', { skip }, async (t) => {
  const { engine, url } = await machines(t)
  const one = engine('one')
  const lease = await one.take()

  // Three times it is nearly over by its holder, and once by the database.
  for (let i = 0; i < 3; i++) {
    one.state.aheadMs += 0.9 * LEASE_MS
    assert.ok(lease.holds())
    await one.renew()
  }
  await query(url, 'update skein.leases set until = 0')
  await one.renew()

  assert.ok(lease.holds())
  await assert.rejects(engine('two').take(), isLocked)
})

test(
  'F403 a holder that stands still has stopped sending before the account is free',
  { skip },
  async (t) => {
    const { engine } = await machines(t)
    const first = engine('one', { leaseMs: SHORT_MS })
    const lease = await first.take()
    first.state.isStopped = true

    const second = engine('two')
    await until(async () => {
      try {
        await second.take()
      } catch (error) {
        assert.ok(isLocked(error))
        return false
      }
      // By its own clock, which nobody has told of the other.
      assert.equal(lease.holds(), false)
      return true
    }, 'the lease has run out')
  },
)

test(
  'F450 a machine that slept past its lease sends nothing when it wakes',
  { skip },
  async (t) => {
    const { engine, url } = await machines(t)
    const first = engine('one')
    const lease = await first.take()
    first.state.isStopped = true
    await query(url, 'update skein.leases set until = 0')
    const second = await engine('two').take()

    // Of the time that it slept only its wall clock knows.
    first.state.wallAheadMs = LEASE_MS

    assert.deepEqual([lease.holds(), second.holds()], [false, true])
  },
)

/** A holder that renews nothing, so that it does not notice that its row was lost. */
async function lostRow(t: TestContext) {
  const { engine, url } = await machines(t)
  const first = engine('one', { leaseMs: SHORT_MS })
  const lease = await first.take()
  first.state.isStopped = true
  await query(url, 'delete from skein.leases')
  return { engine, first, lease }
}

test('F429 a holder that was stopped while the database lost its lease', { skip }, async (t) => {
  const { engine, first, lease } = await lostRow(t)
  const second = await engine('two', { leaseMs: SHORT_MS }).take()
  first.wake()
  await until(() => first.lost.length > 0 || lease.holds(), 'it has asked')

  assert.deepEqual([lease.holds(), first.lost.length], [false, 1])
  await until(() => second.holds(), 'the second has renewed its own')
  await lease.release()
  await assert.rejects(engine('three').take(), isLocked)
})

test(
  'F452 an account whose row was lost is free when the lease of its holder is over',
  { skip },
  async (t) => {
    const { engine, lease } = await lostRow(t)
    const two = engine('two', { leaseMs: SHORT_MS })
    const second = await two.take()

    assert.equal(lease.holds(), false)
    await until(() => second.holds(), 'it has renewed its own')
    assert.match(two.waits.join(), /^alpaca one is new where leases are kept; waiting 1000 ms, /)
  },
)

test(
  'F453 a renewal that comes to the database after the release renews nothing',
  { skip },
  async (t) => {
    const { engine, url } = await machines(t)
    const lease = await engine('one').take()
    const only = `where account = 'alpaca one'`
    const [row] = await query(url, `select claim from skein.leases ${only}`)

    await lease.release()
    await query(url, `update skein.leases set until = 1 where claim = '${String(row?.['claim'])}'`)

    assert.deepEqual(await query(url, `select until from skein.leases ${only}`), [{ until: 0 }])
  },
)

test('a holder whose account was taken is told by whom, and sends no more', { skip }, async (t) => {
  const { engine, url } = await machines(t)
  const first = engine('one', { leaseMs: SHORT_MS })
  const lease = await first.take()
  // Or it renews before the other asks.
  first.state.isStopped = true
  await query(url, `update skein.leases set until = 0`)
  await engine('two on desk-2').take()

  first.wake()
  await until(() => first.lost.length > 0, 'it was told')

  assert.match(first.lost[0]!, /^alpaca one was taken over by two on desk-2, because/)
  assert.equal(lease.holds(), false)
})

test('the lease of a clock that runs ahead is over sooner, never later', { skip }, async (t) => {
  const { engine } = await machines(t)
  const one = engine('one')
  const lease = await one.take()
  one.state.isStopped = true

  one.state.aheadMs = LEASE_MS

  assert.equal(lease.holds(), false)
})

test(
  'the lease of a killed run is waited for by the same run, and by no other',
  { skip },
  async (t) => {
    const { engine, url } = await machines(t)
    const killed = engine('run one on desk-1')
    const before = await killed.take()
    killed.state.isStopped = true

    await assert.rejects(engine('run two', { waitsFor: 'run two' }).take(), isLocked)
    const same = engine('run one on desk-1', { waitsFor: 'run one on desk-1' })
    const taking = same.take()
    await until(() => same.waits.length > 0, 'it waits')
    await query(url, 'update skein.leases set until = 0')
    const again = await taking

    assert.ok(again.holds() && again.token > before.token)
    assert.match(
      same.waits.join(),
      /^waiting up to 60000 ms for the lease of alpaca one that run one/,
    )
  },
)

test(
  'a run that lives elsewhere under the same name is not waited for without end',
  { skip },
  async (t) => {
    const { engine } = await machines(t)
    const lives = await engine('run one on desk-1').take()

    const same = { waitsFor: 'run one on desk-1', leaseMs: SHORT_MS }
    await assert.rejects(engine('run one on desk-1', same).take(), isLocked)

    assert.ok(lives.holds())
  },
)

test('an account that was taken by an answer that was lost is taken once', { skip }, async (t) => {
  const { engine, url } = await machines(t)
  const proxy = await Proxy.open(url, TAKING)
  t.after(() => proxy.close())
  proxy.loseCommit()

  const lease = await engine('one', { url: proxy.url }).take()

  assert.equal(proxy.waiting, 0)
  assert.deepEqual([lease.token, lease.holds()], [2, true])
  const rows = await query(
    url,
    `select token::integer, holder from skein.leases where account = 'alpaca one'`,
  )
  assert.deepEqual(rows, [{ token: 2, holder: 'one' }])
  // Before its way to the database is closed.
  await lease.release()
})

test('a database that is away ends the lease, and its return renews it', { skip }, async (t) => {
  const { engine, url } = await machines(t)
  const proxy = await Proxy.open(url)
  const one = engine('one', { url: proxy.url, leaseMs: SHORT_MS })
  const lease = await one.take()

  await proxy.close()
  await until(() => !lease.holds(), 'the lease has run out')
  const { port } = new URL(proxy.url)
  const again = await Proxy.open(url, TAKING, Number(port))
  t.after(() => again.close())
  await until(() => lease.holds(), 'it was renewed')

  assert.deepEqual(one.lost, [])
})

test('a database that is not there is no lease', { skip }, async (t) => {
  const { engine } = await machines(t)
  const proxy = await Proxy.open(await postgres.database())
  await proxy.close()

  const away = { url: proxy.url, leaseMs: SHORT_MS }
  await assert.rejects(engine('one', away).take(), { code: 'cannot-open' })
})

test(
  'runs whose configuration names one database share accounts, and nothing leaves without',
  { skip },
  async (t) => {
    const { url: leases } = await machines(t)
    const config = defineConfig({ store: { leases, leaseMs: LEASE_MS } })
    const io = systemIo()
    const runs = ['one', 'two'].map((run) => leaseOf(config, { io, run, onLost: assert.fail }))
    t.after(async () => {
      for (const { release } of runs) await release()
      await io.close()
    })
    const [one, two] = [runs[0]!, runs[1]!]
    const sent = async ({ io }: AccountLease) => {
      const answer = await io.http.request({
        method: 'POST',
        url: 'http://127.0.0.1:1/v2/orders',
        timeoutMs: 5_000,
      })
      return answer.ok ? 'answered' : answer.fault.message
    }

    await one.take('alpaca one')

    assert.equal(await two.tryTake('alpaca one'), false)
    await assert.rejects(async () => await two.take('alpaca one'), /is traded by run one on /)
    assert.match(await sent(two), /nothing was sent: this run has taken no account/)
    assert.match(await sent(one), /ECONNREFUSED/)
    await one.release()
    assert.match(await sent(one), /nothing was sent: the lease of the account has run out/)
    assert.equal(await two.tryTake('alpaca one'), true)
  },
)

test(
  'F537 who follows asks over one connection, however often, and lets go of what it took last',
  { skip },
  async (t) => {
    const { url, engine } = await machines(t)
    const proxy = await Proxy.open(url)
    t.after(() => proxy.close())
    const io = systemIo()
    const leases = (run: string, at: string) =>
      leaseOf(defineConfig({ store: { leases: at, leaseMs: LEASE_MS } }), {
        io,
        run,
        onLost: assert.fail,
      })
    const leader = leases('one', url)
    const follower = leases('two', proxy.url)
    t.after(async () => {
      await Promise.all([leader.release(), follower.release()])
      await io.close()
    })
    await leader.take('alpaca one')

    for (let i = 0; i < 5; i++) assert.equal(await follower.tryTake('alpaca one'), false)
    await leader.release()
    const taking = follower.tryTake('alpaca one')
    await follower.release()

    assert.equal(await taking, true)
    assert.equal(proxy.connections, 1)
    const next = await engine('three').take()
    assert.equal(next.holds(), true)
  },
)
