// Reading bars from the archive into typed columns, symbol by symbol.
import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import { barColumns, type BarColumns } from '../src/core/columns.ts'
import { MINUTE } from '../src/core/time.ts'
import { openArchive } from '../src/store/archive.ts'
import { insertBare, marketOf, openBare, rowsOf, symbolOf, withArchiveFile } from './archive.ts'
import { type Bench, perSecond } from './bench.ts'

/** Bars of one page of the archive, where nothing else is asked for. */
const PAGE_ROWS = 10_000

export const bench: Bench = {
  name: 'archive-read',
  unit: 'bars/s',
  goal: { ratioAtLeast: 0.8 },
  run: {
    skein: (size) => {
      const market = marketOf(size)
      return withArchiveFile(async (path) => {
        const archive = await openArchive(path)
        for (const [i, pages] of market.entries()) {
          for (const page of pages) await archive.putBars(symbolOf(i), '1m', page)
        }
        const measured = await perSecond(rowsOf(market), async (time) => {
          const pages = await time(async () => {
            const pages: BarColumns[] = []
            for (let i = 0; i < market.length; i++) {
              const query = { symbol: symbolOf(i), timeframe: '1m' } as const
              for await (const page of archive.bars(query)) pages.push(page)
            }
            return pages
          })
          return sumOf(pages)
        })
        await archive.close()
        return measured
      })
    },
    reference: (size) => {
      const market = marketOf(size)
      return withArchiveFile(async (path) => {
        const db = openBare(path)
        insertBare(db, market)
        const measured = await perSecond(rowsOf(market), async (time) =>
          sumOf(await time(() => readBare(db, market.length))),
        )
        db.close()
        return measured
      })
    },
  },
}

/** Rows as arrays: the quickest that node:sqlite gives rows without tricks. */
function readBare(db: DatabaseSync, symbols: number): BarColumns[] {
  const select = db.prepare(
    `select start, open, high, low, close, volume, trades, filled from bars
     where symbol_id = ? and timeframe = ? and start >= ? order by start limit ?`,
  )
  select.setReturnArrays(true)
  const pages: BarColumns[] = []
  for (let id = 1; id <= symbols; id++) {
    for (let from = 0; ;) {
      const args: SQLInputValue[] = [id, MINUTE, from, PAGE_ROWS]
      const rows = select.all(...args) as unknown as number[][]
      if (rows.length === 0) break
      const page = columnsOf(rows)
      pages.push(page)
      if (rows.length < PAGE_ROWS) break
      from = page.start[page.length - 1]! + 1
    }
  }
  return pages
}

function columnsOf(rows: readonly (readonly number[])[]): BarColumns {
  const page = barColumns(rows.length)
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!
    page.start[i] = row[0]!
    page.open[i] = row[1]!
    page.high[i] = row[2]!
    page.low[i] = row[3]!
    page.close[i] = row[4]!
    page.volume[i] = row[5]!
    page.trades[i] = row[6]!
    page.filled[i] = row[7]!
  }
  return page
}

function sumOf(pages: readonly BarColumns[]): string {
  let rows = 0
  let sum = 0
  for (const { length, start, open, high, low, close, volume, trades, filled } of pages) {
    rows += length
    for (let i = 0; i < length; i++) {
      sum += start[i]! / MINUTE + open[i]! + 3 * high[i]! + 5 * low[i]! + 7 * close[i]!
      sum += volume[i]! + trades[i]! + filled[i]!
    }
  }
  return `${rows} rows, sum ${sum}`
}
