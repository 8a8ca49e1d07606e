/*
 * Terms: whether a venue takes an order at all. What it would refuse for certain is denied here, before it leaves: the
 * strategy hears at once, in words that say what the venue takes instead.
 */
import type { Instrument } from '../core/instrument.ts'
import type { Denial } from '../core/notice.ts'
import { isLive, type Order, type OrderRequest, remaining } from '../core/order.ts'
import type { OrderTerms } from '../core/terms.ts'
import { deny, round } from './denials.ts'

/** Why the venue takes no such order, whatever is held; undefined where it may. */
export function checkTerms(
  instrument: Instrument,
  { type, tif, qty, postOnly }: OrderRequest,
  terms: OrderTerms | undefined,
): Denial | undefined {
  if (terms === undefined) return refused(instrument, 'no orders', 'other kinds')
  const tifs = terms.takes[type]
  if (tifs === undefined)
    return refused(instrument, `no ${type} orders`, listed(Object.keys(terms.takes)))
  if (!tifs.includes(tif)) return refused(instrument, `no ${type} orders ${tif}`, listed(tifs))
  if (postOnly === true && !terms.postOnly)
    return refused(instrument, 'no post-only orders', 'what may take as well')
  if (!terms.fractions && !Number.isInteger(qty))
    return refused(instrument, `no quantity of ${qty}`, 'whole numbers')
  return undefined
}

/** Why no bracket in the instrument can be kept, there or here; undefined where it can. */
export const checkBrackets = (
  instrument: Instrument,
  terms: OrderTerms | undefined,
): Denial | undefined =>
  terms?.brackets === 'none' ? refused(instrument, 'no brackets', 'single orders') : undefined

/**
 * Why the stop of a bracket could not rest for its size, where it rests as a stop-limit: found before the entry leaves.
 * A hundredth is for fees in coins.
 */
export function checkStopSize(
  instrument: Instrument,
  { qty, stopPx }: { readonly qty: number; readonly stopPx: number },
  terms: OrderTerms | undefined,
): Denial | undefined {
  if (terms?.stopCollar === undefined) return undefined
  const { minNotional } = instrument.spec
  const value = instrument.notional(qty, stopPx * (1 - terms.stopCollar)) * 0.99
  if (!(value < minNotional)) return undefined
  return deny(
    'below-minimum',
    `the stop of the bracket may be worth ${round(value)}, below ${minNotional}`,
  )
}

/** What a sale beyond what is held is measured by. */
export interface Held {
  /** Of the account, signed. */
  readonly qty: number
  /** Live orders in the symbol, ours. */
  readonly orders: readonly { readonly order: Order }[]
  /** What sales of others on the account have left. */
  readonly selling: number
}

/**
 * Why a sale would be short at a venue that has none: more than is held and in no other sale. Legs count too: the venue
 * holds what they would sell.
 */
export function checkShort(
  instrument: Instrument,
  { side, qty }: OrderRequest,
  held: Held,
  replaces?: Order,
): Denial | undefined {
  if (side === 'buy') return undefined
  let free = held.qty - held.selling
  for (const { order } of held.orders) {
    if (order !== replaces && order.side === 'sell' && isLive(order)) free -= remaining(order)
  }
  // Half a lot of slack, because differences of coins are not on the grid.
  if (qty <= free + instrument.lotSize / 2) return undefined
  const rest = Math.max(0, instrument.qty(free))
  return refused(instrument, `no short sale of ${qty}`, `sales of what is free, which is ${rest}`)
}

/** `alpaca takes no stop orders of coins (BTC/USD), but market, limit and stop-limit`, for example. */
const refused = ({ venue, kind, symbol }: Instrument, what: string, instead: string): Denial =>
  deny('not-taken', `${venue} takes ${what} of ${WORDS[kind]} (${symbol}), but ${instead}`)

const WORDS: Readonly<Record<Instrument['kind'], string>> = {
  equity: 'shares',
  crypto: 'coins',
  future: 'futures',
  perpetual: 'perpetuals',
  option: 'options',
}

/** `market, limit and stop-limit` */
const listed = (words: readonly string[]): string =>
  [words.slice(0, -1).join(', '), ...words.slice(-1)].filter((part) => part !== '').join(' and ')
