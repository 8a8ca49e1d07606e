/*
 * Recover: start-up and crash are one path. A fresh session takes the last snapshot and does the journal's
 * tail again; what it decides must be what was recorded, or the journal is not of this setup.
 *
 * A snapshot does not hold what strategies derive from bars. It is derived again: each lane is shown the bars
 * that it had seen, from the archive. The whole journal is done again from its first turn, which needs no
 * snapshot and no archive, where that is not certain to give the same:
 *   the archive has not exactly those bars: one is missing, changed, or of another run
 *   a lane is halted, or throws while it is shown them; one that was released is shown those that it had seen
 *   the snapshot was written by a Skein that keeps its state otherwise: it does not restore, or not to its hash
 *   a turn of the tail is decided otherwise than recorded: a strategy derives something from more than bars
 *
 * A journal whose first turns were dropped (`live/pruner.ts`) is done again from its beginning instead: from the snapshot there,
 * which was proven before anything was dropped, and from the bars that the journal keeps. Where that does not come out as
 * it was recorded there is nothing else to go by, and the run does not start: what it holds and has sent is not guessed.
 */
import type { Ms } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import { canonical } from '../../core/hash.ts'
import { type Input, isMarket } from '../../core/input.ts'
import type { Archive, Journal, Moment } from '../../core/store.ts'
import type { Engine } from '../../engine/engine.ts'
import { StoreError } from '../../store/index.ts'
import { type BarMark, BarMarks } from './bar-marks.ts'
import { rebuildLanes, type Shelves } from './rebuild.ts'

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
  readonly from: 'nothing' | 'journal' | 'snapshot' | 'beginning'
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

export interface Recovery<State, S extends Redoable<State>> {
  /** Makes a fresh session with its observers; called again where a first attempt cannot be finished. */
  readonly build: () => S & Redoable<State>
  readonly journal: Journal
  readonly archive: Archive
  /** Awaited now and then while turns are done again, so that what they tell can be written. */
  readonly breathe: () => Promise<void>
  /** True where the journal is to be pruned: then it has the bars that lanes have seen. */
  readonly keepsBars?: boolean
}

/** Throws where the journal is damaged, is not of this setup, or lacks what it would have to be done again from. */
export async function recover<State, S extends Redoable<State>>(
  options: Recovery<State, S>,
): Promise<Recovered<S>> {
  const { build, journal, archive, keepsBars = false } = options
  const saved = journal.latest()
  const beginning = journal.past?.beginning
  const past = keepsBars || beginning !== undefined ? journal.past : undefined
  const begin = () => {
    const session = build()
    const marks = new BarMarks(session.engine, { keepsBars })
    const breathe = async (): Promise<void> => {
      past?.noteBars(marks.takeUnkept())
      await options.breathe()
    }
    return { session, marks, breathe }
  }
  const snapshot = snapshotIn(saved?.state)
  if (saved !== undefined && snapshot !== undefined) {
    const { session, marks, breathe } = begin()
    if (await restore({ session, marks }, snapshot, { archive, past, breathe })) {
      const tail = await redoTail(session, journal, saved.n, breathe)
      if (tail.difference === undefined) return { session, marks, ...tail, from: 'snapshot' }
    }
  }
  const { session, marks, breathe } = begin()
  if (beginning !== undefined) {
    await restoreBeginning(beginning, { session, marks }, { journal, breathe })
    const { difference, ...tail } = await redoTail(session, journal, beginning.n, breathe)
    if (difference !== undefined) throw lost(beginning.n, difference)
    return { session, marks, ...tail, from: 'beginning' }
  }
  const { difference, ...tail } = await redoTail(session, journal, 0, breathe)
  if (difference !== undefined) throw otherwise(difference)
  return { session, marks, ...tail, from: tail.redone === 0 ? 'nothing' : 'journal' }
}

export type Restorable = Pick<Redoable<never>, 'engine' | 'redo' | 'restore'>

/** A fresh session, and the bars that it closes. */
interface Begun<S> {
  readonly session: S
  readonly marks: BarMarks
}

/** Undefined where there is none, or one of another form. */
function snapshotIn(text: string | undefined): Snapshot<never> | undefined {
  if (text === undefined) return undefined
  const snapshot = JSON.parse(text) as Snapshot<never>
  return snapshot.form === FORM ? snapshot : undefined
}

/** False where the state, or the lanes, cannot be there again with certainty. */
async function restore(
  begun: Begun<Restorable>,
  snapshot: Snapshot<never>,
  shelves: Shelves,
): Promise<boolean> {
  return isRestored(begun, snapshot) && rebuildLanes(begun.session.engine, begun.marks, shelves)
}

/**
 * False where another Skein wrote it, one that keeps its state otherwise though its form is told to be ours: a damaged one
 * does not come here, because rows of the journal have checksums.
 */
function isRestored({ session, marks }: Begun<Restorable>, snapshot: Snapshot<never>): boolean {
  try {
    session.restore(snapshot.state)
    marks.restore(snapshot.bars)
    return session.engine.hash() === snapshot.hash
  } catch {
    return false
  }
}

/** Restores a fresh session to the beginning of a pruned journal. Throws StoreError where that is not certain. */
export async function restoreBeginning(
  { n }: Moment,
  begun: Begun<Restorable>,
  { journal: { past }, breathe }: Pick<Recovery<never, never>, 'journal' | 'breathe'>,
): Promise<void> {
  const state = past?.stateAt(n)
  if (state === undefined) throw lost(n, 'its snapshot is missing')
  const snapshot = snapshotIn(state)
  if (snapshot === undefined || !isRestored(begun, snapshot))
    throw lost(n, 'its snapshot is of another Skein, which can go on')
  const { session, marks } = begun
  if (!(await rebuildLanes(session.engine, marks, { past, breathe })))
    throw lost(n, 'the bars that its strategies had seen by then are not all there')
}

const lost = (n: number, why: string): StoreError =>
  new StoreError(
    'pruned',
    `the journal was pruned, begins after turn ${n}, and cannot be done again from there: ${why}; ` +
      'restore a backup of it, or begin a new journal and adopt what the venue holds',
  )

/** Not a fault of ours: another Skein wrote it, or what a strategy file imports was changed. */
const otherwise = (difference: string): StoreError =>
  new StoreError(
    'other-decisions',
    `the journal would be decided otherwise now, so nothing is done with it (${difference}); go on with the ` +
      'Skein and the strategy files that wrote it, those that they import too, or begin a new journal ' +
      '(--journal) and adopt what the venue holds',
  )

/** What is done again at once: so many turns, or so many inputs, where one turn may have a thousand bars. */
interface Slice {
  readonly turns: number
  readonly inputs: number
}

/** At a start. Bars that are made again wait for a breath to be written, and only so many may wait. */
const SLICE: Slice = { turns: 256, inputs: 8_192 }
/** While a run trades beside it: about a millisecond. */
const PROOF_SLICE: Slice = { turns: 32, inputs: 256 }

/**
 * Does a part of the journal again, from one snapshot and the bars that the journal keeps to a later one. Says what came
 * out otherwise than recorded; undefined where all is as it was, so that turns of before are needed no more.
 *
 * @param breathe Throws where it is to end.
 */
export async function flawOf(
  {
    build,
    journal,
    breathe,
  }: { readonly build: () => Restorable } & Pick<Recovery<never, never>, 'journal' | 'breathe'>,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<string | undefined> {
  const { past } = journal
  const state = past?.stateAt(from)
  const end = past?.stateAt(to)
  if (state === undefined || end === undefined) return `a snapshot of turn ${from} is missing`
  const snapshot = snapshotIn(state)
  const session = build()
  const begun = { session, marks: new BarMarks(session.engine) }
  if (snapshot === undefined || !isRestored(begun, snapshot))
    return `the snapshot of turn ${from} is of another Skein`
  if (!(await rebuildLanes(session.engine, begun.marks, { past, breathe })))
    return `a strategy is halted, or its bars are not all there at turn ${from}`
  const until = { slice: PROOF_SLICE, to }
  const { difference } = await redoTail(session, journal, from, breathe, until)
  if (difference !== undefined) return difference
  const isEqual = session.engine.hash() === (JSON.parse(end) as Snapshot<unknown>).hash
  return isEqual ? undefined : `turn ${to}: the state is another than that of its snapshot`
}

interface Tail {
  readonly redone: number
  readonly at: Ms
  /** The first turn that came out otherwise than recorded; none is done after it. */
  readonly difference?: string
}

async function redoTail(
  session: Pick<Restorable, 'engine' | 'redo'>,
  journal: Journal,
  after: number,
  breathe: () => Promise<void>,
  { slice = SLICE, to = Infinity }: { readonly slice?: Slice; readonly to?: number } = {},
): Promise<Tail> {
  let redone = 0
  let [turns, inputs] = [0, 0]
  for (const recorded of journal.since(after)) {
    if (recorded.n > to) break
    const difference = differenceOf(session.redo(recorded), recorded)
    if (difference !== undefined) {
      return { redone, at: session.engine.now, difference: `turn ${recorded.n}: ${difference}` }
    }
    redone++
    turns++
    inputs += recorded.inputs.length
    if (turns < slice.turns && inputs < slice.inputs) continue
    ;[turns, inputs] = [0, 0]
    await breathe()
  }
  return { redone, at: session.engine.now }
}

/** What came out otherwise than recorded of a turn that was done again; undefined where nothing did. */
export function differenceOf(
  { turn, facts }: ReturnType<Redoable<never>['redo']>,
  recorded: Turn,
): string | undefined {
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
