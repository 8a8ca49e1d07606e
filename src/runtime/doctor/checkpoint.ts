/*
 * Checkpoint: the run that says whether live data can be relied on here. It trades nothing (a dry run with a journal and an
 * archive of its own) and counts for a while:
 *
 *   uptime      it ran for all of the time
 *   connected   both streams were up throughout
 *   trades      some came
 *   bars        some were closed
 *   stored      the archive has exactly the bars that were closed, value for value
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Turn } from '../../core/command.ts'
import type { Bar } from '../../core/market.ts'
import type { Archive } from '../../core/store.ts'
import { Universe } from '../../core/universe.ts'
import type { Venue } from '../../core/venue.ts'
import { pause } from '../../io/clock.ts'
import type { Io } from '../../io/io.ts'
import { openArchive, openJournal } from '../../store/index.ts'
import { adviceOf } from '../venues/alpaca.ts'
import { type Config, toInstrumentSpec, toRiskLimits } from '../config/config.ts'
import type { Finding } from './finding.ts'
import type { LiveOptions } from '../live/options.ts'
import { type Live, startLive } from '../live/live.ts'
import { barsOf } from '../session/recorder.ts'
import { loadUses } from '../config/uses.ts'
import { venueIdOf } from '../venues/venues.ts'

export interface CheckpointOptions {
  readonly config: Config
  readonly io: Pick<Io, 'now' | 'after'>
  readonly universe: Universe
  /** Not yet open; it is closed at the end. */
  readonly venue: Venue
  readonly limits: Pick<LiveOptions, 'timing' | 'inbox'>
  readonly forMs: number
  /** Ends it before its time, which fails it. */
  readonly signal?: AbortSignal
  readonly onTurn?: (turn: Turn) => void
  /** Told when it begins to count. */
  readonly onStart?: (live: Live) => void
}

/** The instruments that a checkpoint looks at: those of the configuration. */
export const checkpointUniverse = (config: Config, name: string): Universe => {
  const listed = config.universe === 'all' ? [] : config.universe
  const symbols = listed.map((one) => (typeof one === 'string' ? one : one.symbol))
  return new Universe(symbols.map((symbol) => toInstrumentSpec(config, symbol, venueIdOf(name))))
}

/** Runs it, and gives what was found. It leaves nothing behind. */
export async function checkpoint(options: CheckpointOptions): Promise<readonly Finding[]> {
  const { config, io, universe, venue, limits, forMs, signal } = options
  const folder = mkdtempSync(join(tmpdir(), 'skein-checkpoint-'))
  const journal = openJournal(join(folder, 'journal.db'))
  const archive = await openArchive(join(folder, 'archive.db'))
  const tally = new Tally()
  try {
    const { latenessMs, maxFill } = config.bars
    const started = await startLive({
      io,
      venue,
      setup: {
        universe,
        uses: await loadUses(config, universe),
        risk: toRiskLimits(config),
        run: 'check',
        currency: config.account.currency,
        base: '1m',
        bars: { latenessMs, maxFill },
      },
      journal,
      archive,
      ...limits,
      snapshotEvery: config.store.snapshotEvery,
      kinds: ['bars', 'trades'],
      isDryRun: true,
      onTurn: (turn) => {
        tally.take(turn)
        options.onTurn?.(turn)
      },
    })
    if (!started.ok) {
      const { fault } = started
      return [{ check: 'uptime', state: 'fail', text: fault.message, todo: adviceOf(fault) }]
    }
    const live = started.value
    options.onStart?.(live)
    tally.begin(io.now())
    const failure = await Promise.race([live.pump.failure, pause(io, forMs, signal)])
    const ranMs = io.now() - tally.beganAt
    const downs = tally.downs(io.now())
    await live.stop('keep')
    return [
      uptime({ ranMs, forMs, failure: failure ?? undefined }),
      connected(downs),
      some('trades', tally.trades),
      some('bars', tally.bars),
      await stored(archive, tally.closed, universe),
    ]
  } finally {
    await archive.close()
    journal.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What was seen. Trades and bars count from the beginning; closed bars also before, as they are stored too. */
class Tally {
  beganAt = Infinity
  trades = 0
  bars = 0
  readonly closed = new Map<string, string>()
  /** Since when, by stream; of one that was lost for some symbols alone, by them too. */
  readonly #lost = new Map<string, number>()
  readonly #downs: number[] = []

  begin(at: number): void {
    this.beganAt = at
    // A stream that is not up at the start is lost from there on.
    for (const stream of this.#lost.keys()) this.#lost.set(stream, at)
    this.#downs.length = 0
  }

  /** How long each loss lasted, those that last still until `at`. */
  downs(at: number): readonly number[] {
    return [...this.#downs, ...[...this.#lost.values()].map((since) => at - since)]
  }

  take({ at, inputs, notices }: Turn): void {
    const hasBegun = at >= this.beganAt
    for (const input of inputs) {
      if (input.type === 'trade' && hasBegun) this.trades++
      if (input.type !== 'venue.down' && input.type !== 'venue.up') continue
      const part = [input.stream, ...(input.symbols ?? [])].join(' ')
      if (input.type === 'venue.up') this.#found(part, at)
      else if (!this.#lost.has(part)) this.#lost.set(part, at)
    }
    for (const notice of notices) {
      if (notice.type !== 'bar.closed') continue
      if (hasBegun) this.bars++
      this.closed.set(keyOf(notice.bar), rowOf(notice.bar))
    }
  }

  /** A stream that is up is up for all. */
  #found(part: string, at: number): void {
    for (const [lost, since] of this.#lost) {
      if (lost !== part && !lost.startsWith(`${part} `)) continue
      this.#downs.push(at - since)
      this.#lost.delete(lost)
    }
  }
}

const keyOf = ({ symbol, timeframe, start }: Bar): string => `${symbol} ${timeframe} ${start}`
const rowOf = ({ open, high, low, close, volume, trades }: Bar): string =>
  [open, high, low, close, volume, trades].join(' ')

function uptime({
  ranMs,
  forMs,
  failure,
}: {
  readonly ranMs: number
  readonly forMs: number
  readonly failure: Error | undefined
}): Finding {
  const check = 'uptime'
  const part = `${((Math.min(ranMs, forMs) / forMs) * 100).toFixed(1)} %`
  const text = `${part}: ran ${seconds(ranMs)} of ${seconds(forMs)}`
  if (failure === undefined && ranMs >= forMs) return { check, state: 'ok', text }
  const todo = 'let it run to its end; where it stopped itself, report it with this message'
  const why = failure === undefined ? '' : `; it stopped itself: ${failure.message}`
  return { check, state: 'fail', text: `${text}${why}`, todo }
}

function connected(downs: readonly number[]): Finding {
  const check = 'connected'
  if (downs.length === 0) return { check, state: 'ok', text: 'both streams throughout' }
  const total = downs.reduce((sum, one) => sum + one, 0)
  const text = `lost ${downs.length} times, ${seconds(total)} in all`
  const todo = 'look at the network of this machine, and at the status page of the venue'
  return { check, state: 'fail', text, todo }
}

function some(check: 'trades' | 'bars', count: number): Finding {
  if (count > 0) return { check, state: 'ok', text: `${count}` }
  const todo = 'run it while the market is open, and with symbols that trade'
  return { check, state: 'fail', text: 'none came', todo }
}

async function stored(
  archive: Archive,
  closed: ReadonlyMap<string, string>,
  universe: Universe,
): Promise<Finding> {
  const check = 'stored'
  const found = new Map<string, string>()
  for (const { symbol, timeframe } of await archive.series()) {
    const { id } = universe.find(symbol)!
    for await (const page of archive.bars({ symbol, timeframe }))
      for (const bar of barsOf(page, id, timeframe)) found.set(keyOf(bar), rowOf(bar))
  }
  const differing = [...closed].filter(([key, row]) => found.get(key) !== row).length
  const strange = [...found.keys()].filter((key) => !closed.has(key)).length
  const text = `${found.size} bars stored of ${closed.size} that were closed`
  if (differing === 0 && strange === 0) return { check, state: 'ok', text }
  const todo = 'check the disk; if it is well, report it with this message'
  const other = `${differing} are missing or differ, ${strange} were never closed`
  return { check, state: 'fail', text: `${text}; ${other}`, todo }
}

const seconds = (lengthMs: number): string =>
  lengthMs < 120_000
    ? `${(lengthMs / 1_000).toFixed(1)} s`
    : `${(lengthMs / 60_000).toFixed(1)} min`
