// A run that is killed ends as if it had not been, whatever became of its archive and its strategies.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { symbolId } from '../src/core/brand.ts'
import type { BarColumns } from '../src/core/columns.ts'
import type { Turn } from '../src/core/command.ts'
import type { Input } from '../src/core/input.ts'
import type { Archive, Journal } from '../src/core/store.ts'
import type { Tape } from '../src/core/tape.ts'
import { ms } from '../src/core/time.ts'
import type { Use } from '../src/engine/lanes.ts'
import { vwap } from '../src/indicators/index.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
import { buildSession, type Setup } from '../src/runtime/session/build.ts'
import { paper, type PaperResult } from '../src/runtime/tape/paper.ts'
import { recover, type Recovered } from '../src/runtime/session/recover.ts'
import { WAITING_MAX } from '../src/runtime/session/recorder.ts'
import type { Session } from '../src/runtime/session/session.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { defineStrategy, type Strategy, z } from '../src/strategy/index.ts'
import { type Kind, setupOf, tapeOf } from './modes/tape.ts'

const SNAPSHOT_EVERY = 120
/** The end of the second day. */
const TO = ms(Date.UTC(2026, 2, 24, 21))
const SYMBOLS = ['AAPL', 'SPY', 'QQQ']

/** Changes what a run finds when it is started again. */
type Meddle = (archive: Archive, journal: Journal) => Promise<void>

interface Case {
  readonly kind: Kind
  readonly change?: (setup: Setup) => Setup
  readonly tape?: Tape
  readonly meddle?: Meddle
  readonly isArchiveGone?: boolean
  /** In turns: by itself soon after a snapshot that was taken early on the second day. */
  readonly killAt?: number
}

/** The end of a run that was killed once, where it went on from, and the end of the same run as a backtest. */
async function killedOnce(
  t: TestContext,
  {
    kind,
    change = (setup) => setup,
    tape = tapeOf(kind),
    meddle,
    isArchiveGone = false,
    killAt = 1_130,
  }: Case,
) {
  const folder = mkdtempSync(join(tmpdir(), 'skein-recovery-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const setup = async (): Promise<Setup> => change(await setupOf(tape))
  let recovered: Recovered<Session> | undefined
  const run = async (last: number): Promise<PaperResult> => {
    const journal = openJournal(join(folder, 'journal.db'))
    const archive = await openArchive(join(folder, 'archive.db'))
    let turns = 0
    try {
      return await paper({
        tape,
        setup: await setup(),
        journal,
        archive,
        speed: 'max',
        inbox: { capacity: 10_000, maxAgeMs: 60_000 },
        snapshotEvery: SNAPSHOT_EVERY,
        to: TO,
        watch: {
          sample: () => {
            if (++turns === last) throw new Error('killed')
          },
        },
        onStart: (found) => (recovered = found),
      })
    } finally {
      await archive.close()
      journal.close()
    }
  }
  const expected = await backtest({ tape, setup: await setup(), to: TO })
  await assert.rejects(run(killAt), /killed/)
  const archive = await openArchive(join(folder, 'archive.db'))
  const journal = openJournal(join(folder, 'journal.db'))
  await meddle?.(archive, journal)
  journal.close()
  await archive.close()
  if (isArchiveGone)
    for (const end of ['', '-wal', '-shm']) rmSync(`${archive.path}${end}`, { force: true })
  const result = await run(Infinity)
  return { result, expected, from: recovered!.from }
}

function assertSameEnd({ result, expected }: Awaited<ReturnType<typeof killedOnce>>): void {
  assert.deepEqual([result.intents, result.hash], [expected.intents, expected.hash])
}

/** The setup with one strategy on the first symbols. */
const only =
  (strategy: Strategy) =>
  (setup: Setup): Setup => {
    const on = setup.universe.all.slice(0, 3).map(({ id }) => id)
    const use: Use = { name: strategy.name, strategy, params: {}, on }
    return { ...setup, uses: [use] }
  }

/** The tape of bars without the last minute of each five. */
function gapped(): Tape {
  const tape = tapeOf('bars')
  const series = tape.series.flatMap((one) => {
    if (one.kind !== 'bars') return []
    const whole = (): AsyncIterable<BarColumns> => one.pages()
    async function* pages(): AsyncGenerator<BarColumns> {
      for await (const { length: _length, start, ...page } of whole()) {
        const isKept = (_value: number, row: number): boolean => start[row]! % 300_000 !== 240_000
        yield {
          length: start.filter(isKept).length,
          start: start.filter(isKept),
          open: page.open.filter(isKept),
          high: page.high.filter(isKept),
          low: page.low.filter(isKept),
          close: page.close.filter(isKept),
          volume: page.volume.filter(isKept),
          trades: page.trades.filter(isKept),
          filled: page.filled.filter(isKept),
        }
      }
    }
    return [{ ...one, pages }]
  })
  return { ...tape, series }
}

test('a run goes on from its snapshot', async (t) => {
  const ended = await killedOnce(t, { kind: 'bars' })

  assert.equal(ended.from, 'snapshot')
  assertSameEnd(ended)
})

test('what longer bars mean among the minutes is the same after a silence that was filled when they had closed', async (t) => {
  const counting = defineStrategy({
    name: 'counting',
    params: z.object({}),
    needs: () => ({ bars: ['1m', '5m'] }),
    symbol(ctx) {
      let minutes = 0
      const told: number[] = []
      return {
        onBar(bar) {
          if (bar.timeframe === '1m') minutes++
          else told.push(minutes % 5)
          if (bar.timeframe === '1m' || ctx.orders.length > 0) return
          // All that it has derived so far decides.
          const hash = told.reduce((sum, count) => (sum * 31 + count) % 97, 0)
          if (hash % 2 === 0) ctx.close()
          else if (ctx.position.isFlat) ctx.buy({ qty: 1 })
        },
      }
    },
  })

  const gaps = { kind: 'bars', tape: gapped(), killAt: 602 } as const
  assertSameEnd(await killedOnce(t, { ...gaps, change: only(counting) }))
})

test('bars of another run among those of this one are not taken for its own', async (t) => {
  const meddle: Meddle = async (archive) => {
    for (const symbol of SYMBOLS) {
      const bars = await archive.latest({ symbol, timeframe: '1m', limit: 1_000 })
      const night = bars.start.findIndex((start, i) => start - bars.start[i - 1]! > 3_600_000)
      const from = bars.start[night]! - (bars.length + 1) * 60_000
      for (let i = 0; i < bars.length; i++) bars.start[i] = from + i * 60_000
      await archive.putBars(symbol, '1m', bars)
    }
  }

  assertSameEnd(await killedOnce(t, { kind: 'bars', meddle }))
})

test('bars that somebody has changed are not taken for those that were seen', async (t) => {
  const meddle: Meddle = async (archive) => {
    for (const symbol of SYMBOLS) {
      const bars = await archive.latest({ symbol, timeframe: '1m', limit: 1_000 })
      for (let i = 0; i < bars.length; i++) bars.close[i] = bars.low[i]!
      await archive.putBars(symbol, '1m', bars)
    }
  }

  assertSameEnd(await killedOnce(t, { kind: 'bars', meddle }))
})

test('bars that closed after the snapshot, and late, are not shown twice', async (t) => {
  const change = (setup: Setup): Setup => ({
    ...setup,
    bars: { ...setup.bars, latenessMs: 90_000 },
  })

  const ended = await killedOnce(t, { kind: 'trades', change })

  assert.equal(ended.from, 'snapshot')
  assertSameEnd(ended)
})

test('a strategy that looks at the time of a bar in its closure looks at the same time again', async (t) => {
  const timed = defineStrategy({
    name: 'timed',
    params: z.object({}),
    needs: () => ({ bars: '1m' }),
    symbol(ctx) {
      let day = 0
      let average = vwap()
      return {
        onBar({ high, low, close, volume }) {
          const today = Math.floor(ctx.now / 86_400_000)
          if (today !== day) average = vwap()
          day = today
          const mean = average.push((high + low + close) / 3, volume)
          if (ctx.orders.length > 0) return
          if (close > mean && ctx.position.isFlat) ctx.buy({ qty: ctx.size(0.01) })
          if (close < mean && ctx.position.isLong) ctx.close()
        },
      }
    },
  })

  assertSameEnd(await killedOnce(t, { kind: 'bars', change: only(timed), killAt: 602 }))
})

test('a strategy that was halted before the kill is halted after it, and so are its tries', async (t) => {
  const broken = defineStrategy({
    name: 'broken',
    params: z.object({}),
    needs: () => ({ bars: '1m' }),
    symbol(ctx) {
      let bars = 0
      return {
        onBar() {
          if (++bars === 20) ctx.buy({ qty: ctx.size(0.01) })
          if (bars === 50) throw new Error('bar 50')
        },
      }
    },
  })

  const ended = await killedOnce(t, { kind: 'bars', change: only(broken), killAt: 602 })

  assert.equal(ended.result.statistics.halted, 3)
  assertSameEnd(ended)
})

test('what only the strategy knows is there again', async (t) => {
  const counting = defineStrategy({
    name: 'counting',
    params: z.object({}),
    needs: () => ({ bars: '1m' }),
    state: () => ({ fills: 0 }),
    symbol: (ctx) => ({
      onBar({ close }) {
        if (ctx.orders.length > 0) return
        if (ctx.position.isLong) ctx.close()
        else if (ctx.state.fills % 3 < 2 || Math.round(close * 100) % 7 === 0)
          ctx.buy({ qty: ctx.size(0.01) })
      },
      onFill() {
        ctx.state = { fills: ctx.state.fills + 1 }
      },
    }),
  })

  const ended = await killedOnce(t, { kind: 'bars', change: only(counting) })

  assert.equal(ended.from, 'snapshot')
  assertSameEnd(ended)
})

test('a run whose archive is gone does its whole journal again', async (t) => {
  const ended = await killedOnce(t, { kind: 'bars', isArchiveGone: true })

  assert.equal(ended.from, 'journal')
  assertSameEnd(ended)
})

test('a run that was killed between its stop and its end is over when it is started again', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-recovery-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const tape = tapeOf('bars')
  const run = async (signal: AbortSignal | undefined): Promise<PaperResult> => {
    const journal = openJournal(join(folder, 'journal.db'))
    const archive = await openArchive(join(folder, 'archive.db'))
    const setup = await setupOf(tape)
    const inbox = { capacity: 10_000, maxAgeMs: 60_000 }
    const options = { tape, setup, journal, archive, inbox, snapshotEvery: SNAPSHOT_EVERY, to: TO }
    try {
      return await paper({ ...options, speed: 'max', ...(signal === undefined ? {} : { signal }) })
    } finally {
      await archive.close()
      journal.close()
    }
  }
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 0)

  const stopped = await run(stop.signal)
  const again = await run(undefined)

  assert.equal(stopped.isComplete, false)
  assert.deepEqual([again.turns, again.hash], [stopped.turns, stopped.hash])
})

test('F543 a run whose strategy decides otherwise when it is started again does not start, and says what to do', async (t) => {
  let qty = 1
  const changed = defineStrategy({
    name: 'changed',
    params: z.object({}),
    needs: () => ({ bars: '1m' }),
    symbol: (ctx) => ({ onBar: () => void ctx.buy({ qty, once: 'first' }) }),
  })
  const change = only(changed)

  const again = killedOnce(t, {
    kind: 'bars',
    change,
    // As where a file that it imports was changed, or Skein was.
    meddle: async () => void (qty = 2),
    isArchiveGone: true,
    killAt: 300,
  })

  await assert.rejects(again, {
    code: 'other-decisions',
    message:
      /otherwise now.* \(turn \d+: decided .*"qty":2.*go on with the Skein and the strategy files/,
  })
})

for (const { what, change } of [
  { what: 'lacks a part', change: { state: { engine: {} } } },
  { what: 'comes out as another state', change: { hash: 'another' } },
]) {
  test(`F545 a snapshot of another Skein, which ${what} now, is left for the whole journal`, async (t) => {
    const buying = defineStrategy({
      name: 'buying',
      params: z.object({}),
      needs: () => ({ bars: '1m' }),
      symbol: (ctx) => ({ onBar: (bar) => void ctx.buy({ qty: 1, once: `${bar.start % 7}` }) }),
    })

    const ended = await killedOnce(t, {
      kind: 'bars',
      change: only(buying),
      killAt: 300,
      meddle: async (_archive, journal) => {
        const { n, state } = journal.latest()!
        journal.snapshot(n, JSON.stringify({ ...JSON.parse(state), ...change }))
      },
    })

    assert.equal(ended.from, 'journal')
    assertSameEnd(ended)
  })
}

test('turns of a large universe are done again with a breath for so many inputs, so that their bars are written', async () => {
  const { engine } = buildSession(await setupOf(tapeOf('bars')))
  const bar = { symbol: symbolId(0), timeframe: '1m', start: ms(0), ...FLAT } as const
  const input: Input = { type: 'bar', at: ms(60_000), bar, source: 'warmup' }
  const inputs = Array.from({ length: 1_000 }, () => input)
  let [done, most] = [0, 0]
  const session = {
    engine,
    capture: () => undefined,
    restore: () => {},
    redo: (turn: Turn) => {
      done += turn.inputs.length
      most = Math.max(most, done)
      return { turn }
    },
  }
  const turns = Array.from({ length: 200 }, (_, i): Turn => ({
    n: i + 1,
    at: ms(60_000),
    inputs,
    notices: [],
    batches: [],
  }))
  const journal = { latest: () => undefined, since: () => turns } as unknown as Journal
  const { redone } = await recover({
    build: () => session,
    journal,
    archive: {} as Archive,
    breathe: async () => void (done = 0),
  })

  assert.equal(redone, 200)
  assert.ok(most < WAITING_MAX / 10, `${most} inputs without a breath`)
})

const FLAT = { open: 1, high: 1, low: 1, close: 1, volume: 1, trades: 1 }
