// Rest: one request in, one answer out: signature, limits, faults, the right endpoint, the envelope, the audit log.
import { isObject, type Json } from '../../io/json.ts'
import { createHmac } from 'node:crypto'
import { type Answer, type ErrorWords, isEarly, type Request, spoiled } from '../answer.ts'
import type { Account } from './account.ts'
import { badKey, badParameter, badSign, BybitError, stale } from './codes.ts'
import { Lookups, READS } from './lookups.ts'
import { MarketData } from './market-data.ts'
import { Limited, Orders, type Verb, VERBS } from './orders.ts'
import type { Allowance } from './quota.ts'
import type { BybitVenue } from './venue.ts'

/** A request may come so long before its stamp. */
const RECV_WINDOW_MS = 5_000
/** Of pages of market data, so much is remembered. */
const SHOWN_MAX = 10_000

interface Replied {
  readonly result: unknown
  readonly retExtInfo?: unknown
  readonly allowance?: Allowance
}

export class Rest {
  readonly orders: Orders
  readonly market: MarketData
  readonly #venue: BybitVenue
  readonly #lookups: Lookups
  #requests = 0

  constructor(venue: BybitVenue) {
    this.#venue = venue
    this.orders = new Orders(venue)
    this.market = new MarketData(venue)
    this.#lookups = new Lookups(venue)
  }

  answer(request: Request): Answer {
    const { method, path, query, body } = request
    const faults = this.#venue.nemesis.onRequest({ method, path })
    const done = faults.some(isEarly) ? undefined : this.#done(request)
    const words: ErrorWords = ({ code = 10016, message = 'Server error' }) =>
      this.#envelope({ code, message }, { result: {} })
    const answer = spoiled(done ?? this.#plain(200, ''), faults, words)
    this.#venue.audit.request({
      method,
      path,
      query: query.toString(),
      body,
      account: String(request.headers['x-bapi-api-key'] ?? ''),
      status: answer.wire === 'whole' ? answer.status : 0,
      answer: Buffer.from(answer.body.slice(0, SHOWN_MAX)).toString(),
      faults: faults.map(({ name, fault }) => name ?? fault),
    })
    return answer
  }

  #done(request: Request): Answer {
    if (!this.#venue.mayAsk()) return this.#plain(403, 'access too frequent')
    try {
      const { allowance, ...replied } = this.#replied(request)
      const body = this.#envelope({ code: 0, message: 'OK' }, replied)
      return this.#plain(200, body, this.#quotaHeaders(allowance))
    } catch (error) {
      if (!(error instanceof BybitError)) throw error
      if (error.code === NO_ROUTE) return this.#plain(404, '')
      const allowance = error instanceof Limited ? error.allowance : undefined
      const body = this.#envelope(error, { result: {} })
      return this.#plain(200, body, this.#quotaHeaders(allowance))
    }
  }

  #replied(request: Request): Replied {
    const { method, path, query } = request
    if (method === 'GET') {
      const shown = this.market.answer(path, query)
      if (shown !== undefined) return { result: shown }
    }
    const bucket = method === 'GET' ? READS[path] : undefined
    const verb = method === 'POST' ? verbOf(path) : undefined
    if (bucket === undefined && verb === undefined) throw new BybitError(NO_ROUTE, 'no such route')
    const account = this.#accountOf(request)
    if (verb !== undefined) return this.#ordered(account, verb, bodyOf(request.body))
    const allowance = this.#venue.allow(account, bucket!, 1)
    if (allowance.granted === 0) throw new Limited(allowance)
    return { result: this.#lookups.answer(path, query, account), allowance }
  }

  #ordered(account: Account, { verb, isBatch }: Way, body: Json): Replied {
    if (verb === 'disconnected-cancel-all') {
      const allowance = this.#venue.allow(account, verb, 1)
      if (allowance.granted === 0) throw new Limited(allowance)
      account.deadMan.set(body)
      return { result: {}, allowance }
    }
    if (verb === 'cancel-all') return this.orders.cancelAll(account, body)
    return isBatch ? this.orders.batch(account, verb, body) : this.orders.one(account, verb, body)
  }

  /** The account whose key signed the bytes that came. */
  #accountOf({ headers, method, search, body }: Request): Account {
    const [key, stamp, sign] = ['api-key', 'timestamp', 'sign'].map((name) =>
      String(headers[`x-bapi-${name}`] ?? ''),
    ) as [string, string, string]
    const window = String(headers['x-bapi-recv-window'] ?? RECV_WINDOW_MS)
    const pair = this.#venue.keyOf(key)
    const account = this.#venue.accountOf(key)
    if (pair === undefined || account === undefined) throw badKey()
    const now = this.#venue.shownNow()
    const recvWindow = Number(window)
    if (!this.#venue.takesStamp(Number(stamp), recvWindow)) throw stale(stamp, now, recvWindow)
    const text = `${stamp}${key}${window}${method === 'GET' ? search : body}`
    if (sign !== createHmac('sha256', pair.secret).update(text).digest('hex')) throw badSign()
    return account
  }

  #envelope({ code, message }: { code: number; message: string }, replied: Replied): string {
    const { result, retExtInfo = {} } = replied
    const time = this.#venue.shownNow()
    return JSON.stringify({ retCode: code, retMsg: message, result, retExtInfo, time })
  }

  #quotaHeaders(allowance: Allowance | undefined): Record<string, string> {
    return allowance === undefined ? {} : quotaHeaders(allowance, this.#venue.shownNow())
  }

  #plain(status: number, body: string, more: Record<string, string> = {}): Answer {
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      traceid: (++this.#requests).toString(16).padStart(32, '0'),
      timenow: String(this.#venue.shownNow()),
      ...more,
    }
    return { status, headers, body, delayMs: 0, wire: 'whole' }
  }
}

/** What an answer says of the quota, over REST and over the socket. */
export const quotaHeaders = ({ limit, remaining, resetMs }: Allowance, now: number) => ({
  'X-Bapi-Limit': String(limit),
  'X-Bapi-Limit-Status': String(remaining),
  'X-Bapi-Limit-Reset-Timestamp': String(Math.ceil(now + resetMs)),
})

/** Not one of Bybit's: what has no endpoint is 404. */
const NO_ROUTE = 404

/** What concerns all orders of an account. */
const OTHERS = ['cancel-all', 'disconnected-cancel-all'] as const

interface Way {
  readonly verb: Verb | (typeof OTHERS)[number]
  readonly isBatch: boolean
}

function verbOf(path: string): Way | undefined {
  for (const verb of OTHERS) if (path === `/v5/order/${verb}`) return { verb, isBatch: false }
  for (const verb of VERBS) {
    if (path === `/v5/order/${verb}`) return { verb, isBatch: false }
    if (path === `/v5/order/${verb}-batch`) return { verb, isBatch: true }
  }
  return undefined
}

function bodyOf(text: string): Json {
  try {
    const body: unknown = JSON.parse(text)
    if (isObject(body)) return body
  } catch {
    // Said below.
  }
  throw badParameter('params error: the body is no JSON object')
}
