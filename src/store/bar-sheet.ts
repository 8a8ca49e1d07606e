/*
 * BarSheet: bars of one adjustment as they are written. Each adjustment has a table of its own, so that none mixes with
 * another.
 *
 *   rows     what is heard minute by minute, what forms, short pieces, and bars for which there is no chunk
 *   chunks   history that comes many bars at a time (bar-chunks.ts)
 *
 * No row is within a chunk: what history tells takes the place of all that it covers, and is cut where a row stays, or
 * another chunk lies, between its bars.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { barColumns, type BarColumns, copyBar, sliceBars } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import type { BarRank } from '../core/market.ts'
import { BarChunks, type SeriesId } from './bar-chunks.ts'
import { BarInserts } from './bar-inserts.ts'
import { type Chunk, CHUNK_BARS_MIN, hasUnits, readChunk, unitsOf } from './chunk-text.ts'

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

/** Rows at starts that are written, and those between them. */
interface RowsMet extends Met {
  readonly matched: readonly number[]
  readonly between: readonly number[]
}

/** Chunks with a start that is written within them, and where others of the same span begin. */
interface ChunksMet {
  readonly touched: readonly Chunk[]
  readonly between: readonly number[]
}

export class BarSheet {
  readonly #inserts: BarInserts
  readonly #chunks: BarChunks
  readonly #known: StatementSync
  readonly #dropRow: StatementSync

  constructor(adjustment: Adjustment, writer: DatabaseSync) {
    const table = TABLES[adjustment]
    this.#inserts = new BarInserts(table, writer)
    this.#chunks = new BarChunks(adjustment, writer)
    const of = 'where symbol_id = ?1 and timeframe = ?2 and start'
    this.#known = writer.prepare(
      `select start, ${VALUES.join(', ')}, source from ${table} ${of} between ?3 and ?4 order by start`,
    )
    this.#dropRow = writer.prepare(`delete from ${table} ${of} = ?3`)
  }

  /** Inserts or replaces bars of a symbol, where nothing of a higher rank is there, within a transaction. */
  write(id: number, timeframeMs: number, bars: BarColumns, rank: BarRank): Met {
    if (bars.length === 0) return NOTHING_MET
    const series = { id, timeframeMs }
    const met = this.#meetsChunks(series, bars)
    return rank === 'final'
      ? this.#writeFinal(series, bars, met)
      : this.#writeHeard(series, bars, rank, met.touched)
  }

  #writeFinal(series: SeriesId, bars: BarColumns, { touched, between }: ChunksMet): Met {
    const before = barsOf(touched)
    const { merged, revised, isOther } = mergedBars(before, bars)
    const rows = this.#meetsRows(series, bars, 'final')
    if (!isOther && rows.matched.length === 0) return NOTHING_MET
    for (const start of rows.matched) this.#dropRow.run(series.id, series.timeframeMs, start)
    for (const chunk of touched) this.#chunks.drop(series, chunk)
    const cuts = [...rows.between, ...between].toSorted((a, b) => a - b)
    this.#put(series, merged, cuts)
    return { revised: rows.revised + revised, outranked: 0 }
  }

  /** What history has told stays as it is; where it has a hole, its chunk becomes two. */
  #writeHeard(series: SeriesId, bars: BarColumns, rank: BarRank, touched: readonly Chunk[]): Met {
    const left = without(bars, barsOf(touched))
    for (const chunk of touched) {
      const holes = left.start.filter((start) => start > chunk.first && start < chunk.last)
      if (holes.length === 0) continue
      this.#chunks.drop(series, chunk)
      this.#put(series, barsOf([chunk]), [...holes])
    }
    if (left.length === 0) return { revised: 0, outranked: bars.length }
    const { revised, outranked } = this.#meetsRows(series, left, rank)
    this.#inserts.write(series.id, series.timeframeMs, left, RANKS[rank])
    return { revised, outranked: outranked + bars.length - left.length }
  }

  /** Bars of history, cut where something else lies between them. */
  #put(series: SeriesId, bars: BarColumns, cuts: readonly number[]): void {
    let [from, cut] = [0, 0]
    for (let to = 1; to <= bars.length; to++) {
      while (cut < cuts.length && cuts[cut]! < bars.start[to - 1]!) cut++
      const isCut = to === bars.length || (cut < cuts.length && cuts[cut]! < bars.start[to]!)
      if (!isCut) continue
      this.#putPiece(series, sliceBars(bars, from, to))
      from = to
    }
  }

  /** As chunks, and as rows where one bar has no units or too few are left between two of those. */
  #putPiece(series: SeriesId, bars: BarColumns): void {
    if (this.#addChunks(series, bars)) return
    if (bars.length < CHUNK_BARS_MIN) {
      this.#inserts.write(series.id, series.timeframeMs, bars, RANKS.final)
      return
    }
    let from = 0
    for (let to = 0; to <= bars.length; to++) {
      if (to < bars.length && hasUnits(bars, to)) continue
      const run = sliceBars(bars, from, to)
      const end = this.#addChunks(series, run) ? to : from
      const rows = sliceBars(bars, end, Math.min(to + 1, bars.length))
      this.#inserts.write(series.id, series.timeframeMs, rows, RANKS.final)
      from = to + 1
    }
  }

  #addChunks(series: SeriesId, bars: BarColumns): boolean {
    const units = bars.length < CHUNK_BARS_MIN ? undefined : unitsOf(bars)
    if (units === undefined) return false
    this.#chunks.add(series, bars, units)
    return true
  }

  #meetsChunks(series: SeriesId, bars: BarColumns): ChunksMet {
    const span = { from: bars.start[0]!, to: bars.start[bars.length - 1]! + 1 }
    const touched: Chunk[] = []
    const between: number[] = []
    let i = 0
    for (const chunk of this.#chunks.ascending(series, span)) {
      while (i < bars.length && bars.start[i]! < chunk.first) i++
      if (i < bars.length && bars.start[i]! <= chunk.last) touched.push(chunk)
      else between.push(chunk.first)
    }
    return { touched, between }
  }

  /** What writing these bars will do to the rows that are there. */
  #meetsRows({ id, timeframeMs }: SeriesId, bars: BarColumns, rank: BarRank): RowsMet {
    const [first, last] = [bars.start[0]!, bars.start[bars.length - 1]!]
    const matched: number[] = []
    const between: number[] = []
    let [i, revised, outranked] = [0, 0, 0]
    for (const known of this.#known.iterate(id, timeframeMs, first, last)) {
      const start = Number(known['start'])
      while (bars.start[i]! < start) i++
      const isMatched = bars.start[i] === start
      ;(isMatched ? matched : between).push(start)
      if (!isMatched) continue
      if (Number(known['source']) > RANKS[rank]) outranked++
      else if (known['source'] === RANKS.forming) continue
      else if (VALUES.some((name) => bars[name][i] !== known[name])) revised++
    }
    return { revised, outranked, matched, between }
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

/** The bars whose starts are not among the others'. */
function without(bars: BarColumns, others: BarColumns): BarColumns {
  if (others.length === 0) return bars
  const left = barColumns(bars.length)
  let [k, length] = [0, 0]
  for (let i = 0; i < bars.length; i++) {
    while (k < others.length && others.start[k]! < bars.start[i]!) k++
    if (others.start[k] !== bars.start[i]) copyBar(left, length++, bars, i)
  }
  return sliceBars(left, 0, length)
}

interface Merged {
  readonly merged: BarColumns
  /** Bars with other values than before. */
  readonly revised: number
  /** Whether anything is otherwise than before. */
  readonly isOther: boolean
}

/** All starts of both, with the values of the later where both have one. */
function mergedBars(before: BarColumns, later: BarColumns): Merged {
  if (before.length === 0) return { merged: later, revised: 0, isOther: true }
  const merged = barColumns(before.length + later.length)
  let [i, k, length, revised, isOther] = [0, 0, 0, 0, false]
  while (i < before.length || k < later.length) {
    const [was, is] = [before.start[i] ?? Infinity, later.start[k] ?? Infinity]
    if (was === is && VALUES.some((name) => before[name][i] !== later[name][k])) revised++
    isOther ||= is < was || (was === is && before.filled[i] !== later.filled[k])
    if (is <= was) copyBar(merged, length++, later, k)
    else copyBar(merged, length++, before, i)
    if (was <= is) i++
    if (is <= was) k++
  }
  return { merged: sliceBars(merged, 0, length), revised, isOther: isOther || revised > 0 }
}
