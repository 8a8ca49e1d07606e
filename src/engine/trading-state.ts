/*
 * Trading state: what keeps all symbols, or one, from new risk, whatever the order is. People switch the kill switch, safe
 * mode and the pause; an end switches stopping; a pause of the process, a hold; venues, their streams and symbols.
 */
import { type SymbolId, symbolId, type VenueId } from '../core/brand.ts'
import type { Control, HaltCause } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import { deny } from './denials.ts'

/** The streams of a venue: market data, and what happens to orders. */
const STREAMS = ['feed', 'orders'] as const
type Stream = (typeof STREAMS)[number]

/** A stream, or of it what some symbols have. */
export interface StreamPart {
  readonly venue: VenueId
  readonly stream: Stream
  readonly symbols?: readonly SymbolId[]
}

/** Undefined where all of a stream is down. */
function symbolOf(down: string): SymbolId | undefined {
  const [, , symbol] = down.split(' ')
  return symbol === undefined ? undefined : symbolId(Number(symbol))
}

/** Whether what is down is a stream, or a part of it. */
const isOf = (down: string, stream: string): boolean =>
  down === stream || down.startsWith(`${stream} `)

type Hold = Extract<Control, { do: 'hold' }>

/** Why a symbol takes no new risk. */
export interface Halt {
  readonly symbol: SymbolId
  readonly cause: HaltCause
  readonly why: string
  /** The venue has less than we believe: no exit either. */
  readonly isLess?: true
}

/** What keeps all symbols from new risk. */
export interface Safety {
  readonly killSwitch: string | undefined
  readonly safeMode: string | undefined
  readonly isPaused: boolean
  /** Why nothing new may be risked before the venue's report. */
  readonly hold: string | undefined
  /** Streams that are down, as `venue stream`. */
  readonly down: readonly string[]
  /** Symbols that a stream does not have, while it is up for others. */
  readonly without: readonly SymbolId[]
}

/** What of it a snapshot has. */
export interface SavedTradingState {
  readonly killSwitch: string | null
  readonly safeMode: string | null
  readonly isPaused: boolean
  readonly isStopping: boolean
  readonly down: readonly string[]
  readonly halts: readonly Halt[]
  readonly hold?: string
  readonly isBlind?: true
  readonly areTimersLate?: true
}

export class TradingState {
  #killSwitch: string | null = null
  #safeMode: string | null = null
  #isPaused = false
  #isStopping = false
  #hold: string | undefined
  /** Exits wait too: what is held is not certain. */
  #isBlind = false
  #areTimersLate = false
  /**
   * Streams that are down, as `venue stream`: a venue trades only while all of its streams are up. Of a stream that is
   * down in parts `venue stream symbol`, and those symbols do not trade.
   */
  readonly #down = new Set<string>()
  /** Halted symbols, by symbol and cause. */
  readonly #halts = new Map<string, Halt>()

  setKillSwitch(why: string | null): void {
    this.#killSwitch = why
  }

  setSafeMode(why: string | null): void {
    this.#safeMode = why
  }

  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused
  }

  setHold({ on, why, isBlind, areTimersLate }: Hold): void {
    this.#hold = on ? why : undefined
    this.#isBlind = on && isBlind === true
    this.#areTimersLate = on && areTimersLate === true
  }

  /** True while nothing may leave but cancels, and what protects a fill. */
  get isBlind(): boolean {
    return this.#isBlind
  }

  /** True while timers wait for the end of a hold. */
  get doTimersWait(): boolean {
    return this.#isBlind || this.#areTimersLate
  }

  setStopping(isStopping: boolean): void {
    this.#isStopping = isStopping
  }

  setHalt(halt: Halt, isOn: boolean): void {
    const key = `${halt.symbol} ${halt.cause}`
    if (isOn) this.#halts.set(key, halt)
    else this.#halts.delete(key)
  }

  get halts(): readonly Halt[] {
    return [...this.#halts.values()]
  }

  get killSwitch(): string | undefined {
    return this.#killSwitch ?? undefined
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  get safety(): Safety {
    return {
      killSwitch: this.#killSwitch ?? undefined,
      safeMode: this.#safeMode ?? undefined,
      isPaused: this.#isPaused,
      hold: this.#hold,
      down: [...this.#down].filter((part) => symbolOf(part) === undefined),
      without: [...new Set([...this.#down].flatMap((part) => symbolOf(part) ?? []))],
    }
  }

  setStream({ venue, stream, symbols }: StreamPart, isUp: boolean): void {
    const name = `${venue} ${stream}`
    const parts = symbols?.map((symbol) => `${name} ${symbol}`) ?? [name]
    if (!isUp) for (const part of parts) this.#down.add(part)
    else if (symbols !== undefined) for (const part of parts) this.#down.delete(part)
    else for (const part of this.#down) if (isOf(part, name)) this.#down.delete(part)
  }

  get isSafeMode(): boolean {
    return this.#safeMode !== null
  }

  /** Why nothing may leave, exits neither. */
  refuseAll(): Denial | undefined {
    if (this.#killSwitch === null) return undefined
    return deny('kill-switch', `the kill switch is on: ${this.#killSwitch}`)
  }

  /** Why no exit may leave: one is as right as what we believe to hold. */
  refuseExit({ id, symbol }: Instrument): Denial | undefined {
    if (this.#isBlind) return deny('paused', `trading is held: ${this.#hold}`)
    if (this.#halts.size === 0) return undefined
    const less = this.halts.find((halt) => halt.symbol === id && halt.isLess === true)
    return less === undefined
      ? undefined
      : deny('symbol-halted', `${symbol} is halted: ${less.why}`)
  }

  /** Why nothing new may be risked in it. */
  refuseEntry(instrument: Instrument): Denial | undefined {
    if (this.#isStopping) return deny('stopping', 'the engine is stopping')
    if (this.#isPaused) return deny('paused', 'trading is paused')
    if (this.#hold !== undefined) return deny('paused', `trading is held: ${this.#hold}`)
    if (this.#safeMode !== null) return deny('safe-mode', `safe mode is on: ${this.#safeMode}`)
    const down = this.#downOf(instrument)
    if (down !== undefined) return deny('venue-down', `${down} of ${instrument.venue} is down`)
    const halt = this.#haltOf(instrument)
    return halt === undefined
      ? undefined
      : deny('symbol-halted', `${instrument.symbol} is halted: ${halt.why}`)
  }

  #downOf({ venue, id }: Instrument): Stream | undefined {
    if (this.#down.size === 0) return undefined
    return STREAMS.find((stream) => {
      const name = `${venue} ${stream}`
      return this.#down.has(name) || this.#down.has(`${name} ${id}`)
    })
  }

  #haltOf({ id }: Instrument): Halt | undefined {
    if (this.#halts.size === 0) return undefined
    return this.halts.find(({ symbol }) => symbol === id)
  }

  capture(): SavedTradingState {
    return {
      killSwitch: this.#killSwitch,
      safeMode: this.#safeMode,
      isPaused: this.#isPaused,
      isStopping: this.#isStopping,
      down: [...this.#down],
      halts: this.halts,
      ...(this.#hold === undefined ? {} : { hold: this.#hold }),
      ...(this.#isBlind ? { isBlind: true } : {}),
      ...(this.#areTimersLate ? { areTimersLate: true } : {}),
    }
  }

  restore(saved: SavedTradingState): void {
    this.#killSwitch = saved.killSwitch
    this.#safeMode = saved.safeMode
    this.#isPaused = saved.isPaused
    this.#isStopping = saved.isStopping
    for (const down of saved.down) this.#down.add(down)
    for (const halt of saved.halts) this.setHalt({ ...halt, symbol: symbolId(halt.symbol) }, true)
    this.#hold = saved.hold
    this.#isBlind = saved.isBlind === true
    this.#areTimersLate = saved.areTimersLate === true
  }
}
