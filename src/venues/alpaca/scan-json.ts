/*
 * Scan of a JSON frame of trades, quotes and bars: from bytes to rows in one pass, without text and without objects.
 *
 * It knows what Alpaca sends and nothing more: an array of flat objects without white space, keys in any order,
 * strings without escapes, arrays of plain strings. Anything else (a control message, an escape, a symbol that is
 * not ASCII, a value of another type, a cut frame) makes it give up, and the generic decoder reads the whole frame.
 * Where it does not give up, it has written what the generic decoder would write: decode.test.ts fuzzes that.
 *
 *   [{"T":"t","S":"AAPL","i":52983525029461,"x":"V","p":187.32,"s":40,"c":["@","I"],"z":"C","t":"2026-01-05T15:04:05.123456789Z"}]
 */
import { BAR, QUOTE, type Rows, type SymbolTable, TRADE, UPDATED } from './rows.ts'
import { dayMs } from './stamps.ts'

const QUOTE_MARK = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const COLON = 58
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN = 123
const CLOSE = 125
const UPPER_T = 84
const UPPER_Z = 90

/** Gives up: no position is negative. */
const UNKNOWN = -1
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Fifteen digits are below 2^53, so one division by a power of ten is correctly rounded. */
const DIGITS_EXACT = 15
const POWERS = Float64Array.from({ length: 23 }, (_, n) => Number(`1e${n}`))
const ID_HALF = 1e10

// Where the numbers of a message wait until its type is known; bit n of `seen` says that n came.
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
const ID_LOW = 14
const VALUE = 15
const NONE = -1
const HAS_TRADE = (1 << P) | (1 << S)
const HAS_QUOTE = (1 << BP) | (1 << BS) | (1 << AP) | (1 << AS)
const HAS_BAR = (1 << O) | (1 << H) | (1 << L) | (1 << C) | (1 << V)

const slots = new Int8Array(128).fill(NONE)
for (const [key, slot] of Object.entries({ p: P, s: S, o: O, h: H, l: L, c: C, v: V, n: N })) {
  slots[key.charCodeAt(0)] = slot
}

export class JsonScanner {
  /** Doubles wait here and not in fields of their own, which would be an object for each. */
  readonly #numbers = new Float64Array(16)
  #seen = 0
  #type = 0
  #symbolFrom = 0
  #symbolTo = 0
  /** The last day that was read, and its midnight. */
  readonly #day = new Uint8Array(10)
  #midnight = 0

  /** False where the frame in `bytes[0, end)` needs the generic decoder; the rows are then as they were. */
  scan(bytes: Uint8Array, end: number, symbols: SymbolTable, rows: Rows): boolean {
    const { length, strangers } = rows
    // The shortest message of a hot type is longer than 40 bytes.
    if (bytes[0] === OPEN_ARRAY && rows.reserve((end / 40) | 0)) {
      for (let at = 1; ;) {
        at = this.#message(bytes, at)
        if (at < 0 || !this.#write(bytes, symbols, rows)) break
        const next = bytes[at++]
        if (next === COMMA) continue
        if (next === CLOSE_ARRAY && at === end) return true
        break
      }
    }
    rows.length = length
    rows.strangers = strangers
    return false
  }

  /** Reads one object; the position behind it. */
  #message(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== OPEN) return UNKNOWN
    this.#seen = 0
    this.#type = 0
    this.#symbolTo = 0
    this.#numbers[TS] = NaN
    this.#numbers[ID_HIGH] = -1
    this.#numbers[ID_LOW] = -1
    for (let at = from + 1; ;) {
      at = this.#member(bytes, at)
      if (at < 0) return UNKNOWN
      const next = bytes[at++]
      if (next === COMMA) continue
      return next === CLOSE ? at : UNKNOWN
    }
  }

  #member(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== QUOTE_MARK) return UNKNOWN
    const first = bytes[from + 1]!
    const second = bytes[from + 2]!
    if (second === QUOTE_MARK) {
      if (bytes[from + 3] !== COLON) return UNKNOWN
      const at = from + 4
      if (first === UPPER_T) return this.#readType(bytes, at)
      if (first === 83) return this.#readSymbol(bytes, at)
      if (first === 116) return this.#readStamp(bytes, at)
      if (first === 105) return this.#readId(bytes, at)
      const slot = first < 128 ? slots[first]! : NONE
      if (slot >= 0 && bytes[at] !== OPEN_ARRAY) return this.#number(bytes, at, slot)
      // `c` is a number in bars and an array in trades; where a key comes twice, the last one counts.
      if (slot >= 0) this.#seen &= ~(1 << slot)
      return first === BACKSLASH || first < 32 ? UNKNOWN : this.#skip(bytes, at)
    }
    if (bytes[from + 3] === QUOTE_MARK && bytes[from + 4] === COLON) {
      const at = from + 5
      if (first === 98 || first === 97) {
        const base = first === 98 ? BP : AP
        if (second === 112) return this.#number(bytes, at, base)
        if (second === 115) return this.#number(bytes, at, base + 1)
      }
      const isPlain = first >= 32 && second >= 32 && first !== BACKSLASH && second !== BACKSLASH
      return isPlain ? this.#skip(bytes, at) : UNKNOWN
    }
    const at = skipString(bytes, from)
    return at < 0 || bytes[at] !== COLON ? UNKNOWN : this.#skip(bytes, at + 1)
  }

  /** Behind a value that nobody needs, `vw` for example. */
  #skip(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!
    if (byte === QUOTE_MARK || byte === OPEN_ARRAY) return skip(bytes, at)
    return this.#number(bytes, at, VALUE)
  }

  #readType(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== QUOTE_MARK || bytes[at + 2] !== QUOTE_MARK) return UNKNOWN
    this.#type = bytes[at + 1]!
    return at + 3
  }

  #readSymbol(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== QUOTE_MARK) return UNKNOWN
    let at = from + 1
    for (; ; at++) {
      const byte = bytes[at]!
      if (byte === QUOTE_MARK) break
      if (!(byte >= 32 && byte < 128) || byte === BACKSLASH) return UNKNOWN
    }
    this.#symbolFrom = from + 1
    this.#symbolTo = at
    return at + 1
  }

  #number(bytes: Uint8Array, from: number, slot: number): number {
    const isNegative = bytes[from] === MINUS
    const start = isNegative ? from + 1 : from
    let at = start
    let value = 0
    let byte = bytes[at]!
    while (byte >= ZERO && byte <= 57) {
      value = value * 10 + (byte - ZERO)
      byte = bytes[++at]!
    }
    let digits = at - start
    if (digits === 0 || (digits > 1 && bytes[start] === ZERO)) return UNKNOWN
    let scale = 0
    if (byte === DOT) {
      const dot = at
      byte = bytes[++at]!
      while (byte >= ZERO && byte <= 57) {
        value = value * 10 + (byte - ZERO)
        byte = bytes[++at]!
      }
      scale = at - dot - 1
      digits += scale
      if (scale === 0) return UNKNOWN
    }
    if (digits > DIGITS_EXACT || (byte | 32) === 101) return this.#longNumber(bytes, from, slot)
    const size = scale === 0 ? value : value / POWERS[scale]!
    this.#numbers[slot] = isNegative ? -size : size
    this.#seen |= 1 << slot
    return at
  }

  #longNumber(bytes: Uint8Array, from: number, slot: number): number {
    let text = ''
    let at = from
    for (; at - from < 400; at++) {
      const char = String.fromCharCode(bytes[at] ?? 0)
      if (!'0123456789+-.eE'.includes(char)) break
      text += char
    }
    const value = JSON_NUMBER.test(text) ? Number(text) : NaN
    this.#numbers[slot] = value
    this.#seen |= 1 << slot
    return Number.isFinite(value) ? at : UNKNOWN
  }

  /** The digits of an id, to the last. */
  #readId(bytes: Uint8Array, from: number): number {
    let at = from
    let byte = bytes[at]!
    let value = 0
    while (byte >= ZERO && byte <= 57 && at - from < DIGITS_EXACT) {
      value = value * 10 + (byte - ZERO)
      byte = bytes[++at]!
    }
    const isDone = byte === COMMA || byte === CLOSE
    if (at === from || (at - from > 1 && bytes[from] === ZERO)) return UNKNOWN
    if (!isDone) return this.#longId(bytes, from)
    this.#numbers[ID_HIGH] = Math.floor(value / ID_HALF)
    this.#numbers[ID_LOW] = value - this.#numbers[ID_HIGH] * ID_HALF
    return at
  }

  #longId(bytes: Uint8Array, from: number): number {
    let to = from
    while (bytes[to]! >= ZERO && bytes[to]! <= 57) to++
    if (to - from > 20 || to - from <= 10 || (bytes[to] !== COMMA && bytes[to] !== CLOSE)) {
      return UNKNOWN
    }
    this.#numbers[ID_HIGH] = digitsOf(bytes, from, to - 10)
    this.#numbers[ID_LOW] = digitsOf(bytes, to - 10, to)
    return to
  }

  /** `"2026-01-05T15:04:05.123456789Z"`; only UTC, since Alpaca's streams send nothing else. */
  #readStamp(bytes: Uint8Array, from: number): number {
    if (bytes[from] !== QUOTE_MARK) return UNKNOWN
    const d = from + 1
    const day = this.#day
    for (let i = 0; i < 10; i++) {
      if (day[i] === bytes[d + i]) continue
      if (!this.#readDay(bytes, d)) return UNKNOWN
      break
    }
    const hour = two(bytes, d + 11)
    const minute = two(bytes, d + 14)
    const second = two(bytes, d + 17)
    if (bytes[d + 10] !== UPPER_T || bytes[d + 13] !== COLON || bytes[d + 16] !== COLON)
      return UNKNOWN
    if (!(hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60)) {
      return UNKNOWN
    }
    let at = d + 19
    let millis = 0
    if (bytes[at] === DOT) {
      const first = ++at
      let byte = bytes[at]!
      // Three digits count; where there are fewer, the missing ones are zeros.
      for (; byte >= ZERO && byte <= 57 && at - first < 3; byte = bytes[++at]!) {
        millis = millis * 10 + (byte - ZERO)
      }
      if (at === first) return UNKNOWN
      if (at - first < 3) millis *= at - first === 1 ? 100 : 10
      while (byte >= ZERO && byte <= 57) byte = bytes[++at]!
      if (at - first > 9) return UNKNOWN
    }
    if (bytes[at] !== UPPER_Z || bytes[at + 1] !== QUOTE_MARK) return UNKNOWN
    this.#numbers[TS] = this.#midnight + hour * 3_600_000 + minute * 60_000 + second * 1000 + millis
    return at + 2
  }

  #readDay(bytes: Uint8Array, at: number): boolean {
    this.#day.fill(0)
    const year = two(bytes, at) * 100 + two(bytes, at + 2)
    const month = two(bytes, at + 5)
    const dayOfMonth = two(bytes, at + 8)
    if (!(two(bytes, at) >= 0 && two(bytes, at + 2) >= 0 && month >= 0 && dayOfMonth >= 0))
      return false
    if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS) return false
    const midnight = dayMs(year, month, dayOfMonth)
    if (midnight === undefined) return false
    this.#midnight = midnight
    for (let i = 0; i < 10; i++) this.#day[i] = bytes[at + i]!
    return true
  }

  /** Writes the message that was just read. False where it is of no hot type, or lacks something. */
  #write(bytes: Uint8Array, symbols: SymbolTable, rows: Rows): boolean {
    const type = this.#type
    const seen = this.#seen
    const ts = this.#numbers[TS]!
    if (this.#symbolTo === 0 || Number.isNaN(ts)) return false
    const isTrade = type === 116 && (seen & HAS_TRADE) === HAS_TRADE
    const isQuote = type === 113 && (seen & HAS_QUOTE) === HAS_QUOTE
    const isBar = (type === 98 || type === 117) && (seen & HAS_BAR) === HAS_BAR
    if (!isTrade && !isQuote && !isBar) return false
    const id = symbols.idOf(bytes, this.#symbolFrom, this.#symbolTo)
    if (id < 0) {
      rows.strangers++
      return true
    }
    const numbers = this.#numbers
    const { values } = rows
    if (isTrade) {
      const at = rows.next(TRADE, id, ts)
      values[at] = numbers[P]!
      values[at + 1] = numbers[S]!
      values[at + 2] = this.#numbers[ID_HIGH]!
      values[at + 3] = this.#numbers[ID_LOW]!
    } else if (isQuote) {
      const at = rows.next(QUOTE, id, ts)
      values[at] = numbers[BP]!
      values[at + 1] = numbers[BS]!
      values[at + 2] = numbers[AP]!
      values[at + 3] = numbers[AS]!
    } else {
      const at = rows.next(type === 98 ? BAR : UPDATED, id, ts)
      for (let i = 0; i < 5; i++) values[at + i] = numbers[O + i]!
      values[at + 5] = (seen & (1 << N)) === 0 ? 0 : numbers[N]!
    }
    return true
  }
}

/** Two digits as a number; NaN or negative where they are none. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - ZERO
  const ones = bytes[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

function digitsOf(bytes: Uint8Array, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + (bytes[i]! - ZERO)
  return value
}

/** Behind a value that nobody needs: a string, or an array of strings. */
function skip(bytes: Uint8Array, from: number): number {
  if (bytes[from] === QUOTE_MARK) return skipString(bytes, from)
  if (bytes[from] !== OPEN_ARRAY) return UNKNOWN
  if (bytes[from + 1] === CLOSE_ARRAY) return from + 2
  for (let at = from + 1; ;) {
    at = skipString(bytes, at)
    if (at < 0) return UNKNOWN
    const next = bytes[at++]
    if (next === COMMA) continue
    return next === CLOSE_ARRAY ? at : UNKNOWN
  }
}

function skipString(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE_MARK) return UNKNOWN
  // Most are of one character.
  const only = bytes[from + 1]!
  if (bytes[from + 2] === QUOTE_MARK && only >= 35 && only !== BACKSLASH) return from + 3
  for (let at = from + 1; ; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE_MARK) return at + 1
    if (!(byte >= 32) || byte === BACKSLASH) return UNKNOWN
  }
}
