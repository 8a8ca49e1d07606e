// Told: when the bars of a query start, kept from its first page to its end, so that all of them need not be read back.
import type { BarColumns } from '../core/columns.ts'

export class Told {
  readonly #parts = new Map<string, Float64Array[]>()

  clear(): void {
    this.#parts.clear()
  }

  /** Adds what was stored of a page. Pages tell a symbol's bars in order of time, each once. */
  add(series: readonly { readonly symbol: string; readonly bars: BarColumns }[]): void {
    for (const { symbol, bars } of series) {
      const known = this.#parts.get(symbol)
      const part = bars.start.slice()
      if (known === undefined) this.#parts.set(symbol, [part])
      else known.push(part)
    }
  }

  /**
   * The starts of a symbol's bars, where there are so many of them, all later than the one before; undefined else. What was
   * told is stored, so where the store has as many, it has those and no others.
   */
  starts(symbol: string, count: number): Float64Array | undefined {
    const parts = this.#parts.get(symbol) ?? []
    if (parts.reduce((sum, { length }) => sum + length, 0) !== count) return undefined
    const starts = new Float64Array(count)
    let at = 0
    for (const part of parts) {
      if (at > 0 && !(part[0]! > starts[at - 1]!)) return undefined
      starts.set(part, at)
      at += part.length
    }
    return starts
  }
}
