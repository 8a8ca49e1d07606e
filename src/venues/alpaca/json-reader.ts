/*
 * JSON reader: the values of a frame, from bytes. Each method reads one value that begins at a position, and gives the
 * position behind it; a negative one where the value is none that it knows. What was read waits in `draft` and `symbol`.
 */
import { leadingDigits, leadingNumber, leadingText } from './digits.ts'
import { Draft } from './draft.ts'
import { dayMs } from './stamps.ts'
import { hashed, lastBytes, type SymbolTable, UNREADABLE } from './symbol-table.ts'

// Slots of draft.ts, which says why they are here again.
const TS = 12
const SPARE = 15

const QUOTE_MARK = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const UPPER_T = 84
const UPPER_Z = 90
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const LOWER_E = 101
const CLOSE = 125

/** Gives up: no position is negative. */
const UNKNOWN = -1
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Nine digits are exact in 32 bits; fifteen are below 2^53, so one division by a power of ten is correctly rounded. */
const DIGITS_SHORT = 9
const DIGITS_EXACT = 15
const POWERS = Float64Array.from({ length: DIGITS_SHORT + 1 }, (_, n) => Number(`1e${n}`))
/** Digits of the lower half of an id, and of the longest one. */
const ID_DIGITS = 8
const ID_DIGITS_MAX = 20

export class JsonReader {
  readonly draft = new Draft()
  /** The id of the last symbol, or why it has none. */
  symbol = UNREADABLE
  /** The buffer of the frame, which many frames share; positions are in it. */
  #buffer: ArrayBufferLike = new ArrayBuffer(0)
  bytes = new Uint8Array(this.#buffer)
  view = new DataView(this.#buffer)
  end = 0
  /** The last minute that was read, `2026-01-05T15:04:`, and when it began. */
  readonly #minute = new Int32Array(4)
  #minuteMs = NaN
  /** The last day, `2026-01-05` as a number, and its midnight. */
  #day = -1
  #midnight = NaN

  /** Takes a frame; the position of its first byte. */
  open(frame: Uint8Array, length: number): number {
    const { buffer, byteOffset } = frame
    if (buffer !== this.#buffer) {
      this.#buffer = buffer
      this.bytes = new Uint8Array(buffer)
      this.view = new DataView(buffer)
    }
    this.end = byteOffset + length
    return byteOffset
  }

  /** Behind a value that nobody needs, `vw` for example. */
  skip(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]!
    if (byte === QUOTE_MARK) return skipString(bytes, at)
    return byte === OPEN_ARRAY
      ? skipArray(bytes, at)
      : this.readNumber(bytes, at, this.draft.numbers, SPARE)
  }

  readSymbol(bytes: Uint8Array, from: number, symbols: SymbolTable): number {
    if (bytes[from] !== QUOTE_MARK) return UNKNOWN
    const view = this.view
    const start = from + 1
    let hash = 0
    for (let at = start; at + 4 <= this.end; at += 4) {
      const word = view.getInt32(at, true)
      const count = leadingText(word)
      if (count > 0) hash = hashed(hash, lastBytes(word, count))
      if (count === 4) continue
      const to = at + count
      const id = symbols.idOf(view, start, to - start, hash)
      this.symbol = id
      return id === UNREADABLE ? UNKNOWN : to + 1
    }
    return UNKNOWN
  }

  /** Most numbers are below 1,000 and have at most three decimals. */
  readNumber(bytes: Uint8Array, from: number, numbers: Float64Array, slot: number): number {
    if (from + 8 > this.end) return this.#anyNumber(bytes, from, numbers, slot)
    const view = this.view
    const word = view.getInt32(from, true)
    const digits = leadingDigits(word)
    if (digits === 0 || digits === 4 || (digits > 1 && (word & 255) === ZERO)) {
      return this.#anyNumber(bytes, from, numbers, slot)
    }
    const whole = leadingNumber(word, digits)
    const next = (word >>> (8 * digits)) & 255
    if (next !== DOT) {
      if ((next | 32) === LOWER_E) return this.#anyNumber(bytes, from, numbers, slot)
      numbers[slot] = whole
      return from + digits
    }
    const at = from + digits + 1
    const part = view.getInt32(at, true)
    const scale = leadingDigits(part)
    const isShort = scale > 0 && scale < 4 && ((part >>> (8 * scale)) | 32) !== LOWER_E
    if (!isShort) return this.#anyNumber(bytes, from, numbers, slot)
    const power = POWERS[scale]!
    numbers[slot] = (whole * power + leadingNumber(part, scale)) / power
    return at + scale
  }

  #anyNumber(bytes: Uint8Array, from: number, numbers: Float64Array, slot: number): number {
    const isNegative = bytes[from] === MINUS
    const start = isNegative ? from + 1 : from
    let at = start
    let whole = 0
    let byte = bytes[at]!
    while (byte >= ZERO && byte <= NINE) {
      whole = (Math.imul(whole, 10) + byte - ZERO) | 0
      byte = bytes[++at]!
    }
    const digits = at - start
    if (digits === 0 || (digits > 1 && bytes[start] === ZERO)) return UNKNOWN
    let scale = 0
    let part = 0
    if (byte === DOT) {
      const dot = at
      byte = bytes[++at]!
      while (byte >= ZERO && byte <= NINE) {
        part = (Math.imul(part, 10) + byte - ZERO) | 0
        byte = bytes[++at]!
      }
      scale = at - dot - 1
      if (scale === 0) return UNKNOWN
    }
    const isExact =
      digits <= DIGITS_SHORT && scale <= DIGITS_SHORT && digits + scale <= DIGITS_EXACT
    if (!isExact || (byte | 32) === LOWER_E) return this.#longNumber(bytes, from, numbers, slot)
    const power = POWERS[scale]!
    const size = scale === 0 ? whole : (whole * power + part) / power
    numbers[slot] = isNegative ? -size : size
    return at
  }

  #longNumber(bytes: Uint8Array, from: number, numbers: Float64Array, slot: number): number {
    let text = ''
    let at = from
    for (; at - from < 400; at++) {
      const char = String.fromCharCode(bytes[at] ?? 0)
      if (!'0123456789+-.eE'.includes(char)) break
      text += char
    }
    const value = JSON_NUMBER.test(text) ? Number(text) : NaN
    numbers[slot] = value
    return Number.isFinite(value) ? at : UNKNOWN
  }

  /** The digits of an id, to the last, as two halves from `slot` on. */
  readId(bytes: Uint8Array, from: number, numbers: Float64Array, slot: number): number {
    const view = this.view
    let to = from
    for (let count = 4; count === 4; to += count) {
      if (to + 4 > this.end) return UNKNOWN
      count = leadingDigits(view.getInt32(to, true))
    }
    const digits = to - from
    const next = bytes[to]
    if (digits === 0 || digits > ID_DIGITS_MAX || (next !== COMMA && next !== CLOSE)) return UNKNOWN
    if (digits > 1 && bytes[from] === ZERO) return UNKNOWN
    const half = digits > ID_DIGITS ? to - ID_DIGITS : from
    numbers[slot] = this.#digits(from, half)
    numbers[slot + 1] = this.#digits(half, to)
    return to
  }

  #digits(from: number, to: number): number {
    const view = this.view
    let value = 0
    for (let at = from; at < to; at += 4) {
      const count = to - at < 4 ? to - at : 4
      value = value * POWERS[count]! + leadingNumber(view.getInt32(at, true), count)
    }
    return value
  }

  /** `"2026-01-05T15:04:05.123456789Z"`; only UTC, since Alpaca's streams send nothing else. */
  readStamp(bytes: Uint8Array, from: number): number {
    const start = from + 1
    // From here on, 20 bytes are within the frame.
    if (bytes[from] !== QUOTE_MARK || start + 20 > this.end) return UNKNOWN
    if (!this.#isSameMinute(start) && !this.#readMinute(bytes, start)) return UNKNOWN
    const second = two(bytes, start + 17)
    if (!(second >= 0 && second < 60)) return UNKNOWN
    let at = start + 19
    let millis = 0
    if (bytes[at] === DOT) {
      const first = ++at
      const isLong = first + 8 <= this.end && this.#hasEightDigits(first)
      if (isLong) {
        millis = leadingNumber(this.view.getInt32(first, true), 3)
        at = first + 8
      }
      let byte = bytes[at]!
      // Three digits count; where there are fewer, the missing ones are zeros.
      for (; byte >= ZERO && byte <= NINE && at - first < 3; byte = bytes[++at]!) {
        millis = (Math.imul(millis, 10) + byte - ZERO) | 0
      }
      if (at === first) return UNKNOWN
      if (at - first < 3) millis *= at - first === 1 ? 100 : 10
      while (byte >= ZERO && byte <= NINE) byte = bytes[++at]!
      if (at - first > 9) return UNKNOWN
    }
    if (bytes[at] !== UPPER_Z || bytes[at + 1] !== QUOTE_MARK) return UNKNOWN
    this.draft.numbers[TS] = this.#minuteMs + (second * 1000 + millis)
    return at + 2
  }

  #hasEightDigits(at: number): boolean {
    const view = this.view
    return (
      leadingDigits(view.getInt32(at, true)) === 4 &&
      leadingDigits(view.getInt32(at + 4, true)) === 4
    )
  }

  #isSameMinute(at: number): boolean {
    const minute = this.#minute
    const view = this.view
    return (
      view.getInt32(at, true) === minute[0] &&
      view.getInt32(at + 4, true) === minute[1] &&
      view.getInt32(at + 8, true) === minute[2] &&
      view.getInt32(at + 12, true) === minute[3] &&
      view.getUint8(at + 16) === COLON
    )
  }

  #readMinute(bytes: Uint8Array, at: number): boolean {
    const minute = this.#minute
    minute.fill(0)
    const century = two(bytes, at)
    const year = two(bytes, at + 2)
    const month = two(bytes, at + 5)
    const dayOfMonth = two(bytes, at + 8)
    const hour = two(bytes, at + 11)
    const minutes = two(bytes, at + 14)
    if (!(century >= 0 && year >= 0 && month >= 0 && dayOfMonth >= 0)) return false
    if (!(hour >= 0 && hour < 24 && minutes >= 0 && minutes < 60)) return false
    if (bytes[at + 4] !== MINUS || bytes[at + 7] !== MINUS || bytes[at + 10] !== UPPER_T)
      return false
    if (bytes[at + 13] !== COLON || bytes[at + 16] !== COLON) return false
    const day = ((century * 100 + year) * 100 + month) * 100 + dayOfMonth
    if (day !== this.#day) {
      const midnight = dayMs(century * 100 + year, month, dayOfMonth)
      if (midnight === undefined) return false
      this.#day = day
      this.#midnight = midnight
    }
    this.#minuteMs = this.#midnight + hour * 3_600_000 + minutes * 60_000
    for (let i = 0; i < 4; i++) minute[i] = this.view.getInt32(at + i * 4, true)
    return true
  }
}

/** Two digits as a number; negative where they are none. */
function two(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - ZERO
  const ones = bytes[at + 1]! - ZERO
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Behind an array of strings. */
export function skipArray(bytes: Uint8Array, from: number): number {
  if (bytes[from + 1] === CLOSE_ARRAY) return from + 2
  for (let at = from + 1; ;) {
    at = skipString(bytes, at)
    if (at < 0) return UNKNOWN
    const next = bytes[at++]
    if (next === COMMA) continue
    return next === CLOSE_ARRAY ? at : UNKNOWN
  }
}

export function skipString(bytes: Uint8Array, from: number): number {
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
