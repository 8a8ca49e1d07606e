import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it, type TestContext } from 'node:test'
import type { Lease } from '../core/store.ts'
import { ms } from '../core/time.ts'
import { LEASE_MS, takeLease } from './lease.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-lease-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const START = Date.UTC(2026, 2, 23, 13, 30)

/** Engines of one machine: one wall clock, and timers that each engine fires itself, because one may be stopped. */
function machine(t: TestContext) {
  const path = join(folder, `${++files}.db`)
  const clock = { now: START }
  const engine = (holder: string, account = 'account-1') => {
    let due: (() => void) | undefined
    const lost: string[] = []
    const time = {
      now: () => ms(clock.now),
      after: (_delayMs: number, fire: () => void) => {
        due = fire
        return () => (due = undefined)
      },
    }
    const take = (): Lease => {
      const lease = takeLease({ path, account, holder, time, onLost: (why) => lost.push(why) })
      t.after(() => lease.release())
      return lease
    }
    return { take, lost, wake: () => due?.() }
  }
  return { path, clock, engine }
}

it('refuses a second engine by the name of the first, and lets it in when the first has ended', (t) => {
  const { clock, engine } = machine(t)
  const first = engine('run one').take()
  clock.now += 4_000

  assert.throws(() => engine('run two').take(), {
    code: 'locked',
    message:
      /account-1 is traded by run one, last heard of at 2026-03-23T13:30:00\.000Z, 4\.0 s ago\. Stop/,
  })
  first.release()
  const second = engine('run two').take()

  assert.deepEqual([second.holds(), second.token > first.token], [true, true])
})

it('lets engines of different accounts trade side by side', (t) => {
  const { engine } = machine(t)

  const leases = [engine('run one', 'a').take(), engine('run two', 'b').take()]

  assert.deepEqual(
    leases.map((lease) => lease.holds()),
    [true, true],
  )
})

it('moves on while its holder lives', (t) => {
  const { clock, engine } = machine(t)
  const one = engine('run one')
  const lease = one.take()

  for (let i = 0; i < 10; i++) {
    clock.now += LEASE_MS / 3
    one.wake()
    assert.equal(lease.holds(), true)
  }

  assert.throws(() => engine('run two').take(), /is traded by run one/)
})

it('fences a holder that was stopped for longer than its lease', (t) => {
  const { clock, engine } = machine(t)
  const one = engine('run one')
  const [stopped, token] = [one.take(), 2]
  clock.now += LEASE_MS + 1
  const holdsBefore = stopped.holds()

  const next = engine('run two').take()
  const holdsAfter = stopped.holds()
  one.wake()

  assert.deepEqual([holdsBefore, holdsAfter], [false, false])
  assert.deepEqual([next.token, next.holds()], [token, true])
  assert.match(one.lost.join(), /account-1 was taken over by run two, because this engine gave no/)
  assert.throws(() => engine('run three').take(), /is traded by run two/)
})

it('a holder that was stopped and not replaced goes on with its next sign of life', (t) => {
  const { clock, engine } = machine(t)
  const one = engine('run one')
  const lease = one.take()
  clock.now += 2 * LEASE_MS
  const holdsBefore = lease.holds()

  one.wake()

  assert.deepEqual([holdsBefore, lease.holds(), one.lost], [false, true, []])
})

it('does not wait for a holder that was killed', async (t) => {
  const { path, engine } = machine(t)
  const script = `
    const { takeLease } = await import(${JSON.stringify(join(import.meta.dirname, 'lease.ts'))})
    globalThis.held = takeLease({ path: ${JSON.stringify(path)}, account: 'account-1', holder: 'the killed', onLost() {},
      time: { now: () => ${START}, after: () => () => {} } })
    process.stdout.write('taken')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script])
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  assert.throws(() => engine('run two').take(), /is traded by the killed/)
  child.kill('SIGKILL')
  await once(child, 'exit')

  const lease = engine('run two').take()

  assert.deepEqual([lease.token, lease.holds()], [2, true])
})

it('leaves no lock behind', (t) => {
  const { path, engine } = machine(t)
  engine('run one').take().release()

  const left = readdirSync(folder).filter((name) => join(folder, name).startsWith(`${path}-`))

  assert.deepEqual(left, [])
})
