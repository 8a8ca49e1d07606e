// Faults of a primary provider that is away while another stands in: what that one lacks is not lost, and nobody is blamed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fault } from '../../src/core/fault.ts'
import type { Adjustment, BarSource, SourceQuery } from '../../src/core/jobs.ts'
import { failed } from '../../src/core/result.ts'
import { DAY, HOUR, MINUTE, ms, type Timeframe } from '../../src/core/time.ts'
import type { Io } from '../../src/io/io.ts'
import { loop } from '../../src/jobs/loop.ts'
import { PARKED_MS, Router } from '../../src/jobs/router.ts'
import { TapeSource } from '../../src/jobs/tape-source.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { openArchive } from '../../src/store/index.ts'
import { temporary } from '../cli/skein.ts'

const T0 = Date.UTC(2026, 0, 5)
const SYMBOLS = ['AAPL', 'MSFT', 'NVDA']

const tapeOf = (symbols: readonly string[], start = T0) =>
  generateTape({ seed: 1, symbols, start: ms(start), sessions: 3, kind: 'bars' })

interface Terms {
  readonly files: BarSource
  readonly timeframe?: Timeframe
  readonly adjustment?: Adjustment
  readonly from?: number
  readonly to?: number
}

/** Alpaca has all and can be sent away; time passes as it is waited for. */
async function desk(t: TestContext, terms: Terms) {
  const { files, timeframe = '1h', adjustment = 'raw', from = T0, to = T0 + 3 * DAY } = terms
  const archive = await openArchive(join(temporary(t), 'archive.db'))
  t.after(() => archive.close())
  const store = archive.jobs
  const clock = { now: T0 + 9 * DAY }
  const io = {
    now: () => ms(clock.now),
    monotonic: () => clock.now,
    random: () => 0.5,
    after: (delayMs: number, fire: () => void) => {
      const timer = setImmediate(() => {
        clock.now += delayMs
        fire()
      })
      return () => clearImmediate(timer)
    },
  } as unknown as Io
  const own = new TapeSource('alpaca', tapeOf(SYMBOLS))
  const alpaca = { isAway: true, asked: [] as string[] }
  const primary: BarSource = {
    provider: 'alpaca',
    limits: own.limits,
    async *pages(query: SourceQuery) {
      if (alpaca.isAway) {
        yield failed(fault('venue-unavailable', 'answered 503'))
        return
      }
      alpaca.asked.push(query.symbols.join())
      yield* own.pages({ ...query, adjustment: 'raw' })
    },
  }
  const definition = {
    id: `D/${timeframe}/v2`,
    label: 'D',
    jobType: 'fetch_historical',
    timeframe,
    adjustment,
    assetClass: 'stock',
    provider: 'alpaca',
    symbols: SYMBOLS,
    batchNumber: 1,
    totalBatches: 1,
    batchVersion: 2,
    from: ms(from),
    to: ms(to),
    derivedFrom: undefined,
    priority: 1,
    isEnabled: true,
  } as const
  await store.putDefinitions([definition], T0)
  const source = new Router({ store, io, sources: [primary, files] })
  const work = async (more: { readonly packsMax?: number } = {}): Promise<void> =>
    loop({ store, source, io, name: 'w', untilDone: true, ...more })
  const bars = async () => {
    const counts: Record<string, number> = {}
    for (const symbol of SYMBOLS) {
      const query = { symbol, timeframe, adjustment, from: ms(T0 - 30 * DAY), to: ms(clock.now) }
      counts[symbol] = (await store.bars(query)).length
    }
    return counts
  }
  return { store, clock, alpaca, work, bars }
}

test('F424 a symbol that a stand-in has not is asked for at the primary when that is back', async (t) => {
  const { store, clock, alpaca, work, bars } = await desk(t, {
    files: new TapeSource('files', tapeOf(['AAPL'])),
  })

  await work()
  const meanwhile = await bars()
  const results = await store.results((await store.runs({ limit: 1 }))[0]!.id)
  clock.now += PARKED_MS
  alpaca.isAway = false
  await work()

  assert.deepEqual(await store.quarantined('alpaca'), [])
  assert.deepEqual(meanwhile, { AAPL: 21, MSFT: 0, NVDA: 0 })
  assert.match(results[1]!.message ?? '', /alpaca is away: files has no 1h bars of MSFT/)
  assert.deepEqual(await bars(), { AAPL: 21, MSFT: 21, NVDA: 21 })
  assert.deepEqual(alpaca.asked, ['MSFT,NVDA'])
  assert.deepEqual(await store.holes({}), [])
})

test('F424 prices that a stand-in never has wait for the primary, and no run of them fails', async (t) => {
  const { store, clock, alpaca, work } = await desk(t, {
    files: new TapeSource('files', tapeOf(SYMBOLS)),
    adjustment: 'split',
  })
  const from = clock.now

  await work({ packsMax: 1 })
  const [waiting] = await store.runs({ limit: 1 })
  assert.ok(waiting !== undefined)
  clock.now = waiting.notBefore
  alpaca.isAway = false
  await work()

  assert.equal(waiting.status, 'queued')
  assert.ok(waiting.notBefore >= from + PARKED_MS && waiting.notBefore < from + PARKED_MS + MINUTE)
  assert.match(waiting.errorMessage ?? '', /alpaca is away: files has no split prices/)
  assert.equal((await store.counts()).failed, 0)
  assert.deepEqual(alpaca.asked, [SYMBOLS.join()])
})

test('F425 hours that a stand-in has not are asked for at the primary when that is back', async (t) => {
  const { store, clock, alpaca, work, bars } = await desk(t, {
    files: new TapeSource('files', tapeOf(SYMBOLS, T0 - 14 * DAY)),
    timeframe: '15m',
    from: T0 + 14.5 * HOUR,
    to: T0 + 20 * HOUR,
  })

  await work()
  const [hole] = await store.holes({ symbols: ['AAPL'] })
  // Alpaca is still away when the hole is asked for: it stays one.
  clock.now += PARKED_MS
  await work()
  const holes = await store.holes({})
  alpaca.isAway = false
  clock.now += HOUR
  await work()

  assert.deepEqual([hole?.bars, hole?.status], [22, 'open'])
  assert.deepEqual(
    holes.map(({ status }) => status),
    ['open', 'open', 'open'],
  )
  assert.deepEqual(await bars(), { AAPL: 22, MSFT: 22, NVDA: 22 })
  assert.deepEqual(await store.holes({}), [])
  assert.equal((await store.runs({ limit: 10 })).length, 3)
})
