// A request that was granted with a page leaves without asking again, unless it is late.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { HOUR, ms } from '../../src/core/time.ts'
import { ok } from '../../src/core/result.ts'
import { systemIo } from '../../src/io/system.ts'
import { type Held, Meter } from '../../src/jobs/metered.ts'
import { openArchive } from '../../src/store/index.ts'

const T0 = Date.UTC(2026, 2, 23)

async function benchFor(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-metered-'))
  const archive = await openArchive(join(folder, 'archive.db'))
  const system = systemIo()
  t.after(async () => {
    await archive.close()
    await system.close()
    rmSync(folder, { recursive: true })
  })
  const clock = { at: T0 }
  const request = () => Promise.resolve(ok({ status: 200, headers: {}, body: new Uint8Array() }))
  const after = (delayMs: number, fire: () => void) => {
    const timer = setImmediate(() => {
      clock.at += delayMs
      fire()
    })
    return () => clearImmediate(timer)
  }
  const meter = new Meter({
    store: archive.jobs,
    io: { ...system, now: () => ms(clock.at), after, http: { request } },
    provider: 'alpaca',
    worker: 'w',
    perMinute: 10,
    counts: () => true,
  })
  meter.about({ timeframe: '1h', symbols: 7 })
  const send = async (): Promise<string | undefined> => {
    const url = 'http://venue/bars'
    const answer = await meter.io.http.request({ method: 'GET', url, timeoutMs: 1_000 })
    assert.ok(answer.ok)
    return meter.last
  }
  const ledger = async () => {
    const rows = await archive.jobs.requests({ since: 0, limit: 99 })
    return new Set(rows.map(({ id }) => id))
  }
  /** As a page is committed with it. */
  const grant = async () => {
    const ask = meter.ask()
    assert.equal((await archive.jobs.takeRequest(ask)).waitMs, 0)
    return ask
  }
  const { jobs } = archive
  return { meter, clock, send, ledger, grant, jobs }
}

test('what was granted is taken once, and the request after it asks again', async (t) => {
  const { meter, send, ledger, grant } = await benchFor(t)
  const ask = await grant()
  meter.keep(ask)

  const sent = [await send(), await send()]

  assert.equal(sent[0], ask.id)
  assert.notEqual(sent[1], ask.id)
  assert.deepEqual(await ledger(), new Set(sent))
  assert.deepEqual([ask.timeframe, ask.symbols, meter.statistics.sent], ['1h', 7, 2])
})

test('what was granted and is late asks for another place in the window', async (t) => {
  const { meter, clock, send, ledger, grant } = await benchFor(t)
  const ask = await grant()
  meter.keep(ask)
  clock.at += 501

  const sent = await send()

  assert.notEqual(sent, ask.id)
  assert.deepEqual(await ledger(), new Set([ask.id, sent]))
})

test('what was granted for one query is not taken by the next', async (t) => {
  const { meter, send, grant } = await benchFor(t)
  const ask = await grant()
  meter.keep(ask)
  meter.about({ timeframe: '1d', symbols: 1 })

  assert.notEqual(await send(), ask.id)
})

/** A request while the provider has stopped all of them; time passes as it is waited for. */
async function stoppedFor(t: TestContext, stopMs: number, held?: Held) {
  const { meter, clock, jobs } = await benchFor(t)
  await jobs.stopRequests('alpaca', clock.at + stopMs)
  meter.about({ timeframe: '1h', symbols: 7 }, held)
  const url = 'http://venue/bars'
  const answer = await meter.io.http.request({ method: 'GET', url, timeoutMs: 1_000 })
  const { sent } = meter.statistics
  return { fault: answer.ok ? undefined : answer.fault.code, sent, waitedMs: clock.at - T0 }
}

test('a claim is renewed while its request waits, and one that is lost sends nothing', async (t) => {
  let looks = 0
  const kept = await stoppedFor(t, 20_000, { renew: async () => ++looks > 0 })
  const lost = await stoppedFor(t, 20_000, { renew: async () => false })

  assert.deepEqual([looks, kept], [4, { fault: undefined, sent: 1, waitedMs: 20_000 }])
  assert.deepEqual(lost, { fault: 'rate-limited', sent: 0, waitedMs: 5_000 })
})

test('whoever is stopped while its request waits sends nothing', async (t) => {
  const stop = new AbortController()
  const renew = async (): Promise<boolean> => {
    stop.abort()
    return true
  }

  const { sent, waitedMs } = await stoppedFor(t, 20_000, { renew, signal: stop.signal })

  assert.deepEqual([sent, waitedMs], [0, 5_000])
})

test('a wait without an end is given up after an hour', async (t) => {
  const { fault, sent, waitedMs } = await stoppedFor(t, 1e12, { renew: async () => true })

  assert.deepEqual([fault, sent, waitedMs], ['rate-limited', 0, HOUR])
})

test('F602 a clock that was set back by an hour holds requests up for no longer than a window', async (t) => {
  for (const before of [10, 9]) {
    const { meter, clock, send } = await benchFor(t)
    clock.at += HOUR
    for (let i = 0; i < before; i++) await send()
    clock.at -= HOUR

    for (let i = 0; i < 10; i++) await send()

    assert.ok(clock.at - T0 <= 62_000, `it took ${clock.at - T0} ms`)
    assert.equal(meter.statistics.sent, before + 10)
    const waited = clock.at - T0
    assert.ok(waited >= 60_000, `what was sent before counts: ${waited} ms`)
  }
})
