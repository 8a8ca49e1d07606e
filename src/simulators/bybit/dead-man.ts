/*
 * DeadMan: cancels what an account has open when all its private connections that watch for it are gone for longer than a
 * window. https://bybit-exchange.github.io/docs/v5/websocket/private/dcp (read 2026-11)
 *
 * A connection is gone when it has ended, or when nothing came from it for so long that its pings must have stopped.
 */
import type { Json } from '../../io/json.ts'
import { badParameter, BybitError } from './codes.ts'

/** Clients ping every 20 seconds. */
const SILENT_MS = 30_000
const WINDOW_S = { least: 3, usual: 10, most: 300 }

export type Product = 'DERIVATIVES' | 'SPOT' | 'OPTIONS'

/** The topic whose subscribers are watched. */
export const DEAD_MAN_TOPICS: Readonly<Record<Product, string>> = {
  DERIVATIVES: 'dcp.future',
  SPOT: 'dcp.spot',
  OPTIONS: 'dcp.option',
}

export class DeadMan {
  readonly #product: Product
  /** False for accounts that the venue does not offer it to. */
  readonly #isOffered: boolean
  #windowS: number = WINDOW_S.usual
  /** Connections that were there since it was last done, and until when each counts as there. */
  readonly #aliveUntil = new Map<object, number>()

  constructor(product: Product, isOffered: boolean) {
    this.#product = product
    this.#isOffered = isOffered
  }

  /** Takes `{"product":"DERIVATIVES","timeWindow":40}`. */
  set(body: Json): void {
    if (!this.#isOffered)
      throw new BybitError(10005, 'Permission denied, please check your API key')
    const { product = 'OPTIONS', timeWindow } = body
    const windowS = Number(timeWindow)
    if (product !== this.#product) throw badParameter('params error: product is not configured')
    if (!Number.isInteger(windowS) || windowS < WINDOW_S.least || windowS > WINDOW_S.most)
      throw badParameter('params error: timeWindow should be in [3, 300]')
    this.#windowS = windowS
  }

  get infos(): readonly Json[] {
    if (!this.#isOffered) return []
    return [{ product: this.#product, dcpStatus: 'ON', timeWindow: String(this.#windowS) }]
  }

  /** A connection that watches for it gave a sign of life. */
  heard(connection: object, now: number): void {
    if (this.#isOffered) this.#aliveUntil.set(connection, now + SILENT_MS)
  }

  ended(connection: object, now: number): void {
    if (this.#aliveUntil.has(connection)) this.#aliveUntil.set(connection, now)
  }

  /** True once, when all that were there have been gone for longer than the window. */
  isDue(now: number): boolean {
    if (this.#aliveUntil.size === 0) return false
    const last = Math.max(...this.#aliveUntil.values())
    if (now <= last + this.#windowS * 1_000) return false
    this.#aliveUntil.clear()
    return true
  }
}
