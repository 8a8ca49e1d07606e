// Quote-tick: how much longer than one answer of the venue 95 of 100 ticks of 50 symbols take, at the worst of its latencies;
// of Skein over the trade socket, which is for quoting, and of the bare client in parallel.
import type { Bench } from './bench.ts'
import { at, type Cell, cellsOf, measuredIn } from './quote-tick.ts'

/** Of the cells of 50 symbols; of all where there are none. */
function overMs(cells: readonly Cell[]): number {
  const fifty = cells.filter(({ symbols }) => symbols === 50)
  const overs = (fifty.length > 0 ? fifty : cells)
    .filter(({ way }) => way === 'socket' || way === 'parallel')
    .map(({ ticks, latencyMs }) => at(ticks, 0.95) - latencyMs)
  return Math.max(...overs)
}

export const bench: Bench = {
  name: 'quote-tick',
  unit: 'ms over one answer, p95',
  goal: { atMost: 10 },
  isSlow: true,
  run: {
    skein: async (size) => {
      const cells = await cellsOf('skein', size)
      return measuredIn(cells, overMs(cells))
    },
    reference: async (size) => {
      const cells = await cellsOf('reference', size)
      return measuredIn(cells, overMs(cells))
    },
  },
}
