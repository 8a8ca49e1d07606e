// Packed bars: the columns of some bars in one buffer, so that they change threads without being copied.
import type { BarColumns } from '../core/columns.ts'

/** Seven columns of doubles, then one of bytes, each `capacity` long; the first `length` bars are there. */
export interface PackedBars<Buffer extends ArrayBufferLike = ArrayBuffer> {
  readonly buffer: Buffer
  readonly capacity: number
  readonly length: number
}

const DOUBLES = 7

/** What so many bars take. */
export const bytesOf = (capacity: number): number => capacity * (DOUBLES * 8 + 1)

/** Zeroed columns in one buffer. */
export function emptyPacked(capacity: number): PackedBars {
  const buffer = new ArrayBuffer(bytesOf(capacity))
  return { buffer, capacity, length: capacity }
}

/** Copies the bars from `from` up to `to`: the caller keeps its columns, the buffer may be given away. */
export function packBars(bars: BarColumns, from: number, to: number): PackedBars {
  const packed = emptyPacked(to - from)
  const target = unpackBars(packed)
  target.start.set(bars.start.subarray(from, to))
  target.open.set(bars.open.subarray(from, to))
  target.high.set(bars.high.subarray(from, to))
  target.low.set(bars.low.subarray(from, to))
  target.close.set(bars.close.subarray(from, to))
  target.volume.set(bars.volume.subarray(from, to))
  target.trades.set(bars.trades.subarray(from, to))
  target.filled.set(bars.filled.subarray(from, to))
  return packed
}

/** The columns as views of the buffer. */
export function unpackBars({ buffer, capacity, length }: PackedBars<ArrayBufferLike>): BarColumns {
  const doubles = (column: number) => new Float64Array(buffer, column * capacity * 8, length)
  return {
    length,
    start: doubles(0),
    open: doubles(1),
    high: doubles(2),
    low: doubles(3),
    close: doubles(4),
    volume: doubles(5),
    trades: doubles(6),
    filled: new Uint8Array(buffer, DOUBLES * capacity * 8, length),
  }
}
