/*
 * Scan of a JSON frame of trades, quotes and bars: from bytes to rows in one pass, without text and without objects.
 *
 * It knows what Alpaca sends and nothing more: an array of flat objects without white space, keys in any order,
 * strings without escapes, arrays of plain strings. Anything else (a control message, an escape, a symbol that is
 * not ASCII, a value of another type, a cut frame) makes it give up, and the generic decoder reads the whole frame.
 * Where it does not give up, it has written what the generic decoder would write: decode.test.ts fuzzes that.
 *
 * Trades and quotes are first taken to be laid out as Alpaca lays them out, so that what lies between two values is
 * compared four bytes at a time and not read; what is laid out otherwise is read key by key.
 *
 *   {"T":"t","S":"AAPL","i":52983525029461,"x":"V","p":187.32,"s":40,"c":["@","I"],"z":"C","t":"2026-01-05T15:04:05.123456789Z"}
 *   {"T":"q","S":"AAPL","bx":"V","bp":187.3,"bs":2,"ax":"Q","ap":187.32,"as":1,"c":["R"],"z":"C","t":"2026-01-05T15:04:05.1234Z"}
 *
 * So they were in the session that Alpaca shows on its page of streams (of April 2023, see decode.test.ts). The examples
 * beside the schemas of the same page are of 2021 and have `i` before `S`, and `t` before `c`: those are read as well,
 * only slower.
 */
import { JsonReader, skipString } from './json-reader.ts'
import { QUOTE, TRADE, WIDTH } from '../../core/market-rows.ts'
import type { Rows } from './rows.ts'
import { STRANGER, type SymbolTable } from './symbol-table.ts'

// Slots of draft.ts, which says why they are here again.
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
const NONE = -1

const QUOTE_MARK = 34
const COMMA = 44
const COLON = 58
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN = 123
const CLOSE = 125

/** Gives up: no position is negative. */
const UNKNOWN = -1
const NO_SYMBOL = -3

/** Up to four characters as a little-endian word. */
const word = (text: string): number =>
  Buffer.from(text).reduceRight((word, byte) => (word << 8) | byte, 0)

// Keys, the first four bytes of each.
const KEY_TYPE = word('"T":')
const KEY_SYMBOL = word('"S":')
const KEY_STAMP = word('"t":')
const KEY_ID = word('"i":')
const KEY_P = word('"p":')
const KEY_S = word('"s":')
const KEY_O = word('"o":')
const KEY_H = word('"h":')
const KEY_L = word('"l":')
const KEY_C = word('"c":')
const KEY_V = word('"v":')
const KEY_N = word('"n":')
const KEY_BP = word('"bp"')
const KEY_BS = word('"bs"')
const KEY_AP = word('"ap"')
const KEY_AS = word('"as"')
const KEY_X = word('"x":')
const KEY_Z = word('"z":')

// What lies between the values of a trade or a quote, cut into fours; those of two and three bytes have zeros above.
const BEGIN = word('{"T"')
const IS_TRADE = word(':"t"')
const IS_QUOTE = word(':"q"')
const THEN_I = word(',"i"')
const THEN_SYMBOL = word(',"S"')
const THEN_X = word(',"x"')
const THEN_BX = word(',"bx')
const THEN_AX = word(',"ax')
const THEN_S = word(',"s"')
const THEN_C = word(',"c"')
const THEN_Z = word(',"z"')
const THEN_BS = word(',"bs')
const THEN_AS = word(',"as')
const NEXT_B = word('","b')
const NEXT_A = word('","a')
const NEXT_P = word('","p')
const NEXT_T = word('","t')
const PRICE = word('p":')
const END_OF_KEY = word('":')
const TEXT_BEGINS = word('":"')
const COLON_TEXT = word(':"')
const TWO = 0xffff
const THREE = 0xffffff

export class JsonScanner {
  readonly #reader = new JsonReader()

  /** False where the frame in `frame[0, length)` needs the generic decoder; the rows are then as they were. */
  scan(frame: Uint8Array, length: number, symbols: SymbolTable, rows: Rows): boolean {
    const before = rows.length
    const { strangers } = rows
    const reader = this.#reader
    const from = reader.open(frame, length)
    const { bytes, end } = reader
    // The shortest message of a hot type is longer than 40 bytes.
    if (frame[0] === OPEN_ARRAY && rows.reserve((length / 40) | 0)) {
      for (let at = from + 1; ;) {
        at = this.#message(bytes, at, symbols, rows)
        if (at < 0 || at >= end) break
        const next = bytes[at++]
        if (next === COMMA) continue
        if (next === CLOSE_ARRAY && at === end) return true
        break
      }
    }
    rows.length = before
    rows.strangers = strangers
    return false
  }

  /** Reads one object and writes its row; the position behind it. */
  #message(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const { view, end } = this.#reader
    if (from + 8 > end || bytes[from] !== OPEN) return UNKNOWN
    if (view.getInt32(from, true) === BEGIN) {
      const type = view.getInt32(from + 4, true)
      let at = UNKNOWN
      if (type === IS_QUOTE) at = this.#quote(bytes, from + 8, symbols, rows)
      else if (type === IS_TRADE) at = this.#trade(bytes, from + 8, symbols, rows)
      if (at >= 0) return at
    }
    return this.#members(bytes, from + 1, symbols, rows)
  }

  /** A quote as Alpaca lays it out, behind its type. Its numbers go straight into the row. */
  #quote(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const reader = this.#reader
    const { view, end } = reader
    const { values } = rows
    const v = rows.length * WIDTH
    if (from + 8 > end || view.getInt32(from, true) !== THEN_SYMBOL) return UNKNOWN
    if (bytes[from + 4] !== COLON) return UNKNOWN
    let at = reader.readSymbol(bytes, from + 5, symbols)
    if (at < 0 || !this.#isPriceAt(view, at, THEN_BX, NEXT_B)) return UNKNOWN
    at = reader.readNumber(bytes, at + 15, values, v)
    if (at < 0 || !this.#isSizeAt(view, at, THEN_BS)) return UNKNOWN
    at = reader.readNumber(bytes, at + 6, values, v + 1)
    if (at < 0 || !this.#isPriceAt(view, at, THEN_AX, NEXT_A)) return UNKNOWN
    at = reader.readNumber(bytes, at + 15, values, v + 2)
    if (at < 0 || !this.#isSizeAt(view, at, THEN_AS)) return UNKNOWN
    at = reader.readNumber(bytes, at + 6, values, v + 3)
    return at < 0 ? UNKNOWN : this.#ending(bytes, at, QUOTE, rows)
  }

  /** A trade as Alpaca lays it out, behind its type. Its numbers go straight into the row. */
  #trade(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const reader = this.#reader
    const { view, end } = reader
    const { values } = rows
    const v = rows.length * WIDTH
    if (from + 8 > end || view.getInt32(from, true) !== THEN_SYMBOL) return UNKNOWN
    if (bytes[from + 4] !== COLON) return UNKNOWN
    let at = reader.readSymbol(bytes, from + 5, symbols)
    if (at < 0 || at + 8 > end || view.getInt32(at, true) !== THEN_I) return UNKNOWN
    if (bytes[at + 4] !== COLON) return UNKNOWN
    at = reader.readId(bytes, at + 5, values, v + 2)
    // `,"x":"V","p":`
    if (at < 0 || at + 16 > end || view.getInt32(at, true) !== THEN_X) return UNKNOWN
    if ((view.getInt32(at + 4, true) & TWO) !== COLON_TEXT || !isPlain(bytes[at + 6]!))
      return UNKNOWN
    if (view.getInt32(at + 7, true) !== NEXT_P) return UNKNOWN
    if ((view.getInt32(at + 11, true) & TWO) !== END_OF_KEY) return UNKNOWN
    at = reader.readNumber(bytes, at + 13, values, v)
    if (at < 0 || at + 8 > end || view.getInt32(at, true) !== THEN_S) return UNKNOWN
    if (bytes[at + 4] !== COLON) return UNKNOWN
    at = reader.readNumber(bytes, at + 5, values, v + 1)
    return at < 0 ? UNKNOWN : this.#ending(bytes, at, TRADE, rows)
  }

  /** `,"bx":"V","bp":`, and the same of the other side. */
  #isPriceAt(view: DataView, at: number, exchange: number, price: number): boolean {
    if (at + 16 > this.#reader.end || view.getInt32(at, true) !== exchange) return false
    const text = view.getInt32(at + 4, true)
    return (
      (text & THREE) === TEXT_BEGINS &&
      isPlain(text >>> 24) &&
      view.getInt32(at + 8, true) === price &&
      (view.getInt32(at + 12, true) & THREE) === PRICE
    )
  }

  /** `,"bs":` */
  #isSizeAt(view: DataView, at: number, size: number): boolean {
    return (
      at + 8 <= this.#reader.end &&
      view.getInt32(at, true) === size &&
      (view.getInt32(at + 4, true) & TWO) === END_OF_KEY
    )
  }

  /** `,"c":["R"],"z":"C","t":"2026-01-05T15:04:05.1234Z"}`: then the message is a row. */
  #ending(bytes: Uint8Array, from: number, kind: typeof TRADE | typeof QUOTE, rows: Rows): number {
    const reader = this.#reader
    const { view, end } = reader
    if (from + 8 > end || view.getInt32(from, true) !== THEN_C) return UNKNOWN
    if (bytes[from + 4] !== COLON || bytes[from + 5] !== OPEN_ARRAY) return UNKNOWN
    // Mostly `["R"]` or `["@"]`.
    const isOne =
      from + 11 <= end &&
      bytes[from + 6] === QUOTE_MARK &&
      bytes[from + 8] === QUOTE_MARK &&
      bytes[from + 9] === CLOSE_ARRAY &&
      isPlain(bytes[from + 7]!)
    let at = isOne ? from + 10 : reader.skip(bytes, from + 5)
    // `,"z":"C","t":`
    if (at < 0 || at + 16 > end || view.getInt32(at, true) !== THEN_Z) return UNKNOWN
    if ((view.getInt32(at + 4, true) & TWO) !== COLON_TEXT || !isPlain(bytes[at + 6]!))
      return UNKNOWN
    if (view.getInt32(at + 7, true) !== NEXT_T) return UNKNOWN
    if ((view.getInt32(at + 11, true) & TWO) !== END_OF_KEY) return UNKNOWN
    at = reader.readStamp(bytes, at + 13)
    if (at < 0 || at >= end || bytes[at] !== CLOSE) return UNKNOWN
    const { symbol } = reader
    if (symbol === STRANGER) rows.strangers++
    else rows.next(kind, symbol, reader.draft.numbers[TS]!)
    return at + 1
  }

  /** Members in any order, from the first key to the end of the object. */
  #members(bytes: Uint8Array, from: number, symbols: SymbolTable, rows: Rows): number {
    const reader = this.#reader
    const { view, end, draft } = reader
    const { numbers } = draft
    draft.clear()
    let type = 0
    let seen = 0
    reader.symbol = NO_SYMBOL
    for (let at = from; ;) {
      // A key and a colon, and four bytes of it at once.
      if (at + 5 > end) return UNKNOWN
      const key = view.getInt32(at, true)
      const slot = slotOf(key)
      if (slot >= 0) {
        at += 4
        if (slot >= BP && slot <= AS && bytes[at++] !== COLON) return UNKNOWN
        if (bytes[at] === OPEN_ARRAY) {
          // `c` is a number in bars and an array in trades; where a key comes twice, the last one counts.
          seen &= ~(1 << slot)
          at = reader.skip(bytes, at)
        } else {
          seen |= 1 << slot
          at = reader.readNumber(bytes, at, numbers, slot)
        }
      } else if (key === KEY_TYPE) {
        if (bytes[at + 4] !== QUOTE_MARK || bytes[at + 6] !== QUOTE_MARK) return UNKNOWN
        type = bytes[at + 5]!
        at += 7
      } else if (key === KEY_SYMBOL) at = reader.readSymbol(bytes, at + 4, symbols)
      else if (key === KEY_STAMP) at = reader.readStamp(bytes, at + 4)
      else if (key === KEY_ID) at = reader.readId(bytes, at + 4, numbers, ID_HIGH)
      else if (key === KEY_X || key === KEY_Z) at = reader.skip(bytes, at + 4)
      else {
        at = skipString(bytes, at)
        if (at < 0 || bytes[at] !== COLON) return UNKNOWN
        at = reader.skip(bytes, at + 1)
      }
      if (at < 0) return UNKNOWN
      const next = bytes[at++]
      if (next === COMMA) continue
      return next === CLOSE && draft.write(type, seen, reader.symbol, rows) ? at : UNKNOWN
    }
  }
}

/** Where a number waits that has the key; negative where it is another key. */
function slotOf(key: number): number {
  if (key === KEY_BP) return BP
  if (key === KEY_BS) return BS
  if (key === KEY_AP) return AP
  if (key === KEY_AS) return AS
  if (key === KEY_P) return P
  if (key === KEY_S) return S
  if (key === KEY_O) return O
  if (key === KEY_H) return H
  if (key === KEY_L) return L
  if (key === KEY_C) return C
  if (key === KEY_V) return V
  return key === KEY_N ? N : NONE
}

/** Stands for itself in a string. */
const isPlain = (byte: number): boolean => byte >= 32 && byte !== QUOTE_MARK && byte !== BACKSLASH
