// Options that the commands of jobs share: which worker, and what is wished for.
import { type Command, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import { type Adjustment, ADJUSTMENTS } from '../core/jobs.ts'
import { iso, isTimeframe, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import { type ArchiveOptions, withArchiveOptions } from './archive-place.ts'
import { integerOf, listOf, timeOf } from './values.ts'

/** The largest page that the provider sends. */
const PAGE_ROWS_MAX = 10_000

export interface WishOptions extends ArchiveOptions {
  readonly symbols?: readonly string[]
  readonly timeframes: readonly Timeframe[]
  readonly from: Ms
  readonly to?: Ms
  readonly adjustment: Adjustment
  readonly batch: number
  readonly single?: true
  readonly derive?: true
  readonly json?: true
}

export interface WorkOptions extends ArchiveOptions {
  readonly worker?: string
  readonly workers?: number
  readonly pageRows?: number
}

export function withWishOptions(command: Command): Command {
  return withArchiveOptions(command)
    .option(
      '--symbols <list>',
      'which, such as SPY,BTC/USD, or all; the universe if not given',
      listOf,
    )
    .option(
      '--timeframes <list>',
      'timeframes of the bars',
      timeframesOf,
      timeframesOf('15m,1h,4h,1d'),
    )
    .requiredOption('--from <time>', 'first moment in UTC: 2026-03-23', timeOf)
    .option('--to <time>', 'end of the range in UTC, excluded; kept up to now if not given', timeOf)
    .addOption(
      new Option('--adjustment <mode>', 'how prices are adjusted')
        .choices(ADJUSTMENTS)
        .default('raw'),
    )
    .option('--batch <n>', 'symbols of a definition, at most 50', batchOf, 50)
    .option('--single', 'a definition for each symbol, as batch_version 1')
    .option('--derive', 'make 1h and 4h from finer bars that are fetched anyway')
    .option('--json', 'the result as JSON')
}

export function withWorkOptions(command: Command): Command {
  return command
    .option('--worker <name>', 'name of the worker, its own; host and process if not given')
    .option(
      '--workers <n>',
      'workers in this process: one parses while another stores',
      integerOf,
      1,
    )
    .option('--page-rows <n>', 'rows of a request; 10000, the most, if not given', pageRowsOf)
}

/** Bars of before 1970 are kept nowhere (jobs/validate.ts): each would be asked for, and be a hole for ever. */
export function checkRange({ from, to }: Pick<WishOptions, 'from' | 'to'>): void {
  const place = { file: 'command line', field: '--from' }
  if (from < 0) throw new BadInput(place, 'is before 1970', iso(from), 'a time from 1970 on')
  if (to === undefined || from < to) return
  throw new BadInput(place, 'is not before --to', iso(from), `a time before ${iso(to)}`)
}

function timeframesOf(text: string): readonly Timeframe[] {
  const names = listOf(text)
  const wrong = names.find((name) => !isTimeframe(name) || name === '1s')
  if (wrong === undefined) return TIMEFRAMES.filter((name) => names.includes(name))
  const allowed = TIMEFRAMES.filter((name) => name !== '1s').join(', ')
  throw new BadInput({ file: 'command line', field: '--timeframes' }, 'has', wrong, allowed)
}

function batchOf(text: string): number {
  const batch = integerOf(text)
  if (batch <= 50) return batch
  throw new BadInput({ file: 'command line', field: '--batch' }, 'is', batch, '1 to 50')
}

function pageRowsOf(text: string): number {
  const rows = integerOf(text)
  if (rows <= PAGE_ROWS_MAX) return rows
  const allowed = `1 to ${PAGE_ROWS_MAX}, the provider's limit`
  throw new BadInput({ file: 'command line', field: '--page-rows' }, 'is', rows, allowed)
}
