// Quote-tick: how much longer than one call to the venue 95 of 100 ticks of 50 symbols take, at the worst of its latencies;
// of Skein over the trade socket, which is for quoting, and of the bare client in parallel.
import type { Bench } from './bench.ts'
import { type Cell, cellsOf, measuredIn, overMs } from './quote-tick.ts'

/** Of the cells of 50 symbols; of all where there are none. */
function worst(cells: readonly Cell[]): number {
  const fifty = cells.filter(({ symbols }) => symbols === 50)
  return Math.max(
    ...(fifty.length > 0 ? fifty : cells)
      .filter(({ way }) => way === 'socket' || way === 'parallel')
      .map(overMs),
  )
}

export const bench: Bench = {
  name: 'quote-tick',
  unit: 'ms over one call, p95',
  goal: { atMost: 10 },
  isSlow: true,
  run: {
    skein: async (size) => {
      const cells = await cellsOf('skein', size)
      return measuredIn(cells, worst(cells))
    },
    reference: async (size) => {
      const cells = await cellsOf('reference', size)
      return measuredIn(cells, worst(cells))
    },
  },
}
