// Rest: one request in, one answer out: authentication, rate limits, faults, the right endpoint, the audit log.
import { type Account } from './account.ts'
import { type Answer, type ErrorWords, isEarly, type Request, spoiled } from '../answer.ts'
import type { Reply } from './call.ts'
import { ApiError, notFound, unauthorized } from './error.ts'
import { MarketData } from './market-data.ts'
import type { Allowance } from './rate-limit.ts'
import { Trading } from './trading.ts'
import type { AlpacaVenue } from './venue.ts'

export class Rest {
  readonly #venue: AlpacaVenue
  readonly #trading: Trading
  readonly #data: MarketData
  #requests = 0

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
    this.#trading = new Trading(venue)
    this.#data = new MarketData(venue)
  }

  answer(request: Request): Answer {
    const { method, path } = request
    const faults = this.#venue.nemesis.onRequest({ method, path })
    const account = this.#accountOf(request)
    const isData = /^\/(?:v2\/stocks|v1beta|v1\/corporate-actions)/.test(path)
    const done = faults.some(isEarly) ? undefined : this.#done(request, account, isData)
    const answer = spoiled(done ?? this.#plain(200, {}, undefined), faults, wordsOf)
    const { audit } = this.#venue
    audit.request({
      method,
      path,
      query: request.query.toString(),
      body: request.body,
      account: account?.name ?? '',
      status: answer.wire === 'whole' ? answer.status : 0,
      answer: isData ? copyOf(answer.body, DATA_SHOWN) : answer.body,
      faults: faults.map(({ name, fault }) => name ?? fault),
    })
    return answer
  }

  #accountOf({ headers }: Request): Account | undefined {
    const key = headers['apca-api-key-id']
    const secret = headers['apca-api-secret-key']
    if (typeof key !== 'string' || typeof secret !== 'string') return undefined
    return this.#venue.accountOf(key, secret)
  }

  #done(request: Request, account: Account | undefined, isData: boolean): Answer {
    // Market data of coins are public.
    const isPublic = request.path.startsWith('/v1beta3/crypto/')
    if (account === undefined && !isPublic) return this.#refused(unauthorized(), {}, isData)
    const venue = this.#venue
    const rate = isData ? venue.dataRate : venue.tradingRate
    const allowance = rate.take(account?.name ?? 'public', venue.clockNow())
    const headers = this.#rateHeaders(allowance)
    if (!allowance.isAllowed) {
      const error = isData
        ? new ApiError(429, undefined, 'too many requests.')
        : new ApiError(429, 42910000, 'rate limit exceeded')
      return this.#refused(error, headers, isData)
    }
    try {
      const reply =
        isData || account === undefined
          ? this.#data.answer(request)
          : this.#traded(request, account)
      if (reply === undefined) throw notFound('endpoint not found.')
      return this.#plain(reply.status, headers, reply.json)
    } catch (error) {
      if (error instanceof ApiError) return this.#refused(error, headers, isData)
      throw error
    }
  }

  #traded(request: Request, account: Account): Reply | undefined {
    return request.path.startsWith('/v2/') ? this.#trading.answer(request, account) : undefined
  }

  #rateHeaders({ limit, remaining, leftMs }: Allowance): Record<string, string> {
    const reset = Math.ceil((this.#venue.shownNow() + leftMs) / 1_000)
    return {
      'x-ratelimit-limit': String(limit),
      'x-ratelimit-remaining': String(remaining),
      'x-ratelimit-reset': String(reset),
    }
  }

  #refused(error: ApiError, headers: Record<string, string>, isData: boolean): Answer {
    const body = isData ? JSON.stringify({ message: error.message }) : error.body
    return { ...this.#plain(error.status, headers, undefined), body }
  }

  #plain(status: number, headers: Record<string, string>, json: unknown): Answer {
    const id = (++this.#requests).toString(16).padStart(32, '0')
    const date = new Date(this.#venue.shownNow()).toUTCString()
    const type = { 'content-type': 'application/json; charset=UTF-8', 'x-request-id': id, date }
    const body = json === undefined ? '' : JSON.stringify(json)
    return { status, headers: { ...type, ...headers }, body, delayMs: 0, wire: 'whole' }
  }
}

/** Of pages of market data, so much is remembered: a thousand of them are a gigabyte. */
const DATA_SHOWN = 10_000

/** A copy: a part of a text would keep the whole of it. */
const copyOf = (text: string, length: number): string =>
  text.length <= length ? text : Buffer.from(text.slice(0, length)).toString()

const wordsOf: ErrorWords = ({ status, code, message }) => {
  const usual = status === 429 ? 'rate limit exceeded' : 'internal server error occurred'
  const number = code ?? (status === 429 ? 42910000 : status * 100_000)
  return JSON.stringify({ code: number, message: message ?? usual })
}
