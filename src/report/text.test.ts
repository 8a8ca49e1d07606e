import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { example, exampleManifest } from './example.ts'
import { clean, duration, placesOf, signed, wrap } from './format.ts'
import { type Output, printReport, reportText, sparkline } from './text.ts'

const linesOf = (text: string) => text.trimEnd().split('\n')

function written(stream: Partial<Output>, environment: Record<string, string> = {}): string {
  let text = ''
  const write = (part: string) => (text += part)
  printReport(example().report, { ...stream, write }, environment)
  return text
}

test('tells the run in aligned lines', () => {
  const lines = linesOf(reportText(example().report))

  assert.equal(lines[0], 'backtest  sma-cross on 2 symbols')
  assert.match(lines[1]!, /^2026-03-23 13:30 to 2026-03-25 13:39 UTC, 3 days$/)
  const line = (start: string) => lines.find((each) => each.startsWith(start))!
  assert.match(line('net profit'), /^net profit +\+66\.00 USD {4}round trips +2 \(1 won, 1 lost\)$/)
  assert.match(line('  lasted'), /Sharpe ratio +[-\d.]+ \(few days\)$/)
  assert.match(line('AAPL'), /^AAPL +1 +100\.00% +– +\+98\.00 +2\.00 +– +10m$/)
  assert.equal(line('AAPL').length, line('SPY').length)
  assert.ok(lines.includes('  max-positions  1'))
})

test('fits the width of the terminal', () => {
  const long =
    'a-strategy-with-a-name-that-has-no-end-in-sight-and-goes-on-for-ever-and-ever-and-ever'
  const strategies = [{ ...exampleManifest.strategies[0]!, name: long }]
  const { report } = example([long, 'SPY'], { ...exampleManifest, strategies })

  for (const columns of [40, 60, 80, 100, 250]) {
    const width = Math.max(60, Math.min(100, columns))
    for (const line of linesOf(reportText(report, { columns, colours: 'on' }))) {
      assert.ok(stripVTControlCharacters(line).length <= width, line)
    }
  }
})

test('has colours in a terminal only, and not where NO_COLOR is set', () => {
  const escape = '\u001b['

  assert.ok(written({ isTTY: true, columns: 90 }).includes(escape))
  assert.ok(!written({ isTTY: true }, { NO_COLOR: '1' }).includes(escape))
  assert.ok(!written({ isTTY: true }, { TERM: 'dumb' }).includes(escape))
  assert.ok(!written({}).includes(escape))
})

test('says that there are too few days for a Sharpe ratio', () => {
  const { report } = example()
  const daily = { ...report.summary.daily, days: 1, sharpe: null, sortino: null }
  const text = reportText({ ...report, summary: { ...report.summary, daily } })

  assert.match(text, /Sharpe ratio +– \(too few days\)/)
})

test('keeps the best and the worst of a long table', () => {
  const { report } = example()
  const symbols = Array.from({ length: 31 }, (_, i) => ({
    ...report.symbols[0]!,
    name: `S${i}`,
    net: i,
  }))
  const lines = linesOf(reportText({ ...report, symbols }, { rows: 4 }))

  const names = lines.filter((line) => /^S\d/.test(line)).map((line) => line.split(' ')[0])
  assert.deepEqual(names, ['S30', 'S29', 'S1', 'S0'])
  assert.ok(lines.some((line) => line.includes('27 more, net +')))
})

test('lets no name steer the terminal', () => {
  const text = reportText(example(['\u001b[2J\u001b]0;owned\u0007EVIL', 'S\nPY']).report)

  assert.ok(!text.includes('\u001b') && !text.includes('\u0007'))
  assert.match(text, /^S PY /m)
})

test('draws a run without data', () => {
  const { report } = example()
  const empty = { at: [], equity: [] }

  assert.doesNotThrow(() => reportText({ ...report, curve: empty, symbols: [], strategies: [] }))
  assert.equal(sparkline([], 10), '')
  assert.equal(sparkline([1, 1], 10), '▄▄')
  assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 4), '▁▃▆█')
})

test('shows cents of a currency, and of a coin what its account can tell apart', () => {
  assert.equal(placesOf('USD', 10), 2)
  assert.equal(placesOf('USDT', 0.5), 2)
  assert.equal(placesOf('BTC', 10), 6)
  assert.equal(placesOf('BTC', 0.2), 7)
  assert.equal(placesOf('XRP', 200_000), 2)
  const { report } = example()
  const manifest = { ...report.manifest, currency: 'BTC' }
  const summary = { ...report.summary, equityStart: 10 }
  const total = { ...report.total, net: -0.000_4, fees: 0.000_05 }
  const text = reportText({ ...report, manifest, summary, total })

  assert.match(text, /net profit +-0\.000400 BTC/)
  assert.match(text, /fees +0\.000050/)
})

test('formats durations, signs and lines', () => {
  assert.equal(duration(1_500), '1.5s')
  assert.equal(duration(3_661_000), '1h 1m')
  assert.equal(duration(90_000_000), '1d 1h')
  assert.equal(duration(12), '12ms')
  assert.equal(signed(-0.001), '0.00')
  assert.equal(signed(0), '0.00')
  assert.equal(clean('a\tb\u202Ec'), 'a b c')
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three'])
})
