/*
 * Scan of a page of bars: from the bytes of an answer to columns in one pass, without text and without an object for
 * each bar.
 *
 *   {"bars":{"AAPL":[{"c":172.1,"h":172.3,"l":171.9,"n":513,"o":172,"t":"2022-01-03T09:00:00Z","v":41254,"vw":172.0}]},"next_page_token":null}
 *
 * It knows that and nothing more: the members of a bar in any order, stamps in order, no white space, no escapes. Anything
 * else makes it give up, and the page is read by the generic decoder, which names what is wrong. Where it does not give
 * up, it gives what the generic decoder would give: scan-bars.test.ts fuzzes that.
 */
import { barColumns, type BarColumns, sliceBars } from '../../core/columns.ts'
import { JsonReader, skipString } from './json-reader.ts'

// Slots of draft.ts, which says why they are here again.
const O = 6
const H = 7
const L = 8
const C = 9
const V = 10
const N = 11
const TS = 12
const NONE = -1

const HAS_BAR = (1 << O) | (1 << H) | (1 << L) | (1 << C) | (1 << V) | (1 << TS)

const QUOTE_MARK = 34
const COMMA = 44
const COLON = 58
const OPEN_ARRAY = 91
const CLOSE_ARRAY = 93
const OPEN = 123
const CLOSE = 125
const DELETE = 127

/** Gives up: no position is negative. */
const UNKNOWN = -1
/** The shortest bar is longer. */
const BAR_BYTES_MIN = 50

const BEGIN = Buffer.from('{"bars":{')
const TOKEN = Buffer.from(',"next_page_token":')
const NULL = Buffer.from('null')

/** Four characters as a little-endian word. */
const word = (text: string): number => Buffer.from(text).readInt32LE(0)

const KEY_T = word('"t":')
const KEY_O = word('"o":')
const KEY_H = word('"h":')
const KEY_L = word('"l":')
const KEY_C = word('"c":')
const KEY_V = word('"v":')
const KEY_N = word('"n":')
const KEY_VW = word('"vw"')

export interface BarList {
  readonly symbol: string
  readonly bars: BarColumns
}

/** What a page says; lists that are empty are there. */
export class ScannedBars {
  readonly lists: readonly BarList[]
  readonly token: string | null

  constructor(lists: readonly BarList[], token: string | null) {
    this.lists = lists
    this.token = token
  }
}

export class BarScanner {
  readonly #reader = new JsonReader()
  /** Where a page is read to, made anew only for a longer one. */
  #columns = barColumns(0)
  /** Bars that are in the columns. */
  #length = 0

  /** Undefined where the page needs the generic decoder. The columns are good until the next page is scanned. */
  scan(body: Uint8Array): ScannedBars | undefined {
    const from = this.#reader.open(body, body.length)
    const { bytes, end } = this.#reader
    if (!isAt(bytes, from, end, BEGIN)) return undefined
    const most = (body.length / BAR_BYTES_MIN) | 0
    if (this.#columns.length < most) this.#columns = barColumns(most)
    this.#length = 0
    const lists = new Map<string, BarList>()
    let at = from + BEGIN.length
    if (bytes[at] === CLOSE) at++
    else at = this.#lists(bytes, at, lists)
    if (at < 0 || !isAt(bytes, at, end, TOKEN)) return undefined
    at += TOKEN.length
    const to = isAt(bytes, at, end, NULL) ? at + NULL.length : skipString(bytes, at)
    if (to < 0 || to !== end - 1 || bytes[to] !== CLOSE) return undefined
    const token = bytes[at] === QUOTE_MARK ? textIn(bytes, at + 1, to - 1) : null
    return token === undefined ? undefined : new ScannedBars([...lists.values()], token)
  }

  /** `"AAPL":[…],"MSFT":[…]}` */
  #lists(bytes: Uint8Array, from: number, lists: Map<string, BarList>): number {
    for (let at = from; ;) {
      const to = skipString(bytes, at)
      if (to < 0 || bytes[to] !== COLON) return UNKNOWN
      const symbol = textIn(bytes, at + 1, to - 1)
      // Where a key comes twice, text keeps the last.
      if (symbol === undefined || lists.has(symbol)) return UNKNOWN
      const first = this.#length
      at = this.#list(bytes, to + 1)
      if (at < 0) return UNKNOWN
      lists.set(symbol, { symbol, bars: sliceBars(this.#columns, first, this.#length) })
      const next = bytes[at++]
      if (next === COMMA) continue
      return next === CLOSE ? at : UNKNOWN
    }
  }

  /** `[{…},{…}]` */
  #list(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== OPEN_ARRAY) return UNKNOWN
    if (bytes[from + 1] === CLOSE_ARRAY) return from + 2
    let before = -Infinity
    for (let at = from + 1; ;) {
      at = this.#bar(bytes, at)
      if (at < 0) return UNKNOWN
      const start = this.#columns.start[this.#length]!
      if (!(start > before)) return UNKNOWN
      before = start
      this.#length++
      const next = bytes[at++]
      if (next === COMMA) continue
      return next === CLOSE_ARRAY ? at : UNKNOWN
    }
  }

  /** One bar, into the columns at `#length`. */
  #bar(bytes: Uint8Array, from: number): number {
    const reader = this.#reader
    const { view, end, draft } = reader
    const { numbers } = draft
    if (bytes[from] !== OPEN || this.#length === this.#columns.length) return UNKNOWN
    let seen = 0
    for (let at = from + 1; ;) {
      if (at + 5 > end) return UNKNOWN
      const key = view.getInt32(at, true)
      const slot = slotOf(key)
      if (slot >= 0) {
        seen |= 1 << slot
        at = reader.readNumber(bytes, at + 4, numbers, slot)
      } else if (key === KEY_T) {
        seen |= 1 << TS
        at = reader.readStamp(bytes, at + 4)
      } else if (key === KEY_VW && bytes[at + 4] === COLON) at = reader.skip(bytes, at + 5)
      else return UNKNOWN
      if (at < 0) return UNKNOWN
      const next = bytes[at++]
      if (next === COMMA) continue
      if (next !== CLOSE || (seen & HAS_BAR) !== HAS_BAR) return UNKNOWN
      this.#keep(numbers, (seen & (1 << N)) !== 0)
      return at
    }
  }

  #keep(numbers: Float64Array, hasCount: boolean): void {
    const { start, open, high, low, close, volume, trades } = this.#columns
    const row = this.#length
    const count = numbers[N]!
    start[row] = numbers[TS]!
    open[row] = numbers[O]!
    high[row] = numbers[H]!
    low[row] = numbers[L]!
    close[row] = numbers[C]!
    volume[row] = numbers[V]!
    trades[row] = hasCount && Number.isSafeInteger(count) && count >= 0 ? count : 0
  }
}

function slotOf(key: number): number {
  if (key === KEY_C) return C
  if (key === KEY_H) return H
  if (key === KEY_L) return L
  if (key === KEY_N) return N
  if (key === KEY_O) return O
  return key === KEY_V ? V : NONE
}

function isAt(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (at + text.length > end) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** The text within a string that has no escapes; undefined where it is not ASCII. */
function textIn(bytes: Uint8Array, from: number, to: number): string | undefined {
  for (let at = from; at < to; at++) if (bytes[at]! >= DELETE) return undefined
  return String.fromCharCode(...bytes.subarray(from, to))
}
