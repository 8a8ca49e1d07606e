// Steps: every named place at which a run may die, in the order in which a run passes them.
export const STEPS = [
  'start: before the journal is opened',
  'start: the journal is open',
  'start: the snapshot is restored',
  'start: a turn is done again',
  'start: before the venue is opened',
  'start: the venue is open',
  'start: the report is asked for',
  'start: the report is here',
  'start: before a turn by hand',
  'start: after a turn by hand',
  'start: the feed is subscribed',
  'start: before the first slice',
  'flush: before the turn',
  'flush: the turn is done',
  'flush: the transaction is begun',
  'flush: the turn is written',
  'flush: before the commit',
  'flush: after the commit',
  'flush: the journal has it',
  'flush: the gateway has it',
  'submit: before the request',
  'submit: before the first byte',
  'submit: the request is sent',
  'submit: the answer begins',
  'submit: the answer is read',
  'submit: the answer is understood',
  'cancel: before the request',
  'cancel: before the first byte',
  'cancel: the request is sent',
  'cancel: the answer begins',
  'cancel: the answer is read',
  'acceptance: it is heard',
  'acceptance: its turn is done',
  'fill: it is heard',
  'fill: before its turn',
  'fill: its turn is done',
  'fill: the journal has it',
  'learned: the transaction is begun',
  'learned: before the commit',
  'learned: after the commit',
  'notices: before they are delivered',
  'notices: they are delivered',
  'snapshot: before it is made',
  'snapshot: it is written',
  'snapshot: before the commit',
  'snapshot: after the commit',
  'proof: the snapshot is restored',
  'proof: a turn is done again',
  'proof: the transaction is begun',
  'proof: before the commit',
  'proof: after the commit',
  'copy: it is begun',
  'copy: it is written',
  'copy: it has its name',
  'beginning: the transaction is begun',
  'beginning: before the commit',
  'beginning: after the commit',
  'drop: the transaction is begun',
  'drop: before the commit',
  'drop: after the commit',
  'archive: bars are handed over',
  'archive: the transaction is begun',
  'archive: a series is written',
  'archive: before the commit',
  'archive: after the commit',
  'archive: the bars are told as written',
  'report: it is asked for',
  'report: it is here',
  'stop: it is begun',
  'stop: before the venue is closed',
  'stop: the venue is closed',
  'stop: before the last snapshot',
  'stop: after the last snapshot',
  'stop: before the journal is closed',
] as const

export type Step = (typeof STEPS)[number]

/** Those of a journal that is pruned: the proof of a snapshot, the copy of what will go, the new beginning, the drop. */
export const isPruning = (step: Step): boolean => /^(?:proof|copy|beginning|drop): /.test(step)

/** What a run tells of itself: a step, that it trades, or that nothing is under way. */
export type Mark = Step | 'idle' | 'nothing yet'

/** One byte for each mark; 0 is idle. */
export const byteOf = (mark: Step | 'idle'): number =>
  mark === 'idle' ? 0 : STEPS.indexOf(mark) + 1
export const markOf = (byte: number): Mark => (byte === 0 ? 'idle' : (STEPS[byte - 1] ?? 'idle'))

/** How a probe is told what to do, as JSON in the environment. */
export interface Orders {
  /** Venue time is `venueAt` at the wall clock's `wallAt`, and goes `speed` times as fast. */
  readonly clock: {
    readonly wallAt: number
    readonly venueAt: number
    readonly speed: number
    readonly session: { readonly close: string; readonly nextOpen: string }
  }
  /** How long a day of `store.keepDays` lasts, where it is no day. */
  readonly dayMs?: number
  /** Dies when it has passed the step so often. */
  readonly die?: { readonly at: Step; readonly times: number }
}

export const ORDERS = 'SKEIN_PROBE'
/** The pipe on which marks are told. */
export const MARKS = 3
