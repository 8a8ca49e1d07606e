/*
 * Lookup: an order by our own id, wherever the venue keeps it. The list of open orders knows closed ones too, until the
 * venue restarts; the history knows them later; executions prove that there was an order where both lag.
 */
import type { OrderId } from '../../core/brand.ts'
import { fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { isObject, type Json } from '../../io/json.ts'
import { baseOf, type Category } from './category.ts'
import type { Query, Rest } from './rest.ts'
import { parseExecution, parseOrder, type WireOrder } from './wire.ts'

export const ORDERS_PER_PAGE = 50
/** Pages of one list. */
const PAGES_MAX = 1_000

/** What is at the venue under an id of ours. */
export type Found =
  | { readonly type: 'order'; readonly order: WireOrder }
  /** Only its executions are there. */
  | { readonly type: 'trace'; readonly venueId: string }
  | { readonly type: 'nothing' }

export async function lookup(rest: Rest, { name }: Category, id: OrderId): Promise<Result<Found>> {
  const query = { category: name, orderLinkId: id }
  for (const path of ['/v5/order/realtime', '/v5/order/history']) {
    const rows = await listOf(rest, path, query, parseOrder)
    if (!rows.ok) return rows
    const order = rows.value.find(({ linkId }) => linkId === id)
    if (order !== undefined) return ok({ type: 'order', order })
  }
  const executions = await listOf(rest, '/v5/execution/list', query, parseExecution)
  if (!executions.ok) return executions
  const trace = executions.value.find(({ linkId }) => linkId === id)
  return ok(trace === undefined ? { type: 'nothing' } : { type: 'trace', venueId: trace.venueId })
}

/** Open orders and the last closed ones, by our ids: many lookups in two requests. */
export async function recentOrders(
  rest: Rest,
  { lists }: Category,
): Promise<Result<ReadonlyMap<string, WireOrder>>> {
  const found = new Map<string, WireOrder>()
  for (const openOnly of [1, 0]) {
    const query = { ...lists, openOnly, limit: ORDERS_PER_PAGE }
    const isEnough = (): boolean => openOnly === 1
    const rows = await listOf(rest, '/v5/order/realtime', query, parseOrder, { isEnough })
    if (!rows.ok) return rows
    for (const order of rows.value) if (order.linkId !== '') found.set(order.linkId, order)
  }
  return ok(found)
}

const INSTRUMENTS_PER_PAGE = 1_000

/** What the venue trades, as it says it; of options those of the coins that the symbols name, since it lists one coin at a time. */
export async function instrumentsOf(
  rest: Rest,
  { name }: Category,
  symbols: readonly string[],
): Promise<Result<readonly Json[]>> {
  const coins = name === 'option' ? new Set(symbols.map(baseOf)) : [undefined]
  const all: Json[] = []
  const parse = (json: unknown) => (isObject(json) ? json : undefined)
  for (const baseCoin of coins) {
    const query = { category: name, baseCoin, limit: INSTRUMENTS_PER_PAGE }
    const rows = await listOf(rest, '/v5/market/instruments-info', query, parse)
    if (!rows.ok) return rows
    all.push(...rows.value)
  }
  return ok(all)
}

export interface ListTerms<T> {
  /** Asked after each page: what follows is older and not wanted. */
  readonly isEnough?: ((page: readonly T[]) => boolean) | undefined
  /** Of a row that cannot be read: it cannot be one that matters. */
  readonly isOther?: (json: unknown) => boolean
}

/** A list, all of it or nothing: one row that cannot be read might be the one that matters. */
export async function listOf<T>(
  rest: Rest,
  path: string,
  query: Query,
  parse: (json: unknown) => T | undefined,
  { isEnough = () => false, isOther = () => false }: ListTerms<T> = {},
): Promise<Result<readonly T[]>> {
  const all: T[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < PAGES_MAX; pages++) {
    const answer = await rest.get(path, { ...query, cursor })
    if (!answer.ok) return answer
    const { list, nextPageCursor } = answer.value.result
    if (!Array.isArray(list)) return failed(fault('corrupt-data', `GET ${path}: no list`))
    const page: T[] = []
    for (const [i, json] of (list as unknown[]).entries()) {
      const item = parse(json)
      if (item === undefined && isOther(json)) continue
      const shown = (JSON.stringify(json) ?? 'missing').slice(0, 200)
      if (item === undefined)
        return failed(fault('corrupt-data', `GET ${path}: [${i}] makes no sense: ${shown}`))
      page.push(item)
    }
    all.push(...page)
    const isLast = typeof nextPageCursor !== 'string' || nextPageCursor === ''
    if (isLast || list.length === 0 || nextPageCursor === cursor || isEnough(page)) return ok(all)
    cursor = nextPageCursor
  }
  return failed(fault('corrupt-data', `GET ${path}: the pages do not end`))
}
