// Real market data, where it is present beside the repository: what its README counts is what is read.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { TapeSeries } from '../core/tape.ts'
import { iso } from '../core/time.ts'
import { openArchive } from '../store/archive.ts'
import { importTape } from '../store/import.ts'
import { openTape } from './open-tape.ts'

const root = join(import.meta.dirname, '../../../shared/data')
const skip = existsSync(root) ? false : 'the market data sets are not at ../shared/data'
const folder = mkdtempSync(join(tmpdir(), 'skein-recorded-'))
after(() => rmSync(folder, { recursive: true }))

interface Sum {
  rows: number
  volume: number
  first: string
  last: string
}

/** Counts, and the sum of volumes or sizes. */
async function sumOf(series: TapeSeries | undefined): Promise<Sum> {
  assert.ok(series)
  const sum = { rows: 0, volume: 0, first: Infinity, last: -Infinity }
  for await (const page of series.pages()) {
    const times = 'start' in page ? page.start : page.ts
    sum.rows += page.length
    sum.first = Math.min(sum.first, times[0] ?? NaN)
    sum.last = Math.max(sum.last, times[page.length - 1] ?? NaN)
    const amounts = 'volume' in page ? page.volume : 'size' in page ? page.size : []
    for (const amount of amounts) sum.volume += amount
  }
  return { ...sum, first: iso(sum.first), last: iso(sum.last) }
}

async function rowsBySymbol(series: readonly TapeSeries[]): Promise<Record<string, number>> {
  const rows: Record<string, number> = {}
  for (const one of series) rows[one.symbol] = (rows[one.symbol] ?? 0) + (await sumOf(one)).rows
  return rows
}

describe('recorded market data', { skip }, () => {
  it('imports all 35 symbols of March 2026, free of float32', async () => {
    const tape = await openTape(join(root, 'us_equity_1m_2026-03'))
    const archive = await openArchive(join(folder, 'march.db'))

    const report = await importTape(tape, archive)

    assert.deepEqual(report, { series: 35, bars: 73_805, skipped: 0 })
    const rows = Object.fromEntries(
      (await archive.series()).map(({ symbol, bars }) => [symbol, bars]),
    )
    for (const [symbol, bars] of [
      ['SPY', 2427],
      ['QQQ', 2428],
      ['IWM', 2429],
      ['NVDA', 1948],
      ['COIN', 2410],
      ['ASML', 1941],
      ['BILI', 1865],
    ] as const) {
      assert.equal(rows[symbol], bars, symbol)
    }
    for await (const page of archive.bars({ symbol: 'SPY', timeframe: '1m' })) {
      assert.deepEqual(
        [page.open[0], page.high[0], page.low[0], page.close[0]],
        [658.07, 658.38, 656.95, 657.86],
      )
      for (const price of page.close) assert.equal(Math.round(price * 1e4) / 1e4, price)
    }
    // The minutes 15:10 and 15:11 of 2026-03-27 are missing for every symbol.
    const runs = await archive.coverage('SPY', '1m')
    assert.deepEqual(
      runs.map(({ from, to, bars }) => [iso(from).slice(5, 16), iso(to).slice(5, 16), bars]),
      [
        ['03-23T13:30', '03-23T20:00', 390],
        ['03-24T13:30', '03-24T20:00', 390],
        ['03-25T13:30', '03-25T20:00', 390],
        ['03-26T13:30', '03-26T20:00', 390],
        ['03-27T13:30', '03-27T15:10', 100],
        ['03-27T15:12', '03-27T20:00', 288],
        ['03-30T13:30', '03-30T20:00', 390],
        ['03-31T13:30', '03-31T14:59', 89],
      ],
    )
    await archive.close()
  })

  it('turns February 2019, which is newest first and stamped at the end', async () => {
    const options = { zone: 'America/New_York', stamp: 'end' } as const
    const tape = await openTape(join(root, 'us_equity_1m_2019-02'), options)

    const rows = await rowsBySymbol(tape.series)

    assert.deepEqual(rows, {
      AAPL: 1948,
      AMZN: 1944,
      BAC: 1950,
      GLD: 1927,
      JPM: 1950,
      MSFT: 1948,
      QQQ: 1948,
      SPY: 1950,
      TSLA: 1946,
      VXXB: 1949,
    })
    const spy = await sumOf(tape.series.find(({ symbol }) => symbol === 'SPY'))
    assert.deepEqual(
      [spy.first, spy.last],
      ['2019-02-11T14:30:00.000Z', '2019-02-15T20:59:00.000Z'],
    )
  })

  it('joins extended hours in UTC and New York time', async () => {
    const tape = await openTape(join(root, 'us_etf_1m_extended_hours'))

    const rows = await rowsBySymbol(tape.series)

    assert.deepEqual(rows, { AAPL: 8899, MSFT: 10_016, QQQ: 10_400, SPX: 4532, SPY: 7218 + 10_220 })
    const spy = await sumOf(tape.series.find(({ symbol }) => symbol === 'SPY'))
    assert.deepEqual(
      [spy.first, spy.last],
      ['2025-10-29T08:00:00.000Z', '2026-02-10T00:59:00.000Z'],
    )
  })

  it('opens New York at the right minute on both sides of a clock change', async () => {
    const columns = ['timestamp', 'open', 'high', 'low', 'close', 'volume']
    const path = join(root, 'index_futures_1m/ES_1m_2023-03-08_2023-03-23_et_noheader.csv.gz')
    const [series] = (await openTape(path, { columns, instrument: { calendar: 'cme' } })).series
    assert.equal(series?.kind, 'bars')

    for await (const { length, start } of series.pages()) {
      assert.equal(length, 16_200)
      const times = new Set([...start].map((at) => iso(at).slice(0, 16)))
      // The futures pause from 17:00 to 18:00 in New York.
      for (const [last, pause] of [
        ['2023-03-09T21:59', '2023-03-09T22:00'],
        ['2023-03-14T20:59', '2023-03-14T21:00'],
      ] as const) {
        assert.deepEqual([times.has(last), times.has(pause)], [true, false])
      }
    }
  })

  it('keeps every trade of SPY, IBM and BAC', async () => {
    const spy = await openTape(join(root, 'us_equity_ticks_2013-10/spy/20131007_trade.zip'))
    assert.deepEqual(await sumOf(spy.series[0]), {
      rows: 250_601,
      volume: 97_062_721,
      first: '2013-10-07T08:00:00.464Z',
      last: '2013-10-07T23:59:59.536Z',
    })

    const all = await openTape(join(root, 'us_equity_ticks_2013-10'), { kind: 'trades' })
    assert.deepEqual(await rowsBySymbol(all.series), {
      BAC: 88_172 + 125_872,
      IBM: 24_293 + 33_381,
      SPY: 250_601 + 451_545,
    })
  })

  it('ends every regular minute on the quote of the minute bars', async () => {
    const path = 'ibm/20131007_quote.zip'
    const ticks = await openTape(join(root, 'us_equity_ticks_2013-10', path))
    const minutes = await openTape(join(root, 'us_equity_1m_lean/equity/usa/minute', path))
    const closes = async ([series]: readonly TapeSeries[]) => {
      assert.equal(series?.kind, 'quotes')
      const byMinute = new Map<number, readonly (number | undefined)[]>()
      for await (const { length, ts, bid, ask } of series.pages()) {
        for (let i = 0; i < length; i++) {
          byMinute.set(Math.floor((ts[i] ?? NaN) / 60_000), [bid[i], ask[i]])
        }
      }
      return byMinute
    }

    const [ours, theirs] = [await closes(ticks.series), await closes(minutes.series)]

    const open = Date.UTC(2013, 9, 7, 13, 30) / 60_000
    for (let minute = open; minute < open + 390; minute++) {
      assert.deepEqual(ours.get(minute), theirs.get(minute), iso(minute * 60_000))
    }
    assert.equal(ticks.skipped().suspicious, 1)
  })

  it('reads daily bars of Lean, and its minutes across a clock change', async () => {
    const days = await openTape(join(root, 'us_equity_daily/lean'))
    assert.deepEqual(await rowsBySymbol(days.series), {
      AAPL: 5849,
      BAC: 5849,
      EEM: 5245,
      GOOG: 4183,
      IBM: 5849,
      QQQ: 3964,
      SPY: 5849,
      WM: 5399,
    })
    const spy = await sumOf(days.series.find(({ symbol }) => symbol === 'SPY'))
    assert.deepEqual(
      [spy.first, spy.last],
      ['1998-01-02T05:00:00.000Z', '2021-03-31T04:00:00.000Z'],
    )

    const minutes = await openTape(join(root, 'us_equity_1m_lean/equity'), {
      kind: 'bars',
      symbols: ['SPY', 'SHY'],
    })
    const volume = await sumOf(minutes.series.find(({ symbol }) => symbol === 'SPY'))
    assert.deepEqual(
      [volume.rows, volume.volume],
      [711 + 828 + 828 + 813, 95_564_623 + 92_720_576 + 175_026_101 + 158_425_072],
    )
    const [shy] = minutes.series.filter(({ symbol }) => symbol === 'SHY')
    assert.equal(shy?.kind, 'bars')
    const opens: (number | undefined)[] = []
    for await (const { start } of shy.pages())
      opens.push(start.find((at) => at % 86_400_000 >= 13.5 * 3_600_000))
    assert.deepEqual(
      opens.map((at) => iso(at ?? NaN).slice(0, 10)),
      ['2008-03-07', '2008-03-10'],
    )
  })

  it('reads daily bars of other sources', async () => {
    const tape = await openTape(join(root, 'us_equity_daily/tiingo_2024_2026'))
    assert.equal(tape.series.length, 22)
    const spy = await sumOf(tape.series.find(({ symbol }) => symbol === 'SPY'))
    assert.deepEqual(
      [spy.rows, spy.first, spy.last],
      [502, '2024-04-01T04:00:00.000Z', '2026-03-31T04:00:00.000Z'],
    )

    const table = await openTape(join(root, 'us_equity_daily/zipline/QUANDL_ARCHIVE.zip'))
    assert.deepEqual(Object.keys(await rowsBySymbol(table.series)), [
      'AAPL',
      'BRK_A',
      'MSFT',
      'ZEN',
    ])
  })

  it('reads index futures from three sources', async () => {
    const columns = ['timestamp', 'open', 'high', 'low', 'close', 'volume']
    const tape = await openTape(join(root, 'index_futures_1m'), { columns, kind: 'bars' })
    const rows = await rowsBySymbol(tape.series)
    assert.equal(rows.NQ, 14_714 + 14_985)
    assert.equal(rows.ES, 16_200 + 15_176)
    assert.equal(rows.NSXUSD, 26_500)
    const lean = Object.entries(rows).filter(([symbol]) => symbol.startsWith('ES-'))
    assert.equal(
      lean.reduce((sum, [, count]) => sum + count, 0),
      128 + 1671 + 1721 + 1742 + 1767 + 1512,
    )
  })

  it('reads a month of bitcoin without a hole', async () => {
    const options = { instrument: { kind: 'perpetual', calendar: '24/7' } } as const
    const tape = await openTape(join(root, 'crypto_1m'), options)
    const archive = await openArchive(join(folder, 'crypto.db'))

    await importTape(tape, archive)

    assert.equal(tape.instruments[0]?.symbol, 'BTC-PERP')
    const runs = await archive.coverage('BTC-PERP', '1m')
    assert.deepEqual(
      runs.map(({ bars }) => bars),
      [45_031],
    )
    await archive.close()
  })
})
