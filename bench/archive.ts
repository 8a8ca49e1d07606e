/*
 * Archive: bars into and out of a file beside bare prepared statements of node:sqlite in one thread, a row for each bar:
 * the archive's table of rows, WAL, `synchronous = normal`, its upsert, one transaction for each page. The archive works in
 * a thread of its own, checks every bar and packs them as chunks; none of it is taken out of its time.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { BarColumns } from '../src/core/columns.ts'
import { MINUTE } from '../src/core/time.ts'
import { openArchive } from '../src/store/archive.ts'
import type { Size } from './bench.ts'
import { minutesOf, pagesOf } from './market.ts'

/** One symbol's bars, a page each. */
export type Series = readonly BarColumns[]

/** 1 M bars of 100 symbols, in pages of 4,096 as an import brings them. */
export function marketOf(size: Size): readonly Series[] {
  const [symbols, bars] = size === 'full' ? [100, 10_000] : [10, 5_000]
  return Array.from({ length: symbols }, (_, i) => pagesOf(minutesOf(i + 1, bars)))
}

export const rowsOf = (market: readonly Series[]): number =>
  market.flat().reduce((sum, page) => sum + page.length, 0)

export const symbolOf = (i: number): string => `S${i}`

/** Gives an empty archive's path for a while. */
export async function withArchiveFile<T>(work: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'))
  try {
    const path = join(folder, 'archive.db')
    await (await openArchive(path)).close()
    return await work(path)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export function openBare(path: string): DatabaseSync {
  const db = new DatabaseSync(path)
  db.exec('pragma journal_mode = wal; pragma synchronous = normal')
  return db
}

export function insertBare(db: DatabaseSync, market: readonly Series[]): void {
  const addSymbol = db.prepare('insert into symbols (id, symbol) values (?, ?)')
  const insert = db.prepare(
    `insert into bars (symbol_id, timeframe, start, open, high, low, close, volume, trades, filled)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (symbol_id, timeframe, start) do update set
       open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
       volume = excluded.volume, trades = excluded.trades, filled = excluded.filled`,
  )
  for (const [i, pages] of market.entries()) {
    const id = i + 1
    addSymbol.run(id, symbolOf(i))
    for (const page of pages) {
      const { length, start, open, high, low, close, volume, trades, filled } = page
      db.exec('begin immediate')
      for (let k = 0; k < length; k++) {
        insert.run(
          id,
          MINUTE,
          start[k]!,
          open[k]!,
          high[k]!,
          low[k]!,
          close[k]!,
          volume[k]!,
          trades[k]!,
          filled[k]!,
        )
      }
      db.exec('commit')
    }
  }
}

/** What is in the file, in one line. */
export function contentOf(path: string): string {
  const db = new DatabaseSync(path)
  const sums = db.prepare(
    `select count(*) as rows, count(distinct symbol) as symbols, sum(ts / 60000) as minutes,
       sum(open + 3 * high + 5 * low + 7 * close) as prices, sum(volume + trades) as volumes
     from (select * from intraday_bars order by symbol, ts)`,
  )
  const text = JSON.stringify(sums.get())
  db.close()
  return text
}
