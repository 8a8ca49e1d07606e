/*
 * PostgresPages: bars out of Postgres as columns. A page is one row with a list of bytes for each column, which the
 * server glues together: a row for each bar costs the driver a string for each of its values.
 */
import { assert } from '../core/assert.ts'
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { Adjustment } from '../core/jobs.ts'
import { IS_CLOSED, TABLES } from './bar-sheet.ts'
import type { Session } from './postgres.ts'

/** Bars that have closed, from `from` on and before `to`. */
export interface PostgresStretch {
  readonly symbol: string
  readonly timeframeMs: number
  readonly adjustment: Adjustment
  readonly from: number
  readonly to: number
}

/** The first of a stretch, or its last; in order of start either way. */
export type End = 'first' | 'last'

const NUMBERS = ['start', 'open', 'high', 'low', 'close', 'volume', 'trades', 'filled'] as const
const DOUBLE_BYTES = 8

const SQL: Readonly<Record<End, (adjustment: Adjustment) => string>> = {
  first: (adjustment) => sqlOf(adjustment, ''),
  last: (adjustment) => sqlOf(adjustment, 'desc'),
}

/** Times and counts are below 2^53, so all travel as doubles. */
function sqlOf(adjustment: Adjustment, direction: '' | 'desc'): string {
  const columns = NUMBERS.map(
    (name) => `string_agg(float8send(${name}::double precision), '' order by start) as ${name}`,
  )
  return `select ${columns.join(', ')} from (
    select ${NUMBERS.join(', ')} from ${TABLES[adjustment]}
    where symbol_id = (select id from symbols where symbol = ?1) and timeframe = ?2
      and start >= ?3 and start < ?4 and ${IS_CLOSED}
    order by start ${direction} limit ?5) as page`
}

/** At most `limit` bars. */
export async function postgresPage(
  { one }: Pick<Session, 'one'>,
  { symbol, timeframeMs, adjustment, from, to }: PostgresStretch,
  limit: number | null,
  end: End = 'first',
): Promise<BarColumns> {
  const row = await one(SQL[end](adjustment), symbol, timeframeMs, from, to, limit)
  assert(row !== undefined, 'an aggregate is one row')
  const lists = NUMBERS.map((name) => row[name])
  // What is glued of no rows is null.
  if (lists[0] === null) return barColumns(0)
  const [start, open, high, low, close, volume, trades, filled] = lists.map(doublesOf)
  const length = start!.length
  for (const list of [open, high, low, close, volume, trades, filled])
    assert(list!.length === length, 'columns of a page have one length')
  return {
    length,
    start: start!,
    open: open!,
    high: high!,
    low: low!,
    close: close!,
    volume: volume!,
    trades: trades!,
    filled: Uint8Array.from(filled!),
  }
}

/** Big-endian, as Postgres sends them. */
function doublesOf(value: unknown): Float64Array {
  assert(Buffer.isBuffer(value), 'bytes come as bytes')
  assert(value.length % DOUBLE_BYTES === 0, () => `${value.length} bytes are whole doubles`)
  value.swap64()
  const begin = value.byteOffset
  return new Float64Array(value.buffer.slice(begin, begin + value.length))
}
