// The bars of an archive as a tape.
import { BadInput } from '../../core/bad-input.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { BarStore } from '../../core/store.ts'
import type { Tape } from '../../core/tape.ts'
import type { Timeframe } from '../../core/time.ts'
import type { Ms } from '../../core/brand.ts'
import { SIM } from './prepare.ts'

export interface ArchiveRange {
  readonly timeframe: Timeframe
  /** Without it, every symbol that has bars of the timeframe. */
  readonly symbols?: readonly string[]
  /** Starts from `from`, included, to `to`, excluded. */
  readonly from?: Ms
  readonly to?: Ms
}

/** Throws BadInput where a symbol has no bars of the timeframe. */
export async function archiveTape(
  archive: Pick<BarStore, 'bars' | 'symbolsOf'>,
  name: string,
  range: ArchiveRange,
): Promise<Tape> {
  const { timeframe, symbols: wanted, from, to } = range
  const known = await archive.symbolsOf(timeframe)
  for (const symbol of wanted ?? []) {
    if (known.includes(symbol)) continue
    const allowed = known.length === 0 ? 'import some first: skein data import' : known.join(', ')
    throw new BadInput({ file: name }, `has no ${timeframe} bars of`, symbol, allowed)
  }
  const symbols = wanted ?? known
  const bounds = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
  return {
    name,
    instruments: symbols.map((symbol) => equitySpec(symbol, SIM)),
    series: symbols.map((symbol) => ({
      kind: 'bars',
      symbol,
      timeframe,
      pages: () => archive.bars({ symbol, timeframe, ...bounds }),
    })),
  }
}
