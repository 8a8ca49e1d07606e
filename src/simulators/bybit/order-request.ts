// OrderRequest: the members of an order as clients send them, checked and turned into a draft.
import type { Json } from '../../io/json.ts'
import type { Instrument } from '../../core/instrument.ts'
import type { Category } from './category.ts'
import { badParameter } from './codes.ts'
import type { Draft } from './order.ts'

/** At most so long, and of these characters. */
const LINK_ID = /^[A-Za-z0-9_-]{1,36}$/

const TIFS = ['GTC', 'IOC', 'FOK', 'PostOnly'] as const

export interface Terms {
  readonly instrumentOf: (symbol: unknown) => Instrument
  readonly category: Category
  /** For a spot market order that is given in money. */
  readonly priceOf: (symbol: string) => number
}

export function draftOf(item: Json, { instrumentOf, category, priceOf }: Terms): Draft {
  const isSpot = category === 'spot'
  const isOption = category === 'option'
  const instrument = instrumentOf(item['symbol'])
  const side = item['side'] === 'Buy' ? 'buy' : item['side'] === 'Sell' ? 'sell' : undefined
  if (side === undefined) throw badParameter('params error: side invalid')
  const type = item['orderType']
  if (type !== 'Limit' && type !== 'Market') throw badParameter('params error: orderType invalid')
  const price = type === 'Limit' ? amountOf(item, 'price') : undefined
  if (type === 'Limit' && price === undefined) throw badParameter('params error: price is missing')
  const given = amountOf(item, 'qty')
  if (given === undefined) throw badParameter('params error: qty is missing')
  // The trap of spot: a purchase at the market is in money unless it says otherwise.
  const isMoney = isSpot && type === 'Market' && side === 'buy' && item['marketUnit'] !== 'baseCoin'
  const qty = isMoney ? instrument.qty(given / priceOf(instrument.symbol), 'down') : given
  const trigger = amountOf(item, 'triggerPrice')
  const direction = Number(item['triggerDirection'] ?? 0)
  if (trigger !== undefined && isOption) throw badParameter('params error: triggerPrice invalid')
  if (isOption && linkIdOf(item) === '') throw badParameter('params error: orderLinkId is missing')
  if (trigger !== undefined && !isSpot && direction !== 1 && direction !== 2)
    throw badParameter('params error: triggerDirection invalid')
  return {
    linkId: linkIdOf(item),
    instrument,
    side,
    type,
    tif: type === 'Market' ? 'IOC' : tifOf(item['timeInForce']),
    qty,
    ...(price === undefined ? {} : { price }),
    ...(trigger === undefined ? {} : { trigger }),
    direction: direction === 1 || direction === 2 ? direction : 0,
    reduceOnly: item['reduceOnly'] === true || item['reduceOnly'] === 'true',
    positionIdx: Number(item['positionIdx'] ?? 0),
  }
}

/** A number that may be left out; what is there and is no number is refused. */
export function amountOf(item: Json, name: string): number | undefined {
  const value = item[name]
  if (value === undefined || value === '' || value === null) return undefined
  const amount = typeof value === 'string' ? Number(value) : NaN
  if (!Number.isFinite(amount) || amount < 0) throw badParameter(`params error: ${name} invalid`)
  return amount === 0 && name !== 'qty' ? undefined : amount
}

function linkIdOf(item: Json): string {
  const linkId = item['orderLinkId'] ?? ''
  if (linkId === '') return ''
  if (typeof linkId !== 'string' || !LINK_ID.test(linkId))
    throw badParameter('params error: orderLinkId invalid')
  return linkId
}

function tifOf(value: unknown): Draft['tif'] {
  if (value === undefined || value === '') return 'GTC'
  const found = TIFS.find((tif) => tif === value)
  if (found === undefined) throw badParameter('params error: timeInForce invalid')
  return found
}
