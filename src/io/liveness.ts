/*
 * Is a stream alive? Two questions, because one is not enough: a cut link answers no pings, and a venue that has lost
 * our subscription answers every ping and sends nothing.
 *
 * All ages are counted in steps of `check`, not in differences of time. A process that stood still for a minute finds
 * its timers due before it has read its sockets; a difference would call every healthy stream dead, a step adds one.
 * The age of data grows only while data is expected, so a night is no silence and the open does not find one.
 *
 * A new connection that stays silent too was not the cure: each one in a row is given twice the time, up to 16 times.
 * A market that is merely quiet costs a few connections so, and none of them counts as a failure once the time is
 * longer than what makes a connection stable: it never leads to safe mode.
 */
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'

export interface LivenessOptions {
  /** A ping after so much silence: 4 s where not told. */
  readonly pingAfterMs?: number
  /** How long an answer to a ping, or anything else, may take: 6 s where not told. */
  readonly pongWithinMs?: number
  /** Silence of all symbols together that ends the connection, in market time: 8 s where neither this nor `watch` tells. */
  readonly dataWithinMs?: number
  /** Silence of one symbol that is told, in market time: 60 s where not told. */
  readonly symbolWithinMs?: number
  /** Whether data of the symbol is to be expected now. Always, where not told. */
  readonly isExpected?: (symbol: string, now: Ms) => boolean
  /** Takes the symbols whose data came since it was called last: where a call of `saw` for each message is too dear. */
  readonly takeSeen?: () => Iterable<string>
}

/** What a check found. `quiet`: these symbols alone are silent, each told once per silence. */
export type Finding =
  | { readonly type: 'ping' }
  | { readonly type: 'cut'; readonly silentMs: number }
  | { readonly type: 'mute'; readonly silentMs: number }
  | { readonly type: 'quiet'; readonly symbols: readonly string[] }

interface Watched {
  dataWithinMs: number
  ageMs: number
  isTold: boolean
}

const PATIENCE_MAX = 16

export class Liveness {
  readonly #options: Required<LivenessOptions>
  readonly #watched = new Map<string, Watched>()
  #silentMs = 0
  #pingMs: number | undefined
  #dataMs = 0
  /** 1, and twice as much after each connection in a row that brought nothing. */
  #patience = 1

  constructor(options: LivenessOptions = {}) {
    const defaults = { pingAfterMs: 4_000, pongWithinMs: 6_000, dataWithinMs: 8_000 }
    const perSymbol = { symbolWithinMs: 60_000, isExpected: () => true, takeSeen: () => [] }
    this.#options = { ...defaults, ...perSymbol, ...options }
    const { pingAfterMs, pongWithinMs, dataWithinMs } = this.#options
    assert(pingAfterMs > 0 && pongWithinMs > 0 && dataWithinMs > 0, 'times of liveness are > 0 ms')
  }

  /** A new connection: nothing is old. What is watched stays. */
  restart(): void {
    this.#sawAll()
    this.#silentMs = 0
    this.#pingMs = undefined
    this.#dataMs = 0
    for (const its of this.#watched.values()) {
      its.ageMs = 0
      its.isTold = false
    }
  }

  /** Anything arrived: a message or a pong. */
  heard(): void {
    this.#silentMs = 0
    this.#pingMs = undefined
  }

  /** Data of a symbol arrived. */
  saw(symbol: string): void {
    this.#dataMs = 0
    this.#patience = 1
    const its = this.#watched.get(symbol)
    if (its === undefined) return
    its.ageMs = 0
    its.isTold = false
  }

  #sawAll(): void {
    for (const symbol of this.#options.takeSeen()) this.saw(symbol)
  }

  /**
   * From now on data of these is expected, at least every `dataWithinMs` from one of them: quotes of a universe come
   * within seconds, its bars once a minute. Of several times the shortest holds, for one symbol and for all of them.
   */
  watch(symbols: Iterable<string>, dataWithinMs = this.#options.dataWithinMs): void {
    for (const symbol of symbols) {
      const its = this.#watched.get(symbol)
      if (its === undefined) this.#watched.set(symbol, { dataWithinMs, ageMs: 0, isTold: false })
      else its.dataWithinMs = Math.min(its.dataWithinMs, dataWithinMs)
    }
  }

  unwatch(symbols: Iterable<string>): void {
    for (const symbol of symbols) this.#watched.delete(symbol)
  }

  /** Market time since the symbol was last seen; undefined where it is not watched. */
  ageOf(symbol: string): number | undefined {
    this.#sawAll()
    return this.#watched.get(symbol)?.ageMs
  }

  get silentMs(): number {
    return this.#silentMs
  }

  /** One step of the clock. `isSubscribed` is false as long as no data can be expected of this connection. */
  check(stepMs: number, now: Ms, isSubscribed: boolean): readonly Finding[] {
    const { pingAfterMs, pongWithinMs } = this.#options
    const findings: Finding[] = []
    this.#sawAll()
    this.#silentMs += stepMs
    if (this.#pingMs !== undefined) this.#pingMs += stepMs
    if (this.#pingMs !== undefined && this.#pingMs >= pongWithinMs) {
      return [{ type: 'cut', silentMs: this.#silentMs }]
    }
    if (this.#pingMs === undefined && this.#silentMs >= pingAfterMs) {
      this.#pingMs = 0
      findings.push({ type: 'ping' })
    }
    return isSubscribed ? [...findings, ...this.#checkData(stepMs, now)] : findings
  }

  #checkData(stepMs: number, now: Ms): readonly Finding[] {
    const { symbolWithinMs, isExpected } = this.#options
    const quiet: string[] = []
    let withinMs = Infinity
    let isAnyExpected = false
    for (const [symbol, its] of this.#watched) {
      if (!isExpected(symbol, now)) {
        its.ageMs = 0
        its.isTold = false
        continue
      }
      isAnyExpected = true
      withinMs = Math.min(withinMs, its.dataWithinMs)
      its.ageMs += stepMs
      if (its.ageMs < Math.max(symbolWithinMs, its.dataWithinMs) || its.isTold) continue
      its.isTold = true
      quiet.push(symbol)
    }
    // Where the market is closed, its silence does not count on into the next session.
    this.#dataMs = isAnyExpected ? this.#dataMs + stepMs : 0
    if (this.#dataMs >= withinMs * this.#patience) {
      this.#patience = Math.min(this.#patience * 2, PATIENCE_MAX)
      return [{ type: 'mute', silentMs: this.#dataMs }]
    }
    return quiet.length === 0 ? [] : [{ type: 'quiet', symbols: quiet }]
  }
}
