// Live options: what a run at a venue is made of, its time limits, and what its phases share.
import type { Ms } from '../../core/brand.ts'
import type { Control, Input } from '../../core/input.ts'
import type { Turn } from '../../core/command.ts'
import type { Archive, Journal } from '../../core/store.ts'
import type { Broker, Venue, VenueAccount } from '../../core/venue.ts'
import type { Engine } from '../../engine/engine.ts'
import type { InboxOptions } from '../../engine/inbox.ts'
import type { Io } from '../../io/io.ts'
import type { Told } from '../session/alerts.ts'
import type { Setup } from '../session/build.ts'
import type { LeaseMark } from './lease-mark.ts'
import type { ExitPolicy } from '../config/exit-policy.ts'
import type { FormingBars } from './forming-bars.ts'
import type { Gateway } from './gateway.ts'
import type { Health } from './health.ts'
import type { CopyTurns } from './pruner.ts'
import type { Pump } from './pump.ts'
import type { Recorder } from '../session/recorder.ts'
import type { Recovered } from '../session/recover.ts'
import type { Reload } from './reload.ts'
import type { Strays } from './strays.ts'
import type { SharedBars } from './shared-bars.ts'
import type { Wishes } from './wishes.ts'

export type LiveSetup = Omit<Setup, 'sim'>
export type FeedKind = 'trades' | 'quotes' | 'bars'

export interface LiveOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  /** With a broker. Its feed and its history are used where it has them. */
  readonly venue: Venue
  readonly setup: LiveSetup
  readonly journal: Journal
  readonly archive: Archive
  /** Where its closed bars go besides. */
  readonly shared?: Pick<SharedBars, 'watch' | 'flush' | 'statistics'> | undefined
  /** Where the open minutes go. */
  readonly forming?: Pick<FormingBars, 'onTurn' | 'statistics'> | undefined
  readonly inbox: InboxOptions
  readonly snapshotEvery: number
  /** Turns of the journal that are younger are kept; all where not told. */
  readonly keepMs?: number
  /** Keeps turns elsewhere before they are dropped. */
  readonly copyTurns?: CopyTurns
  /** The folder that those copies are in, for people. */
  readonly copiesTo?: string
  /** What the feed is asked for; bars where not told. */
  readonly kinds?: readonly FeedKind[]
  readonly isDryRun?: boolean
  /** Orders that go nowhere are made before anything else (rehearsal.ts), so that the first real ones are as fast as later ones. */
  readonly isRehearsed?: boolean
  /** Why it begins in safe mode, until a person clears that. */
  readonly safeMode?: string | undefined
  /** What becomes of a strategy's orders and positions at the end; nothing is touched where not told. */
  readonly exits?: ReadonlyMap<string, ExitPolicy>
  /** Called when the venue has told its account, before anything is sent; throws where it may not be traded. */
  readonly takeAccount?: (account: VenueAccount) => void | Promise<void>
  /**
   * In its place, for a run that follows as long as another engine trades the account: asked again until it is true.
   * Throws where the account may not be traded.
   */
  readonly mayLead?: (account: VenueAccount) => boolean | Promise<boolean>
  /** Tells whether another engine has had the account since this run did. */
  readonly leaseMark?: Pick<LeaseMark, 'wasAnothers' | 'set'>
  /** Ends a start that is under way: it fails then. What it aborts later is no matter. */
  readonly signal?: AbortSignal
  readonly timing?: Partial<Timing>
  /** Says why the kill switch should be on; asked every second. */
  readonly isKilled?: () => string | undefined
  /** What people want of the run; asked every second. */
  readonly wishes?: Pick<Wishes, 'waiting' | 'done' | 'refuse'>
  /** What of the configuration may change while it runs; looked at every second. */
  readonly reload?: Pick<Reload, 'look' | 'consider'>
  /** Tells which lane a rejected promise is of. */
  readonly strays?: Pick<Strays, 'listen'>
  /** What a person should know: what happens each time, how something is once. */
  readonly tell?: (told: Told) => void
  /** Once a second, and with each change of the phase. */
  readonly publish?: (health: Health) => void
  readonly onTurn?: (turn: Turn) => void
  /** Each batch of a turn at `at`, when all its commands were answered. */
  readonly onAnswered?: (at: Ms, now: Ms) => void
  /** Told before anything is sent. */
  readonly onRecovered?: (recovered: Omit<Recovered<unknown>, 'session' | 'marks'>) => void
}

export interface Timing {
  /** After so long an order that was taken is in every report: the venue's own, where not told. */
  readonly visibilityMs: number
  readonly reconcileEveryMs: number
  /** Between reports while something is open. */
  readonly lookupEveryMs: number
  /** A submit that waited longer in our own queue is not sent. */
  readonly orderAgeMsMax: number
  /** After so long without a sign of life of our own, the venue is asked before anything new is risked. */
  readonly gapMsMax: number
  /** Limits of the phases of the end. */
  readonly exitMs: number
  readonly closeMs: number
}

export const TIMING: Omit<Timing, 'visibilityMs'> = {
  reconcileEveryMs: 60_000,
  lookupEveryMs: 5_000,
  orderAgeMsMax: 30_000,
  gapMsMax: 10_000,
  exitMs: 30_000,
  closeMs: 10_000,
}

export const KINDS: readonly FeedKind[] = ['bars']

/** What start, agreement and end share. */
export interface LiveParts {
  readonly options: LiveOptions
  readonly timing: Timing
  readonly broker: Broker
  readonly engine: Engine
  readonly gateway: Gateway
  readonly pump: Pump
  readonly recorder: Recorder
  /** Once, until it is forgotten. */
  readonly tell: (level: Told['level'], text: string) => void
  /** What was told is over: where it comes again, it is told again. */
  readonly forget: (text: string) => void
  /** Hands a control over; done in a turn of its own kind. */
  readonly control: (control: Control, by: string) => Input
  /** From now on people are heard, once a second. */
  readonly listen: () => void
  /** Controls that wait for a turn of the start, each given once. */
  readonly said: () => readonly Input[]
  /** Resolves when the condition holds, looked at after each turn. */
  readonly until: (holds: () => boolean) => Promise<void>
}
