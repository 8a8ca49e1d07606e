// skein coverage: what of the history is there, as a table and as a heat map, with every hole by its name.
import { Command, Option } from 'commander'
import { iso, MINUTE, type Timeframe, TIMEFRAMES } from '../core/time.ts'
import { alertOf, countsOf, type Fresh, freshness } from '../jobs/freshness.ts'
import { look, type Seen } from '../jobs/look.ts'
import { type ArchiveOptions, withArchiveOptions } from './archive-place.ts'
import { openDesk } from './desk.ts'
import { present } from './inputs.ts'
import { RunFailed } from './output.ts'
import { membersOf } from './settings.ts'
import { table } from './table.ts'
import { listOf } from './values.ts'

interface Options extends ArchiveOptions {
  readonly symbols?: readonly string[]
  readonly timeframe?: Timeframe
  readonly check?: true
  readonly freshness?: true
  readonly json?: true
}

const CELLS = 40
/** Holes of one series that are named; the rest is counted. */
const NAMED_MAX = 5
const SHADES = [' ', '░', '▒', '▓', '█'] as const

export function coverageCommand(): Command {
  return withArchiveOptions(new Command('coverage'))
    .description('What of the history is there: a table, a heat map, and the holes.')
    .option('--symbols <list>', 'only these', listOf)
    .addOption(new Option('--timeframe <timeframe>', 'only this one').choices(TIMEFRAMES))
    .option('--freshness', 'only whether the last bars are there that should be by now')
    .option('--check', 'exit code 1 where a series is stale or has an open hole')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  skein coverage --symbols SPY,QQQ --timeframe 1h')
    .action(showCoverage)
}

async function showCoverage(options: Options): Promise<void> {
  const desk = await openDesk(options)
  try {
    const filter = present({
      symbols: options.symbols && membersOf(desk.config, options.symbols),
      timeframe: options.timeframe,
    })
    const now = await desk.now()
    const isFull = options.freshness !== true
    const seen = isFull ? await look(desk.store, filter, { now, cells: CELLS }) : []
    const kept = isFull && options.check !== true ? [] : await freshness(desk.store, filter, now)
    if (!isFull) tellFreshness(kept, now, options)
    else process.stdout.write(options.json === true ? `${JSON.stringify(seen)}\n` : told(seen))
    if (options.check === true) checkAll({ seen, kept, symbols: filter.symbols ?? [] })
  } finally {
    await desk.close()
  }
}

interface Checked {
  readonly seen: readonly Seen[]
  readonly kept: readonly Fresh[]
  /** That were named. */
  readonly symbols: readonly string[]
}

/** What nobody keeps and nothing is there of passes no check: it is another archive, or a name that is mistyped. */
function checkAll({ seen, kept, symbols }: Checked): void {
  const known = new Set([...seen, ...kept].map(({ symbol }) => symbol))
  const unknown = symbols.filter((symbol) => !known.has(symbol))
  if (unknown.length > 0 || known.size === 0)
    throw new RunFailed(`nothing is kept${unknown.length > 0 ? ` of ${unknown.join(', ')}` : ''}`)
  const wrong = seen.filter(
    ({ freshness, holes }) =>
      freshness !== 'fresh' || holes.some(({ status }) => status === 'open'),
  )
  if (wrong.length > 0)
    throw new RunFailed(`${wrong.length} of ${seen.length} series are stale or have open holes`)
  const alert = alertOf(kept)
  if (alert !== undefined) throw new RunFailed(alert)
}

function tellFreshness(all: readonly Fresh[], now: number, { json }: Options): void {
  const counts = countsOf(all)
  const head = ['symbol', 'timeframe', 'is', 'last bar', 'due', 'late', 'limit']
  const rows = all.map(({ symbol, timeframe, adjustment, state, last, due, lateMs, limitMs }) => [
    symbol,
    adjustment === 'raw' ? timeframe : `${timeframe} ${adjustment}`,
    state,
    last === undefined ? '' : minuteOf(last),
    due === undefined ? '' : minuteOf(due),
    lateMs === 0 ? '' : `${Math.round(lateMs / MINUTE)} min`,
    `${limitMs / MINUTE} min`,
  ])
  const sums = Object.entries(counts).map(([state, count]) => `${count} ${state}`)
  const text = all.length === 0 ? 'nothing is kept\n' : `${table(head, rows)}\n`
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ at: now, counts, series: all })}\n`
      : `${text}${sums.join(', ')} at ${minuteOf(now)}\n`,
  )
}

const minuteOf = (at: number): string => `${iso(at).slice(0, 16)}Z`

function told(seen: readonly Seen[]): string {
  if (seen.length === 0) return 'nothing is covered\n'
  const head = ['symbol', 'timeframe', 'from', 'to', 'bars', 'expected', 'missing', 'is', 'heat']
  const rows = seen.map((one) => [
    one.symbol,
    one.adjustment === 'raw' ? one.timeframe : `${one.timeframe} ${one.adjustment}`,
    iso(one.from).slice(0, 10),
    iso(one.to).slice(0, 10),
    String(one.bars),
    String(one.expected),
    String(one.missing),
    one.freshness,
    `|${one.heat.map(shadeOf).join('')}|`,
  ])
  const holes = seen.flatMap(({ symbol, timeframe, holes }) => [
    ...holes
      .slice(0, NAMED_MAX)
      .map(
        ({ from, to, bars, status }) =>
          `${symbol} ${timeframe}: ${bars} bars from ${iso(from)} to ${iso(to)}, ${status}`,
      ),
    ...(holes.length > NAMED_MAX
      ? [`${symbol} ${timeframe}: ${holes.length - NAMED_MAX} more`]
      : []),
  ])
  const notes = seen.flatMap(({ symbol, timeframe, heard, revised }) => [
    ...(heard === 0
      ? []
      : [`${symbol} ${timeframe}: ${heard} bars are a run's own, not history's`]),
    ...(revised === 0 ? [] : [`${symbol} ${timeframe}: ${revised} bars gave way to other values`]),
  ])
  return `${table(head, rows)}${namedList('holes', holes)}${namedList('notes', notes)}`
}

const namedList = (name: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `\n${name}:\n  ${lines.join('\n  ')}\n`

/** Full only where nothing is missing. */
const shadeOf = (part: number): string =>
  part === 1 ? SHADES[4] : SHADES[Math.min(3, Math.floor(part * 4))]!
