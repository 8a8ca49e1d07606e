/*
 * Bar chunks: bars of history that lie close together in the archive (chunk-text.ts), a statement for each thing that is
 * done with them. Chunks of a series do not overlap, and no row of it is within one: `bar-sheet.ts` keeps it so.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import type { BarColumns } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import { type Chunk, CHUNK_BARS, ChunkWriter, type Units } from './chunk-text.ts'
import { numberOf } from './database.ts'

/** A symbol's number, and a timeframe. */
export interface SeriesId {
  readonly id: number
  readonly timeframeMs: number
}

/** Milliseconds; `to` is not included. */
export interface Span {
  readonly from: number
  readonly to: number
}

const COLUMNS = 'first, last, bars, price_unit, volume_unit, sum, cast(rows as blob) as text'

/** The last start of symbol `s` in chunks of timeframe ?1. */
export const lastChunkSql = (adjustment: Adjustment): string =>
  `(select c.last from bar_chunks c where c.symbol_id = s.id and c.timeframe = ?1
     and c.adjustment = '${adjustment}' order by c.first desc limit 1)`

export class BarChunks {
  readonly #ascending: StatementSync
  readonly #descending: StatementSync
  readonly #counted: StatementSync
  readonly #cut: StatementSync
  readonly #insert: StatementSync
  readonly #drop: StatementSync
  readonly #writer = new ChunkWriter()

  constructor(adjustment: Adjustment, db: DatabaseSync) {
    const of = `from bar_chunks where symbol_id = ?1 and timeframe = ?2 and adjustment = '${adjustment}'`
    // The chunk that a stretch begins in is the last one that begins before it: the key finds it at once.
    const before = `(select max(first) ${of} and first <= ?3)`
    this.#ascending = db.prepare(
      `select ${COLUMNS} ${of} and first >= coalesce(${before}, ?3) and first < ?4 and last >= ?3 order by first`,
    )
    this.#descending = db.prepare(`select ${COLUMNS} ${of} and first < ?3 order by first desc`)
    this.#counted = db.prepare(
      `select coalesce(sum(bars), 0) as n ${of} and first >= ?3 and first < ?4 and last < ?4`,
    )
    this.#cut = db.prepare(
      `select ${COLUMNS} ${of} and first in (${before}, (select max(first) ${of} and first < ?4))
         and ((first < ?3 and last >= ?3) or (first < ?4 and last >= ?4)) order by first`,
    )
    this.#insert = db.prepare(
      `insert into bar_chunks (symbol_id, timeframe, adjustment, first, last, bars, price_unit, volume_unit, sum, rows)
         values (?1, ?2, '${adjustment}', ?3, ?4, ?5, ?6, ?7, ?8, cast(?9 as text))`,
    )
    this.#drop = db.prepare(`delete ${of} and first = ?3`)
  }

  /** Those that have part in a span. */
  *ascending({ id, timeframeMs }: SeriesId, { from, to }: Span): Iterable<Chunk> {
    for (const row of this.#ascending.iterate(id, timeframeMs, from, to)) yield chunkOf(row)
  }

  /** Those that begin before a time, the last one first. */
  *descending({ id, timeframeMs }: SeriesId, before: number): Iterable<Chunk> {
    for (const row of this.#descending.iterate(id, timeframeMs, before)) yield chunkOf(row)
  }

  /** Bars of those that are within a span as a whole. */
  counted({ id, timeframeMs }: SeriesId, { from, to }: Span): number {
    return numberOf(this.#counted.get(id, timeframeMs, from, to)?.['n'])
  }

  /** Those that an end of a span goes through. */
  cut({ id, timeframeMs }: SeriesId, { from, to }: Span): readonly Chunk[] {
    return this.#cut.all(id, timeframeMs, from, to).map(chunkOf)
  }

  /** Within a transaction; nothing of the series is where they are. */
  add({ id, timeframeMs }: SeriesId, bars: BarColumns, units: Units): void {
    // Of about the same size: a bar that is added to a full one does not end up alone.
    const size = Math.ceil(bars.length / Math.ceil(bars.length / CHUNK_BARS))
    for (let from = 0; from < bars.length; from += size) {
      const to = Math.min(from + size, bars.length)
      const chunk = this.#writer.write(bars, units, from, to)
      const { first, last, price, volume, sum, text } = chunk
      this.#insert.run(id, timeframeMs, first, last, chunk.bars, price, volume, sum, text)
    }
  }

  drop({ id, timeframeMs }: SeriesId, { first }: Chunk): void {
    this.#drop.run(id, timeframeMs, first)
  }
}

function chunkOf(row: Readonly<Record<string, SQLOutputValue>>): Chunk {
  const text = row['text']
  assert(text instanceof Uint8Array, 'a chunk has bytes')
  return {
    first: numberOf(row['first']),
    last: numberOf(row['last']),
    bars: numberOf(row['bars']),
    price: numberOf(row['price_unit']),
    volume: numberOf(row['volume_unit']),
    sum: numberOf(row['sum']),
    text,
  }
}
