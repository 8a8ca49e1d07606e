// The header of a csv: which column means what.
import { BadInput } from '../core/bad-input.ts'
import type { Row } from './rows.ts'

const NAMES: Readonly<Record<string, Field>> = {
  datetime: 'time',
  timestamp: 'time',
  time: 'time',
  date: 'time',
  start: 'time',
  open: 'open',
  high: 'high',
  low: 'low',
  close: 'close',
  volume: 'volume',
  vol: 'volume',
  trades: 'trades',
  filled: 'filled',
  symbol: 'symbol',
  ticker: 'symbol',
  timeframe: 'timeframe',
}
type Field =
  | 'time'
  | 'open'
  | 'high'
  | 'low'
  | 'close'
  | 'volume'
  | 'trades'
  | 'filled'
  | 'symbol'
  | 'timeframe'
const REQUIRED = ['time', 'open', 'high', 'low', 'close'] as const
/** `Volume BTC`, `base_volume`, `qty`: taken for a column that means nothing, its bars would have a volume of 0. */
const LIKE_VOLUME = /(^|[^a-z])(volumes?|vol|qty|quantity|amount|size|turnover)($|[^a-z])/i

export interface Column {
  readonly index: number
  /** As the file spells it. */
  readonly title: string
}
export type Header = Readonly<Partial<Record<Field, Column>>> & {
  readonly width: number
  readonly time: Column
  readonly open: Column
  readonly high: Column
  readonly low: Column
  readonly close: Column
}

/** Reads the header of rows; `rows` of the answer are those below it. */
export function headerOf(
  rows: readonly Row[],
  given: { readonly name: string; readonly columns: readonly string[] | undefined },
): { readonly header: Header; readonly rows: readonly Row[] } {
  const first = rows[0]
  const file = given.name
  if (first === undefined) {
    throw new BadInput({ file }, 'is empty', undefined, 'a header row and data rows')
  }
  // Where names were given, one name alone is a symbol: OPEN and LOW are two.
  const named = first.cells.filter((cell) => fieldOf(cell) !== undefined).length
  const isHeader = named > (given.columns === undefined ? 0 : 1)
  const titles = isHeader ? first.cells : given.columns
  if (titles === undefined) {
    const allowed =
      'a header row such as datetime,open,high,low,close,volume, or the option columns'
    throw new BadInput(
      { file, line: first.line },
      'names no column',
      first.cells.join(','),
      allowed,
    )
  }
  const found: Partial<Record<Field, Column>> = {}
  titles.forEach((title, index) => {
    const field = fieldOf(title)
    if (field === undefined) return
    const twin = found[field]
    if (twin !== undefined) {
      const what = `means the same as column ${twin.title}`
      const place = { file, line: first.line, field: title }
      throw new BadInput(place, what, undefined, `one column for ${field}`)
    }
    found[field] = { index, title }
  })
  const { time, open, high, low, close } = found
  if (
    time === undefined ||
    open === undefined ||
    high === undefined ||
    low === undefined ||
    close === undefined
  ) {
    const missing = REQUIRED.filter((field) => found[field] === undefined).join(', ')
    const what = `has no column for ${missing}`
    const allowed = 'columns for time, open, high, low and close, with commas between'
    throw new BadInput({ file, line: first.line }, what, titles.join(','), allowed)
  }
  const volumes = titles.filter((title) => fieldOf(title) === undefined && LIKE_VOLUME.test(title))
  if (found.volume === undefined && volumes.length > 0) {
    const what = 'seems to be a volume, and no column is named so'
    const place = { file, line: first.line, field: volumes.join(', ') }
    throw new BadInput(
      place,
      what,
      undefined,
      'a column named volume; any other name for other things',
    )
  }
  const header = { ...found, time, open, high, low, close, width: titles.length }
  return { header, rows: isHeader ? rows.slice(1) : rows }
}

// A byte order mark is part of the first cell.
const fieldOf = (title: string): Field | undefined => {
  const name = title
    .replace(/^\uFEFF/, '')
    .trim()
    .toLowerCase()
  return Object.hasOwn(NAMES, name) ? NAMES[name] : undefined
}
