/*
 * Chunk text: bars of one series as text in JSON that any program with SQLite can read back (the view `intraday_bars`
 * does), in 60 to 70 % of the bytes that rows take, and written and read several times as fast.
 *
 *   [[start, open, high, low, close, volume, trades], ...]      whole numbers, one list for each bar
 *
 * The start is counted from that of the chunk; high, low and close from the open. Prices and volumes are in units of
 * their own, 1/1 to 1/10^8, the biggest that all of the chunk are whole in: n / unit is the number that was stored, to the
 * last bit. Bars for which there is no such unit, or which were filled, are no chunk.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../core/assert.ts'
import type { BarColumns } from '../core/columns.ts'

/** Bars of a chunk: as few as keep reading one bar cheap, as many as make what all share cost nothing. */
export const CHUNK_BARS = 1_024
/** Shorter series are rows. */
export const CHUNK_BARS_MIN = 32

/** So many units are 1. */
export interface Units {
  readonly price: number
  readonly volume: number
}

export interface Chunk extends Units {
  readonly first: number
  readonly last: number
  readonly bars: number
  readonly text: Uint8Array
  /** CRC-32 of the text: a disk that gives back other bytes than it was given does not say so. */
  readonly sum: number
}

const UNIT_MAX = 10 ** 8
/** Below it, a value times its unit is off by less than an eighth, so rounding finds the number that it was. */
const WHOLE_MAX = 2 ** 49
/** Seven numbers of up to 17 digits with a sign, commas and brackets. */
const BAR_BYTES_MAX = 7 * 19 + 2

const [COMMA, MINUS, ZERO, OPEN, CLOSE] = [44, 45, 48, 91, 93] as const
const BILLION = 1_000_000_000

/** Units for all of these bars; undefined where they are rows. */
export const unitsOf = (bars: BarColumns): Units | undefined => unitsWithin(bars, 0, bars.length)

/** Whether there are units for one of them. */
export const hasUnits = (bars: BarColumns, i: number): boolean =>
  unitsWithin(bars, i, i + 1) !== undefined

function unitsWithin(
  { open, high, low, close, volume, filled }: BarColumns,
  from: number,
  to: number,
): Units | undefined {
  for (let i = from; i < to; i++) if (filled[i] !== 0) return undefined
  const price = unitFor([open, high, low, close], from, to)
  const ofVolume = unitFor([volume], from, to)
  return price === undefined || ofVolume === undefined ? undefined : { price, volume: ofVolume }
}

/** Mostly the first bar says it: one that is found later has to do for all before it too. */
function unitFor(columns: readonly Float64Array[], from: number, to: number): number | undefined {
  let unit = finest(columns, from, Math.min(from + 1, to), 1)
  for (;;) {
    const found = unit === undefined ? undefined : finest(columns, from, to, unit)
    if (found === unit) return unit
    unit = found
  }
}

/** A unit from `coarsest` on that each value has which comes after the one that asked for it. */
function finest(
  columns: readonly Float64Array[],
  from: number,
  to: number,
  coarsest: number,
): number | undefined {
  let unit = coarsest
  for (const column of columns) {
    for (let i = from; i < to; i++) {
      const value = column[i]!
      for (;;) {
        const whole = Math.round(value * unit)
        if (whole > WHOLE_MAX || whole < -WHOLE_MAX) return undefined
        if (whole / unit === value) break
        unit *= 10
        if (unit > UNIT_MAX) return undefined
      }
    }
  }
  return unit
}

/** Writes one chunk after the other to the same memory: the text is good until the next. */
export class ChunkWriter {
  readonly #bytes = new Uint8Array(CHUNK_BARS * BAR_BYTES_MAX + 2)

  write(bars: BarColumns, units: Units, from: number, to: number): Chunk {
    assert(to > from && to - from <= CHUNK_BARS, () => `a chunk has bars, and not ${to - from}`)
    const { start, open, high, low, close, volume, trades } = bars
    const bytes = this.#bytes
    let at = 0
    for (let i = from; i < to; i++) {
      const first = Math.round(open[i]! * units.price)
      bytes[at++] = i === from ? OPEN : COMMA
      bytes[at++] = OPEN
      at = writeWhole(bytes, at, start[i]! - start[from]!)
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, first)
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, Math.round(high[i]! * units.price) - first)
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, Math.round(low[i]! * units.price) - first)
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, Math.round(close[i]! * units.price) - first)
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, Math.round(volume[i]! * units.volume))
      bytes[at++] = COMMA
      at = writeWhole(bytes, at, trades[i]!)
      bytes[at++] = CLOSE
    }
    bytes[at++] = CLOSE
    const ends = { first: start[from]!, last: start[to - 1]!, bars: to - from }
    const text = bytes.subarray(0, at)
    return { ...units, ...ends, text, sum: crc32(text) }
  }
}

/** A chunk whose text is not the one that was written. SQLite's code for it: the file is damaged. */
export class DamagedChunk extends Error {
  readonly errcode = 11
}

/** Reads a chunk into columns from `at` on. Throws DamagedChunk. */
export function readChunk(chunk: Chunk, into: BarColumns, at: number): void {
  const { text, first, bars } = chunk
  if (crc32(text) !== chunk.sum) {
    const span = `from ${first} to ${chunk.last}`
    throw new DamagedChunk(`a chunk of ${bars} bars ${span} has another checksum than it was given`)
  }
  const cursor = { text, at: 0 }
  const { start, open, high, low, close, volume, trades } = into
  for (let i = at; i < at + bars; i++) {
    start[i] = first + readWhole(cursor)
    const price = readWhole(cursor)
    open[i] = price / chunk.price
    high[i] = (price + readWhole(cursor)) / chunk.price
    low[i] = (price + readWhole(cursor)) / chunk.price
    close[i] = (price + readWhole(cursor)) / chunk.price
    volume[i] = readWhole(cursor) / chunk.volume
    trades[i] = readWhole(cursor)
  }
  into.filled.fill(0, at, at + bars)
}

/** Gives where the next byte goes. */
function writeWhole(bytes: Uint8Array, first: number, value: number): number {
  let at = first
  let left = value
  if (left < 0) {
    bytes[at++] = MINUS
    left = -left
  }
  if (left < BILLION) return writeSmall(bytes, at, left, digitsOf(left))
  const high = Math.floor(left / BILLION)
  at = writeSmall(bytes, at, high, digitsOf(high))
  return writeSmall(bytes, at, left - high * BILLION, 9)
}

/** A number below a billion, in so many digits. */
function writeSmall(bytes: Uint8Array, at: number, value: number, digits: number): number {
  let left = value | 0
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = (left / 10) | 0
    bytes[i] = ZERO + left - rest * 10
    left = rest
  }
  return at + digits
}

function digitsOf(value: number): number {
  if (value < 10) return 1
  if (value < 100) return 2
  if (value < 1_000) return 3
  if (value < 10_000) return 4
  if (value < 100_000) return 5
  if (value < 1_000_000) return 6
  if (value < 10_000_000) return 7
  return value < 100_000_000 ? 8 : 9
}

/** The next number, past what is before it; the cursor stays behind its last digit. */
function readWhole(cursor: { readonly text: Uint8Array; at: number }): number {
  const { text } = cursor
  let { at } = cursor
  while (at < text.length && text[at]! !== MINUS && (text[at]! - ZERO) >>> 0 > 9) at++
  const isNegative = text[at] === MINUS
  if (isNegative) at++
  let value = 0
  for (let digit; (digit = text[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit
  cursor.at = at
  return isNegative ? -value : value
}
