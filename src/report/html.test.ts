import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { example } from './example.ts'
import { escapeJson, reportHtml } from './html.ts'
import type { Report } from './report.ts'

const HOSTILE = '</script><img src=x onerror=alert(1)>'
const SEPARATORS = 'S\u2028P\u2029Y'

const scriptsOf = (html: string) =>
  [...html.matchAll(/<script([^>]*)>([^]*?)<\/script>/g)].map(([, attributes = '', text = '']) => ({
    attributes,
    text,
  }))

function dataOf(
  html: string,
): Report & { readonly places: number; readonly charts: readonly { readonly symbol: string }[] } {
  const [script] = scriptsOf(html)
  assert.equal(script?.attributes, ' type="application/json" id="report"')
  return JSON.parse(script.text)
}

test('loads nothing: no address but the attribution and comments of the library', () => {
  const { report, charts } = example()
  const html = reportHtml(report, charts)

  assert.doesNotMatch(html, /<(link|img|iframe|object|embed|base|form)\b/i)
  assert.doesNotMatch(html, /<script[^>]+src=/i)
  const loads = /@import|\burl\((?!#)|\bfetch\(|XMLHttpRequest|WebSocket|import\(/.exec(html)
  assert.equal(loads?.[0], undefined)
  assert.match(html, /http-equiv="Content-Security-Policy"\s+content="default-src 'none';/)
  const hosts = new Set([...html.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host))
  // A licence, the attribution, and the name of SVG, which is never loaded.
  assert.deepEqual(hosts, new Set(['www.apache.org', 'www.w3.org', 'www.tradingview.com']))
})

test('shows the attribution that the licence of the charts asks for', () => {
  const html = reportHtml(example().report)

  assert.match(html, /Copyright \(c\) 2026 TradingView, Inc\./)
  assert.match(html, /href: 'https:\/\/www\.tradingview\.com\/'/)
  assert.doesNotMatch(html, /attributionLogo: *false/)
})

test('embeds the report as it is', () => {
  const { report, charts } = example()
  const { charts: _charts, places: _places, ...embedded } = dataOf(reportHtml(report, charts))

  assert.deepEqual(embedded, report)
})

test('keeps hostile names as data', () => {
  const { report, charts } = example([HOSTILE, SEPARATORS])
  const strategies = report.manifest.strategies.map((each) => ({ ...each, name: HOSTILE }))
  const html = reportHtml({ ...report, manifest: { ...report.manifest, strategies } }, charts)

  assert.equal(html.match(/<\/script/g)?.length, 3)
  assert.ok(!html.includes('<img'))
  assert.ok(!html.includes('\u2028') && !html.includes('\u2029'))
  assert.deepEqual(
    dataOf(html).charts.map(({ symbol }) => symbol),
    [HOSTILE, SEPARATORS],
  )
})

test('writes no markup from data', () => {
  const page = scriptsOf(reportHtml(example().report)).at(-1)!.text

  assert.doesNotMatch(page, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b/)
})

test('has scripts that a browser can read', () => {
  for (const { text } of scriptsOf(reportHtml(example().report)).slice(1)) {
    assert.doesNotThrow(() => new vm.Script(text))
  }
})

test('keeps each candle in a few digits', () => {
  const { report, charts } = example()
  const packed = dataOf(reportHtml(report, charts)).charts[0]

  // 50.00 to 50.00, 5 cents above, 10 below; then the next minute opens where the last closed.
  assert.deepEqual(
    (packed as unknown as { candles: number[] }).candles.slice(1, 12),
    [5000, 0, 5, 10, 100, 1, 0, 1, 5, 10, 100],
  )
})

test('keeps the moments of candles, so that a trade is marked at its own', () => {
  const { report } = example()
  // Days of New York, across a change of its clock.
  const start = [Date.UTC(2026, 2, 5, 5), Date.UTC(2026, 2, 6, 5), Date.UTC(2026, 2, 9, 4)]
  const prices = [50, 50, 50]
  const columns = { start, open: prices, high: prices, low: prices, close: prices, volume: prices }
  const chart = { symbol: 'AAA', bucketMs: 86_400_000, tickSize: 0.01, ...columns }
  const [packed] = dataOf(reportHtml(report, [chart])).charts as unknown as readonly [
    { readonly stepMs: number; readonly candles: readonly number[] },
  ]

  let steps = 0
  const starts = [0, 6, 12].map((i) => (steps += packed.candles[i]!) * packed.stepMs)
  assert.deepEqual(starts, start)
})

test('lists the latest trips only, and says how many are left out', () => {
  const { report } = example()
  const list = Array.from({ length: 4_000 }, (_, i) => ({ ...report.trips.list[0]!, exitAt: i }))
  const { trips } = dataOf(reportHtml({ ...report, trips: { list, unlisted: 5 } }))

  assert.equal(trips.list.length, 3_000)
  assert.equal(trips.list.at(-1)!.exitAt, 3_999)
  assert.equal(trips.unlisted, 1_005)
})

test('takes braces in data for data', () => {
  const { report } = example(['{{style}}', '/* {{charts}} */'])

  const { symbols } = dataOf(reportHtml(report))
  assert.deepEqual(symbols.map(({ name }) => name).toSorted(), ['/* {{charts}} */', '{{style}}'])
})

test('escapes what could end a script element', () => {
  const value = { text: '<!-- </script> \u2028\u2029 "quoted"' }

  assert.doesNotMatch(escapeJson(value), /[<\u2028\u2029]/)
  assert.deepEqual(JSON.parse(escapeJson(value)), value)
})
