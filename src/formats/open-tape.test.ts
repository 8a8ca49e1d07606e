import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import * as fc from 'fast-check'
import { zipSync } from 'fflate'
import { venueId } from '../core/brand.ts'
import { type BarColumns, barColumns } from '../core/columns.ts'
import { equitySpec } from '../core/instrument.ts'
import type { TapeSeries } from '../core/tape.ts'
import { iso, MINUTE, ms } from '../core/time.ts'
import { exportCsv } from './export-csv.ts'
import { openTape } from './open-tape.ts'
import type { TapeOptions } from './options.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-tape-'))
after(() => rmSync(folder, { recursive: true }))
let homes = 0

/** A new folder with these files. */
function given(files: Readonly<Record<string, string | Uint8Array>>): string {
  const home = join(folder, String(++homes))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), content)
  }
  return home
}

const zip = (entries: Record<string, string>): Uint8Array =>
  zipSync(
    Object.fromEntries(
      Object.entries(entries).map(([name, text]) => [name, new TextEncoder().encode(text)]),
    ),
  )

/** Rows of a series of bars as text: start, open, high, low, close, volume. */
async function barsOf(series: TapeSeries | undefined): Promise<string[]> {
  assert.equal(series?.kind, 'bars')
  const rows: string[] = []
  for await (const { length, start, open, high, low, close, volume } of series.pages()) {
    for (let i = 0; i < length; i++) {
      const cells = [open, high, low, close, volume].map((column) => column[i])
      rows.push([iso(start[i] ?? NaN).replace(':00.000Z', 'Z'), ...cells].join(' '))
    }
  }
  return rows
}

async function firstOf(files: Parameters<typeof given>[0], options?: TapeOptions) {
  const tape = await openTape(given(files), options)
  return barsOf(tape.series[0])
}

const HEADER = 'datetime,open,high,low,close,volume'

describe('a tape of files', () => {
  it('reads columns in any order and case, and undoes float32', async () => {
    const text = `Datetime,Close,High,Low,Open,Volume
2026-03-23 13:30:00+00:00,657.8599853515625,658.3800048828125,656.9500122070312,658.0700073242188,13836961
2026-03-23 13:31:00+00:00,657.6500244140625,657.9199829101562,657.219970703125,657.510009765625,1209884
`
    for (const files of [
      { 'SPY_1m.csv': text },
      { 'SPY_1m.csv.gz': gzipSync(text) },
      { 'any.zip': zip({ 'SPY_1m.csv': text }) },
    ]) {
      assert.deepEqual(await firstOf(files), [
        '2026-03-23T13:30Z 658.07 658.38 656.95 657.86 13836961',
        '2026-03-23T13:31Z 657.51 657.92 657.22 657.65 1209884',
      ])
    }
  })

  it('turns a file that is newest first, and takes stamps of the end', async () => {
    const text = `${HEADER}
2019-02-15 16:00:00,277.27,277.4,277.19,277.39,2689895
2019-02-15 15:59:00,277.25,277.31,277.2,277.27,1015666`
    const rows = await firstOf({ 'SPY_1min.csv': text }, { zone: 'America/New_York', stamp: 'end' })
    assert.deepEqual(rows, [
      '2019-02-15T20:58Z 277.25 277.31 277.2 277.27 1015666',
      '2019-02-15T20:59Z 277.27 277.4 277.19 277.39 2689895',
    ])
  })

  it('sorts rows that stand in no order', async () => {
    const rows = await firstOf({
      'A_1m.csv': `${HEADER}\n1774272720,3,3,3,3,3\n1774272600,1,1,1,1,1\n1774272660,2,2,2,2,2\n`,
    })
    assert.deepEqual(
      rows.map((row) => row.slice(14)),
      ['30Z 1 1 1 1 1', '31Z 2 2 2 2 2', '32Z 3 3 3 3 3'],
    )
  })

  it('reads a wall clock that goes back by an hour, forwards and backwards', async () => {
    const lines = ['00:30', '01:00', '01:30', '01:00', '01:30', '02:00'].map(
      (time, i) => `2025-11-02 ${time}:00,${i + 1},9,1,2,5`,
    )
    const forwards = await firstOf({ 'A_1m_et.csv': [HEADER, ...lines].join('\n') })
    const backwards = await firstOf({ 'A_1m_et.csv': [HEADER, ...lines.toReversed()].join('\n') })

    assert.deepEqual(
      forwards.map((row) => row.slice(11, 19)),
      ['04:30Z 1', '05:00Z 2', '05:30Z 3', '06:00Z 4', '06:30Z 5', '07:00Z 6'],
    )
    assert.deepEqual(backwards, forwards)
  })

  it('reads a wall clock over the years, forwards and backwards', async () => {
    const lines = ['2023-11-05', '2024-11-03', '2025-11-02'].flatMap((day) =>
      ['00:30', '01:00', '01:30', '01:00', '01:30', '02:00'].map(
        (time, i) => `${day} ${time}:00,${i + 1},9,1,2,5`,
      ),
    )
    const forwards = await firstOf({ 'A_1m_et.csv': [HEADER, ...lines].join('\n') })
    const backwards = await firstOf({ 'A_1m_et.csv': [HEADER, ...lines.toReversed()].join('\n') })

    assert.deepEqual(
      forwards.slice(12).map((row) => row.slice(0, 19)),
      ['04:30Z 1', '05:00Z 2', '05:30Z 3', '06:00Z 4', '06:30Z 5', '07:00Z 6'].map(
        (time) => `2025-11-02T${time}`,
      ),
    )
    assert.deepEqual(backwards, forwards)
  })

  it('takes the zone from the name of the file', async () => {
    const text = `${HEADER}\n2026-01-26 04:00:00,1,1,1,1,1\n`
    assert.match(
      (await firstOf({ 'SPY_1m_2026-01-26_2026-02-09_et.csv': text }))[0] ?? '',
      /T09:00Z/,
    )
    assert.match(
      (await firstOf({ 'SPY_1m_2026-01-26_2026-02-09_utc.csv': text }))[0] ?? '',
      /T04:00Z/,
    )
  })

  it('names columns by the option where there is no header', async () => {
    const rows = await firstOf(
      { 'ES_1m_et_noheader.csv': '2023-03-08 00:00:00,4024.75,4025.50,4024.75,4025.00,307\n' },
      { columns: ['timestamp', 'open', 'high', 'low', 'close', 'volume'] },
    )
    assert.deepEqual(rows, ['2023-03-08T05:00Z 4024.75 4025.5 4024.75 4025 307'])
  })

  it('takes a first row of the symbol LOW for a row, where names are given', async () => {
    const columns = ['symbol', 'timestamp', 'open', 'high', 'low', 'close']
    const rows = 'LOW,2026-03-23T13:30:00Z,1,1,1,1\nLOW,2026-03-23T13:31:00Z,2,2,2,2\n'
    const expected = ['2026-03-23T13:30Z 1 1 1 1 0', '2026-03-23T13:31Z 2 2 2 2 0']

    assert.deepEqual(await firstOf({ 'all_1m.csv': rows }, { columns }), expected)
    const headed = `${columns.join(',')}\n${rows}`
    assert.deepEqual(await firstOf({ 'all_1m.csv': headed }, { columns }), expected)
  })

  it('takes a bar once that is there twice, and counts it', async () => {
    const tape = await openTape(
      given({ 'A_1m.csv': `${HEADER}\n1774272600,1,1,1,1,1\n1774272600,1,1,1,1,1\n` }),
    )
    assert.equal((await barsOf(tape.series[0])).length, 1)
    assert.equal((await barsOf(tape.series[0])).length, 1)
    assert.equal(tape.skipped().repeated, 1)
  })

  it('tells the timeframe by the spacing of rows', async () => {
    const rows = (step: number) =>
      [0, 1, 3].map((i) => `${1774224000 + i * step},1,1,1,1,1`).join('\n')
    const tape = await openTape(
      given({
        'A.csv': `${HEADER}\n${rows(60)}`,
        'B.csv': `${HEADER}\n${rows(300)}`,
        'C.csv': `${HEADER}\n${rows(14_400)}`,
      }),
    )
    assert.deepEqual(
      tape.series.map((series) => series.kind === 'bars' && [series.symbol, series.timeframe]),
      [
        ['A', '1m'],
        ['B', '5m'],
        ['C', '4h'],
      ],
    )
  })

  it('takes the bars of one timeframe, where a name, a column or a layout tells', async () => {
    const row = '1774224000,1,1,1,1,1'
    const home = given({
      'AAPL_1m.csv': `${HEADER}\n${row}`,
      'AAPL_1d.csv': `${HEADER}\n2026-03-23,1,1,1,1,1`,
      'table.csv': `${HEADER},symbol,timeframe\n${row},IBM,1m\n${row},IBM,5m\n${row},QQQ,1m\n${row},BAC,5m`,
      'spy/20131007_trade.zip': zip({ '20131007_spy_minute_trade.csv': '34200000,1,1,1,1,1\n' }),
      'spy/20131007_quote.zip': zip({
        '20131007_spy_minute_quote.csv': '34200000,1,1,1,1,1,1,1,1,1,1\n',
      }),
    })
    const taken = async (timeframe: '1m' | '5m' | '1d', symbols?: readonly string[]) => {
      const tape = await openTape(home, { timeframe, ...(symbols && { symbols }) })
      return tape.series
        .map(
          (series) => `${series.symbol} ${series.kind === 'bars' ? series.timeframe : series.kind}`,
        )
        .toSorted()
    }

    assert.deepEqual(await taken('1m'), ['AAPL 1m', 'IBM 1m', 'QQQ 1m', 'SPY 1m'])
    assert.deepEqual(await taken('5m'), ['BAC 5m', 'IBM 5m'])
    assert.deepEqual(await taken('1d'), ['AAPL 1d'])
    await assert.rejects(taken('5m', ['IBM', 'SPY']), {
      message: `${home}: has no bars of SPY of timeframe: "5m"; allowed: 1m`,
    })
  })

  it('takes a timeframe for what the rows are where nothing tells it', async () => {
    const rows = (steps: readonly number[]) =>
      steps.map((step) => `${1774224000 + step},1,1,1,1,1`).join('\n')
    const timeframe = async (text: string) => {
      const tape = await openTape(given({ 'A.csv': `${HEADER}\n${text}` }), { timeframe: '1m' })
      const bars = await barsOf(tape.series[0])
      const [series] = tape.series
      return `${bars.length} of ${series?.kind === 'bars' ? series.timeframe : ''}`
    }

    assert.equal(await timeframe(rows([0])), '1 of 1m')
    // Minutes that few trade in.
    assert.equal(await timeframe(rows([0, 180, 420, 540, 900, 1_080, 1_440])), '7 of 1m')
  })

  it('refuses a timeframe where there are no bars at all', async () => {
    const home = given({
      'spy/20131007_trade.zip': zip({
        '20131007_spy_Trade_Tick.csv': '14400464,1674100,100,P,1,0\n',
      }),
    })
    await assert.rejects(openTape(home, { timeframe: '1m' }), {
      message: `${home}: has no bars of timeframe: "1m"; allowed: no such option, because it has no bars`,
    })
  })

  it('joins the files of a symbol in order of time, whatever their names', async () => {
    const rows = await firstOf({
      'b/SPY_1m.csv': `${HEADER}\n1774272600,1,1,1,1,1\n`,
      'a/SPY_1m.csv': `${HEADER}\n1774272720,3,3,3,3,3\n1774272660,2,2,2,2,2\n`,
    })
    assert.deepEqual(
      rows.map((row) => row.slice(14, 19)),
      ['30Z 1', '31Z 2', '32Z 3'],
    )
  })

  it('splits a file by its symbol column', async () => {
    const text = `date,ticker,open,high,low,close\n2014-01-02,aapl,1,1,1,1\n2014-01-02,MSFT,2,2,2,2\n2014-01-03,aapl,3,3,3,3\n`
    const tape = await openTape(given({ 'table.csv': text }), { timeframe: '1d' })
    assert.deepEqual(
      tape.instruments.map(({ symbol }) => symbol),
      ['AAPL', 'MSFT'],
    )
    assert.deepEqual(await barsOf(tape.series[0]), [
      '2014-01-02T05:00Z 1 1 1 1 0',
      '2014-01-03T05:00Z 3 3 3 3 0',
    ])
    assert.deepEqual(await barsOf(tape.series[1]), ['2014-01-02T05:00Z 2 2 2 2 0'])
  })

  it('starts daily bars where the day of the market starts', async () => {
    const files = { 'X_1d.csv': 'date,open,high,low,close\n2024-07-02 00:00:00+00:00,1,1,1,1\n' }
    assert.match((await firstOf(files))[0] ?? '', /^2024-07-02T04:00Z/)
    assert.match(
      (await firstOf(files, { instrument: { calendar: 'cme' } }))[0] ?? '',
      /^2024-07-01T22:00Z/,
    )
    assert.match(
      (await firstOf(files, { instrument: { calendar: '24/7' } }))[0] ?? '',
      /^2024-07-02T00:00Z/,
    )
  })

  it('reads only the wanted symbols and times', async () => {
    const text = `${HEADER}\n1774272600,1,1,1,1,1\n1774272660,2,2,2,2,2\n1774272720,3,3,3,3,3\n`
    const home = given({ 'A_1m.csv': text, 'B_1m.csv': text })
    const tape = await openTape(home, {
      symbols: ['b'],
      from: ms(1774272660000),
      to: ms(1774272720000),
    })
    assert.deepEqual(
      tape.series.map(({ symbol }) => symbol),
      ['B'],
    )
    assert.deepEqual(await barsOf(tape.series[0]), ['2026-03-23T13:31Z 2 2 2 2 2'])
  })

  it('makes equities unless told otherwise', async () => {
    const home = given({ 'BTC_1m.csv': `${HEADER}\n1774272600,1,1,1,1,1\n` })
    assert.deepEqual((await openTape(home)).instruments, [equitySpec('BTC', venueId('sim'))])
    const instrument = { kind: 'perpetual', calendar: '24/7', tickSize: 0.5 } as const
    const [spec] = (await openTape(home, { instrument })).instruments
    assert.deepEqual(spec, { ...equitySpec('BTC', venueId('sim')), ...instrument })
  })

  it('reads Lean trades, keeps equal ones, and counts suspicious ones', async () => {
    const home = given({
      'spy/20131007_trade.zip': zip({
        '20131007_spy_Trade_Tick.csv':
          '14400464,1674100,100,P,20002000,0\n14400465,1674100,100,P,1,0\n14400465,1674100,100,P,1,0\n14400466,1,1,P,1,1\n',
      }),
    })
    const tape = await openTape(home)
    const [series] = tape.series
    assert.equal(series?.kind, 'trades')
    for await (const { length, ts, price, size } of series.pages()) {
      assert.equal(length, 3)
      assert.deepEqual([...ts].map(iso), [
        '2013-10-07T08:00:00.464Z',
        '2013-10-07T08:00:00.465Z',
        '2013-10-07T08:00:00.465Z',
      ])
      assert.deepEqual([...price], [167.41, 167.41, 167.41])
      assert.deepEqual([...size], [100, 100, 100])
    }
    assert.equal(tape.skipped().suspicious, 1)
  })

  it('builds quotes from Lean rows of one side', async () => {
    const home = given({
      '20131007_quote.zip': zip({
        '20131007_ibm_Quote_Tick.csv':
          '14400054,0,0,1836300,100,Q,1,0\n14400241,1800100,300,0,0,P,1,0\n14400241,0,0,1818000,3000,P,1,0\n14400277,1820000,200,0,0,P,1,0\n14400278,0,0,1820100,100,P,1,0\n14400279,0,0,1,1,P,1,1\n',
      }),
    })
    const tape = await openTape(home)
    const [series] = tape.series
    assert.equal(series?.kind, 'quotes')
    for await (const { length, bid, bidSize, ask, askSize } of series.pages()) {
      assert.deepEqual(
        Array.from({ length }, (_, i) => [bid[i], bidSize[i], ask[i], askSize[i]]),
        [
          [180.01, 300, 183.63, 100],
          [180.01, 300, 181.8, 3000],
          [182, 200, 182.01, 100],
        ],
      )
    }
    assert.deepEqual(tape.skipped(), { suspicious: 1, repeated: 0, oneSided: 1, crossed: 1 })
    assert.deepEqual(tape.notes, [
      'Left out of the data: 1 suspicious tick, 1 one-sided quote, 1 crossed quote.',
    ])
  })

  it('leaves quote bars out where their symbol has trade bars of that length, and says so', async () => {
    const trades = '34200000,1674100,1674200,1674000,1674100,100\n'
    const quotes = '34200000,1674000,1674000,1674000,1674000,1,1674200,1674200,1674200,1674200,1\n'
    const home = given({
      'spy/20131007_trade.zip': zip({ '20131007_spy_minute_trade.csv': trades }),
      'spy/20131007_quote.zip': zip({ '20131007_spy_minute_quote.csv': quotes }),
      'spy/20131008_quote.zip': zip({ '20131008_spy_minute_quote.csv': quotes }),
      'ibm/20131007_quote.zip': zip({ '20131007_ibm_minute_quote.csv': quotes }),
      'bac/20131007_quote.zip': zip({ '20131007_bac_second_quote.csv': quotes }),
      'bac/20131007_trade.zip': zip({ '20131007_bac_minute_trade.csv': trades }),
    })
    const kinds = ({ series }: Awaited<ReturnType<typeof openTape>>) =>
      series.map(({ symbol, kind }) => `${symbol} ${kind}`).toSorted()

    const all = await openTape(home)
    assert.deepEqual(kinds(all), ['BAC bars', 'BAC quotes', 'IBM quotes', 'SPY bars'])
    assert.deepEqual(all.notes, [
      '2 files of quote bars of SPY left out, because there are bars of trades; --kind quotes reads them alone.',
    ])

    const only = await openTape(home, { kind: 'quotes' })
    assert.deepEqual(kinds(only), ['BAC quotes', 'IBM quotes', 'SPY quotes'])
    assert.deepEqual(only.notes, [])
  })

  it('reads Lean futures by expiry, in UTC and points', async () => {
    const home = given({
      '20131007_trade.zip': zip({
        '20131007_es_minute_trade_201312.csv': '0,1676.5,1676.5,1676.5,1676.5,9\n',
        '20131007_es_minute_trade_201403.csv': '180000,1669.75,1669.75,1669.75,1669.75,2\n',
      }),
    })
    const tape = await openTape(home)
    assert.deepEqual(
      tape.series.map(({ symbol }) => symbol),
      ['ES-201312', 'ES-201403'],
    )
    assert.deepEqual(await barsOf(tape.series[0]), [
      '2013-10-07T00:00Z 1676.5 1676.5 1676.5 1676.5 9',
    ])
  })

  it('reads HISTDATA in New York winter time all year', async () => {
    const home = given({
      'HISTDATA.zip': zip({
        'DAT_MT_NSXUSD_M1_202607.csv':
          '2026.07.01,09:30,25387.779000,25418.319000,25387.231000,25405.264000,0\n',
        'DAT_MT_NSXUSD_M1_202607.txt': 'Status Report',
      }),
    })
    const tape = await openTape(home)
    assert.equal(tape.series[0]?.symbol, 'NSXUSD')
    assert.deepEqual(await barsOf(tape.series[0]), [
      '2026-07-01T14:30Z 25387.779 25418.319 25387.231 25405.264 0',
    ])
  })

  it('reads back equal what was exported', async () => {
    const price = fc.double({ min: 1e-9, max: 1e9, noNaN: true })
    const bar = fc.record({
      prices: fc.array(fc.oneof(price, fc.float({ min: 1, max: 1e5, noNaN: true })), {
        minLength: 4,
        maxLength: 4,
      }),
      volume: fc.double({ min: 0, max: 1e15, noNaN: true }),
      trades: fc.nat(),
      filled: fc.integer({ min: 0, max: 1 }),
      step: fc.integer({ min: 1, max: 10_000 }),
    })
    const home = given({ 'any name.csv': '' })
    await fc.assert(
      fc.asyncProperty(fc.array(bar, { minLength: 1, maxLength: 30 }), async (rows) => {
        const bars = barColumns(rows.length)
        let at = Date.UTC(2026, 2, 7)
        rows.forEach(({ prices, volume, trades, filled, step }, i) => {
          const [low = 0, open = 0, close = 0, high = 0] = prices.toSorted((a, b) => a - b)
          bars.start[i] = at += step * MINUTE
          Object.entries({ open, high, low, close, volume, trades, filled }).forEach(
            ([name, value]) => {
              bars[name as 'open'][i] = value
            },
          )
        })
        const chunks: string[] = []
        for await (const chunk of exportCsv([bars], { symbol: 'BRK.B', timeframe: '1m' }))
          chunks.push(chunk)
        writeFileSync(join(home, 'any name.csv'), chunks.join(''))

        const { series } = await openTape(home)
        const pages: BarColumns[] = []
        assert.equal(series[0]?.kind, 'bars')
        for await (const page of series[0].pages()) pages.push(page)

        assert.deepEqual([series.length, series[0].symbol, series[0].timeframe], [1, 'BRK.B', '1m'])
        assert.deepEqual(pages, [bars])
      }),
      { numRuns: 50 },
    )
  })

  for (const [symbol, hour] of [
    ['SPY', 4],
    ['BTC/USD', 0],
    ['A"B', 4],
  ] as const) {
    it(`reads back daily bars of ${symbol} that were exported`, async () => {
      const bars = barColumns(1)
      bars.start[0] = Date.UTC(2024, 6, 2, hour)
      for (const column of [bars.open, bars.high, bars.low, bars.close]) column[0] = 1
      const chunks: string[] = []
      for await (const chunk of exportCsv([bars], { symbol, timeframe: '1d' })) chunks.push(chunk)

      assert.deepEqual(await firstOf({ 'out.csv': chunks.join('') }), [
        `2024-07-02T0${hour}:00Z 1 1 1 1 0`,
      ])
    })
  }
})
