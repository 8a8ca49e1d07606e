import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { BadInput } from '../core/bad-input.ts'
import { barColumns } from '../core/columns.ts'
import { MINUTE } from '../core/time.ts'
import { openArchive, type SqliteArchive } from '../store/archive.ts'
import { importTape } from '../store/import.ts'
import { openTape } from './open-tape.ts'
import type { TapeOptions } from './options.ts'

const HEADER = 'Datetime,Open,High,Low,Close,Volume'
const T0 = Date.UTC(2026, 2, 23, 13, 30)
const stamp = (i: number): string => new Date(T0 + i * MINUTE).toISOString()
const good = (i: number): string => `${stamp(i)},100,101,99,100.5,1000`

/** Two good bars, then `row` on line 4, then a good one. */
const csv = (row: string): string => [HEADER, good(0), good(1), row, good(3), ''].join('\n')
/** A third bar with one cell changed. */
const cell = (column: number, value: string): string =>
  csv(good(2).split(',').with(column, value).join(','))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const zip = (entries: Record<string, string>): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(entries).map(([name, value]) => [name, text(value)])))

const TRADES = '20131007_spy_Trade_Tick.csv'
const trades = (row: string): Record<string, Uint8Array> => ({
  'spy/20131007_trade.zip': zip({ [TRADES]: `14400464,1674100,100,P,20002000,0\n${row}\n` }),
})
const leanBars = (row: string): Record<string, Uint8Array> => ({
  'spy/20131007_trade.zip': zip({
    '20131007_spy_minute_trade.csv': `34200000,1674100,1674200,1674000,1674100,100\n${row}\n`,
  }),
})

/** Flips a byte in the middle. */
function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const middle = Math.floor(copy.length / 2)
  copy[middle] = (copy[middle] ?? 0) ^ 0xff
  return copy
}

interface Case {
  readonly name: string
  /** A text or bytes of SPY_1m.csv, or several files. */
  readonly given: string | Readonly<Record<string, string | Uint8Array>>
  readonly expected: RegExp
  readonly options?: TapeOptions
  /** What is opened, where it is not the folder. */
  readonly path?: string
}

const manyRows = [
  HEADER,
  ...Array.from({ length: 15_000 }, (_, i) => good(i)),
  `${stamp(15_000)},1,1,1,1,-5`,
]

const CASES: readonly Case[] = [
  // Numbers.
  {
    name: 'a price that is text',
    given: cell(4, 'abc'),
    expected: /SPY_1m\.csv:4: Close is not a number: "abc"; allowed: a finite number > 0/,
  },
  {
    name: 'a price that is empty',
    given: cell(1, ''),
    expected: /SPY_1m\.csv:4: Open is empty; allowed: /,
  },
  { name: 'a price of blanks', given: cell(1, '  '), expected: /SPY_1m\.csv:4: Open is empty/ },
  { name: 'NaN', given: cell(2, 'NaN'), expected: /SPY_1m\.csv:4: High is not a number: "NaN"/ },
  {
    name: 'infinity',
    given: cell(2, 'Infinity'),
    expected: /SPY_1m\.csv:4: High is not a number: "Infinity"/,
  },
  {
    name: 'a price past all doubles',
    given: cell(2, '1e999'),
    expected: /SPY_1m\.csv:4: High is too big: "1e999"/,
  },
  {
    name: 'a price of zero',
    given: cell(3, '0'),
    expected: /SPY_1m\.csv:4: Low is not above zero: 0/,
  },
  {
    name: 'a negative price',
    given: cell(3, '-99'),
    expected: /SPY_1m\.csv:4: Low is not above zero: -99/,
  },
  {
    name: 'a hexadecimal price',
    given: cell(1, '0x64'),
    expected: /SPY_1m\.csv:4: Open is not a number: "0x64"/,
  },
  {
    name: 'a price with a currency',
    given: cell(1, '$100'),
    expected: /SPY_1m\.csv:4: Open is not a number/,
  },
  {
    name: 'a price with grouped thousands',
    given: csv(`${stamp(2)},"1,000",1000,1000,1000,5`),
    expected: /SPY_1m\.csv:4: Open is not a number: "1,000"/,
  },
  {
    name: 'a high below the low',
    given: cell(2, '98'),
    expected: /SPY_1m\.csv:4: High is below the low: 98; allowed: a price >= the low 99/,
  },
  {
    name: 'an open above the high',
    given: cell(1, '102'),
    expected:
      /SPY_1m\.csv:4: Open is outside of low and high: 102; allowed: a price from the low 99 to the high 101/,
  },
  {
    name: 'a close below the low',
    given: cell(4, '98.99'),
    expected: /SPY_1m\.csv:4: Close is outside of low and high: 98\.99/,
  },
  {
    name: 'a negative volume',
    given: cell(5, '-1'),
    expected: /SPY_1m\.csv:4: Volume is negative: -1; allowed: a finite number >= 0/,
  },
  {
    name: 'a volume that is text',
    given: cell(5, 'n/a'),
    expected: /SPY_1m\.csv:4: Volume is not a number: "n\/a"/,
  },
  {
    name: 'a volume by another name',
    given: 'datetime,open,high,low,close,Volume BTC\n' + good(0),
    expected: /:1: Volume BTC seems to be a volume, .*; allowed: a column named volume/,
  },
  { name: 'an empty volume', given: cell(5, ''), expected: /SPY_1m\.csv:4: Volume is empty/ },
  {
    name: 'half a trade',
    given: `start,open,high,low,close,trades\n${stamp(0)},1,1,1,1,0.5\n`,
    expected: /SPY_1m\.csv:2: trades is not a count: 0\.5; allowed: an integer >= 0/,
  },
  {
    name: 'a filled mark of 2',
    given: `start,open,high,low,close,filled\n${stamp(0)},1,1,1,1,2\n`,
    expected: /SPY_1m\.csv:2: filled is not a count: 2; allowed: 0 or 1/,
  },
  // Times.
  {
    name: 'a time that is text',
    given: cell(0, 'yesterday'),
    expected:
      /SPY_1m\.csv:4: Datetime is not a time: "yesterday"; allowed: a time from 1970 to 2100/,
  },
  {
    name: 'an empty time',
    given: cell(0, ''),
    expected: /SPY_1m\.csv:4: Datetime is not a time: ""/,
  },
  {
    name: 'the 30th of February',
    given: cell(0, '2026-02-30T13:32:00Z'),
    expected: /SPY_1m\.csv:4: Datetime is not a time: "2026-02-30/,
  },
  {
    name: 'the 25th hour',
    given: cell(0, '2026-03-23T25:32:00Z'),
    expected: /SPY_1m\.csv:4: Datetime is not a time/,
  },
  {
    name: 'a day before the year',
    given: cell(0, '23/03/2026 13:32'),
    expected: /SPY_1m\.csv:4: Datetime is not a time/,
  },
  {
    name: 'a time before 1970',
    given: cell(0, '1969-12-31T23:59:00Z'),
    expected: /SPY_1m\.csv:4: Datetime is not a time: "1969/,
  },
  {
    name: 'a time after 2100',
    given: cell(0, '2100-01-01T00:00:00Z'),
    expected: /SPY_1m\.csv:4: Datetime is not a time: "2100/,
  },
  {
    name: 'microseconds taken for milliseconds',
    given: cell(0, '1774272720000000'),
    expected: /SPY_1m\.csv:4: Datetime is not a time: "1774272720000000"/,
  },
  {
    name: 'a time without a zone',
    given: cell(0, '2026-03-23 13:32:00'),
    expected:
      /SPY_1m\.csv:4: Datetime does not tell its zone: "2026-03-23T13:32:00\.000Z"; allowed: .*option zone/,
  },
  {
    name: 'a time that the clock skipped',
    given: `Datetime,Open,High,Low,Close\n2026-03-08 01:59:00,1,1,1,1\n2026-03-08 02:30:00,1,1,1,1\n`,
    options: { zone: 'America/New_York' },
    expected:
      /SPY_1m\.csv:3: Datetime was skipped by the clock.*2026-03-08T02:30.*America\/New_York/,
  },
  {
    name: 'a time between two minutes',
    given: cell(0, '2026-03-23T13:32:30Z'),
    expected: /SPY_1m\.csv:4: Datetime is off the grid of 1m: "2026-03-23T13:32:30\.000Z"/,
  },
  {
    name: 'minutes that are said to be hours',
    given: csv(good(2)),
    options: { timeframe: '1h' },
    expected: /: has no bars of timeframe: "1h"; allowed: 1m$/,
  },
  {
    name: 'minutes that are said to be hours, where nothing else tells',
    given: { 'SPY.csv': `${HEADER}\n${good(0)}\n${good(1)}\n` },
    options: { timeframe: '1h' },
    expected:
      /SPY\.csv: has no 1h bars, which the option timeframe says: "rows 60 s apart"; allowed: the option 1m$/,
  },
  {
    name: 'hours that are said to be minutes, where nothing else tells',
    given: {
      'SPY.csv': `${HEADER}\n${[14, 15, 16, 18, 19].map((hour) => `2026-03-23T${hour}:30:00Z,1,1,1,1,1`).join('\n')}\n`,
    },
    options: { timeframe: '1m' },
    expected:
      /SPY\.csv: has no 1m bars, which the option timeframe says: "rows 3600 s apart"; allowed: the option 1h$/,
  },
  {
    name: 'half hours that are said to be minutes',
    given: {
      'SPY.csv': `${HEADER}\n${[13, 14, 15, 16].flatMap((hour) => ['00', '30'].map((minute) => `2026-03-23T${hour}:${minute}:00Z,1,1,1,1,1`)).join('\n')}\n`,
    },
    options: { timeframe: '1m' },
    expected: /"rows 1800 s apart"; allowed: rows 60 s apart$/,
  },
  {
    name: 'an hour in a file of days',
    given: {
      'SPY_1d.csv': `date,open,high,low,close\n2026-03-23,1,1,1,1\n2026-03-24 09:30:00Z,1,1,1,1\n`,
    },
    expected:
      /SPY_1d\.csv:3: date is off the grid of 1d: "2026-03-24T09:30.*a date, or the start of a trading day \(us-equity\)/,
  },
  {
    name: 'one minute with two values',
    given: csv(`${stamp(1)},100,101,99,100.25,1000`),
    expected:
      /SPY_1m\.csv:4: Datetime has other values than line 3: "2026-03-23T13:31:00\.000Z"; allowed: each bar once/,
  },
  {
    name: 'rows 90 seconds apart',
    given: { 'SPY.csv': `${HEADER}\n${good(0)}\n2026-03-23T13:31:30Z,1,1,1,1,1\n` },
    expected: /SPY\.csv: does not tell its timeframe: "rows 90 s apart"; allowed: rows 1s, 1m, /,
  },
  {
    name: 'one row that nobody gave a timeframe',
    given: { 'SPY.csv': `${HEADER}\n${good(0)}\n` },
    expected: /SPY\.csv: does not tell its timeframe: "one row"/,
  },
  // Rows and columns.
  {
    name: 'a row with a column too few',
    given: csv(`${stamp(2)},100,101,99,100.5`),
    expected: /SPY_1m\.csv:4: has a wrong number of columns: 5; allowed: 6, as the header has/,
  },
  {
    name: 'a row with a column too many',
    given: csv(`${good(2)},7`),
    expected: /SPY_1m\.csv:4: has a wrong number of columns: 7/,
  },
  {
    name: 'a row that was cut off',
    given: `${HEADER}\n${good(0)}\n2026-03-23T13:3`,
    expected: /SPY_1m\.csv:3: has a wrong number of columns: 1/,
  },
  {
    name: 'a quotation mark without its twin',
    given: csv(`${stamp(2)},"100,101,99,100.5,1000`),
    expected: /SPY_1m\.csv:\d+: is not csv \(.*\); allowed: quotation marks in pairs/,
  },
  {
    name: 'no column for the close',
    given: csv(good(2)).replace('Close', 'Adj'),
    expected:
      /SPY_1m\.csv:1: has no column for close: "Datetime,Open,High,Low,Adj,Volume"; allowed: columns for time, open, high, low and close/,
  },
  {
    name: 'no column for the time',
    given: csv(good(2)).replace('Datetime', 'When'),
    expected: /SPY_1m\.csv:1: has no column for time/,
  },
  {
    name: 'two columns for the time',
    given: csv(good(2)).replace('Volume', 'Date'),
    expected: /SPY_1m\.csv:1: Date means the same as column Datetime; allowed: one column for time/,
  },
  {
    name: 'semicolons',
    given: csv(good(2)).replaceAll(',', ';'),
    expected: /SPY_1m\.csv:1: names no column: "Datetime;Open.*option columns/,
  },
  {
    name: 'no header',
    given: `${good(0)}\n${good(1)}\n`,
    expected: /SPY_1m\.csv:1: names no column: "2026-03-23T13:30:00\.000Z,100,/,
  },
  {
    name: 'a second header in the middle',
    given: csv(HEADER),
    expected: /SPY_1m\.csv:4: Datetime is not a time: "Datetime"/,
  },
  {
    name: 'a header and nothing else',
    given: `${HEADER}\n`,
    expected: /SPY_1m\.csv: has no rows; allowed: a data row below the header/,
  },
  { name: 'line ends and nothing else', given: '\n\n\n', expected: /SPY_1m\.csv: is empty/ },
  {
    name: 'a symbol with a blank',
    given: `${HEADER},symbol\n${good(0)},S PY\n`,
    expected: /SPY_1m\.csv:2: symbol is no symbol: "S PY"/,
  },
  {
    name: 'a timeframe that there is not',
    given: `${HEADER},timeframe\n${good(0)},2m\n`,
    expected: /SPY_1m\.csv:2: timeframe is no timeframe: "2m"; allowed: 1s, 1m, 5m/,
  },
  {
    name: 'a name that tells no symbol',
    given: { 'my file of bars.csv': csv(good(2)) },
    expected:
      /my file of bars\.csv: does not tell its symbol; allowed: a symbol column, or a name such as SPY_1m\.csv/,
  },
  // Files.
  {
    name: 'an empty file',
    given: '',
    expected: /SPY_1m\.csv: is empty; allowed: a header row and data rows/,
  },
  {
    name: 'a binary file',
    given: { 'SPY_1m.csv': Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1, 2]) },
    expected: /SPY_1m\.csv: is binary or UTF-16; allowed: text in UTF-8/,
  },
  {
    name: 'a file in Latin-1',
    given: { 'SPY_1m.csv': Uint8Array.from([...text(`${HEADER},Caf`), 0xe9, 10]) },
    expected: /SPY_1m\.csv: is not text; allowed: text in UTF-8/,
  },
  {
    name: 'an empty gzip',
    given: { 'SPY_1m.csv.gz': gzipSync('') },
    expected: /SPY_1m\.csv\.gz: is empty/,
  },
  {
    name: 'a gzip that was cut off',
    given: { 'SPY_1m.csv.gz': gzipSync(manyRows.join('\n')).subarray(0, 5_000) },
    expected:
      /SPY_1m\.csv\.gz: is cut off: its gzip data ends early; allowed: a complete gzip file/,
  },
  {
    name: 'a damaged gzip',
    given: { 'SPY_1m.csv.gz': damaged(gzipSync(csv(good(2)))) },
    expected: /SPY_1m\.csv\.gz: is broken gzip data/,
  },
  {
    name: 'text that is named gzip',
    given: { 'SPY_1m.csv.gz': csv(good(2)) },
    expected: /SPY_1m\.csv\.gz: is not packed as its name says/,
  },
  {
    name: 'a gzip bomb',
    given: { 'SPY_1m.csv.gz': gzipSync(Buffer.alloc(2_000_000, 'x')) },
    options: { maxBytes: 1_000_000 },
    expected: /SPY_1m\.csv\.gz: unpacks to too much; allowed: at most 1000000 bytes/,
  },
  {
    name: 'a zip bomb',
    given: { 'SPY.zip': zip({ 'SPY_1m.csv': 'x'.repeat(2_000_000) }) },
    options: { maxBytes: 1_000_000 },
    expected: /SPY\.zip:SPY_1m\.csv: unpacks to too much; allowed: at most 1000000 bytes/,
  },
  {
    name: 'a zip that was cut off',
    given: { 'SPY.zip': zip({ 'SPY_1m.csv': csv(good(2)) }).subarray(0, 100) },
    expected: /SPY\.zip: is a broken or cut off zip file; allowed: a complete zip file/,
  },
  {
    name: 'a damaged zip',
    given: { 'SPY.zip': damaged(zip({ 'SPY_1m.csv': csv(good(2)) })) },
    expected: /SPY\.zip(:SPY_1m\.csv)?: is a broken or cut off zip file/,
  },
  {
    name: 'a zip without csv',
    given: { 'SPY.zip': zip({ 'readme.txt': 'hello' }) },
    expected: /SPY\.zip: has no csv entry; allowed: a zip of csv files/,
  },
  {
    name: 'a folder without data',
    given: { 'notes.txt': 'hello' },
    expected: /: has no market data; allowed: a folder with \.csv, \.csv\.gz or \.zip files/,
  },
  {
    name: 'a path that is not there',
    given: '',
    path: 'nothing-here',
    expected: /nothing-here: does not exist; allowed: an existing file or folder/,
  },
  {
    name: 'a text that is no csv',
    given: { 'notes.txt': 'hello, world' },
    path: 'notes.txt',
    expected: /notes\.txt:1: names no column: "hello, world"/,
  },
  {
    name: 'a symbol that is not there',
    given: csv(good(2)),
    options: { symbols: ['QQQ'] },
    expected: /: has no data of symbol: "QQQ"/,
  },
  {
    name: 'a zone that there is not',
    given: csv(good(2)),
    options: { zone: 'Mars/Olympus' },
    expected: /options of the tape: zone is unknown: "Mars\/Olympus"/,
  },
  {
    name: 'two files that overlap',
    given: { 'a/SPY_1m.csv': csv(good(2)), 'b/SPY_1m.csv': `${HEADER}\n${good(3)}\n${good(4)}\n` },
    expected:
      /b\/SPY_1m\.csv:2: start overlaps with .*a\/SPY_1m\.csv: "2026-03-23T13:33:00\.000Z"; allowed: files of SPY that follow each other/,
  },
  {
    name: 'a bad row far down, after bars that were written',
    given: manyRows.join('\n'),
    expected: /SPY_1m\.csv:15002: Volume is negative: -5/,
  },
  {
    name: 'a bad file after a good one',
    given: { 'AAPL_1m.csv': csv(good(2)), 'SPY_1m.csv': manyRows.join('\n') },
    expected: /SPY_1m\.csv:15002: Volume is negative/,
  },
  // Lean.
  {
    name: 'a Lean bar with a price of text',
    given: leanBars('34260000,1674100,x,1674000,1674100,100'),
    expected: /20131007_trade\.zip:20131007_spy_minute_trade\.csv:2: high is not a number: "x"/,
  },
  {
    name: 'a Lean bar with a broken price',
    given: leanBars('34260000,1674100.5,1674200,1674000,1674100,100'),
    expected: /:2: open is not whole: 1674100\.5; allowed: units of 1\/10000 USD/,
  },
  {
    name: 'a Lean bar after the end of the day',
    given: leanBars('86400000,1674100,1674200,1674000,1674100,100'),
    expected:
      /:2: time is not a time of the day: "86400000"; allowed: milliseconds from 0 to 86399999, a multiple of 60000/,
  },
  {
    name: 'a Lean bar off the grid',
    given: leanBars('34260001,1674100,1674200,1674000,1674100,100'),
    expected: /:2: time is not a time of the day: "34260001"/,
  },
  {
    name: 'a Lean bar that is there twice',
    given: leanBars('34200000,1674100,1674200,1674000,1674100,100'),
    expected: /:2: time is the time of the row before: "34200000"; allowed: rising times/,
  },
  {
    name: 'a Lean bar with a low above the open',
    given: leanBars('34260000,1673000,1674200,1674000,1674100,100'),
    expected: /:2: open is outside of low and high: 167\.3/,
  },
  {
    name: 'a Lean bar without volume',
    given: leanBars('34260000,1674100,1674200,1674000,1674100'),
    expected:
      /:2: has a wrong number of columns: 5; allowed: 6: time, open, high, low, close, volume/,
  },
  {
    name: 'a Lean day that there is not',
    given: {
      'spy.zip': zip({ 'spy.csv': '20131007 00:00,1,1,1,1,1\n20131341 00:00,1,1,1,1,1\n' }),
    },
    expected: /spy\.zip:spy\.csv:2: time is not a day: "20131341 00:00"/,
  },
  {
    name: 'a Lean file of no date',
    given: { '99999999_trade.zip': zip({ '99999999_spy_minute_trade.csv': '0,1,1,1,1,1\n' }) },
    expected: /99999999_spy_minute_trade\.csv starts with no date: "99999999"/,
  },
  {
    name: 'a HISTDATA row with a bad price',
    given: {
      'HISTDATA.zip': zip({
        'DAT_MT_SPX_M1_202602.csv': '2026.02.01,18:00,1,1,1,1,0\n2026.02.01,18:01,1,1,1,oops,0\n',
      }),
    },
    expected: /DAT_MT_SPX_M1_202602\.csv:2: close is not a number: "oops"/,
  },
]

const TICK_CASES: readonly Case[] = [
  {
    name: 'a trade of price zero',
    given: trades('14400465,0,100,P,1,0'),
    expected: /20131007_trade\.zip:20131007_spy_Trade_Tick\.csv:2: price is not above zero: 0/,
  },
  {
    name: 'a trade of negative size',
    given: trades('14400465,1674100,-1,P,1,0'),
    expected: /:2: size is negative: -1/,
  },
  {
    name: 'a trade that goes back in time',
    given: trades('14400463,1674100,100,P,1,0'),
    expected: /:2: time is before the row before: "14400463"; allowed: times that do not fall/,
  },
  {
    name: 'a trade with a strange mark',
    given: trades('14400465,1674100,100,P,1,2'),
    expected: /:2: suspicious is not a mark: "2"; allowed: 0 or 1/,
  },
  {
    name: 'a trade that was cut off',
    given: trades('14400465,16741'),
    expected:
      /:2: has a wrong number of columns: 2; allowed: 6: time, price, size, exchange, conditions, suspicious/,
  },
  {
    name: 'a quote of two sides',
    given: {
      '20131007_quote.zip': zip({
        '20131007_ibm_Quote_Tick.csv': '14400241,1800100,300,1800200,300,P,1,0\n',
      }),
    },
    expected: /20131007_ibm_Quote_Tick\.csv:1: bid and ask are not one side: "1800100"/,
  },
]

const folder = mkdtempSync(join(tmpdir(), 'skein-malformed-'))
let archive: SqliteArchive
before(async () => {
  archive = await openArchive(join(folder, 'archive.db'))
  // The same minutes as in the files, with other prices: whatever were written would be seen.
  const bars = barColumns(5)
  for (let i = 0; i < 5; i++) {
    bars.start[i] = T0 + i * MINUTE
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[i] = 7
  }
  await archive.putBars('SPY', '1m', bars)
})
after(async () => {
  await archive.close()
  rmSync(folder, { recursive: true })
})

/** All that an archive holds. */
async function contents(): Promise<unknown> {
  const all: unknown[] = []
  for (const series of await archive.series()) {
    const latest = await archive.latest({ ...series, limit: 100_000 })
    all.push(series, structuredClone(latest))
  }
  return all
}

function write(home: string, given: Case['given']): void {
  const files = typeof given === 'string' ? { 'SPY_1m.csv': given } : given
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), content)
  }
}

const isBadInput = (expected: RegExp) => (error: unknown) => {
  assert.ok(error instanceof BadInput, String(error))
  assert.match(error.message, expected)
  assert.match(error.message, /; allowed: ./)
  return true
}

describe('malformed market data', () => {
  it('is tried in at least 45 ways', () => {
    assert.ok(CASES.length + TICK_CASES.length >= 45)
  })

  for (const [i, { name, given, expected, options, path = '' }] of CASES.entries()) {
    it(`refuses ${name}, and leaves the archive as it was`, async () => {
      const home = join(folder, String(i))
      write(home, given)
      const unchanged = await contents()

      await assert.rejects(async () => {
        await importTape(await openTape(join(home, path), options), archive)
      }, isBadInput(expected))

      assert.deepEqual(await contents(), unchanged)
    })
  }

  for (const [i, { name, given, expected }] of TICK_CASES.entries()) {
    it(`refuses ${name}`, async () => {
      const home = join(folder, `ticks-${i}`)
      write(home, given)

      await assert.rejects(async () => {
        const tape = await openTape(home)
        for (const series of tape.series) for await (const page of series.pages()) assert.ok(page)
      }, isBadInput(expected))
    })
  }

  it('does not import a tape of trades only', async () => {
    const home = join(folder, 'trades')
    write(home, trades('14400465,1674100,100,P,1,0'))
    const unchanged = await contents()

    const tape = await openTape(home)

    await assert.rejects(importTape(tape, archive), isBadInput(/trades: has no bars to import/))
    assert.deepEqual(await contents(), unchanged)
  })
})
