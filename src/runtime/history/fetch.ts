/*
 * Fetch: bars of the past from Alpaca into the archive.
 *
 * Symbols are looked up before the first bar is asked for, so that a misspelled one is found at once and not after an
 * hour. A page is written in one transaction with all its symbols: a fetch that is killed leaves whole pages, and the
 * same fetch again writes the same rows over them.
 */
import { BadInput } from '../../core/bad-input.ts'
import type { Ms } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { BarStore } from '../../core/store.ts'
import type { Timeframe } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import type { Limits } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import { heardOf } from '../../io/rate.ts'
import { withRequests } from '../../io/with-requests.ts'
import { systemIo } from '../../io/system.ts'
import { ALPACA } from '../../venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../venues/alpaca/venue.ts'
import type { WireAsset } from '../../venues/alpaca/wire.ts'
import type { AlpacaTerms } from '../venues/alpaca.ts'
import { columnsOf } from '../session/recorder.ts'

export interface FetchOptions {
  readonly terms: AlpacaTerms
  readonly archive: Pick<BarStore, 'writing'>
  readonly symbols: readonly string[]
  readonly timeframe: Timeframe
  /** First start, included. */
  readonly from: Ms
  /** Last start, excluded. */
  readonly to: Ms
  /** Limits of the venue's history, where they are not Alpaca's. */
  readonly history?: Limits['history']
  /** That of the machine where not told; it is closed then. */
  readonly io?: Io
  /** After each page that is stored. */
  readonly onPage?: (state: FetchState) => void
  /** The venue refused a request because of its rate, and says for how long; undefined where it does not. */
  readonly onLimited?: (waitMs: number | undefined) => void
}

export interface FetchState {
  readonly rows: number
  readonly pages: number
  /** Requests for bars, those that were tried again included. */
  readonly requests: number
}

export interface FetchReport extends FetchState {
  /** Requests to look the symbols up. */
  readonly lookups: number
  /** So many full pages would have held all rows. */
  readonly leastRequests: number
  /** Symbols without a bar in the range. */
  readonly empty: readonly string[]
}

/** Fetches to the end, or to the first fault. What came before a fault is stored; `context.state` tells how much. */
export async function fetchBars(options: FetchOptions): Promise<Result<FetchReport>> {
  const own = options.io === undefined ? systemIo() : undefined
  const io = watched(options.io ?? own!, options.onLimited)
  const universe = new Universe()
  const symbols = [...new Set(options.symbols)]
  const { limits, ...terms } = options.terms
  const venue = new AlpacaVenue({
    ...terms,
    io,
    symbols,
    universe,
    limits: { ...limits, ...(options.history === undefined ? {} : { history: options.history }) },
  })
  try {
    const found = await lookUp(venue, symbols)
    if (!found.ok) return found
    for (const { symbol, kind } of found.value) {
      const isCrypto = kind === 'crypto'
      universe.add({ ...equitySpec(symbol, ALPACA), kind: isCrypto ? 'crypto' : 'equity' })
    }
    return await store(venue, universe, options)
  } finally {
    await venue.close()
    await own?.close()
  }
}

async function store(
  venue: AlpacaVenue,
  universe: Universe,
  options: FetchOptions,
): Promise<Result<FetchReport>> {
  const { archive, timeframe, from, to, onPage } = options
  const rowsOf = universe.all.map(() => 0)
  let pages = 0
  let rows = 0
  const state = (): FetchState => ({ rows, pages, requests: venue.budgets.data.stats().granted })
  const symbols = universe.all.map(({ symbol }) => symbol)
  for await (const page of venue.history.bars({ symbols, timeframe, from, to })) {
    if (!page.ok) return failed({ ...page.fault, context: { ...page.fault.context, ...state() } })
    const { bars } = page.value
    const refusal = await write(archive, universe, bars)
    if (refusal !== undefined) return failed(fault('corrupt-data', refusal, { ...state() }))
    for (const { symbol } of bars) rowsOf[symbol]!++
    rows += bars.length
    pages++
    onPage?.(state())
  }
  return ok({
    ...state(),
    lookups: venue.budgets.trading.stats().granted,
    leastRequests: leastOf(universe, rowsOf, venue.limits.history.rows),
    empty: symbols.filter((_symbol, i) => rowsOf[i] === 0),
  })
}

/** All bars of a page or none; undefined, or why the archive refuses them. */
async function write(
  archive: FetchOptions['archive'],
  universe: Universe,
  bars: readonly Bar[],
): Promise<string | undefined> {
  if (bars.length === 0) return undefined
  try {
    await archive.writing(async (write) => {
      for (const [symbol, list] of Map.groupBy(bars, (bar) => bar.symbol))
        await write(universe.at(symbol).symbol, list[0]!.timeframe, columnsOf(list))
    })
    return undefined
  } catch (error) {
    if (error instanceof BadInput) return error.message
    throw error
  }
}

/** Stocks and coins are different requests; a request holds a page of rows, whoever's they are. */
function leastOf(universe: Universe, rowsOf: readonly number[], pageRows: number): number {
  const byKind = Map.groupBy(universe.all, ({ kind }) => kind)
  return [...byKind.values()]
    .map((all) => all.reduce((sum, { id }) => sum + rowsOf[id]!, 0))
    .reduce((sum, rows) => sum + Math.max(1, Math.ceil(rows / pageRows)), 0)
}

/** The assets of the symbols; a symbol that is none is named. */
async function lookUp(
  { history }: AlpacaVenue,
  symbols: readonly string[],
): Promise<Result<readonly WireAsset[]>> {
  const found: WireAsset[] = []
  const unknown: string[] = []
  for await (const [symbol, asset] of history.assetsOf(symbols)) {
    if (asset.ok && asset.value.symbol === symbol) found.push(asset.value)
    else if (asset.ok) unknown.push(`${symbol} (its name is ${asset.value.symbol})`)
    else if (asset.fault.code === 'not-found') unknown.push(symbol)
    else return asset
  }
  if (unknown.length === 0) return ok(found)
  return failed(fault('not-found', `alpaca knows no ${unknown.join(', ')}`))
}

/** The same io, which tells of each answer that asks to wait. */
function watched(io: Io, onLimited: FetchOptions['onLimited']): Io {
  if (onLimited === undefined) return io
  const request: Io['http']['request'] = async (call) => {
    const answer = await io.http.request(call)
    if (answer.ok && answer.value.status === 429) {
      const { retryAfterMs, resetMs } = heardOf(answer.value, io.now())
      onLimited(retryAfterMs ?? resetMs)
    }
    return answer
  }
  return withRequests(io, request)
}
