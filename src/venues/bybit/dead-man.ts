/*
 * DeadMan: the venue cancels all our orders when it has not heard of us for a window of time. It is set once, before the
 * first order leaves, and it watches the private connections that have subscribed its topic.
 *
 *   POST /v5/order/disconnected-cancel-all   {"product":"DERIVATIVES","timeWindow":40}
 *   GET  /v5/account/query-dcp-info          {"dcpInfos":[{"product":"DERIVATIVES","dcpStatus":"ON","timeWindow":"40"}]}
 *
 * The venue offers it to institutions; of other accounts the list is empty.
 *
 * https://bybit-exchange.github.io/docs/v5/order/dcp (read 2026-11)
 */
import { type Fault, fault } from '../../core/fault.ts'
import { ok, type Result } from '../../core/result.ts'
import { decimalOf, isObject } from '../../io/json.ts'
import type { Category } from './category.ts'
import type { Rest } from './rest.ts'

/** Sets the window, and asks whether it is so. Gives why it is not. */
export async function armDeadMan(
  rest: Rest,
  category: Category,
  windowS: number,
): Promise<Fault | undefined> {
  const { product } = category
  const path = '/v5/order/disconnected-cancel-all'
  const set = await rest.post(path, { product, timeWindow: windowS }, { bucket: 'cancel-all' })
  if (!set.ok) return unarmed(set.fault.message)
  const told = await deadManOf(rest, category)
  if (!told.ok) return told.fault
  return told.value === windowS ? undefined : unarmed(`bybit says ${told.value ?? 'nothing'}`)
}

/** Its window in seconds, as the venue has it; undefined where it is off, or not offered to the account. */
export async function deadManOf(
  rest: Rest,
  { product }: Category,
): Promise<Result<number | undefined>> {
  const answer = await rest.get('/v5/account/query-dcp-info')
  if (!answer.ok) return answer
  const { dcpInfos } = answer.value.result
  const rows = Array.isArray(dcpInfos) ? (dcpInfos as unknown[]) : []
  const ours = rows.find((row) => isObject(row) && row['product'] === product)
  return ok(
    isObject(ours) && ours['dcpStatus'] === 'ON' ? decimalOf(ours['timeWindow']) : undefined,
  )
}

const unarmed = (why: string): Fault =>
  fault(
    'unsupported',
    `the dead man's switch cannot be set: ${why}; set deadManS to off to go without`,
  )
