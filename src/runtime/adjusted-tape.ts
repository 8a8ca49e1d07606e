// The bars of an archive as if the splits that came after them had been all along.
import { BadInput } from '../core/bad-input.ts'
import type { BarColumns } from '../core/columns.ts'
import type { Split } from '../core/jobs.ts'
import type { BarStore } from '../core/store.ts'
import type { Tape } from '../core/tape.ts'
import { splitAdjusted } from '../jobs/adjust.ts'

/**
 * A tape of the archive's raw bars, adjusted when they are read. Throws BadInput for a symbol whose splits nobody has
 * asked for: bars that look adjusted would not be.
 */
export async function adjustedTape(
  { jobs, name }: Pick<BarStore, 'jobs' | 'name'>,
  tape: Tape,
): Promise<Tape> {
  const asked = new Set((await jobs.splitsAsked('alpaca')).map(({ symbol }) => symbol))
  const symbols = [...new Set(tape.series.map(({ symbol }) => symbol))]
  const unknown = symbols.find((symbol) => !asked.has(symbol))
  if (unknown !== undefined) {
    const allowed = 'a symbol that "skein jobs work" keeps, which asks for them once a day'
    throw new BadInput({ file: name }, 'has not asked for the splits of', unknown, allowed)
  }
  const splits = Map.groupBy(await jobs.splits(symbols), ({ symbol }) => symbol)
  const series = tape.series.map((one): Tape['series'][number] =>
    one.kind === 'bars'
      ? { ...one, pages: () => adjusted(one.pages(), splits.get(one.symbol) ?? []) }
      : one,
  )
  const notes = [...(tape.notes ?? []), 'Prices and volumes are adjusted for the splits known now.']
  return { ...tape, series, notes }
}

async function* adjusted(
  pages: AsyncIterable<BarColumns>,
  splits: readonly Split[],
): AsyncIterable<BarColumns> {
  for await (const page of pages) yield splitAdjusted(page, splits)
}
