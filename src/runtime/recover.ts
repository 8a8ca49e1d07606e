/*
 * Recover: start-up and crash are one path. A fresh session takes the last snapshot and does the journal's
 * tail again; what it decides must be what was recorded, or the journal is not of this setup.
 *
 * A snapshot does not hold what strategies derive from bars. It is derived again: each lane is shown the bars
 * that it had seen, from the archive. The whole journal is done again from its first turn, which needs no
 * snapshot and no archive, where that is not certain to give the same:
 *   the archive has not exactly those bars: one is missing, changed, or of another run
 *   a lane was halted, and so has not seen all bars, or throws while it is shown them
 *   the snapshot was written by a Skein that keeps its state otherwise
 *   a turn of the tail is decided otherwise than recorded: a strategy derives something from more than bars
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Turn } from '../core/command.ts'
import { canonical } from '../core/hash.ts'
import { type Input, isMarket } from '../core/input.ts'
import type { Bar } from '../core/market.ts'
import type { Archive, Journal } from '../core/store.ts'
import { lengthMs, plus, type Timeframe } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import type { Lane } from '../engine/lanes.ts'
import { areMarked, type BarMark, BarMarks } from './bar-marks.ts'
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
  /** The bars that it has closed so far, and goes on to note. */
  readonly marks: BarMarks
  /** Engine time of the last durable turn; 0 where there is none. */
  readonly at: Ms
  /** Turns that were done again. */
  readonly redone: number
  readonly from: 'nothing' | 'journal' | 'snapshot'
}

/** Raised when a state is kept otherwise than before: a snapshot of another form is not used. */
const FORM = 3

interface Snapshot<State> {
  readonly form: number
  readonly hash: string
  readonly state: State
  readonly bars: readonly BarMark[]
}

/** The session as a snapshot's text: its state, the hash that a restored one must have, and the bars it has seen. */
export function snapshotOf<State>(session: Redoable<State>, marks: BarMarks): string {
  const snapshot: Snapshot<State> = {
    form: FORM,
    hash: session.engine.hash(),
    state: session.capture(),
    bars: marks.capture(),
  }
  return JSON.stringify(snapshot)
}

/**
 * Throws where the journal is damaged, or is not of this setup.
 *
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
  const snapshot = saved === undefined ? undefined : (JSON.parse(saved.state) as Snapshot<State>)
  if (saved !== undefined && snapshot?.form === FORM) {
    const session = build()
    const marks = new BarMarks(session.engine)
    session.restore(snapshot.state)
    marks.restore(snapshot.bars)
    assert(
      session.engine.hash() === snapshot.hash,
      `the snapshot of turn ${saved.n} restores to its hash: the journal is damaged`,
    )
    if (await rebuildLanes(session.engine, marks, archive)) {
      const tail = await redoTail(session, journal, saved.n, breathe)
      if (tail.difference === undefined) return { session, marks, ...tail, from: 'snapshot' }
    }
  }
  const session = build()
  const marks = new BarMarks(session.engine)
  const { difference, ...tail } = await redoTail(session, journal, 0, breathe)
  assert(difference === undefined, `the journal is decided as it was recorded: ${difference}`)
  return { session, marks, ...tail, from: tail.redone === 0 ? 'nothing' : 'journal' }
}

/** Turns between two breaths. */
const SLICE_TURNS = 256

interface Tail {
  readonly redone: number
  readonly at: Ms
  /** The first turn that came out otherwise than recorded; none is done after it. */
  readonly difference?: string
}

async function redoTail(
  session: Redoable<unknown>,
  journal: Journal,
  after: number,
  breathe: () => Promise<void>,
): Promise<Tail> {
  let redone = 0
  for (const recorded of journal.since(after)) {
    const difference = differenceOf(session, recorded)
    if (difference !== undefined) {
      return { redone, at: session.engine.now, difference: `turn ${recorded.n}: ${difference}` }
    }
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
  const told =
    facts === undefined
      ? undefined
      : partingOf('the venue said', canonical(facts), canonical(answers))
  return told ?? partingOf('decided', canonical(turn.batches), canonical(recorded.batches))
}

/** Characters that are shown of texts that differ, before and after the place where they do. */
const SHOWN_BEFORE = 60
const SHOWN_AFTER = 240

/** Where two texts part, with what stands around it; undefined where they are equal. */
function partingOf(what: string, now: string, recorded: string): string | undefined {
  if (now === recorded) return undefined
  let at = 0
  while (now[at] === recorded[at]) at++
  const from = Math.max(0, at - SHOWN_BEFORE)
  const shown = (text: string): string => text.slice(from, at + SHOWN_AFTER)
  return `${what} ${shown(now)}, recorded ${shown(recorded)} (from character ${from})`
}

/** Shows every lane the bars that it had seen. False where that is not certain to give what it had derived. */
async function rebuildLanes(engine: Engine, marks: BarMarks, archive: Archive): Promise<boolean> {
  for (const lane of engine.lanes) {
    if (lane.halted !== undefined) return false
    if (lane.hooks.onBar === undefined) continue
    const bars: Bar[] = []
    for (const timeframe of lane.timeframes) {
      const seen = await seenBars(lane, timeframe, marks, archive)
      if (seen === undefined) return false
      bars.push(...seen)
    }
    // As they closed: by their end, and the finer timeframe first where two end together.
    bars.sort(
      (a, b) => endOf(lane, a) - endOf(lane, b) || lengthMs(a.timeframe) - lengthMs(b.timeframe),
    )
    engine.rebuild(
      lane,
      bars.map((bar) => ({ at: endOf(lane, bar), bar })),
    )
    // It did not throw then: it derives something from more than bars.
    if (lane.halted !== undefined) return false
  }
  return true
}

/** Undefined where the archive has not all bars that the lane had seen, as they were, and no other between them. */
async function seenBars(
  lane: Lane,
  timeframe: Timeframe,
  marks: BarMarks,
  archive: Archive,
): Promise<Bar[] | undefined> {
  const mark = marks.of(lane.symbol, timeframe)
  const count = lane.seen(timeframe)
  if (mark === undefined) return count === 0 ? [] : undefined
  // A lane that was halted for a while has seen some of them only.
  if (count !== mark.count) return undefined
  const { symbol } = lane.instrument
  const bars: Bar[] = []
  const query = { symbol, timeframe, from: mark.first, to: (mark.last + 1) as Ms }
  for await (const page of archive.bars(query)) {
    bars.push(...barsOf(page, lane.symbol, timeframe))
    if (bars.length > count) return undefined
  }
  return areMarked(bars, mark) ? bars : undefined
}

function endOf(lane: Lane, bar: Bar): Ms {
  if (bar.timeframe !== '1d') return plus(bar.start, lengthMs(bar.timeframe))
  return calendarOf(lane.instrument.spec.calendar).nextDayStart(bar.start)
}
