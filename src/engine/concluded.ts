/*
 * Concluded fills: what a venue counts as filled and no fill of its explains is counted under a name of our own,
 * `~order:from-to`, the quantities that were filled before and after it. It stands for real ones that are not told yet:
 * whichever comes takes its place, and only what is beyond it is new. So a quantity counts once, by whatever way and in
 * whatever order its names come. Where a newer one comes first, too little is counted until the next report, which finds
 * it missing; too much never is. Its price is a guess that stays; cash is the venue's word anyway.
 */
import { type FillId, fillId, type OrderId, type Qty } from '../core/brand.ts'
import type { Instrument } from '../core/instrument.ts'

/** Small quantities are written as 1e-8. */
const QTY = String.raw`(\d[\d.]*(?:e[+-]?\d+)?)`
const CONCLUDED = new RegExp(`^~.*:${QTY}-${QTY}$`)

export interface Concluded {
  readonly from: number
  readonly to: number
}

export const concludedId = (order: OrderId, { from, to }: Concluded): FillId =>
  fillId(`~${order}:${from}-${to}`)

/** What a fill stands for; undefined where it is a real one. */
export function concludedOf(fill: string): Concluded | undefined {
  if (!fill.startsWith('~')) return undefined
  const [, from, to] = CONCLUDED.exec(fill) ?? []
  return from === undefined || to === undefined ? undefined : { from: +from, to: +to }
}

/** How much of what was filled is concluded. */
export function concludedQty(fills: Iterable<string>): number {
  let sum = 0
  for (const id of fills) {
    const concluded = concludedOf(id)
    if (concluded !== undefined) sum += concluded.to - concluded.from
  }
  return sum
}

/** Takes real quantity from what concluded fills of an order stand for. */
export function settle(
  fills: Iterable<string>,
  { order, qty, instrument }: { order: OrderId; qty: Qty; instrument: Instrument },
): {
  /** Concluded fills that count no longer, and what is left of the last one. */
  readonly gone: readonly FillId[]
  readonly kept?: FillId
  /** What none of them stood for. */
  readonly rest: Qty
} {
  const gone: FillId[] = []
  let rest = qty
  for (const id of fills) {
    const concluded = concludedOf(id)
    if (concluded === undefined) continue
    gone.push(fillId(id))
    const { from, to } = concluded
    const reached = instrument.qty(from + rest)
    if (reached < to)
      return { gone, kept: concludedId(order, { from: reached, to }), rest: instrument.qty(0) }
    rest = instrument.qty(reached - to)
    if (rest === 0) break
  }
  return { gone, rest }
}
