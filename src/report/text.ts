// Text: the report for a terminal, at most 100 columns wide.
import { styleText } from 'node:util'
import type { EquityPoints } from './equity.ts'
import {
  type Amounts,
  amountsOf,
  clean,
  count,
  duration,
  fit,
  integer,
  NONE,
  percent,
  placesOf,
  ratio,
  time,
  widthOf,
  wrap,
} from './format.ts'
import { DAYS_FOR_RATIOS, type Report } from './report.ts'
import type { NamedResults } from './statistics.ts'
import type { Results } from './tally.ts'

export interface TextOptions {
  /** Columns of the terminal; the report uses 60 to 100 of them. */
  readonly columns?: number
  readonly colours?: 'on' | 'off'
  /** Most rows per table; the best and the worst are kept, the rest is summed up in one row. */
  readonly rows?: number
}

type Style = Parameters<typeof styleText>[0]
type Paint = (style: Style, text: string) => string

/** A stream that may be a terminal. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** Writes the report; in colour where the stream is a terminal that has them and NO_COLOR is not set (no-color.org). */
export function printReport(
  report: Report,
  stream: Output,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const hasColours = stream.isTTY === true && environment['TERM'] !== 'dumb'
  const colours = hasColours && !environment['NO_COLOR'] ? 'on' : 'off'
  stream.write(reportText(report, { colours, columns: stream.columns ?? 100 }))
}

/** The report as text that ends with a line break. */
export function reportText(report: Report, options: TextOptions = {}): string {
  const width = Math.max(60, Math.min(100, options.columns ?? 100))
  const paint: Paint =
    options.colours === 'on'
      ? (style, text) => styleText(style, text, { validateStream: false })
      : (_style, text) => text
  const rows = options.rows ?? 12
  const { manifest, summary } = report
  const page = { width, paint, ...amountsOf(placesOf(manifest.currency, summary.equityStart)) }
  const parts = [
    heading(report, page),
    equityLine(report.curve, page),
    figures(report, page),
    results('strategy', report.strategies, { ...page, rows }),
    results('symbol', report.symbols, { ...page, rows }),
    quotes(report, page),
    denials(report, paint),
    warnings(report.warnings, page),
    origin(report, page),
  ]
  return (
    parts
      .filter((part) => part.length > 0)
      .map((part) => part.join('\n'))
      .join('\n\n') + '\n'
  )
}

interface Page extends Amounts {
  readonly width: number
  readonly paint: Paint
}

function heading({ manifest, summary }: Report, { width, paint }: Page): string[] {
  const names = manifest.strategies.map(({ name }) => name).join(', ') || 'no strategy'
  const title = `${manifest.mode}  ${names} on ${count(manifest.universe.length, 'symbol')}`
  const period =
    summary.fromAt === null || summary.toAt === null
      ? 'no data'
      : `${time(summary.fromAt)} to ${time(summary.toAt)} UTC, ${count(summary.daily.days, 'day')}`
  return [paint('bold', fit(title, width)), paint('dim', fit(period, width))]
}

const BLOCKS = '▁▂▃▄▅▆▇█'

function equityLine(curve: EquityPoints, { width, paint, money }: Page): string[] {
  const first = curve.equity[0]
  const last = curve.equity.at(-1)
  if (first === undefined || last === undefined) return []
  const ends = [money(first), money(last)] as const
  const length = width - ends[0].length - ends[1].length - 9
  const colour = last >= first ? 'green' : 'red'
  return [`equity ${ends[0]} ${paint(colour, sparkline(curve.equity, length))} ${ends[1]}`]
}

/** The values as `length` blocks, each the mean of its share of them. */
export function sparkline(values: readonly number[], length: number): string {
  const cells = Math.min(length, values.length)
  const means: number[] = []
  for (let i = 0; i < cells; i++) {
    const from = Math.floor((i * values.length) / cells)
    const to = Math.floor(((i + 1) * values.length) / cells)
    const share = values.slice(from, to)
    means.push(share.reduce((sum, value) => sum + value, 0) / share.length)
  }
  const low = Math.min(...means)
  const range = Math.max(...means) - low
  const block = (mean: number) =>
    range === 0 ? BLOCKS[3] : BLOCKS[Math.min(7, Math.floor(((mean - low) / range) * 8))]
  return means.map(block).join('')
}

/** Labels and values, in two columns where there is room. */
function figures({ summary, total, orders, manifest }: Report, page: Page): string[] {
  const { width, paint, money, signed } = page
  const orNone = (value: number | null): string => (value === null ? NONE : signed(value))
  const { drawdown, daily, exposure } = summary
  const few = daily.days < 2 ? 'too few days' : daily.days < DAYS_FOR_RATIOS ? 'few days' : ''
  const note = (text: string, remark: string) => (remark === '' ? text : `${text} (${remark})`)
  const tone = (value: number, text: string) =>
    value > 0 ? paint('green', text) : value < 0 ? paint('red', text) : text
  const fall = drawdown === null ? 'none' : `-${percent(drawdown.fraction)}`
  const left: readonly Cell[] = [
    ['net profit', tone(total.net, `${signed(total.net)} ${manifest.currency}`)],
    ['open profit', tone(summary.openProfit, signed(summary.openProfit))],
    [
      'change of equity',
      tone(summary.change, `${signed(summary.change)}${changeOf(summary.changeFraction)}`),
    ],
    ['fees', money(total.fees)],
    ['max drawdown', drawdown === null ? fall : `${fall}, ${money(drawdown.amount)}`],
    ['  lasted', drawdown === null ? NONE : lasted(drawdown)],
    ['exposure, mean', `${percent(exposure.meanFraction)} of equity`],
    ['time in market', percent(exposure.timeInMarket)],
  ]
  const right: readonly Cell[] = [
    ['round trips', trips(total)],
    ['win rate', total.winRate === null ? NONE : percent(total.winRate)],
    ['profit factor', profitFactor(total)],
    ['expectancy', total.expectancy === null ? NONE : `${signed(total.expectancy)} a trip`],
    ['average win, loss', `${orNone(total.averageWin)}, ${orNone(total.averageLoss)}`],
    ['Sharpe ratio', daily.sharpe === null ? note(NONE, few) : note(ratio(daily.sharpe), few)],
    ['Sortino ratio', daily.sortino === null ? note(NONE, few) : note(ratio(daily.sortino), few)],
    ['orders', `${orders.placed} placed, ${orders.denied} denied`],
  ]
  if (width < 80) return [...left, ...right].map((cell) => entry(cell, width))
  const half = Math.floor((width - 4) / 2)
  return left.map((cell, i) => `${entry(cell, half)}    ${entry(right[i]!, half)}`.trimEnd())
}

type Cell = readonly [label: string, value: string]

const entry = ([label, value]: Cell, width: number): string =>
  `${label}${' '.repeat(Math.max(1, width - label.length - widthOf(value)))}${value}`

const changeOf = (fraction: number | null): string =>
  fraction === null ? '' : ` (${fraction > 0 ? '+' : ''}${percent(fraction)})`

const lasted = (drawdown: NonNullable<Report['summary']['drawdown']>): string =>
  `${duration(drawdown.durationMs)}${drawdown.recoveredAt === null ? ', not recovered' : ''}`

const trips = ({ trips, wins, losses, breakEven }: Results): string => {
  const even = breakEven === 0 ? '' : `, ${breakEven} even`
  return trips === 0 ? '0' : `${trips} (${wins} won, ${losses} lost${even})`
}

const profitFactor = (results: Results): string =>
  results.profitFactor !== null
    ? ratio(results.profitFactor)
    : results.wins > 0
      ? 'no losses'
      : NONE

const COLUMNS = ['trips', 'win rate', 'factor', 'net', 'fees', 'worst', 'held'] as const

const cellsOf = (row: Results, { money, signed }: Amounts): readonly string[] => [
  String(row.trips),
  row.winRate === null ? NONE : percent(row.winRate),
  row.profitFactor === null ? NONE : ratio(row.profitFactor),
  signed(row.net),
  money(row.fees),
  row.largestLoss === null ? NONE : signed(row.largestLoss),
  row.averageHeldMs === null ? NONE : duration(row.averageHeldMs),
]

const NAME_WIDTH_MIN = 8

/** A table by net profit; where rows are too many, the best and the worst. */
function results(
  noun: string,
  groups: readonly NamedResults[],
  page: Page & { readonly rows: number },
): string[] {
  const { width, paint, rows, signed } = page
  if (groups.length === 0) return []
  const ranked = groups.toSorted((a, b) => b.net - a.net)
  const best = ranked.length <= rows ? ranked : ranked.slice(0, Math.ceil(rows / 2))
  const worst = ranked.length <= rows ? [] : ranked.slice(-Math.floor(rows / 2))
  const shown = [...best, ...worst]
  const cells = shown.map((row) => cellsOf(row, page))
  const widths = COLUMNS.map((title, column) =>
    Math.max(title.length, ...cells.map((row) => row[column]!.length)),
  )
  // Columns that have no room go, from the last.
  let numbers = widths.reduce((sum, each) => sum + each + 2, 0)
  while (numbers > width - NAME_WIDTH_MIN) numbers -= widths.pop()! + 2
  const longest = Math.max(noun.length, ...shown.map(({ name }) => clean(name).length))
  const nameWidth = Math.max(NAME_WIDTH_MIN, Math.min(longest, width - numbers))
  const line = (name: string, row: readonly string[]) =>
    fit(name, nameWidth).padEnd(nameWidth) +
    widths.map((each, column) => `  ${row[column]!.padStart(each)}`).join('')
  const lines = [paint('dim', line(noun, COLUMNS))]
  for (const [i, row] of shown.entries()) {
    const text = line(row.name, cells[i]!)
    lines.push(row.net < 0 ? paint('red', text) : text)
    const left = ranked.length - shown.length
    if (i !== best.length - 1 || left === 0) continue
    const middle = ranked.slice(best.length, ranked.length - worst.length)
    const net = middle.reduce((sum, each) => sum + each.net, 0)
    lines.push(paint('dim', `${'…'.padEnd(nameWidth)}  ${left} more, net ${signed(net)}`))
  }
  return lines
}

function quotes({ quotes, manifest }: Report, { paint, money, signed }: Page): string[] {
  if (quotes === null) return []
  const { fills, traded, largestPosition } = quotes
  const row = (name: string, amount: number, bps: number): string =>
    `  ${name.padEnd(22)}${signed(amount).padStart(12)}${inBps(bps).padStart(10)} bps`
  return [
    paint('dim', `quotes, ${count(fills, 'fill')}, ${money(traded)} ${manifest.currency} traded`),
    row('edge at the fill', quotes.edge, quotes.edgeBps),
    row('lost a second later', -quotes.adverse, -quotes.adverseBps),
    row('fees', -quotes.fees, -quotes.feesBps),
    row('left', quotes.left, quotes.leftBps),
    `  ${'largest position'.padEnd(22)}${money(largestPosition).padStart(12)}`,
  ]
}

const { signed: inBps } = amountsOf(2)

function denials({ denied }: Report, paint: Paint): string[] {
  const codes = Object.entries(denied).toSorted(([, a], [, b]) => b - a)
  if (codes.length === 0) return []
  return [paint('dim', 'denied by risk'), ...codes.map(([code, times]) => `  ${code}  ${times}`)]
}

const WARNINGS_MAX = 12

function warnings(all: readonly string[], { width, paint }: Page): string[] {
  if (all.length === 0) return []
  const lines = [paint('yellow', 'Mind that')]
  for (const warning of all.slice(0, WARNINGS_MAX)) {
    const [first = '', ...rest] = wrap(clean(warning), width - 4)
    lines.push(`  - ${first}`, ...rest.map((line) => `    ${line}`))
  }
  if (all.length > WARNINGS_MAX) lines.push(`  - and ${all.length - WARNINGS_MAX} more`)
  return lines
}

function origin({ manifest }: Report, { width, paint }: Page): string[] {
  const { hashes, work, versions, data } = manifest
  const seconds = Math.max(work.elapsedMs, 1) / 1_000
  const pace = `${integer(work.inputs)} inputs in ${duration(work.elapsedMs)}`
  const lines = [
    `data   ${data.source}`,
    `run    ${manifest.command}`,
    `speed  ${pace}, ${integer(work.inputs / seconds)} a second`,
    `hashes state ${hashes.state ?? NONE}, intents ${hashes.intents ?? NONE}`,
    `by     skein ${versions.skein}, Node ${versions.node}`,
  ]
  return lines.map((line) => paint('dim', fit(line, width)))
}
