// One engine per account: an engine is stopped for longer than its lease, and another takes the account.
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import type { Lease } from '../../src/core/store.ts'
import { ms } from '../../src/core/time.ts'
import type { Io } from '../../src/io/io.ts'
import { systemIo } from '../../src/io/system.ts'
import { defaultConfig } from '../../src/runtime/config/config.ts'
import { type AccountLease, accountLease, leaseOf } from '../../src/runtime/live/account-lease.ts'
import { type FileLock, lockFile } from '../../src/store/file-lock.ts'
import { LEASE_MS, takeLease } from '../../src/store/lease.ts'
import { Bench } from './bench.ts'

test('F037 a second engine is refused, and a first that was stopped past its lease sends nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-lease-'))
  const path = join(folder, 'leases.db')
  const lost: string[] = []
  const sleep: { isAsleep: boolean; io?: Io; due: (() => void)[] } = { isAsleep: false, due: [] }
  // Signs of life are timers of the process: asleep, it gives none.
  const first = (io: Io) => {
    sleep.io = io
    const after: Io['after'] = (delayMs, fire) =>
      io.after(delayMs, () => {
        if (sleep.isAsleep) sleep.due.push(fire)
        else fire()
      })
    const time = { now: () => io.now(), after }
    return accountLease({ io, path, run: 'one', onLost: (why) => lost.push(why), time })
  }
  const bench = await Bench.start(t, { account: first })
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const second = accountLease({
    io: sleep.io!,
    path,
    run: 'two',
    onLost: () => {},
    time: sleep.io!,
  })
  t.after(() => second.release())
  const account = bench.adapter.account
  assert.ok(account !== undefined)
  await bench.run(2 * LEASE_MS)
  await bench.does((context) => context.buy({ qty: 1 }))
  const posts = () => bench.alpaca.venue.audit.requests.filter(({ method }) => method === 'POST')
  const before = posts().length

  assert.throws(() => second.take(account.name), /is traded by run one, process \d+, last heard of/)
  sleep.isAsleep = true
  await bench.run(LEASE_MS + 1)
  second.take(account.name)
  await bench.does((context) => context.buy({ qty: 1 }), 'MSFT')
  for (const fire of sleep.due) fire()

  assert.equal(before > 0, true)
  assert.equal(posts().length, before)
  assert.match(lost.join(), /was taken over by run two, process \d+/)
  assert.deepEqual(
    bench.orders.filter(({ phase }) => phase !== 'done').map(({ id }) => id),
    [],
  )
})

test('F456 who asks for a lock while it is given up does not have it beside the one who takes it next', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-lock-'))
  const path = join(folder, 'lock')
  const first = lockFile(path)
  let next: FileLock | undefined
  // Between the file that is opened and the lock that is asked for.
  const { mock } = t.mock.method(
    DatabaseSync.prototype,
    'exec',
    function (this: DatabaseSync, sql: string) {
      mock.restore()
      first?.release()
      next = lockFile(path)
      this.exec(sql)
    },
  )

  const asked = lockFile(path)
  t.after(() => {
    for (const lock of [asked, next]) lock?.release()
    rmSync(folder, { recursive: true, force: true })
  })

  assert.notEqual(next, undefined)
  assert.equal(asked, undefined)
})

/** Engines of one file, which is made in a folder of its own. */
function meeting(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-lease-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'state', 'leases.db')
  const clock = { now: 0 }
  const engine = (holder: string) => {
    let renew = (): void => {}
    const lost: string[] = []
    const after = (_: number, fire: () => void) => {
      renew = fire
      return () => {}
    }
    const time = { now: () => ms(clock.now), after }
    const onLost = (why: string) => lost.push(why)
    const take = (): Lease => {
      const lease = takeLease({ path, account: 'account-1', holder, time, onLost })
      t.after(() => lease.release())
      return lease
    }
    return { take, lost, renew: () => renew() }
  }
  return { path, clock, engine }
}

for (const what of ['leases.db', 'the whole folder'] as const) {
  test(`F534 who holds a lease when ${what} is deleted sends nothing more, and is told`, (t) => {
    const { path, engine } = meeting(t)
    const one = engine('one')
    // The token of the second is not that of the first.
    one.take().release()
    const first = one.take()
    assert.equal(first.holds(), true)

    rmSync(what === 'leases.db' ? path : dirname(path), { recursive: true })
    assert.equal(first.holds(), false)
    const second = engine('two').take()

    assert.deepEqual([first.holds(), second.holds()], [false, true])
    one.renew()
    first.release()
    assert.match(one.lost.join(), /^account-1 may be another's: .* was taken away$/)
    assert.throws(() => engine('three').take(), /is traded by two/)
    assert.equal(second.holds(), true)
  })
}

test('F534 a file of leases that comes back is held again, and one that does not ends the run', (t) => {
  const { path, engine } = meeting(t)
  const one = engine('one')
  const lease = one.take()

  renameSync(path, `${path}.away`)
  one.renew()
  one.renew()
  assert.deepEqual([lease.holds(), one.lost], [false, []])
  renameSync(`${path}.away`, path)
  one.renew()
  assert.deepEqual([lease.holds(), one.lost], [true, []])

  rmSync(path)
  for (let i = 0; i < 3; i++) one.renew()
  assert.match(one.lost.join(), /^account-1 may be another's/)
})

test('F535 a lease that was lost while its file cannot be read is asked about again', (t) => {
  const { clock, engine } = meeting(t)
  const one = engine('one')
  const first = one.take()
  clock.now = LEASE_MS + 1
  engine('two').take()
  const { mock } = t.mock.method(DatabaseSync.prototype, 'prepare')
  const unreadable = (): never => {
    throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
  }
  // After the update that changes nothing.
  mock.mockImplementationOnce(unreadable, 1)

  assert.doesNotThrow(() => one.renew())
  assert.equal(mock.callCount(), 2)
  mock.restore()

  assert.deepEqual([one.lost, first.holds()], [[], false])
  one.renew()
  assert.match(one.lost.join(), /^account-1 was taken over by two/)
})

for (const [name, told] of [
  ['empty', ''],
  ['relative', 'state'],
] as const) {
  test(`F675 engines in two folders meet where the folder of the user's state is ${name}`, async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'skein-home-'))
    const before = { cwd: process.cwd(), HOME: process.env['HOME'] }
    const { XDG_STATE_HOME } = process.env
    const io = systemIo()
    const leases: AccountLease[] = []
    t.after(async () => {
      for (const lease of leases) await lease.release()
      await io.close()
      process.chdir(before.cwd)
      setVariable('HOME', before.HOME)
      setVariable('XDG_STATE_HOME', XDG_STATE_HOME)
      rmSync(home, { recursive: true, force: true })
    })
    setVariable('HOME', home)
    setVariable('XDG_STATE_HOME', told)
    const begin = (run: string): AccountLease => {
      process.chdir(mkdtempSync(join(home, `${run}-`)))
      const lease = leaseOf(defaultConfig(), { io, run, onLost: () => {} })
      leases.push(lease)
      return lease
    }

    await begin('one').take('paper 1')

    assert.throws(() => begin('two').take('paper 1'), /is traded by run one, process/)
  })
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
