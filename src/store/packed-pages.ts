/*
 * Packed pages: all series of a page in one buffer that both threads see. It is not moved and not made anew for each page:
 * memory outside of the heap that comes and goes makes both threads look through their whole heaps again and again (with
 * pages of 10,000 bars a third of the main thread's time, and as much again beside it).
 */
import { type BarColumns, sliceBars } from '../core/columns.ts'
import { bytesOf, type PackedBars, unpackBars } from './packed-bars.ts'

export interface Series {
  readonly symbol: string
  readonly bars: BarColumns
}

/** The bars of one series after those of the other. */
export interface PackedPages {
  readonly all: PackedBars<SharedArrayBuffer>
  readonly series: readonly { readonly symbol: string; readonly length: number }[]
}

/** Buffers that wait for the next page: as many as workers of one process are usual. */
const KEPT_MAX = 4

export class PagePacker {
  readonly #kept: SharedArrayBuffer[] = []

  /** Copies: the caller keeps its columns. */
  pack(series: readonly Series[]): PackedPages {
    const length = series.reduce((sum, { bars }) => sum + bars.length, 0)
    const all = { buffer: this.#take(bytesOf(length)), capacity: length, length }
    const target = unpackBars(all)
    let at = 0
    for (const { bars } of series) {
      target.start.set(bars.start, at)
      target.open.set(bars.open, at)
      target.high.set(bars.high, at)
      target.low.set(bars.low, at)
      target.close.set(bars.close, at)
      target.volume.set(bars.volume, at)
      target.trades.set(bars.trades, at)
      target.filled.set(bars.filled, at)
      at += bars.length
    }
    return { all, series: series.map(({ symbol, bars }) => ({ symbol, length: bars.length })) }
  }

  /** The other thread has read it, and nobody else will. */
  giveBack({ all }: PackedPages): void {
    if (this.#kept.length < KEPT_MAX) this.#kept.push(all.buffer)
  }

  #take(bytes: number): SharedArrayBuffer {
    const kept = this.#kept.pop()
    // One that is too short is left: the longer one takes its place.
    return kept !== undefined && kept.byteLength >= bytes ? kept : new SharedArrayBuffer(bytes)
  }
}

/** The series as views of the buffer. */
export function unpackSeries({ all, series }: PackedPages): Series[] {
  const bars = unpackBars(all)
  let at = 0
  return series.map(({ symbol, length }) => {
    at += length
    return { symbol, bars: sliceBars(bars, at - length, at) }
  })
}
