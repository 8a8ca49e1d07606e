/*
 * Recover: start-up and crash are one path. A fresh session takes the last snapshot and does the journal's
 * tail again; what it decides must be what was recorded, or the journal is not of this setup.
 *
 * A snapshot does not hold what strategies derive from bars. It is derived again: each lane is shown the bars
 * that it had seen, from the archive. Where the archive does not have exactly those, the whole journal is done
 * again from its first turn, which needs no snapshot and no archive.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Turn } from '../core/command.ts'
import { canonical } from '../core/hash.ts'
import { type Input, isMarket } from '../core/input.ts'
import type { Bar } from '../core/market.ts'
import type { Archive, Journal } from '../core/store.ts'
import { lengthMs, type Timeframe } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import type { Lane } from '../engine/lanes.ts'
import { barsOf } from './recorder.ts'

/**
 * What can be done again: a session with its simulated venue, or an engine alone, whose venue's answers are in the
 * journal as inputs.
 */
export interface Redoable<State> {
  readonly engine: Engine
  capture(): State
  restore(state: State): void
  /** The turn as it is decided now and, where the venue is simulated, what it says now. */
  redo(recorded: Turn): { readonly turn: Turn; readonly facts?: readonly Input[] }
}

export interface Recovered<S> {
  readonly session: S
  /** Engine time of the last durable turn; 0 where there is none. */
  readonly at: Ms
  /** Turns that were done again. */
  readonly redone: number
  readonly from: 'nothing' | 'journal' | 'snapshot'
}

interface Snapshot<State> {
  readonly hash: string
  readonly state: State
}

/** The session as a snapshot's text: its state, and the hash that a restored one must have. */
export function snapshotOf<State>(session: Redoable<State>): string {
  const snapshot: Snapshot<State> = { hash: session.engine.hash(), state: session.capture() }
  return JSON.stringify(snapshot)
}

/**
 * @param build Makes a fresh session with its observers; called again where a first attempt cannot be finished.
 * @param breathe Awaited now and then while turns are done again, so that what they tell can be written.
 */
export async function recover<State, S extends Redoable<State>>(
  build: () => S & Redoable<State>,
  journal: Journal,
  archive: Archive,
  breathe: () => Promise<void>,
): Promise<Recovered<S>> {
  const saved = journal.latest()
  if (saved !== undefined) {
    const session = build()
    const snapshot = JSON.parse(saved.state) as Snapshot<State>
    session.restore(snapshot.state)
    assert(
      session.engine.hash() === snapshot.hash,
      `the snapshot of turn ${saved.n} restores to its hash: the journal is damaged`,
    )
    if (await rebuildLanes(session.engine, archive)) {
      const tail = await redoTail(session, journal, saved.n, breathe)
      return { session, ...tail, from: 'snapshot' }
    }
  }
  const session = build()
  const tail = await redoTail(session, journal, 0, breathe)
  return { session, ...tail, from: tail.redone === 0 ? 'nothing' : 'journal' }
}

/** Turns between two breaths. */
const SLICE_TURNS = 256

async function redoTail(
  session: Redoable<unknown>,
  journal: Journal,
  after: number,
  breathe: () => Promise<void>,
): Promise<{ readonly redone: number; readonly at: Ms }> {
  let redone = 0
  for (const recorded of journal.since(after)) {
    const difference = differenceOf(session, recorded)
    assert(
      difference === undefined,
      `turn ${recorded.n} of the journal is decided as it was recorded: ${difference}`,
    )
    if (++redone % SLICE_TURNS === 0) await breathe()
  }
  return { redone, at: session.engine.now }
}

/** Does a turn again and tells what came out otherwise than recorded; undefined where nothing did. */
export function differenceOf(
  session: Pick<Redoable<never>, 'redo'>,
  recorded: Turn,
): string | undefined {
  const { turn, facts } = session.redo(recorded)
  if (turn.n !== recorded.n) return `it is turn ${turn.n}`
  const answers = recorded.inputs.filter((input) => !isMarket(input) && input.type !== 'control')
  if (facts !== undefined && canonical(answers) !== canonical(facts)) {
    return `the venue said ${canonical(facts)}, recorded ${canonical(answers)}`
  }
  if (canonical(turn.batches) === canonical(recorded.batches)) return undefined
  return `decided ${canonical(turn.batches)}, recorded ${canonical(recorded.batches)}`
}

/** Shows every lane the bars that it had seen. False where the archive does not have them. */
async function rebuildLanes(engine: Engine, archive: Archive): Promise<boolean> {
  for (const lane of engine.lanes) {
    const bars: Bar[] = []
    for (const timeframe of lane.timeframes) {
      const seen = await seenBars(lane, timeframe, engine.now, archive)
      if (seen === undefined) return false
      bars.push(...seen)
    }
    // As they closed: by their end, and the finer timeframe first where two end together.
    bars.sort(
      (a, b) => endOf(lane, a) - endOf(lane, b) || lengthMs(a.timeframe) - lengthMs(b.timeframe),
    )
    engine.rebuild(lane, bars)
  }
  return true
}

async function seenBars(
  lane: Lane,
  timeframe: Timeframe,
  now: Ms,
  archive: Archive,
): Promise<Bar[] | undefined> {
  const limit = lane.seen(timeframe)
  if (limit === 0) return []
  const before = (now - lengthMs(timeframe) + 1) as Ms
  const columns = await archive.latest({ symbol: lane.instrument.symbol, timeframe, limit, before })
  return columns.length === limit ? [...barsOf(columns, lane.symbol, timeframe)] : undefined
}

function endOf(lane: Lane, bar: Bar): number {
  if (bar.timeframe !== '1d') return bar.start + lengthMs(bar.timeframe)
  return calendarOf(lane.instrument.spec.calendar).nextDayStart(bar.start)
}
