// Refusals: why an account does not take an order, in the order in which Alpaca looks, and what is answered then.
import { unreachable } from '../../core/assert.ts'
import type { Side } from '../../core/order.ts'
import { decimal } from '../decimal.ts'
import { type ApiError, duplicateId, forbidden, unprocessable } from './error.ts'
import { type Holdings, heldForOrders } from './holdings.ts'
import type { Draft, VenueOrder } from './order.ts'

export type Refusal =
  | { readonly type: 'duplicate-id' }
  | { readonly type: 'buying-power'; readonly needed: number; readonly available: number }
  | {
      readonly type: 'quantity'
      readonly requested: number
      readonly available: number
      readonly existing: number
      readonly held: number
      readonly related: readonly string[]
    }
  | { readonly type: 'fractional-short' }
  | { readonly type: 'wash'; readonly existing: string }

/** @param open The account's open orders. */
export function refusalOf(
  draft: Draft,
  holdings: Holdings,
  open: ReadonlySet<VenueOrder>,
): Refusal | undefined {
  const { instrument, side, qty } = draft
  const opposing = [...open].find(
    (order) => order.instrument === instrument && crosses(order, draft),
  )
  if (opposing !== undefined && draft.class === 'simple')
    return { type: 'wash', existing: opposing.id }
  const lack = lackOf(draft, holdings, open)
  if (lack !== undefined) return lack
  const position = holdings.positionOf(instrument.symbol).qty
  if (side === 'sell' && position <= 0 && !Number.isInteger(qty))
    return { type: 'fractional-short' }
  const opening = holdings.openingQty({ ...draft, filled: 0 })
  const needed = holdings.reserve(draft, opening)
  const { buyingPower, plainBuyingPower } = holdings.balance(open)
  const available = instrument.kind === 'crypto' ? plainBuyingPower : buyingPower
  return needed > available ? { type: 'buying-power', needed, available } : undefined
}

/** What of a position no open order would close already. */
export function availableOf(
  symbol: string,
  holdings: Holdings,
  open: ReadonlySet<VenueOrder>,
): number {
  const { qty } = holdings.positionOf(symbol)
  const closing: Side = qty > 0 ? 'sell' : 'buy'
  return Math.max(0, Math.abs(qty) - heldForOrders(open, symbol, closing))
}

/** What Alpaca answers. */
export function refused(refusal: Refusal, draft: Pick<Draft, 'instrument'>): ApiError {
  const { symbol, kind } = draft.instrument
  switch (refusal.type) {
    case 'duplicate-id':
      return duplicateId()
    case 'buying-power': {
      const [requested, available] = [decimal(refusal.needed), decimal(refusal.available)]
      if (kind !== 'crypto') {
        const extra = { buying_power: available, cost_basis: requested }
        return forbidden('insufficient buying power', extra)
      }
      const money = symbol.split('/')[1] ?? 'USD'
      const what = `insufficient balance for ${money}`
      return forbidden(`${what} (requested: ${requested}, available: ${available})`, {
        available,
        balance: available,
        symbol: money,
      })
    }
    case 'wash':
      return forbidden('potential wash trade detected. use complex orders', {
        existing_order_id: refusal.existing,
        reject_reason: 'opposite side market/stop order exists',
      })
    case 'fractional-short':
      return unprocessable('fractional orders cannot be sold short')
    case 'quantity': {
      const { requested, available, existing, held, related } = refusal
      const what =
        kind === 'crypto'
          ? `insufficient balance for ${symbol.split('/')[0]}`
          : 'insufficient qty available for order'
      return forbidden(
        `${what} (requested: ${decimal(requested)}, available: ${decimal(available)})`,
        {
          symbol,
          available: decimal(available),
          existing_qty: decimal(existing),
          held_for_orders: decimal(held),
          related_orders: related,
        },
      )
    }
    default:
      return unreachable(refusal)
  }
}

/** More than there is, and nothing else holds any of it. */
export const tooMany = (requested: number, existing: number): Refusal => ({
  type: 'quantity',
  requested,
  available: existing,
  existing,
  held: 0,
  related: [],
})

/** An order that closes may take what is there and free. Coins cannot be sold short. */
function lackOf(
  { instrument, side, qty }: Draft,
  holdings: Holdings,
  open: ReadonlySet<VenueOrder>,
): Refusal | undefined {
  const { symbol } = instrument
  const isCoin = instrument.kind === 'crypto'
  const position = holdings.positionOf(symbol).qty
  const isClosing = side === 'buy' ? position < 0 : position > 0
  if (!isClosing && !(side === 'sell' && isCoin)) return undefined
  const existing = Math.abs(position)
  const available = isClosing ? availableOf(symbol, holdings, open) : 0
  // Where nothing else would close the position, shares beyond it are sold short.
  const isFlip = available >= existing && !isCoin && qty > existing
  if (qty <= available || isFlip) return undefined
  const related = [...open].filter((o) => o.instrument === instrument && o.side === side)
  return {
    type: 'quantity',
    requested: qty,
    available,
    existing,
    held: existing - available,
    related: related.map(({ id }) => id),
  }
}

/** Would the draft trade against an open order of the same account? */
function crosses(open: VenueOrder, draft: Draft): boolean {
  if (open.side === draft.side || open.parent !== undefined || !open.isTriggered) return false
  if (open.status === 'pending_cancel') return false
  if (draft.type === 'stop' || draft.type === 'trailing_stop' || draft.type === 'stop_limit')
    return false
  const [bid, ask] = draft.side === 'buy' ? [draft.limit, open.limit] : [open.limit, draft.limit]
  return bid === undefined || ask === undefined || bid >= ask
}
