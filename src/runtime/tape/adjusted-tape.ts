// The bars of an archive as if the splits that came after them had been all along.
import { BadInput } from '../../core/bad-input.ts'
import type { BarColumns } from '../../core/columns.ts'
import type { Span, Split } from '../../core/jobs.ts'
import type { BarStore } from '../../core/store.ts'
import type { Tape } from '../../core/tape.ts'
import { iso } from '../../core/time.ts'
import { splitAdjusted } from '../../jobs/adjust.ts'
import { assetClassOf } from '../../jobs/plan.ts'

/**
 * A tape of the archive's raw bars, adjusted when they are read. Throws BadInput, here or while a series is read, for bars
 * whose splits nobody has asked for: they would look adjusted, and not be. Coins have no splits.
 */
export async function adjustedTape(
  { jobs, name }: Pick<BarStore, 'jobs' | 'name'>,
  tape: Tape,
): Promise<Tape> {
  const asked = new Map((await jobs.splitsAsked('alpaca')).map((one) => [one.symbol, one]))
  const symbols = [...new Set(tape.series.map(({ symbol }) => symbol))]
  const stocks = symbols.filter((symbol) => assetClassOf(symbol) === 'stock')
  const unknown = stocks.find((symbol) => !asked.has(symbol))
  if (unknown !== undefined) {
    const allowed = 'a symbol that "skein jobs work" keeps, which asks for them once a day'
    throw new BadInput({ file: name }, 'has not asked for the splits of', unknown, allowed)
  }
  const splits = Map.groupBy(await jobs.splits(stocks), ({ symbol }) => symbol)
  const series = tape.series.map((one): Tape['series'][number] => {
    const span = asked.get(one.symbol)
    if (one.kind !== 'bars' || span === undefined) return one
    const known = { ...span, name, splits: splits.get(one.symbol) ?? [] }
    return { ...one, pages: () => adjusted(one.pages(), known) }
  })
  const notes = [...(tape.notes ?? []), 'Prices and volumes are adjusted for the splits known now.']
  return { ...tape, series, notes }
}

/** The splits of a symbol in the span that they were asked for. */
interface Known extends Span {
  /** Of the archive. */
  readonly name: string
  readonly symbol: string
  readonly splits: readonly Split[]
}

async function* adjusted(
  pages: AsyncIterable<BarColumns>,
  known: Known,
): AsyncIterable<BarColumns> {
  for await (const page of pages) {
    if (page.length > 0) checkSpan(page, known)
    yield splitAdjusted(page, known.splits)
  }
}

function checkSpan({ start, length }: BarColumns, { name, symbol, from, to }: Known): void {
  const [first, last] = [start[0]!, start[length - 1]!]
  if (first >= from && last < to) return
  const what = `has asked for the splits of ${symbol} from ${iso(from)} to ${iso(to)}, and has a bar of`
  const allowed =
    first < from
      ? `--from ${iso(from).slice(0, 10)}, or "skein backfill plan" with the earlier one`
      : '"skein jobs tick" first, which asks for the later ones'
  throw new BadInput({ file: name }, what, iso(first < from ? first : last), allowed)
}
