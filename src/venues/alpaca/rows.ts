/*
 * Rows: what a decoder writes and the feed reads. One frame's market data as columns, in the frame's order, reused
 * from frame to frame so that a message costs no object.
 */
import { BAR, type MarketRows, QUOTE, TRADE, WIDTH } from '../../core/market-rows.ts'

/** A bar that is issued again: the columns are those of a bar. */
export const UPDATED = 4
export type RowKind = typeof TRADE | typeof QUOTE | typeof BAR | typeof UPDATED

/** A frame holds at most this many messages of the hot types; Alpaca sends far fewer. */
const ROWS_MAX = 1 << 20

export class Rows implements MarketRows {
  length = 0
  kind: Uint8Array
  symbol: Uint32Array
  ts: Float64Array
  values: Float64Array
  /** Messages of the hot types for symbols that nobody asked for. */
  strangers = 0
  /** Messages of the hot types whose fields are missing or of the wrong type. */
  malformed = 0

  constructor(capacity = 1024) {
    this.kind = new Uint8Array(capacity)
    this.symbol = new Uint32Array(capacity)
    this.ts = new Float64Array(capacity)
    this.values = new Float64Array(capacity * WIDTH)
  }

  /** Takes the row at `length`; the caller has seen to it that there is room. */
  next(kind: RowKind, symbol: number, ts: number): number {
    const row = this.length++
    this.kind[row] = kind
    this.symbol[row] = symbol
    this.ts[row] = ts
    return row * WIDTH
  }

  /** Makes room for `more` rows. False where a frame asks for more than any frame may. */
  reserve(more: number): boolean {
    const wanted = this.length + more
    if (wanted > ROWS_MAX) return false
    if (wanted <= this.kind.length) return true
    const capacity = Math.max(wanted, this.kind.length * 2)
    this.kind = grown(this.kind, new Uint8Array(capacity))
    this.symbol = grown(this.symbol, new Uint32Array(capacity))
    this.ts = grown(this.ts, new Float64Array(capacity))
    this.values = grown(this.values, new Float64Array(capacity * WIDTH))
    return true
  }

  clear(): void {
    this.length = 0
    this.strangers = 0
    this.malformed = 0
  }
}

function grown<T extends Uint8Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}
