/*
 * Corporate actions: the splits of some symbols, all pages of them. An answer that is not what was asked for is corrupt data
 * as a whole: a factor that is wrong makes every bar before it wrong.
 */
import type { Ms } from '../../core/brand.ts'
import { calendarOf } from '../../core/calendar.ts'
import { fault } from '../../core/fault.ts'
import type { Span, Split } from '../../core/jobs.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { DAY, iso, ms } from '../../core/time.ts'
import type { Rest } from './rest.ts'
import { isObject } from '../../io/json.ts'

const PATH = '/v1/corporate-actions'
/** Of one answer. */
const ROWS_MAX = 1_000
/** More splits than that nobody had. */
const PAGES_MAX = 100

export type SplitsQuery = Span & { readonly symbols: readonly string[] }

export async function splitsOf(
  data: Rest,
  { symbols, from, to }: SplitsQuery,
): Promise<Result<readonly Split[]>> {
  const wanted = new Set(symbols)
  const found: Split[] = []
  let token: string | undefined
  for (let n = 0; n < PAGES_MAX; n++) {
    const query = {
      symbols: symbols.join(','),
      types: 'forward_split,reverse_split',
      start: iso(from).slice(0, 10),
      // `end` is included by the venue and excluded by us.
      end: iso(to - 1).slice(0, 10),
      limit: ROWS_MAX,
      sort: 'asc',
      page_token: token,
    }
    const answer = await data.get(PATH, query, 'backfill')
    if (!answer.ok) return answer
    const { value } = answer
    const all = isObject(value) ? value['corporate_actions'] : undefined
    if (!isObject(value) || !isObject(all))
      return failed(fault('corrupt-data', `${PATH}: no corporate_actions`))
    for (const kind of ['forward_splits', 'reverse_splits']) {
      const rows = all[kind] ?? []
      if (!Array.isArray(rows)) return failed(fault('corrupt-data', `${PATH}: ${kind} is no list`))
      for (const [i, row] of rows.entries()) {
        const split = splitIn(row)
        if (split === undefined || !wanted.has(split.symbol)) {
          const shown = JSON.stringify(row)?.slice(0, 200)
          return failed(fault('corrupt-data', `${PATH}: ${kind}[${i}] is ${shown}`))
        }
        found.push(split)
      }
    }
    const next = value['next_page_token']
    if (next === null || next === undefined || next === '') return ok(found)
    if (typeof next !== 'string' || next === token) break
    token = next
  }
  return failed(fault('corrupt-data', `${PATH}: the pages do not end`))
}

/** `{"id":"189b…","symbol":"SRE","ex_date":"2023-08-22","new_rate":2,"old_rate":1,"cusip":"816851109"}` */
function splitIn(row: unknown): Split | undefined {
  if (!isObject(row)) return undefined
  const { id, symbol, ex_date: date, old_rate: oldRate, new_rate: newRate } = row
  if (typeof id !== 'string' || typeof symbol !== 'string' || typeof date !== 'string')
    return undefined
  const exAt = dayOf(date)
  if (exAt === undefined || !isRate(oldRate) || !isRate(newRate)) return undefined
  return { id, symbol, exAt, oldRate, newRate }
}

const isRate = (rate: unknown): rate is number =>
  typeof rate === 'number' && rate > 0 && rate < Infinity

function dayOf(date: string): Ms | undefined {
  const noon = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(date) + DAY / 2 : NaN
  return Number.isNaN(noon) ? undefined : calendarOf('us-equity').dayStart(ms(noon))
}
