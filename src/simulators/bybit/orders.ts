/*
 * Orders: what a client asks of its orders, one by one or in batches, over REST and over the socket alike.
 *
 * A batch is looked at item by item. Its answer has two lists, in the order of the request: ids, and codes. The quota
 * counts items: the leading ones pass, and the rest is refused with the code of the limit.
 */
import { isObject, type Json } from '../../io/json.ts'
import { ms } from '../../core/time.ts'
import type { Account } from './account.ts'
import { badParameter, BybitError, refused, SERVER_ERROR, tooMany, TOO_MANY } from './codes.ts'
import { amountOf, draftOf, type Terms } from './order-request.ts'
import type { BybitOrder } from './order.ts'
import type { Allowance } from './quota.ts'
import type { BybitVenue } from './venue.ts'

export const VERBS = ['create', 'amend', 'cancel'] as const
export type Verb = (typeof VERBS)[number]

export interface Done {
  readonly result: unknown
  readonly retExtInfo: unknown
  readonly allowance: Allowance
}

export class Orders {
  readonly #venue: BybitVenue
  readonly #terms: Terms

  constructor(venue: BybitVenue) {
    this.#venue = venue
    this.#terms = {
      instrumentOf: (symbol) => venue.instrumentOf(symbol),
      category: venue.category,
      priceOf: (symbol) => venue.market.price(symbol),
    }
  }

  one(account: Account, verb: Verb, item: Json): Done {
    this.#venue.mustServe(item['category'])
    const allowance = this.#venue.allow(account, verb, 1)
    if (allowance.granted === 0) throw new Limited(allowance)
    const order = this.#act(account, verb, item)
    return { result: idsOf(order), retExtInfo: {}, allowance }
  }

  batch(account: Account, verb: Verb, body: Json): Done {
    const { category, isSpot, limits } = this.#venue
    this.#venue.mustServe(body['category'])
    const items = body['request']
    if (!Array.isArray(items) || items.length === 0) throw badParameter('params error: request')
    const most = isSpot ? limits.spotBatch : limits.batch
    if (items.length > most)
      throw badParameter(`params error: request size should be in [1, ${most}]`)
    const allowance = this.#venue.allow(account, `${verb}-batch`, items.length)
    if (allowance.granted === 0) throw new Limited(allowance)
    const isBooked = this.#venue.nemesis.subset()
    const rows = items.map((given: unknown, i) => {
      const item = isObject(given) ? given : {}
      const row = { category, symbol: item['symbol'] ?? '', orderLinkId: item['orderLinkId'] ?? '' }
      const none = { ...row, orderId: '', ...(verb === 'create' ? { createAt: '' } : {}) }
      const not = (code: number, msg: string) => ({ row: none, code: { code, msg } })
      if (i >= allowance.granted) return not(...TOO_MANY)
      if (!isBooked()) return not(...SERVER_ERROR)
      try {
        const order = this.#act(account, verb, item)
        const at = verb === 'create' ? { createAt: String(order.createdAt) } : {}
        return { row: { ...row, ...idsOf(order), ...at }, code: { code: 0, msg: 'OK' } }
      } catch (error) {
        if (error instanceof BybitError) return not(error.code, error.message)
        throw error
      }
    })
    return {
      result: { list: rows.map(({ row }) => row) },
      retExtInfo: { list: rows.map(({ code }) => code) },
      allowance,
    }
  }

  /** Cancels all, or those of a symbol; derivatives want to be told what of. */
  cancelAll(account: Account, body: Json): Done {
    const isNamed = ['linear', 'inverse'].includes(this.#venue.category)
    this.#venue.mustServe(body['category'])
    const { symbol, baseCoin, settleCoin } = body
    if (isNamed && symbol === undefined && baseCoin === undefined && settleCoin === undefined)
      throw badParameter('params error: symbol, baseCoin or settleCoin is missing')
    const allowance = this.#venue.allow(account, 'cancel-all', 1)
    if (allowance.granted === 0) throw new Limited(allowance)
    const meant = [...account.open].filter(
      ({ instrument }) => symbol === undefined || instrument.symbol === symbol,
    )
    for (const order of meant) account.cancel(order, this.#now(), 'CancelAllByUser')
    const list = meant.map((order) => idsOf(order))
    return { result: { list, success: '1' }, retExtInfo: {}, allowance }
  }

  #act(account: Account, verb: Verb, item: Json): BybitOrder {
    const now = this.#now()
    if (verb === 'create') {
      const order = account.place(draftOf(item, this.#terms), now)
      this.#venue.hide(order.id)
      return order
    }
    const order = this.#meant(account, item)
    if (verb === 'cancel') account.cancel(order, now)
    else account.amend(order, changesOf(item), now)
    return order
  }

  #meant(account: Account, item: Json): BybitOrder {
    const instrument = this.#venue.instrumentOf(item['symbol'])
    const { orderId: id, orderLinkId: linkId } = item
    if (typeof id !== 'string' && typeof linkId !== 'string')
      throw badParameter('params error: orderId or orderLinkId is missing')
    // Where both are there, the venue's id wins.
    const found = account.find(
      typeof id === 'string' && id !== '' ? { id } : { linkId: String(linkId) },
    )
    if (found === undefined || found.instrument !== instrument)
      throw refused('unknown', this.#venue.isSpot)
    return found
  }

  #now() {
    return ms(this.#venue.now())
  }
}

/** Refused by the quota, with what it says of itself. */
export class Limited extends BybitError {
  readonly allowance: Allowance

  constructor(allowance: Allowance) {
    const { code, message } = tooMany()
    super(code, message)
    this.allowance = allowance
  }
}

const idsOf = ({ id, linkId }: BybitOrder) => ({ orderId: id, orderLinkId: linkId })

function changesOf(item: Json) {
  const [qty, price, trigger] = [
    amountOf(item, 'qty'),
    amountOf(item, 'price'),
    amountOf(item, 'triggerPrice'),
  ]
  if (qty === undefined && price === undefined && trigger === undefined)
    throw badParameter('params error: nothing to amend')
  return {
    ...(qty === undefined ? {} : { qty }),
    ...(price === undefined ? {} : { price }),
    ...(trigger === undefined ? {} : { trigger }),
  }
}
