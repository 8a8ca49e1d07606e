/*
 * Scan of a msgpack frame of trades, quotes and bars: from bytes to rows in one pass, without text and without
 * objects. The same promise as scan-json.ts: it gives up on anything unexpected, and where it does not, it has
 * written what the generic decoder would write.
 *
 * The frame is an array of maps; times are extension -1 (Timestamp) of 4 or 8 bytes; numbers come in any width.
 *
 * Trades and quotes are first taken to be laid out as in JSON (scan-json.ts), and their numbers go straight into the
 * row; what is laid out otherwise is read key by key.
 */
import { Draft } from './draft.ts'
import { ID_HALF, QUOTE, TRADE, WIDTH } from '../../core/market-rows.ts'
import type { Rows } from './rows.ts'
import { hashed, lastBytes, STRANGER, type SymbolTable, UNREADABLE } from './symbol-table.ts'

const UNKNOWN = -1
const TWO_32 = 2 ** 32
/** Above this high word, a 64-bit id is no exact double. */
const HIGH_EXACT = 2 ** 21
/** `__proto__` is refused by the generic decoder; no other key of that length is known. */
const PROTO_LENGTH = 9
// Keys of one byte with their head, and of two bytes above them.
const KEY_TYPE = 0xa154
const KEY_SYMBOL = 0xa153
const KEY_STAMP = 0xa174
const KEY_ID = 0xa169
const KEY_P = 0xa170
const KEY_S = 0xa173
const KEY_O = 0xa16f
const KEY_H = 0xa168
const KEY_L = 0xa16c
const KEY_C = 0xa163
const KEY_V = 0xa176
const KEY_N = 0xa16e
const KEY_BP = 0x16270
const KEY_BS = 0x16273
const KEY_AP = 0x16170
const KEY_AS = 0x16173

// What lies between the values of a trade or a quote: heads of texts, keys, and heads of values.
const QUOTE_KEYS = 0x8b
const TRADE_KEYS = 0x89
const IS_QUOTE = 0xa154a171 | 0
const IS_TRADE = 0xa154a174 | 0
const BX_TEXT = 0xa26278a1 | 0
const AX_TEXT = 0xa26178a1 | 0
const THEN_BP = 0xa26270
const THEN_AP = 0xa26170
const THEN_BS = 0xa26273
const THEN_AS = 0xa26173
const X_TEXT = 0xa178a1
const STAMP_64 = 0xa174d7ff | 0
const ONE_CONDITION = 0xa16391a1 | 0
const Z_TEXT = 0xa17aa1
const THREE = 0xffffff

// Slots of draft.ts, which says why they are here again.
const NONE = -1
const P = 0
const S = 1
const BP = 2
const BS = 3
const AP = 4
const AS = 5
const O = 6
const H = 7
const L = 8
const C = 9
const V = 10
const N = 11
const TS = 12
const ID_HIGH = 13
const SPARE = 15
const NO_SYMBOL = -3

export class MsgpackScanner {
  readonly #draft = new Draft()
  /** The buffer of the frame, which many frames share; positions are in it. */
  #buffer: ArrayBufferLike = new ArrayBuffer(0)
  #bytes = new Uint8Array(this.#buffer)
  #view = new DataView(this.#buffer)
  #end = 0
  #symbol = NO_SYMBOL

  /** False where the frame in `frame[0, length)` needs the generic decoder; the rows are then as they were. */
  scan(frame: Uint8Array, length: number, symbols: SymbolTable, rows: Rows): boolean {
    const before = rows.length
    const { strangers } = rows
    const { buffer } = frame
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.#bytes = new Uint8Array(buffer)
      this.#view = new DataView(buffer)
    }
    const bytes = this.#bytes
    const from = frame.byteOffset
    this.#end = from + length
    const head = length === 0 ? 0 : bytes[from]!
    const isShort = head >= 0x90 && head <= 0x9f
    const count = isShort ? head & 15 : head === 0xdc ? word(bytes, from + 1) : -1
    if (count >= 0 && rows.reserve(count)) {
      let at = from + (isShort ? 1 : 3)
      let done = 0
      for (; done < count; done++) {
        at = this.#message(bytes, at, symbols, rows)
        if (at < 0 || at > this.#end) break
      }
      if (done === count && at === this.#end) return true
    }
    rows.length = before
    rows.strangers = strangers
    return false
  }

  /** Reads one map and writes its row; the position behind it. */
  #message(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const head = bytes[from]!
    if (!(head >= 0x80 && head <= 0x8f)) return UNKNOWN
    if (from + 8 <= this.#end) {
      const type = this.#view.getInt32(from + 1)
      let at = UNKNOWN
      if (head === QUOTE_KEYS && type === IS_QUOTE) at = this.#quote(bytes, from + 5, symbols, rows)
      else if (head === TRADE_KEYS && type === IS_TRADE)
        at = this.#trade(bytes, from + 5, symbols, rows)
      if (at >= 0) return at
    }
    return this.#members(bytes, from, symbols, rows)
  }

  /** A quote as Alpaca lays it out, behind its type. */
  #quote(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const view = this.#view
    const end = this.#end
    const { values } = rows
    const v = rows.length * WIDTH
    if (view.getUint16(from) !== KEY_SYMBOL) return UNKNOWN
    let at = this.#readSymbol(bytes, from + 2, symbols)
    // `bx`, its text of one byte, and `bp`.
    if (at < 0 || at + 8 > end || view.getInt32(at) !== BX_TEXT) return UNKNOWN
    if ((view.getInt32(at + 4) & THREE) !== THEN_BP) return UNKNOWN
    at = this.#number(bytes, at + 8, values, v)
    if (at < 0 || at + 4 > end || view.getInt32(at) >>> 8 !== THEN_BS) return UNKNOWN
    at = this.#number(bytes, at + 3, values, v + 1)
    if (at < 0 || at + 8 > end || view.getInt32(at) !== AX_TEXT) return UNKNOWN
    if ((view.getInt32(at + 4) & THREE) !== THEN_AP) return UNKNOWN
    at = this.#number(bytes, at + 8, values, v + 2)
    if (at < 0 || at + 4 > end || view.getInt32(at) >>> 8 !== THEN_AS) return UNKNOWN
    at = this.#number(bytes, at + 3, values, v + 3)
    return at < 0 ? UNKNOWN : this.#ending(bytes, at, QUOTE, rows)
  }

  /** A trade as Alpaca lays it out, behind its type. */
  #trade(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const view = this.#view
    const end = this.#end
    const { values } = rows
    const v = rows.length * WIDTH
    if (view.getUint16(from) !== KEY_SYMBOL) return UNKNOWN
    let at = this.#readSymbol(bytes, from + 2, symbols)
    if (at < 0 || at + 3 > end || view.getUint16(at) !== KEY_ID) return UNKNOWN
    at = this.#readId(bytes, at + 2, values, v + 2)
    // `x`, its text of one byte, and `p`.
    if (at < 0 || at + 7 > end || view.getInt32(at) >>> 8 !== X_TEXT) return UNKNOWN
    if (view.getUint16(at + 4) !== KEY_P) return UNKNOWN
    at = this.#number(bytes, at + 6, values, v)
    if (at < 0 || at + 3 > end || view.getUint16(at) !== KEY_S) return UNKNOWN
    at = this.#number(bytes, at + 2, values, v + 1)
    return at < 0 ? UNKNOWN : this.#ending(bytes, at, TRADE, rows)
  }

  /** Conditions, tape, time: then the message is a row. */
  #ending(bytes: Uint8Array, from: number, kind: typeof TRADE | typeof QUOTE, rows: Rows): number {
    const view = this.#view
    const end = this.#end
    let at = from
    if (at + 5 > end) return UNKNOWN
    if (view.getInt32(at) === ONE_CONDITION) at += 5
    else if (view.getUint16(at) === KEY_C && (bytes[at + 2]! & 0xf0) === 0x90)
      at = skip(bytes, at + 2)
    else return UNKNOWN
    // `z` and its text of one byte, `t`, and a Timestamp 64.
    if (at < 0 || at + 16 > end || view.getInt32(at) >>> 8 !== Z_TEXT) return UNKNOWN
    if (view.getInt32(at + 4) !== STAMP_64) return UNKNOWN
    const symbol = this.#symbol
    if (symbol === STRANGER) rows.strangers++
    else rows.next(kind, symbol, stampOf(view.getUint32(at + 8), view.getUint32(at + 12)))
    return at + 16
  }

  /** Members in any order, from the head of the map. */
  #members(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const view = this.#view
    const end = this.#end
    const { numbers } = this.#draft
    this.#draft.clear()
    this.#symbol = NO_SYMBOL
    let type = 0
    let seen = 0
    let at = from + 1
    for (let left = bytes[from]! & 15; left > 0; left--) {
      // The shortest key, and what it is for.
      if (at + 3 > end) return UNKNOWN
      let key = view.getUint16(at)
      at += 2
      if (key >>> 8 === 0xa2) key = 0x10000 | view.getUint16(at++ - 1)
      let slot = NONE
      if (key === KEY_BP) slot = BP
      else if (key === KEY_BS) slot = BS
      else if (key === KEY_AP) slot = AP
      else if (key === KEY_AS) slot = AS
      else if (key === KEY_P) slot = P
      else if (key === KEY_S) slot = S
      else if (key === KEY_O) slot = O
      else if (key === KEY_H) slot = H
      else if (key === KEY_L) slot = L
      else if (key === KEY_C) slot = C
      else if (key === KEY_V) slot = V
      else if (key === KEY_N) slot = N
      if (slot >= 0) {
        if ((bytes[at]! & 0xf0) === 0x90) {
          // `c` is a number in bars and an array in trades; where a key comes twice, the last one counts.
          seen &= ~(1 << slot)
          at = skip(bytes, at)
        } else {
          seen |= 1 << slot
          at = this.#number(bytes, at, numbers, slot)
        }
      } else if (key === KEY_TYPE) {
        if (bytes[at] !== 0xa1) return UNKNOWN
        type = bytes[at + 1]!
        at += 2
      } else if (key === KEY_SYMBOL) at = this.#readSymbol(bytes, at, symbols)
      else if (key === KEY_STAMP) at = this.#readStamp(bytes, at)
      else if (key === KEY_ID) at = this.#readId(bytes, at, numbers, ID_HIGH)
      else {
        if (key < 0x10000) {
          const first = key >>> 8
          if (!(first >= 0xa0 && first <= 0xbf) || first === 0xa0 + PROTO_LENGTH) return UNKNOWN
          at += (first & 31) - 1
        }
        at = this.#skip(bytes, at)
      }
      if (at < 0) return UNKNOWN
    }
    return this.#draft.write(type, seen, this.#symbol, rows) ? at : UNKNOWN
  }

  /** Behind a value that nobody needs, `vw` for example. */
  #skip(bytes: Uint8Array, at: number): number {
    const head = bytes[at]!
    return head >= 0x90 && head <= 0xbf
      ? skip(bytes, at)
      : this.#number(bytes, at, this.#draft.numbers, SPARE)
  }

  #readSymbol(bytes: Uint8Array, at: number, symbols: SymbolTable): number {
    const head = bytes[at]!
    if (!(head >= 0xa0 && head <= 0xbf)) return UNKNOWN
    const view = this.#view
    const start = at + 1
    const length = head & 31
    // Four bytes at a time; what follows a symbol is never less than three.
    if (start + length + 3 > this.#end) return UNKNOWN
    let hash = 0
    for (let i = 0; i < length; i += 4) {
      hash = hashed(hash, lastBytes(view.getInt32(start + i, true), length - i))
    }
    const id = symbols.idOf(view, start, length, hash)
    this.#symbol = id
    return id === UNREADABLE ? UNKNOWN : start + length
  }

  #number(bytes: Uint8Array, at: number, numbers: Float64Array, slot: number): number {
    const head = bytes[at]!
    if (head === 0xcb) {
      if (at + 9 > this.#end) return UNKNOWN
      const value = this.#view.getFloat64(at + 1)
      numbers[slot] = value
      return Number.isFinite(value) ? at + 9 : UNKNOWN
    }
    if (head < 0x80) {
      numbers[slot] = head
      return at + 1
    }
    if (head >= 0xe0) {
      numbers[slot] = head - 256
      return at + 1
    }
    return this.#wideNumber(bytes, at, numbers, slot)
  }

  #wideNumber(bytes: Uint8Array, at: number, numbers: Float64Array, slot: number): number {
    switch (bytes[at]!) {
      case 0xcc:
        numbers[slot] = bytes[at + 1]!
        return at + 2
      case 0xcd:
        numbers[slot] = word(bytes, at + 1)
        return at + 3
      case 0xce:
        numbers[slot] = long(bytes, at + 1)
        return at + 5
      case 0xcf:
        numbers[slot] = long(bytes, at + 1) * TWO_32 + long(bytes, at + 5)
        return at + 9
      case 0xd0:
        numbers[slot] = (bytes[at + 1]! << 24) >> 24
        return at + 2
      case 0xd1:
        numbers[slot] = (word(bytes, at + 1) << 16) >> 16
        return at + 3
      case 0xd2:
        numbers[slot] = long(bytes, at + 1) | 0
        return at + 5
      case 0xd3:
        numbers[slot] = (long(bytes, at + 1) | 0) * TWO_32 + long(bytes, at + 5)
        return at + 9
      case 0xca: {
        if (at + 5 > this.#end) return UNKNOWN
        const value = this.#view.getFloat32(at + 1)
        numbers[slot] = value
        return Number.isFinite(value) ? at + 5 : UNKNOWN
      }
      default:
        return UNKNOWN
    }
  }

  /** An id, as two halves from `slot` on. */
  #readId(bytes: Uint8Array, at: number, numbers: Float64Array, slot: number): number {
    const head = bytes[at]!
    const isInteger = head < 0x80 || (head >= 0xcc && head <= 0xcf)
    if (!isInteger) return UNKNOWN
    const next = this.#number(bytes, at, numbers, slot)
    if (head === 0xcf && long(bytes, at + 1) >= HIGH_EXACT) {
      const id = (BigInt(long(bytes, at + 1)) << 32n) | BigInt(long(bytes, at + 5))
      numbers[slot] = Number(id / BigInt(ID_HALF))
      numbers[slot + 1] = Number(id % BigInt(ID_HALF))
      return next
    }
    const id = numbers[slot]!
    const high = Math.floor(id / ID_HALF)
    numbers[slot] = high
    numbers[slot + 1] = id - high * ID_HALF
    return next
  }

  /** Timestamp 32 (`d6 ff`) or 64 (`d7 ff`); the 96-bit form is for times before 1970 and after 2514. */
  #readStamp(bytes: Uint8Array, at: number): number {
    if (bytes[at + 1] !== 0xff) return UNKNOWN
    const { numbers } = this.#draft
    if (bytes[at] === 0xd7) {
      numbers[TS] = stampOf(long(bytes, at + 2), long(bytes, at + 6))
      return at + 10
    }
    if (bytes[at] !== 0xd6) return UNKNOWN
    numbers[TS] = long(bytes, at + 2) * 1000
    return at + 6
  }
}

/** Milliseconds of a Timestamp 64: the upper 30 bits are nanoseconds, the others seconds. */
const stampOf = (high: number, low: number): number =>
  ((high & 3) * TWO_32 + low) * 1000 + Math.floor((high >>> 2) / 1e6)

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!
const long = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

/** Behind a short string, or a short array of short strings. */
function skip(bytes: Uint8Array, from: number): number {
  const head = bytes[from]!
  if (head >= 0xa0 && head <= 0xbf) return from + 1 + (head & 31)
  if (!(head >= 0x90 && head <= 0x9f)) return UNKNOWN
  let at = from + 1
  for (let left = head & 15; left > 0; left--) {
    const item = bytes[at]!
    if (!(item >= 0xa0 && item <= 0xbf)) return UNKNOWN
    at += 1 + (item & 31)
  }
  return at
}
