// Backtest: a tape, the simulated venue and simulated time, one turn per distinct millisecond.
import type { Ms } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import type { Input, MarketInput } from '../../core/input.ts'
import type { Notice } from '../../core/notice.ts'
import type { Tape } from '../../core/tape.ts'
import { MINUTE } from '../../core/time.ts'
import { buildSession, type Setup } from '../session/build.ts'
import { Feed, type MarketFeed } from './feed.ts'
import type { Session } from '../session/session.ts'

export interface BacktestOptions {
  readonly tape: Tape
  readonly setup: Setup
  /** First and last moment of the run, in engine time; all of the tape where not given. */
  readonly from?: Ms
  readonly to?: Ms
  readonly watch?: Watch
  readonly signal?: AbortSignal
}

/** Who looks on. All are optional, and cost nothing where they are not given. */
export interface Watch {
  /** Each kind of notice that is named here is handed over, after the batches of its turn have left. */
  readonly notices?: {
    readonly types: readonly Notice['type'][]
    readonly handle: (notice: Notice) => void
  }
  /** Equity and exposure: once in every minute in which something happened, and after every fill. */
  readonly sample?: (at: Ms, equity: number, exposure: number) => void
  /** Each turn, before its batches leave. */
  readonly turn?: (turn: Turn) => void
  /** Rows of the tape so far, and the engine's time; some times a second. */
  readonly progress?: (rows: number, at: Ms) => void
}

export interface BacktestResult {
  readonly turns: number
  /** Rows of the tape. */
  readonly rows: number
  readonly at: Ms
  /** Hash of the engine's final state. */
  readonly hash: string
  /** Hash of all commands in order. */
  readonly intents: string
  readonly equity: number
  readonly statistics: Session['engine']['statistics']
  readonly isComplete: boolean
}

const NONE: readonly MarketInput[] = []

/** Rows between two looks at the event loop: progress, and whether to stop. */
const SLICE_ROWS = 65_536

/** Subscribes a watcher to a session's notices. */
export function watchNotices(session: Pick<Session, 'engine'>, watch: Watch | undefined): void {
  const { notices } = watch ?? {}
  if (notices === undefined) return
  for (const type of notices.types) session.engine.notices.on(type, notices.handle)
}

/** The control that ends every run: no new orders, open bars are closed. */
export const stopInput = (at: Ms, by: string): Input => ({
  type: 'control',
  at,
  control: { do: 'stop' },
  by,
})

export async function backtest(options: BacktestOptions): Promise<BacktestResult> {
  const feed = new Feed(options.tape, options.setup.universe)
  try {
    return await drive(feed, options)
  } finally {
    await feed.close()
  }
}

/** Runs a feed through a fresh session, from its first row to its last. */
export async function drive(
  feed: MarketFeed,
  options: Omit<BacktestOptions, 'tape'>,
): Promise<BacktestResult> {
  const { setup, watch, signal } = options
  const session = buildSession(setup, watch?.turn)
  watchNotices(session, watch)
  const sampler = new Sampler(session, watch?.sample)
  const to = options.to ?? Infinity
  if (options.from !== undefined) await feed.skipTo(options.from - 1)
  let at = (options.from ?? 0) as Ms
  let nextSlice = SLICE_ROWS
  for (;;) {
    if (feed.isStarved) await feed.refill()
    if (feed.nextAt === Infinity || feed.nextAt > to) break
    at = runSlice({ feed, session, sampler, to }, at, nextSlice)
    if (feed.rows < nextSlice) continue
    nextSlice = feed.rows + SLICE_ROWS
    watch?.progress?.(feed.rows, at)
    await new Promise(setImmediate)
    if (signal?.aborted === true) break
  }
  session.step(at, [], [stopInput(at, 'backtest')])
  sampler.sample(at, true)
  const { engine } = session
  return {
    turns: engine.turns,
    rows: feed.rows,
    at,
    // Taken when it is asked for: over thousands of finished orders it is a tenth of a short run.
    get hash() {
      return engine.hash()
    },
    intents: engine.intents,
    equity: engine.equity,
    statistics: engine.statistics,
    isComplete: signal?.aborted !== true,
  }
}

interface Run {
  readonly feed: MarketFeed
  readonly session: Session
  readonly sampler: Sampler
  readonly to: number
}

/** Turns until the feed is starved or over, or has given so many rows. It awaits nothing, so it is compiled once. */
function runSlice({ feed, session, sampler, to }: Run, from: Ms, rows: number): Ms {
  let at = from
  while (!feed.isStarved && feed.rows < rows) {
    const { nextAt } = feed
    if (nextAt === Infinity || nextAt > to) break
    at = Math.min(nextAt, Math.max(session.nextAt, at)) as Ms
    const turn = session.step(at, nextAt === at ? feed.take() : NONE)
    sampler.sample(at, turn.notices.length > 0)
  }
  return at
}

/** Takes equity once a minute of engine time, and whenever something happened. */
export class Sampler {
  readonly #session: Pick<Session, 'engine'>
  readonly #take: Watch['sample']
  #nextAt = 0

  constructor(session: Pick<Session, 'engine'>, take: Watch['sample']) {
    this.#session = session
    this.#take = take
  }

  sample(at: Ms, isEventful: boolean): void {
    if (this.#take === undefined || (at < this.#nextAt && !isEventful)) return
    this.#nextAt = (Math.floor(at / MINUTE) + 1) * MINUTE
    this.#take(at, this.#session.engine.equity, this.#session.engine.exposure)
  }
}
