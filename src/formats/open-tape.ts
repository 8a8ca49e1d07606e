/*
 * Opening a tape: from a path to the series of its symbols.
 *
 * At opening, the files are listed and each tells what it holds, by its name and first rows. The data itself is
 * read when a series is read, one file at a time, and checked then. Files of one series are joined in order of
 * time. They may not overlap: which of two different prices is right nobody can know, so the first bar of a
 * file that is not after the last one of the file before is an error.
 */
import { basename } from 'node:path'
import { BadInput } from '../core/bad-input.ts'
import { venueId } from '../core/brand.ts'
import { type Calendar, calendarOf } from '../core/calendar.ts'
import type { BarColumns, QuoteColumns, TradeColumns } from '../core/columns.ts'
import { equitySpec, type InstrumentSpec } from '../core/instrument.ts'
import type { Tape, TapeSeries } from '../core/tape.ts'
import { isTimeframe, type Timeframe } from '../core/time.ts'
import { type BarPart, type CsvContext, namesSeries, readCsvBars } from './csv-bars.ts'
import { HISTDATA_COLUMNS, HISTDATA_ZONE, histdataSymbol, histdataText } from './histdata.ts'
import {
  leanDailyLayout,
  leanLayout,
  type LeanLayout,
  readLeanBars,
  readLeanQuotes,
  readLeanTrades,
} from './lean.ts'
import { leftOut, nothingSkipped, type Skipped, type TapeOptions } from './options.ts'
import { noteOf, withoutRepeats } from './quote-bars.ts'
import { filesAt, type Part, partsOf, peekText, readText } from './source.ts'
import { isZone } from './stamps.ts'

/** A tape of files. */
export interface RecordedTape extends Tape {
  /** What the files that were read so far hold and the tape does not. */
  skipped(): Readonly<Skipped>
}

type Columns = BarColumns | TradeColumns | QuoteColumns

/** A part's share of one series. */
interface Piece {
  readonly part: Part
  readonly kind: TapeSeries['kind']
  readonly symbol: string
  /** Of bars, and of the bars that quotes were made of. */
  readonly timeframe: Timeframe | undefined
  /** A time at or near its first, which orders pieces that do not overlap. */
  readonly near: number
  read(): Promise<{ readonly columns: Columns; readonly line: number }>
}

/**
 * Opens a file or a folder of recorded market data, or several as one tape. Throws BadInput for what cannot be used, here or while a
 * series is read.
 *
 * @example
 * const tape = await openTape('data/minutes', { zone: 'America/New_York', symbols: ['SPY'] })
 */
export async function openTape(
  path: string | readonly string[],
  options: TapeOptions = {},
): Promise<RecordedTape> {
  checkOptions(options)
  const opening = new Opening(options)
  const paths = typeof path === 'string' ? [path] : path
  for (const one of paths) {
    for (const file of await filesAt(one)) {
      for (const part of await partsOf(file)) await opening.add(part)
    }
  }
  return opening.tape(paths.join(', '))
}

function checkOptions({ zone, timeframe, maxBytes }: TapeOptions): void {
  const file = 'options of the tape'
  if (zone !== undefined && !isZone(zone)) {
    throw new BadInput(
      { file, field: 'zone' },
      'is unknown',
      zone,
      'a zone such as America/New_York',
    )
  }
  if (timeframe !== undefined && !isTimeframe(timeframe)) {
    throw new BadInput({ file, field: 'timeframe' }, 'is unknown', timeframe, 'such as 1m')
  }
  if (maxBytes !== undefined && !(maxBytes > 0)) {
    throw new BadInput({ file, field: 'maxBytes' }, 'is no limit', maxBytes, 'a number > 0')
  }
}

class Opening {
  readonly #options: TapeOptions
  readonly #symbols: ReadonlySet<string> | undefined
  readonly #calendar: Calendar
  readonly #pieces: Piece[] = []
  /** Bars, of trades and of quotes, that the option `timeframe` leaves out, by symbol. */
  readonly #otherBars = new Map<string, Set<Timeframe>>()
  /** What the last reading of each part left out. */
  readonly #skipped = new Map<string, Skipped>()
  /** The last file with many series: they are read one after the other. */
  #shared: { readonly name: string; readonly parts: readonly BarPart[] } | undefined

  constructor(options: TapeOptions) {
    this.#options = options
    const { symbols } = options
    this.#symbols = symbols && new Set(symbols.map((symbol) => symbol.toUpperCase()))
    this.#calendar = calendarOf(this.#spec('ANY').calendar)
  }

  async add(part: Part): Promise<void> {
    const entry = part.entry ?? ''
    const lean =
      leanLayout(part.file, entry, this.#options.zone) ??
      (entry === '' || histdataSymbol(entry) !== undefined
        ? undefined
        : leanDailyLayout(part.file, entry, await peekText(part, this.#options.maxBytes)))
    if (lean !== undefined) this.#addLean(part, lean)
    else await this.#addCsv(part)
  }

  tape(path: string): RecordedTape {
    this.#checkTimeframe(path)
    const { repeating, pieces } = withoutRepeats(this.#pieces)
    const groups = Map.groupBy(pieces, ({ kind, symbol, timeframe = '' }) =>
      [symbol, kind, kind === 'bars' ? timeframe : ''].join(' '),
    )
    const series = [...groups.values()].map((pieces) => this.#series(pieces))
    const found = [...new Set(series.map(({ symbol }) => symbol))].toSorted()
    for (const symbol of this.#symbols ?? []) {
      if (!found.includes(symbol)) {
        const there = found.slice(0, 10).join(', ')
        const allowed = there === '' ? 'a symbol that is there' : `a symbol such as ${there}`
        throw new BadInput({ file: path }, 'has no data of symbol', symbol, allowed)
      }
    }
    if (series.length === 0) {
      const { kind = 'market data' } = this.#options
      throw new BadInput(
        { file: path },
        `has no ${kind}`,
        undefined,
        'files of bars, trades or quotes',
      )
    }
    const skipped = (): Readonly<Skipped> => {
      const sum = nothingSkipped()
      for (const one of this.#skipped.values()) {
        sum.suspicious += one.suspicious
        sum.repeated += one.repeated
        sum.oneSided += one.oneSided
        sum.crossed += one.crossed
      }
      return sum
    }
    const repeats = repeating.length === 0 ? [] : [noteOf(repeating)]
    return {
      name: path,
      instruments: found.map((symbol) => this.#spec(symbol)),
      series,
      // Told when somebody asks: what is left out is known when it was read.
      get notes() {
        return [...repeats, ...leftOut(skipped())]
      },
      skipped,
    }
  }

  /** An option that leaves nothing of its kind would be one that is ignored. */
  #checkTimeframe(path: string): void {
    const { timeframe } = this.#options
    if (timeframe === undefined) return
    const bars = this.#pieces.filter((piece) => piece.timeframe !== undefined)
    const lacking = [...this.#otherBars.keys()].find((other) =>
      bars.every(({ symbol }) => symbol !== other),
    )
    const isWanted = lacking !== undefined && this.#symbols?.has(lacking) === true
    if (bars.length > 0 && !isWanted) return
    const others = [...new Set([...this.#otherBars.values()].flatMap((one) => [...one]))]
    const allowed =
      others.length === 0 ? 'no such option, because it has no bars' : others.join(', ')
    const what = isWanted ? `has no bars of ${lacking} of timeframe` : 'has no bars of timeframe'
    throw new BadInput({ file: path }, what, timeframe, allowed)
  }

  #spec(symbol: string): InstrumentSpec {
    return { ...equitySpec(symbol, venueId('sim')), ...this.#options.instrument, symbol }
  }

  #keep(piece: Piece): void {
    const { kind, timeframe } = this.#options
    if (kind !== undefined && piece.kind !== kind) return
    if (this.#isLeftOut(piece.symbol)) return
    if (timeframe === undefined || (piece.timeframe ?? timeframe) === timeframe) {
      this.#pieces.push(piece)
    } else if (piece.timeframe !== undefined) {
      const others = this.#otherBars.get(piece.symbol) ?? new Set()
      this.#otherBars.set(piece.symbol, others.add(piece.timeframe))
    }
  }

  #addLean(part: Part, layout: LeanLayout): void {
    const { holds, symbol, timeframe, midnight } = layout
    const kind =
      holds === 'trades'
        ? 'trades'
        : holds === 'quotes' || holds === 'quote bars'
          ? 'quotes'
          : 'bars'
    this.#keep({
      part,
      kind,
      symbol,
      timeframe: kind === 'bars' || holds === 'quote bars' ? timeframe : undefined,
      near: Number.isNaN(midnight) ? 0 : midnight,
      read: async () => {
        const skipped = this.#tally(part)
        const text = await readText(part, this.#options.maxBytes)
        const columns =
          kind === 'bars'
            ? readLeanBars(part.name, text, layout, this.#calendar)
            : kind === 'trades'
              ? readLeanTrades(part.name, text, layout, skipped)
              : readLeanQuotes(part.name, text, layout, skipped)
        return { columns, line: 1 }
      },
    })
  }

  async #addCsv(part: Part): Promise<void> {
    const context = this.#context(part)
    const peeked = this.#plain(part, await peekText(part, this.#options.maxBytes))
    const isShared = namesSeries(context, peeked)
    if (!isShared && context.symbol !== undefined && this.#isLeftOut(context.symbol)) return
    // Which series a file with a symbol column has, only all of its rows tell.
    const parts = isShared
      ? await this.#readShared(part, context)
      : readCsvBars(context, peeked, nothingSkipped())
    for (const { symbol, timeframe, bars } of parts) {
      // What a person says of it is held against all rows again.
      const known = context.label === undefined ? { ...context, timeframe } : context
      this.#keep({
        part,
        kind: 'bars',
        symbol,
        timeframe,
        near: bars.start[0] ?? 0,
        read: async () => {
          const read = isShared
            ? await this.#readShared(part, context)
            : readCsvBars(known, await this.#text(part), this.#tally(part))
          const own = read.find((one) => one.symbol === symbol && one.timeframe === timeframe)
          if (own === undefined) {
            const what = `no longer has ${symbol} ${timeframe}`
            throw new BadInput({ file: part.name }, what, undefined, 'a file that nobody changes')
          }
          return { columns: own.bars, line: own.line }
        },
      })
    }
  }

  async #readShared(part: Part, context: CsvContext): Promise<readonly BarPart[]> {
    if (this.#shared?.name !== part.name) {
      const parts = readCsvBars(context, await this.#text(part), this.#tally(part))
      this.#shared = { name: part.name, parts }
    }
    return this.#shared.parts
  }

  /** A fresh count for a part that is read now, in place of that of an earlier reading. */
  #tally(part: Part): Skipped {
    const skipped = nothingSkipped()
    this.#skipped.set(part.name, skipped)
    return skipped
  }

  #isLeftOut(symbol: string): boolean {
    return this.#symbols !== undefined && !this.#symbols.has(symbol)
  }

  async #text(part: Part): Promise<string> {
    return this.#plain(part, await readText(part, this.#options.maxBytes))
  }

  #plain(part: Part, text: string): string {
    return histdataSymbol(part.entry ?? '') === undefined ? text : histdataText(text)
  }

  #context(part: Part): CsvContext {
    const { timeframe, zone, stamp = 'start', columns } = this.#options
    const shared = { name: part.name, stamp, calendar: this.#calendar, label: undefined }
    const histdata = histdataSymbol(part.entry ?? '')
    if (histdata !== undefined) {
      const own = { symbol: histdata, timeframe: '1m', zone: zone ?? HISTDATA_ZONE } as const
      return { ...shared, ...own, columns: HISTDATA_COLUMNS }
    }
    const named = namedIn(basename(part.entry ?? part.file))
    return {
      ...shared,
      symbol: named.symbol,
      timeframe: named.timeframe,
      label: named.timeframe === undefined ? timeframe : undefined,
      zone: zone ?? named.zone,
      columns,
    }
  }

  #series(unsorted: readonly Piece[]): TapeSeries {
    const pieces = unsorted.toSorted((a, b) => a.near - b.near)
    const [{ kind, symbol, timeframe } = { kind: 'bars', symbol: '', timeframe: '1m' } as const] =
      pieces
    if (kind === 'bars') {
      return {
        kind,
        symbol,
        timeframe: timeframe ?? '1m',
        pages: () => this.#pages(pieces, 'start', isBars),
      }
    }
    if (kind === 'trades') return { kind, symbol, pages: () => this.#pages(pieces, 'ts', isTrades) }
    return { kind: 'quotes', symbol, pages: () => this.#pages(pieces, 'ts', isQuotes) }
  }

  async *#pages<T extends Columns>(
    pieces: readonly Piece[],
    field: string,
    isKind: (columns: Columns) => columns is T,
  ): AsyncIterable<T> {
    const { from = -Infinity, to = Infinity } = this.#options
    let last = -Infinity
    let lastName = ''
    for (const piece of pieces) {
      const { columns, line } = await piece.read()
      const times = timesOf(columns)
      const first = times[0]
      if (first === undefined) continue
      if (first < last || (first === last && piece.kind === 'bars')) {
        const place = { file: piece.part.name, line, field }
        const what = `overlaps with ${lastName}`
        const allowed = `files of ${piece.symbol} that follow each other in time`
        throw new BadInput(place, what, new Date(first).toISOString(), allowed)
      }
      last = times[times.length - 1] ?? last
      lastName = piece.part.name
      const page = cut(columns, lowerBound(times, from), lowerBound(times, to))
      if (page.length > 0 && isKind(page)) yield page
    }
  }
}

const isBars = (columns: Columns): columns is BarColumns => 'start' in columns
const isTrades = (columns: Columns): columns is TradeColumns => 'size' in columns
const isQuotes = (columns: Columns): columns is QuoteColumns => 'ask' in columns
const timesOf = (columns: Columns): Float64Array =>
  'start' in columns ? columns.start : columns.ts

/** Index of the first time at or after `at`. */
function lowerBound(times: Float64Array, at: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((times[middle] ?? NaN) < at) low = middle + 1
    else high = middle
  }
  return low
}

/** The rows from `from` up to `to` as views; all of them unchanged. */
function cut(columns: Columns, from: number, to: number): Columns {
  if (from === 0 && to === columns.length) return columns
  const views = Object.entries(columns).map(([name, column]: [string, unknown]) => [
    name,
    column instanceof Float64Array || column instanceof Uint8Array
      ? column.subarray(from, to)
      : to - from,
  ])
  return Object.fromEntries(views)
}

const MINUTES: Readonly<Record<string, Timeframe>> = {
  '1min': '1m',
  '5min': '5m',
  '15min': '15m',
  '60m': '1h',
  '60min': '1h',
  daily: '1d',
}
const ZONES: Readonly<Record<string, string>> = { et: 'America/New_York', utc: 'UTC' }
const FILE_NAME =
  /^([a-z0-9.^=-]+?)(?:_(\d+(?:s|m|min|h|d)|daily))?(?:_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d)?(?:_(et|utc))?(?:_noheader)?$/i

/** What a name such as `SPY_1m_2025-10-29_2025-11-08_utc.csv.gz` says. */
function namedIn(name: string): {
  readonly symbol: string | undefined
  readonly timeframe: Timeframe | undefined
  readonly zone: string | undefined
} {
  const match = FILE_NAME.exec(name.replace(/(\.csv)?(\.gz)?$/i, ''))
  const step = match?.[2]?.toLowerCase() ?? ''
  const known = MINUTES[step] ?? step
  return {
    symbol: match?.[1]?.toUpperCase(),
    timeframe: isTimeframe(known) ? known : undefined,
    zone: ZONES[match?.[3]?.toLowerCase() ?? ''],
  }
}
