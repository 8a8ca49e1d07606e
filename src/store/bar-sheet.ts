/*
 * BarSheet: bars of one adjustment as they are written. Each adjustment has a table of its own, so that none mixes with
 * another.
 *
 *   rows     what is heard minute by minute, what forms, short pieces, and bars for which there is no chunk
 *   chunks   history that comes many bars at a time (bar-chunks.ts)
 *
 * No row is within a chunk. What history tells takes the place of all that it covers, as chunks; where something else is
 * written into one, its bars become rows first.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { barColumns, type BarColumns, joinedBars, sliceBars } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'
import { BarChunks, type SeriesId } from './bar-chunks.ts'
import { BarInserts } from './bar-inserts.ts'
import { type Chunk, CHUNK_BARS_MIN, readChunk, unitsOf } from './chunk-text.ts'

export const TABLES: Readonly<Record<Adjustment, string>> = {
  raw: 'bars',
  split: 'bars_split',
  dividend: 'bars_dividend',
  all: 'bars_all',
}

export const RANKS: Readonly<Record<BarRank, number>> = { forming: 0, closed: 1, final: 2 }

/** What every reader of ours asks for: a bar that forms is for people, who look at the view `intraday_bars`. */
export const IS_CLOSED = `source > ${RANKS.forming}`

const VALUES = ['open', 'high', 'low', 'close', 'volume', 'trades'] as const

/** Bars that were there: closed with other values, and giving way; or of a higher rank, and staying. */
export interface Met {
  readonly revised: number
  readonly outranked: number
}
const NOTHING_MET: Met = { revised: 0, outranked: 0 }

/** Rows that were there, and whether all of them are at starts that are written. */
interface RowsMet extends Met {
  readonly rows: number
  readonly isCovered: boolean
}

export class BarSheet {
  readonly #inserts: BarInserts
  readonly #chunks: BarChunks
  readonly #known: StatementSync
  readonly #dropRows: StatementSync

  constructor(adjustment: Adjustment, writer: DatabaseSync) {
    const table = TABLES[adjustment]
    this.#inserts = new BarInserts(table, writer)
    this.#chunks = new BarChunks(adjustment, writer)
    const within = 'where symbol_id = ?1 and timeframe = ?2 and start between ?3 and ?4'
    this.#known = writer.prepare(
      `select start, ${VALUES.join(', ')}, source from ${table} ${within}`,
    )
    this.#dropRows = writer.prepare(`delete from ${table} ${within}`)
  }

  /** Inserts or replaces bars of a symbol, where nothing of a higher rank is there, within a transaction. */
  write(id: number, timeframeMs: number, bars: BarColumns, rank: BarRank): Met {
    if (bars.length === 0) return NOTHING_MET
    const series = { id, timeframeMs }
    const [from, last] = [bars.start[0]!, bars.start[bars.length - 1]!]
    const chunks = [...this.#chunks.ascending(series, { from, to: last + 1 })]
    const met = this.#meets(series, bars, rank)
    const asChunks =
      rank === 'final' && met.isCovered ? this.#writeChunks(series, bars, chunks, met) : undefined
    if (asChunks !== undefined) return asChunks
    for (const chunk of chunks) {
      this.#inserts.write(id, timeframeMs, barsOf([chunk]), RANKS.final)
      this.#chunks.drop(series, chunk)
    }
    const all = chunks.length === 0 ? met : this.#meets(series, bars, rank)
    this.#inserts.write(id, timeframeMs, bars, RANKS[rank])
    return all
  }

  /** Undefined where they have to be rows: then nothing has happened. */
  #writeChunks(
    series: SeriesId,
    bars: BarColumns,
    chunks: readonly Chunk[],
    met: RowsMet,
  ): Met | undefined {
    const before = barsOf(chunks)
    const { merged, revised } = mergedBars(before, bars)
    if (merged.length < CHUNK_BARS_MIN) return undefined
    const units = unitsOf(merged)
    if (units === undefined) return undefined
    if (met.rows > 0) {
      const [first, last] = [bars.start[0]!, bars.start[bars.length - 1]!]
      this.#dropRows.run(series.id, series.timeframeMs, first, last)
    }
    if (revised > 0 || merged.length > before.length) {
      for (const chunk of chunks) this.#chunks.drop(series, chunk)
      this.#chunks.add(series, merged, units)
    }
    return { revised: met.revised + revised, outranked: met.outranked }
  }

  /** What writing these bars will do to the rows that are there. */
  #meets({ id, timeframeMs }: SeriesId, bars: BarColumns, rank: BarRank): RowsMet {
    const [first, last] = [bars.start[0]!, bars.start[bars.length - 1]!]
    const met = { revised: 0, outranked: 0, rows: 0, isCovered: true }
    let i = 0
    for (const known of this.#known.iterate(id, timeframeMs, first, last)) {
      met.rows++
      while (bars.start[i]! < Number(known['start'])) i++
      if (bars.start[i] !== Number(known['start'])) met.isCovered = false
      else if (Number(known['source']) > RANKS[rank]) met.outranked++
      else if (known['source'] === RANKS.forming) continue
      else if (VALUES.some((name) => bars[name][i] !== known[name])) met.revised++
    }
    return met
  }
}

function barsOf(chunks: readonly Chunk[]): BarColumns {
  const bars = barColumns(chunks.reduce((sum, chunk) => sum + chunk.bars, 0))
  let at = 0
  for (const chunk of chunks) {
    readChunk(chunk, bars, at)
    at += chunk.bars
  }
  return bars
}

/** All starts of both, with the values of the later where both have one. */
function mergedBars(
  before: BarColumns,
  later: BarColumns,
): { readonly merged: BarColumns; readonly revised: number } {
  if (before.length === 0) return { merged: later, revised: 0 }
  const merged = joinedBars([before, later])
  let [i, k, length, revised] = [0, 0, 0, 0]
  while (i < before.length || k < later.length) {
    const [was, is] = [before.start[i] ?? Infinity, later.start[k] ?? Infinity]
    if (was === is && VALUES.some((name) => before[name][i] !== later[name][k])) revised++
    const [from, at] = is <= was ? [later, k] : [before, i]
    for (const name of ['start', ...VALUES, 'filled'] as const)
      merged[name][length] = from[name][at]!
    length++
    if (was <= is) i++
    if (is <= was) k++
  }
  return { merged: sliceBars(merged, 0, length), revised }
}
