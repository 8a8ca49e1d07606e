// Bar pages: a series read page by page, the next one while its reader works on the last.
import { assert } from '../core/assert.ts'
import type { BarColumns } from '../core/columns.ts'

/** Bars of one answer: big enough that asking costs little, small enough to keep memory flat. */
export const PAGE_ROWS = 10_000

/** @param read The first bars from a start on, at most `rows`. */
export async function* pagesFrom(
  first: number,
  rows: number,
  read: (from: number) => Promise<BarColumns>,
): AsyncIterable<BarColumns> {
  assert(Number.isSafeInteger(rows) && rows > 0, `a page holds bars, not ${rows}`)
  const page = (from: number) => {
    const answer = read(from)
    // Nobody awaits the page that was read ahead when the caller leaves early.
    answer.catch(() => {})
    return answer
  }
  let next = page(first)
  for (;;) {
    const bars = await next
    const last = bars.start[bars.length - 1]
    if (last === undefined) return
    const isLast = bars.length < rows
    if (!isLast) next = page(last + 1)
    yield bars
    if (isLast) return
  }
}
