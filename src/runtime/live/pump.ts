/*
 * Pump: the live loop.
 *
 *   sink ─▶ inbox ─▶ one turn per millisecond of arrival ─▶ journal ─▶ gateway ─▶ notices
 *
 * The first input of a quiet moment schedules a slice with setImmediate; a slice takes at most 1,024 inputs and never
 * splits a millisecond, ends where a turn commands something, then lets the event loop breathe. Where nothing arrives, a timer wakes the engine when a bar,
 * a timer or a close is due. Time is the arrival clock, and never goes back.
 *
 * A flush stops the loop for as long as the disk takes, and an order that becomes due meanwhile waits for it. So what a
 * person says is durable at once, but what the venue tells a moment later, or with the next order if that is sooner: a
 * venue tells it again to an engine that was cut off in between. What the journal has to do besides, it does where a slice has
 * left nothing and commanded nothing.
 *
 * No order leaves that is not durable: where the journal fails, or a turn throws, the pump stops for good, the gateway
 * is closed, and `failure` resolves. What the venue has then is found out by the next start.
 */
import { assert } from '../../core/assert.ts'
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import { type Control, type Input, isMarket, rank } from '../../core/input.ts'
import type { RowSink } from '../../core/market-rows.ts'
import type { OrderBook } from '../../core/order-book.ts'
import type { Journal } from '../../core/store.ts'
import type { Engine } from '../../engine/engine.ts'
import { Inbox, type InboxOptions } from '../../engine/inbox.ts'
import type { Io } from '../../io/io.ts'
import type { BarMarks } from '../session/bar-marks.ts'
import { Depths } from './depths.ts'
import type { Gateway } from './gateway.ts'
import type { Recorder } from '../session/recorder.ts'

/** Inputs of one slice, unless one millisecond alone has more. */
export const SLICE_INPUTS = 1_024
/** After so long a fact of the venue is durable. */
export const FACT_FLUSH_MS = 50

/** Timers do not see that the machine slept or that its clock was set: no single wait is longer, and each looks again. */
const WAKE_MS_MAX = 1_000

/** Bars that wait for the next snapshot; more are written at once. */
const UNKEPT_BARS_MAX = 500

export interface PumpOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  readonly engine: Engine
  readonly journal: Journal
  readonly gateway: Gateway
  readonly recorder: Recorder
  readonly inbox: InboxOptions
  /** The depth that a venue keeps, looked at for each turn. */
  readonly book?: ((symbol: SymbolId) => OrderBook | undefined) | undefined
  /** Turns between snapshots, and the text of one. */
  readonly snapshotEvery: number
  readonly snapshot: () => string
  /** The bars that the journal is to keep, and has not yet. */
  readonly unkept?: Pick<BarMarks, 'unkept' | 'takeUnkept'>
  /** After a snapshot of turn `n`; what it does it does between turns. */
  readonly onSnapshot?: (n: number, at: Ms) => void
  /** Asked before each slice: what must hold before anything in it is decided. */
  readonly guard?: () => Control | undefined
  /** Each turn, after its batches have left and its notices were delivered. */
  readonly onTurn?: (turn: Turn) => void
}

export interface PumpStatistics {
  readonly turns: number
  readonly slices: number
  readonly snapshots: number
  /** Longest turn, journal included, in milliseconds of the arrival clock. */
  readonly slowestMs: number
}

export class Pump {
  readonly inbox: Inbox
  /** Resolves with the error that stopped the pump; never where none does. */
  readonly failure: Promise<Error>
  readonly #options: PumpOptions
  readonly #fail: (error: Error) => void
  readonly #depths: Depths
  #at: Ms
  #isPaused = true
  #isScheduled = false
  #isStopped = false
  #hasFailed = false
  #cancelWake: (() => void) | undefined
  /** When it wakes; Infinity where it does not. */
  #wakesAt = Infinity
  #snapshotTurn: number
  #slices = 0
  #snapshots = 0
  #snapshotAt: Ms | undefined
  #turns = 0
  #slowestMs = 0
  /** A person's word came that is not durable yet. */
  #isTold = false
  /** Set while a fact of the venue waits to be durable. */
  #cancelFlush: (() => void) | undefined

  constructor(options: PumpOptions) {
    this.#options = options
    this.inbox = new Inbox(options.inbox)
    this.#depths = new Depths(options.engine, (symbol) => options.book?.(symbol))
    this.#at = options.engine.now
    this.#snapshotTurn = options.engine.turns
    let fail: (error: Error) => void = () => {}
    this.failure = new Promise((resolve) => {
      fail = resolve
    })
    this.#fail = fail
  }

  /** The arrival clock: the Io's time, but never before the last turn or input. */
  now(): Ms {
    const now = this.#options.io.now()
    if (now > this.#at) this.#at = now
    return this.#at
  }

  /** How long the Io's time takes to come to that of the last turn or input: until then no bar closes and no timer fires. */
  get behindMs(): number {
    return this.now() - this.#options.io.now()
  }

  /** Takes an input into the inbox, stamped not before what came earlier. */
  push(input: Input): void {
    if (this.#isStopped) return
    const at = input.at < this.#at ? this.#at : input.at
    this.#at = at
    this.inbox.push(at === input.at ? input : { ...input, at })
    this.#schedule()
  }

  /** The same of a trade or quote that lies in columns. */
  readonly pushRow: RowSink = (rows, row, at) => {
    if (this.#isStopped) return
    if (at > this.#at) this.#at = at
    this.inbox.pushRow(rows, row, this.#at)
    this.#schedule()
  }

  start(): void {
    this.#isPaused = false
    this.#schedule()
  }

  /** Inputs wait from now on. */
  pause(): void {
    this.#isPaused = true
    this.#wakeAt(Infinity)
  }

  /** Stops for good; nothing is taken any more. */
  stop(): void {
    this.pause()
    this.#isStopped = true
    this.#cancelFlush?.()
  }

  /** Stops for good because of an error, also one from beside the loop. */
  fail(error: unknown): void {
    this.#hasFailed = true
    this.stop()
    this.#options.gateway.close()
    this.#fail(error instanceof Error ? error : new Error(String(error)))
  }

  /** True where an error stopped it: then nothing more may be written. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** One turn at once, whatever waits: start-up's reconciliation and warm-up. Only while paused. */
  turn(inputs: readonly Input[], at = this.now()): Turn | undefined {
    assert(this.#isPaused, 'turns are made by hand while the pump is paused')
    const turn = this.#guarded(() => this.#turn(at, inputs))
    this.#settle()
    return turn
  }

  /** A snapshot now, between turns, where all bars so far are in the archive. */
  snapshot(): boolean {
    const { engine, journal, recorder, snapshot, unkept } = this.#options
    if (recorder.statistics.waiting > 0) return false
    journal.snapshot(engine.turns, snapshot(), unkept?.takeUnkept())
    this.#snapshotTurn = engine.turns
    this.#snapshots++
    this.#snapshotAt = this.now()
    this.#options.onSnapshot?.(engine.turns, engine.now)
    return true
  }

  /** When this process last made a snapshot. */
  get snapshotAt(): Ms | undefined {
    return this.#snapshotAt
  }

  get statistics(): PumpStatistics {
    return {
      turns: this.#turns,
      slices: this.#slices,
      snapshots: this.#snapshots,
      slowestMs: this.#slowestMs,
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isPaused || this.#isStopped) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (!this.#isPaused && !this.#isStopped) this.#guarded(() => this.#slice())
    })
  }

  #slice(): void {
    const { engine } = this.#options
    this.#slices++
    this.#guard()
    let taken = 0
    let hasCommanded = false
    while (this.inbox.nextAt !== Infinity && taken < SLICE_INPUTS) {
      const inputs = this.inbox.takeTurn(this.now(), Infinity)
      if (inputs.length === 0) break
      taken += inputs.length
      // Of one millisecond: operator, venue status, order facts, account, market.
      // Mostly it is market alone, which is in order as it came.
      if (!inputs.every(isMarket)) inputs.sort((a, b) => rank(a) - rank(b))
      const { batches } = this.#turn(Math.max(inputs[0]!.at, engine.now) as Ms, inputs)
      // Requests leave between two slices: an order does not wait for the turns of what came after it.
      hasCommanded = batches.length > 0
      if (hasCommanded) break
    }
    if (this.inbox.nextAt === Infinity && engine.nextAt <= this.now()) {
      const { batches } = this.#turn(this.now(), [])
      hasCommanded ||= batches.length > 0
    }
    this.#settle()
    if (this.inbox.nextAt !== Infinity) {
      this.#schedule()
      return
    }
    this.#wakeAt(engine.nextAt)
    // A request that has been decided upon leaves when this slice is over.
    if (!hasCommanded) this.#options.journal.catchUp?.()
  }

  /** At the time of the last turn, so that nothing that has become due since comes first. */
  #guard(): void {
    const { engine, guard } = this.#options
    const control = guard?.()
    if (control === undefined) return
    const at = engine.turns === 0 ? this.now() : engine.now
    this.#turn(at, [{ type: 'control', at, control, by: 'guard' }])
  }

  #turn(at: Ms, heard: readonly Input[]): Turn {
    const { io, engine, journal, gateway } = this.#options
    const began = io.now()
    const inputs = this.#depths.with(at, heard)
    const turn = engine.turn(at, inputs)
    for (const input of inputs) {
      if (input.type !== 'control' || input.control.do !== 'kill-switch') continue
      gateway.kill(input.control.on ? input.control.why : undefined)
    }
    journal.append(turn)
    gateway.send(turn)
    if (turn.batches.length > 0) this.#nothingWaits()
    else this.#learn(inputs)
    if (turn.notices.length > 0) engine.notices.deliver(turn.notices)
    this.#options.onTurn?.(turn)
    this.#turns++
    this.#slowestMs = Math.max(this.#slowestMs, io.now() - began)
    return turn
  }

  #learn(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (isMarket(input)) continue
      if (input.type === 'control') this.#isTold = true
      else this.#cancelFlush ??= this.#options.io.after(FACT_FLUSH_MS, this.#flush)
    }
  }

  readonly #flush = (): void => {
    this.#nothingWaits()
    this.#guarded(() => this.#options.journal.flush())
  }

  #nothingWaits(): void {
    this.#isTold = false
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
  }

  /** A person's word is durable, and now and then all of it. */
  #settle(): void {
    const { journal, recorder, unkept } = this.#options
    if (this.#isTold) this.#flush()
    // A warm-up has so many that a snapshot would stand still for them.
    if (unkept !== undefined && unkept.unkept >= UNKEPT_BARS_MAX)
      this.#guarded(() => journal.past?.noteBars(unkept.takeUnkept()))
    // A write that fails is counted by the recorder and tried again.
    if (this.#isSnapshotDue && !this.snapshot())
      void recorder.flush().then(this.#snapshotLater, () => {})
    void recorder.work(this.now())
  }

  get #isSnapshotDue(): boolean {
    const { engine, snapshotEvery } = this.#options
    return engine.turns - this.#snapshotTurn >= snapshotEvery
  }

  /** Where each turn closes a bar, the archive has all of them between two turns only. */
  readonly #snapshotLater = (): void => {
    if (!this.#isStopped && this.#isSnapshotDue) this.#guarded(() => this.snapshot())
  }

  /** As a rule when it does already, which costs nothing; each slice does all that is due by then. */
  #wakeAt(when: number): void {
    if (when === this.#wakesAt) return
    this.#wakesAt = when
    this.#cancelWake?.()
    this.#cancelWake = undefined
    if (when === Infinity) return
    const { io } = this.#options
    const waitMs = Math.min(Math.max(0, when - io.now()), WAKE_MS_MAX)
    this.#cancelWake = io.after(waitMs, () => {
      this.#wakesAt = Infinity
      this.#schedule()
    })
  }

  #guarded<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch (error) {
      this.fail(error)
      return undefined
    }
  }
}
