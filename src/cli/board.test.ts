import assert from 'node:assert/strict'
import { test } from 'node:test'
import { venueId } from '../core/brand.ts'
import type { Turn } from '../core/command.ts'
import type { Input } from '../core/input.ts'
import { equitySpec } from '../core/instrument.ts'
import type { Notice } from '../core/notice.ts'
import { MINUTE, ms } from '../core/time.ts'
import { Universe } from '../core/universe.ts'
import { widthOf } from '../report/format.ts'
import { DEMO_SYMBOLS } from '../simulators/market.ts'
import { Board } from './board.ts'
import type { Moment } from './moment.ts'

const AT = Date.UTC(2026, 0, 7, 15)
const VENUE = venueId('alpaca')
const universe = new Universe(DEMO_SYMBOLS.map((symbol) => equitySpec(symbol, VENUE)))

const moment: Moment = {
  at: AT,
  speed: 30,
  elapsedMs: 69_000,
  equity: 99_990,
  equityStart: 100_000,
  held: [],
  orders: 48,
  live: 12,
  inbox: 0,
  slowestMs: 3,
  reports: 7,
  open: 0,
  requests: 214,
  saved: 99,
  gaps: 0,
  gapBars: 0,
}

const turn = (inputs: readonly Input[], notices: readonly Notice[] = []): Turn => ({
  n: 1,
  at: ms(AT),
  inputs,
  notices,
  batches: [],
})

function barOf(symbol: string, close: number, source: 'venue' | 'warmup' = 'venue'): Input {
  const { id } = universe.find(symbol)!
  const prices = { open: close, high: close, low: close, close }
  const bar = { symbol: id, timeframe: '1m', start: ms(AT - MINUTE), ...prices } as const
  return { type: 'bar', at: ms(AT), source, bar: { ...bar, volume: 1, trades: 1 } }
}

const stream = (type: 'venue.up' | 'venue.down', why?: string): Input => ({
  type,
  at: ms(AT),
  venue: VENUE,
  stream: 'feed',
  ...(why === undefined ? {} : { why }),
})

const board = (onLine?: (line: string) => void): Board =>
  new Board({
    title: 'paper run',
    universe,
    isColoured: false,
    ...(onLine === undefined ? {} : { onLine }),
  })

for (const [columns, rows] of [
  [40, 10],
  [79, 24],
  [119, 34],
  [200, 60],
] as const) {
  test(`fits ${columns} columns and ${rows} rows, with the figures and what happened last`, () => {
    const it = board()
    it.take(turn(DEMO_SYMBOLS.map((symbol, i) => barOf(symbol, 100 + i))))
    it.say('the last thing')

    const lines = it.lines(moment, { columns, rows })

    assert.ok(lines.length <= rows, `${lines.length} lines`)
    assert.match(lines.join('\n'), /bars 31 {3}orders 48 \(12 live\)/)
    assert.ok(
      lines.some((line) => line.includes('the last thing')),
      lines.join('\n'),
    )
    if (columns < 79) return
    assert.ok(
      lines.every((line) => widthOf(line) <= columns),
      lines.join('\n'),
    )
    assert.equal(DEMO_SYMBOLS.filter((symbol) => lines.join('\n').includes(symbol)).length, 31)
  })
}

test('counts changes from what came before the run, and holds positions against the last price', () => {
  const it = board()
  const { id } = universe.find('SPY')!
  it.take(turn([barOf('SPY', 200, 'warmup')]))
  it.take(turn([barOf('SPY', 202)]))
  const held = [{ symbol: id, qty: -3, avgPrice: 201 }]

  const text = it.lines({ ...moment, held }, { columns: 119, rows: 34 }).join('\n')

  assert.match(text, /SPY +202\.00▲ \+1\.00% +-3 +-3\.00/)
  assert.match(text, /bars 1 .*positions 1/)
})

test('what is wrong has room in a terminal of any width', () => {
  const it = board()
  it.take(turn([{ ...stream('venue.down', 'closed'), stream: 'orders' } as Input]))

  for (const columns of [40, 80]) {
    const text = (open: number): string =>
      it.lines({ ...moment, open }, { columns, rows: 24 }).join('\n')
    assert.match(text(0), /health +order events DOWN/)
    if (columns === 80) assert.match(text(2), /order events DOWN {3}2 open differences/)
  }
  it.take(turn([{ ...stream('venue.up'), stream: 'orders' } as Input]))
  const text = it.lines({ ...moment, open: 1 }, { columns: 40, rows: 24 }).join('\n')
  assert.match(text, /health +1 open difference/)
})

test('a coin of many digits is not worth 0.00', () => {
  const coin = { ...equitySpec('SHIB', VENUE), tickSize: 0.00000001 }
  const it = new Board({ title: 'run', universe: new Universe([coin]), isColoured: false })
  const bar = barOf(DEMO_SYMBOLS[0]!, 0.00001234)
  it.take(turn([bar]))

  assert.match(it.lines(moment, { columns: 80, rows: 24 }).join('\n'), /SHIB +0\.00001234/)
})

test('the profit of an inverse contract is in its coin', () => {
  const spec = { ...equitySpec('BTCUSD', VENUE), kind: 'perpetual', inverse: true } as const
  const inverse = new Universe([{ ...spec, tickSize: 0.5 }])
  const it = new Board({ title: 'paper run', universe: inverse, isColoured: false })
  const { id } = inverse.all[0]!
  const prices = { open: 50_000, high: 50_000, low: 50_000, close: 50_000 }
  const bar = { symbol: id, timeframe: '1m', start: ms(AT - MINUTE), ...prices } as const
  it.take(
    turn([{ type: 'bar', at: ms(AT), source: 'venue', bar: { ...bar, volume: 1, trades: 1 } }]),
  )
  const held = [{ symbol: id, qty: 100_000, avgPrice: 40_000 }]

  const text = it.lines({ ...moment, held }, { columns: 119, rows: 34 }).join('\n')

  assert.match(text, /100000 +\+0\.50/)
})

test('says of which symbols market data are lost, where others have theirs', () => {
  const said: string[] = []
  const it = board((line) => said.push(line))
  const symbols = [universe.all[0]!.id]

  it.take(turn([{ ...stream('venue.down', 'cut'), symbols } as Input]))
  const down = it.lines(moment, { columns: 119, rows: 34 }).join('\n')
  it.take(turn([stream('venue.up')]))

  const name = universe.all[0]!.symbol
  assert.match(down, new RegExp(`market data of ${name} DOWN {3}market data up {3}order events up`))
  assert.deepEqual(said, [
    `15:00:00  market data of ${name} are LOST: cut; no new risk until they are back`,
  ])
  assert.match(it.summary(moment), /^15:00:00 {2}up, /)
})

test('says once that a stream is lost, shows it, and says that it is back', () => {
  const said: string[] = []
  const it = board((line) => said.push(line))

  it.take(turn([stream('venue.down', 'cut')]))
  it.take(turn([stream('venue.down', 'refused')]))
  const down = it.lines(moment, { columns: 119, rows: 34 }).join('\n')
  it.take(turn([stream('venue.up')]))

  assert.match(down, /market data DOWN {3}order events up/)
  assert.deepEqual(said, [
    '15:00:00  market data are LOST: cut; no new risk until they are back',
    '15:00:00  market data are back',
  ])
  assert.match(it.summary(moment), /^15:00:00 {2}up, 0 bars, 48 orders, .* 214 requests, 99 saved$/)
})

test('what a venue says is one line, and steers no terminal', () => {
  const said: string[] = []
  const it = board((line) => said.push(line))

  it.take(turn([stream('venue.down', 'cut\n15:00:01  kill-switch off: \u001b[2Jlifted')]))

  assert.deepEqual(said, [
    '15:00:00  market data are LOST: cut 15:00:01  kill-switch off: lifted; no new risk until they are back',
  ])
  assert.deepEqual(it.log, said)
})

test('has colours only where they are wanted', () => {
  const plain = board()
  const coloured = new Board({ title: 'paper run', universe, isColoured: true })

  const size = { columns: 119, rows: 34 }

  assert.ok(!plain.lines(moment, size).join('').includes('\u001b'))
  assert.ok(coloured.lines(moment, size).join('').includes('\u001b'))
})
