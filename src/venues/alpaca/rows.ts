/*
 * Rows: what a decoder writes and the feed reads. One frame's market data as columns, in the frame's order, reused
 * from frame to frame so that a message costs no object.
 *
 *   kind      trade                 quote               bar, updated
 *   value 0   price                 bid                 open
 *   value 1   size                  bid size            high
 *   value 2   id / 1e8              ask                 low
 *   value 3   id % 1e8              ask size            close
 *   value 4                                             volume
 *   value 5                                             number of trades
 *
 * A trade's id may exceed 2^53 and must not lose a digit, so it is kept as two halves; both are -1 where it has none.
 */
export const TRADE = 1
export const QUOTE = 2
export const BAR = 3
export const UPDATED = 4
export type RowKind = typeof TRADE | typeof QUOTE | typeof BAR | typeof UPDATED

export const WIDTH = 6
/** The lower half of a trade's id is below this: eight digits. */
export const ID_HALF = 1e8
/** A frame holds at most this many messages of the hot types; Alpaca sends far fewer. */
const ROWS_MAX = 1 << 20

export class Rows {
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
