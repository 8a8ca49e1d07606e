/*
 * Paper run: a tape as the live feed, at a chosen speed; simulated fills; everything written down.
 *
 *   tape ─▶ inbox ─▶ turn ─▶ journal ─▶ simulated venue         bars ─▶ archive
 *
 * The same turns as in a backtest, because both take one turn per distinct millisecond of the tape. A turn
 * that commands something is durable before its batches leave. A run that was killed goes on where its journal
 * ends: what was not durable had commanded nothing, and the tape tells it again.
 */
import { assert } from '../../core/assert.ts'
import type { Ms } from '../../core/brand.ts'
import type { Clock } from '../../core/clock.ts'
import type { MarketInput } from '../../core/input.ts'
import type { Archive, Journal } from '../../core/store.ts'
import type { Tape } from '../../core/tape.ts'
import { Inbox, type InboxOptions, type InboxStatistics } from '../../engine/inbox.ts'
import { systemClock } from '../../io/clock.ts'
import { stopInput, type Watch, watchNotices } from './backtest.ts'
import { buildSession, type Setup } from '../session/build.ts'
import { Feed } from './feed.ts'
import { Recorder } from '../session/recorder.ts'
import { recover, type Recovered, snapshotOf } from '../session/recover.ts'
import type { Session } from '../session/session.ts'

export interface PaperOptions {
  readonly tape: Tape
  readonly setup: Setup
  readonly journal: Journal
  readonly archive: Archive
  /** The system's where not given. */
  readonly clock?: Clock
  /** Tape time per clock time: 1 is real time, 60 a minute per second; 'max' does not wait. */
  readonly speed: number | 'max'
  readonly inbox: InboxOptions
  /** Turns between snapshots. */
  readonly snapshotEvery: number
  readonly to?: Ms
  readonly watch?: Watch
  /** Aborting it stops the run in order. */
  readonly signal?: AbortSignal
  /** Told once, before the first new turn. */
  readonly onStart?: (recovered: Recovered<Session>) => void
}

export interface PaperResult {
  readonly turns: number
  readonly at: Ms
  readonly hash: string
  readonly intents: string
  readonly equity: number
  readonly inbox: InboxStatistics
  readonly bars: Recorder['statistics']
  readonly statistics: Session['engine']['statistics']
  readonly isComplete: boolean
}

/** Turns between two looks at the event loop when nothing is waited for. */
const SLICE_TURNS = 256

export async function paper(options: PaperOptions): Promise<PaperResult> {
  const { tape, setup, journal, archive, watch, signal } = options
  let recorder: Recorder | undefined
  // The recorder hears the turns that are done again too: their bars may not have reached the archive.
  const build = (): Session => {
    const session = buildSession(setup, (turn) => journal.append(turn))
    recorder = new Recorder(archive, session.engine)
    return session
  }
  const recovered = await recover({
    build,
    journal,
    archive,
    breathe: async () => recorder?.work(),
  })
  const { session, marks } = recovered
  const { engine } = session
  options.onStart?.(recovered)
  watchNotices(session, watch)
  assert(recorder !== undefined, 'a session has its recorder')
  const feed = new Feed(tape, setup.universe)
  const inbox = new Inbox(options.inbox)
  const pacer = new Pacer(options.clock ?? systemClock, options.speed)
  const to = options.to ?? Infinity
  let { at } = recovered
  // The bars of all turns so far are in the archive before the snapshot that counts on them.
  const snapshot = async (): Promise<void> => {
    await recorder?.flush()
    journal.snapshot(engine.turns, snapshotOf(session, marks))
  }
  const drive = async (): Promise<void> => {
    if (at > 0) await feed.skipTo(at)
    for (;;) {
      if (feed.isStarved) await feed.refill()
      if (feed.nextAt === Infinity || feed.nextAt > to) return
      at = Math.min(feed.nextAt, Math.max(session.nextAt, at)) as Ms
      await pacer.until(at, signal)
      if (signal?.aborted === true) return
      pump(session, inbox, at, feed.nextAt === at ? feed.take() : [])
      watch?.sample?.(at, engine.equity, engine.exposure)
      if (engine.turns % options.snapshotEvery === 0) await snapshot()
      if (engine.turns % SLICE_TURNS !== 0) continue
      watch?.progress?.(feed.rows, at)
      await recorder?.work()
      await new Promise(setImmediate)
    }
  }
  // A run that was killed after its stop was written down is over: nothing follows a stop.
  const isOver = engine.capture().risk.isStopping
  try {
    if (!isOver) await drive()
  } finally {
    await feed.close()
  }
  // Stopping is a fact like any other: journaled, and replayed with the rest.
  if (!isOver) session.step(engine.now, [], [stopInput(engine.now, 'runner')])
  await snapshot()
  return {
    turns: engine.turns,
    at: engine.now,
    hash: engine.hash(),
    intents: engine.intents,
    equity: engine.equity,
    inbox: inbox.statistics,
    bars: recorder.statistics,
    statistics: engine.statistics,
    isComplete: signal?.aborted !== true,
  }
}

/** Inbox → turns, until nothing waits; one turn with nothing where only time has passed. */
function pump(session: Session, inbox: Inbox, at: Ms, market: readonly MarketInput[]): void {
  if (market.length === 0) {
    session.step(at, [])
    return
  }
  for (const input of market) inbox.push(input)
  while (inbox.nextAt !== Infinity) {
    const inputs = inbox.takeTurn(at, Infinity)
    if (inputs.length > 0) session.step(at, inputs as MarketInput[])
  }
}

/** Tape time on a clock: the first moment is now, later ones follow at the chosen speed. */
class Pacer {
  readonly #clock: Clock
  readonly #speed: number | 'max'
  #tapeStart: number | undefined
  #clockStart = 0

  constructor(clock: Clock, speed: number | 'max') {
    this.#clock = clock
    this.#speed = speed
  }

  async until(at: Ms, signal: AbortSignal | undefined): Promise<void> {
    if (this.#speed === 'max') return
    if (this.#tapeStart === undefined) {
      this.#tapeStart = at
      this.#clockStart = this.#clock.now()
    }
    const when = this.#clockStart + (at - this.#tapeStart) / this.#speed
    if (when > this.#clock.now()) await this.#clock.until(Math.ceil(when) as Ms, signal)
  }
}
