/*
 * Html: the report as one file that needs nothing else, and no network: the chart library and the data are inside.
 *
 * Data reaches the page as JSON in a script element that is no script, and page.html builds itself from it with
 * textContent only, so a symbol's name is never markup. A content security policy refuses every load, so the file
 * stays silent even where that failed. The only link is the attribution that the chart library's licence asks for.
 */
import { readFileSync } from 'node:fs'
import type { Chart } from './chart-bars.ts'
import { placesOf } from './format.ts'
import type { Report } from './report.ts'

/** Most round trips in the page, the latest; the JSON report has them all. */
const PAGE_TRIPS_MAX = 3_000

/** A chart as the page holds it: whole ticks, each number relative to the one before, so that digits are few. */
interface PackedChart {
  readonly symbol: string
  readonly bucketMs: number
  readonly tickSize: number
  /** What all candles begin at a multiple of. */
  readonly stepMs: number
  /** Per candle: steps since the candle before (the first: since the epoch), then ticks: open from the
   * close before, close from open, high above both, low below both; then volume. */
  readonly candles: readonly number[]
}

/** The page as text, about 250 kB and 20 bytes per candle. */
export function reportHtml(report: Report, charts: readonly Chart[] = []): string {
  const list = report.trips.list.slice(-PAGE_TRIPS_MAX)
  const unlisted = report.trips.unlisted + report.trips.list.length - list.length
  const places = placesOf(report.manifest.currency, report.summary.equityStart)
  const data = { ...report, places, trips: { list, unlisted }, charts: charts.map(pack) }
  const names = report.manifest.strategies.map(({ name }) => name).join(', ')
  const slots: Readonly<Record<string, string>> = {
    title: escapeText(`${names} · ${report.manifest.mode} · Skein`),
    style: asset('page.css'),
    data: escapeJson(data),
    charts: chartLibrary(),
  }
  // One pass, so that braces in data stay data. Slots in style and script are comments there.
  const slot = /\/\* \{\{(\w+)\}\} \*\/|\{\{(\w+)\}\}/g
  return asset('page.html').replaceAll(slot, (whole, inComment?: string, plain?: string) => {
    const name = inComment ?? plain
    return (name === undefined ? undefined : slots[name]) ?? whole
  })
}

/** JSON that cannot end its script element, nor a line of a script. */
export const escapeJson = (value: unknown): string =>
  JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')

const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const asset = (name: string): string =>
  readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8')

/** The library's own build for one file; its package offers no name for it, so it is found by its neighbour. */
function chartLibrary(): string {
  const main = import.meta.resolve('lightweight-charts')
  const standalone = new URL('./lightweight-charts.standalone.production.js', main)
  return readFileSync(standalone, 'utf8').replaceAll('</script', '<\\/script')
}

function pack({ symbol, bucketMs, tickSize, ...columns }: Chart): PackedChart {
  const candles: number[] = []
  const ticks = (price: number) => Math.round(price / tickSize)
  const stepMs = columns.start.reduce(divisorOf, 0)
  let latestStart = 0
  let latestClose = 0
  for (let i = 0; i < columns.start.length; i++) {
    const start = columns.start[i]! / stepMs
    const open = ticks(columns.open[i]!)
    const close = ticks(columns.close[i]!)
    const above = ticks(columns.high[i]!) - Math.max(open, close)
    const below = Math.min(open, close) - ticks(columns.low[i]!)
    const volume = Math.round(columns.volume[i]! * 100) / 100
    candles.push(start - latestStart, open - latestClose, close - open, above, below, volume)
    latestStart = start
    latestClose = close
  }
  return { symbol, bucketMs, tickSize, stepMs, candles }
}

/** The greatest one that both have. */
const divisorOf = (a: number, b: number): number => (b === 0 ? a : divisorOf(b, a % b))
