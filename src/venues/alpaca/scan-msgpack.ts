/*
 * Scan of a msgpack frame of trades, quotes and bars: from bytes to rows in one pass, without text and without
 * objects. The same promise as scan-json.ts: it gives up on anything unexpected, and where it does not, it has
 * written what the generic decoder would write.
 *
 * The frame is an array of maps; times are extension -1 (Timestamp) of 4 or 8 bytes; numbers come in any width.
 */
import { BAR, QUOTE, type Rows, type SymbolTable, TRADE, UPDATED } from './rows.ts'

const UNKNOWN = -1
const TWO_32 = 2 ** 32
const ID_HALF = 1e10
/** Above this high word, a 64-bit id is no exact double. */
const HIGH_EXACT = 2 ** 21
/** `__proto__` is refused by the generic decoder; no other key of that length is known. */
const PROTO_LENGTH = 9

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
const HAS_TRADE = (1 << P) | (1 << S)
const HAS_QUOTE = (1 << BP) | (1 << BS) | (1 << AP) | (1 << AS)
const HAS_BAR = (1 << O) | (1 << H) | (1 << L) | (1 << C) | (1 << V)

/** Keys of one and of two bytes → slot; a key of two is its second byte's row, `b` before `a`. */
const SLOTS = new Int8Array(256).fill(-1)
for (const [key, slot] of Object.entries({ p: P, s: S, o: O, h: H, l: L, c: C, v: V, n: N })) {
  SLOTS[key.charCodeAt(0)] = slot
}

export class MsgpackScanner {
  /** Doubles wait here and not in fields of their own, which would be an object for each. */
  readonly #numbers = new Float64Array(16)
  readonly #double = new Float64Array(1)
  readonly #doubleBytes = new Uint8Array(this.#double.buffer)
  readonly #single = new Float32Array(1)
  readonly #singleBytes = new Uint8Array(this.#single.buffer)
  #seen = 0
  #type = 0
  #symbolFrom = 0
  #symbolTo = 0

  /** False where the frame in `bytes[0, end)` needs the generic decoder; the rows are then as they were. */
  scan(bytes: Uint8Array, end: number, symbols: SymbolTable, rows: Rows): boolean {
    const { length, strangers } = rows
    const head = bytes[0]!
    const isShort = head >= 0x90 && head <= 0x9f
    const count = isShort ? head & 15 : head === 0xdc ? word(bytes, 1) : -1
    if (count >= 0 && rows.reserve(count)) {
      let at = isShort ? 1 : 3
      let done = 0
      for (; done < count; done++) {
        at = this.#message(bytes, at)
        if (at < 0 || at > end || !this.#write(bytes, symbols, rows)) break
      }
      if (done === count && at === end) return true
    }
    rows.length = length
    rows.strangers = strangers
    return false
  }

  #message(bytes: Uint8Array, from: number): number {
    const head = bytes[from]!
    if (!(head >= 0x80 && head <= 0x8f)) return UNKNOWN
    this.#seen = 0
    this.#type = 0
    this.#symbolTo = 0
    this.#numbers[TS] = NaN
    this.#numbers[ID_HIGH] = -1
    this.#numbers[ID_LOW] = -1
    let at = from + 1
    for (let left = head & 15; left > 0; left--) {
      at = this.#member(bytes, at)
      if (at < 0) return UNKNOWN
    }
    return at
  }

  #member(bytes: Uint8Array, from: number): number {
    const head = bytes[from]!
    const first = bytes[from + 1]!
    if (head === 0xa1) {
      const at = from + 2
      const slot = SLOTS[first]!
      if (slot >= 0) {
        if ((bytes[at]! & 0xf0) !== 0x90) return this.#readNumber(bytes, at, slot)
        this.#seen &= ~(1 << slot)
        return skip(bytes, at)
      }
      if (first === 116) return this.#readStamp(bytes, at)
      if (first === 83) return this.#readSymbol(bytes, at)
      if (first === 84) return this.#readType(bytes, at)
      if (first === 105) return this.#readId(bytes, at)
      return this.#skip(bytes, at)
    }
    if (head === 0xa2) {
      const second = bytes[from + 2]!
      const at = from + 3
      if (first === 98 || first === 97) {
        const base = first === 98 ? BP : AP
        if (second === 112) return this.#readNumber(bytes, at, base)
        if (second === 115) return this.#readNumber(bytes, at, base + 1)
      }
      return this.#skip(bytes, at)
    }
    if (!(head >= 0xa0 && head <= 0xbf) || head === 0xa0 + PROTO_LENGTH) return UNKNOWN
    return this.#skip(bytes, from + 1 + (head & 31))
  }

  /** Behind a value that nobody needs, `vw` for example. */
  #skip(bytes: Uint8Array, at: number): number {
    const head = bytes[at]!
    return head >= 0x90 && head <= 0xbf ? skip(bytes, at) : this.#number(bytes, at)
  }

  #readType(bytes: Uint8Array, at: number): number {
    if (bytes[at] !== 0xa1) return UNKNOWN
    this.#type = bytes[at + 1]!
    return at + 2
  }

  #readSymbol(bytes: Uint8Array, at: number): number {
    const head = bytes[at]!
    if (!(head >= 0xa0 && head <= 0xbf)) return UNKNOWN
    const to = at + 1 + (head & 31)
    if (!(to <= bytes.length)) return UNKNOWN
    this.#symbolFrom = at + 1
    this.#symbolTo = to
    return to
  }

  #readNumber(bytes: Uint8Array, at: number, slot: number): number {
    const next = this.#number(bytes, at)
    this.#numbers[slot] = this.#numbers[VALUE]!
    this.#seen |= 1 << slot
    return next
  }

  #number(bytes: Uint8Array, at: number): number {
    const head = bytes[at]!
    if (head === 0xcb) {
      const swap = this.#doubleBytes
      for (let i = 0; i < 8; i++) swap[7 - i] = bytes[at + 1 + i]!
      this.#numbers[VALUE] = this.#double[0]!
      return Number.isFinite(this.#numbers[VALUE]) ? at + 9 : UNKNOWN
    }
    if (head < 0x80) {
      this.#numbers[VALUE] = head
      return at + 1
    }
    if (head >= 0xe0) {
      this.#numbers[VALUE] = head - 256
      return at + 1
    }
    return this.#wideNumber(bytes, at, head)
  }

  #wideNumber(bytes: Uint8Array, at: number, head: number): number {
    switch (head) {
      case 0xcc:
        this.#numbers[VALUE] = bytes[at + 1]!
        return at + 2
      case 0xcd:
        this.#numbers[VALUE] = word(bytes, at + 1)
        return at + 3
      case 0xce:
        this.#numbers[VALUE] = long(bytes, at + 1)
        return at + 5
      case 0xcf:
        this.#numbers[VALUE] = long(bytes, at + 1) * TWO_32 + long(bytes, at + 5)
        return at + 9
      case 0xd0:
        this.#numbers[VALUE] = (bytes[at + 1]! << 24) >> 24
        return at + 2
      case 0xd1:
        this.#numbers[VALUE] = (word(bytes, at + 1) << 16) >> 16
        return at + 3
      case 0xd2:
        this.#numbers[VALUE] = long(bytes, at + 1) | 0
        return at + 5
      case 0xd3:
        this.#numbers[VALUE] = (long(bytes, at + 1) | 0) * TWO_32 + long(bytes, at + 5)
        return at + 9
      case 0xca: {
        const swap = this.#singleBytes
        for (let i = 0; i < 4; i++) swap[3 - i] = bytes[at + 1 + i]!
        this.#numbers[VALUE] = this.#single[0]!
        return Number.isFinite(this.#numbers[VALUE]) ? at + 5 : UNKNOWN
      }
      default:
        return UNKNOWN
    }
  }

  #readId(bytes: Uint8Array, at: number): number {
    const head = bytes[at]!
    const isInteger = head < 0x80 || (head >= 0xcc && head <= 0xcf)
    if (!isInteger) return UNKNOWN
    const next = this.#number(bytes, at)
    if (head === 0xcf && long(bytes, at + 1) >= HIGH_EXACT) {
      const id = (BigInt(long(bytes, at + 1)) << 32n) | BigInt(long(bytes, at + 5))
      this.#numbers[ID_HIGH] = Number(id / BigInt(ID_HALF))
      this.#numbers[ID_LOW] = Number(id % BigInt(ID_HALF))
      return next
    }
    this.#numbers[ID_HIGH] = Math.floor(this.#numbers[VALUE]! / ID_HALF)
    this.#numbers[ID_LOW] = this.#numbers[VALUE]! - this.#numbers[ID_HIGH] * ID_HALF
    return next
  }

  /** Timestamp 32 (`d6 ff`) or 64 (`d7 ff`); the 96-bit form is for times before 1970 and after 2514. */
  #readStamp(bytes: Uint8Array, at: number): number {
    if (bytes[at + 1] !== 0xff) return UNKNOWN
    if (bytes[at] === 0xd7) {
      const high = long(bytes, at + 2)
      const seconds = (high % 4) * TWO_32 + long(bytes, at + 6)
      this.#numbers[TS] = seconds * 1000 + Math.floor(Math.floor(high / 4) / 1e6)
      return at + 10
    }
    if (bytes[at] !== 0xd6) return UNKNOWN
    this.#numbers[TS] = long(bytes, at + 2) * 1000
    return at + 6
  }

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
      for (let i = 0; i < 4; i++) values[at + i] = numbers[BP + i]!
    } else {
      const at = rows.next(type === 98 ? BAR : UPDATED, id, ts)
      for (let i = 0; i < 5; i++) values[at + i] = numbers[O + i]!
      values[at + 5] = (seen & (1 << N)) === 0 ? 0 : numbers[N]!
    }
    return true
  }
}

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
