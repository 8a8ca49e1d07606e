/*
 * Rows: what a decoder writes and the feed reads. One frame's market data as columns, in the frame's order, reused
 * from frame to frame so that a message costs no object.
 *
 *   kind      trade                 quote               bar, updated
 *   value 0   price                 bid                 open
 *   value 1   size                  bid size            high
 *   value 2   id / 1e10             ask                 low
 *   value 3   id % 1e10             ask size            close
 *   value 4                                             volume
 *   value 5                                             number of trades
 *
 * A trade's id may exceed 2^53 and must not lose a digit, so it is kept as two halves of ten digits.
 */
import { type SymbolId, symbolId } from '../../core/brand.ts'

export const TRADE = 1
export const QUOTE = 2
export const BAR = 3
export const UPDATED = 4
export type RowKind = typeof TRADE | typeof QUOTE | typeof BAR | typeof UPDATED

export const WIDTH = 6
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

/** The digits of a trade's id; '' where it has none. */
export function tradeId(high: number, low: number): string {
  if (high < 0) return ''
  return high === 0 ? String(low) : `${high}${String(low).padStart(10, '0')}`
}

/** The symbols that are subscribed, found by their bytes: a scanner interns without making text. */
export class SymbolTable {
  readonly #ids = new Map<string, SymbolId>()
  /** Per slot: offset in `bytes`, length and id, -1 where free. */
  #slots = new Int32Array(0)
  #shift = 0
  #bytes: Uint8Array = new Uint8Array(0)
  /** The table is made again before the next look, and not at each change. */
  #isStale = true

  add(symbol: string, id: SymbolId): void {
    this.#ids.set(symbol, id)
    this.#isStale = true
  }

  delete(symbol: string): void {
    this.#ids.delete(symbol)
    this.#isStale = true
  }

  find(symbol: string): SymbolId | undefined {
    return this.#ids.get(symbol)
  }

  /** The id of the symbol in `bytes[from, to)`; -1 where it is not subscribed. */
  idOf(bytes: Uint8Array, from: number, to: number): number {
    if (this.#isStale) this.#build()
    let hash = 0
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
    const slots = this.#slots
    const own = this.#bytes
    const mask = slots.length - 1
    for (let at = (Math.imul(hash, GOLDEN) >>> this.#shift) * 4; ; at = (at + 4) & mask) {
      const id = slots[at + 2]!
      if (id < 0) return -1
      if (slots[at + 3] !== hash || slots[at + 1] !== to - from) continue
      const offset = slots[at]! - from
      let i = from
      while (i < to && own[offset + i] === bytes[i]) i++
      if (i === to) return id
    }
  }

  /** At most half full. */
  #build(): void {
    const entries = [...this.#ids].map(([text, id]) => ({ text: Buffer.from(text), id }))
    let bits = 4
    while (2 ** bits < entries.length * 2) bits++
    this.#shift = 32 - bits
    this.#slots = new Int32Array(2 ** bits * 4).fill(-1)
    this.#bytes = Buffer.concat(entries.map(({ text }) => text))
    const mask = this.#slots.length - 1
    let offset = 0
    for (const { text, id } of entries) {
      let hash = 0
      for (const byte of text) hash = (Math.imul(hash, 31) + byte) | 0
      let at = (Math.imul(hash, GOLDEN) >>> this.#shift) * 4
      while (this.#slots[at + 2]! >= 0) at = (at + 4) & mask
      this.#slots.set([offset, text.length, id, hash], at)
      offset += text.length
    }
    this.#isStale = false
  }
}

/** Fibonacci hashing: 2^32 by the golden ratio spreads the dense hashes of short symbols. */
const GOLDEN = 0x9e3779b1

/** Brands an id that a table gave. */
export const idOfRow = (rows: Rows, row: number): SymbolId => symbolId(rows.symbol[row]!)
