// Client: signed requests to the local Bybit, within the process and without an adapter.
import { createHmac } from 'node:crypto'
import { BybitFront } from '../../src/simulators/bybit/front.ts'
import { generatedMarket, type VenueLimits } from '../../src/simulators/bybit/index.ts'
import { type BybitOptions, BybitVenue } from '../../src/simulators/bybit/venue.ts'
import { targetOf } from '../../src/simulators/loopback.ts'
import { KEY, START, SYMBOLS } from './local.ts'

export type Json = Readonly<Record<string, unknown>>

export interface Envelope {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly retCode: number
  readonly retMsg: string
  readonly result: Json & { readonly list: readonly Json[] }
  /** Codes of the items of a batch. */
  readonly codes: readonly number[]
}

/** A venue without sockets: what it is asked, it answers at once. */
export class Desk {
  readonly venue: BybitVenue
  readonly front: BybitFront
  /** Milliseconds that the client's clock is fast. */
  fastMs = 0
  #clock = 0
  #orders = 0

  private constructor(options: Partial<BybitOptions>) {
    const market = generatedMarket({ seed: 3, symbols: SYMBOLS, startAt: START, days: 1 })
    const timers = { monotonic: () => this.#clock, after: () => () => {} }
    this.venue = new BybitVenue({ speed: 0, keys: [KEY], ...market, timers, ...options })
    this.front = new BybitFront(this.venue)
  }

  static async open(
    limits: Partial<VenueLimits> = {},
    options: Partial<BybitOptions> = {},
  ): Promise<Desk> {
    const desk = new Desk({ ...options, limits })
    await desk.venue.open()
    return desk
  }

  /** Lets so much time pass, of the market and of the quotas. */
  async pass(forMs: number): Promise<void> {
    this.#clock += forMs
    await this.venue.advance(forMs)
  }

  get(path: string, query: Readonly<Record<string, string>> = {}): Envelope {
    const search = new URLSearchParams(query).toString()
    return this.#ask('GET', search === '' ? path : `${path}?${search}`, '')
  }

  post(path: string, body: Json): Envelope {
    return this.#ask('POST', path, JSON.stringify(body))
  }

  /** An order of 10 that rests far below the market, with an id of its own. */
  order(changes: Json = {}): Json {
    const orderLinkId = `desk-${++this.#orders}`
    const terms = { symbol: 'BTCUSDT', side: 'Buy', orderType: 'Limit', qty: '10', price: '1' }
    return { category: 'linear', ...terms, orderLinkId, ...changes }
  }

  #ask(method: string, url: string, body: string): Envelope {
    const stamp = String(this.venue.now() + this.fastMs)
    const target = targetOf(url)!
    const text = `${stamp}${KEY.key}5000${method === 'GET' ? target.search : body}`
    const sign = createHmac('sha256', KEY.secret).update(text).digest('hex')
    const headers = {
      'x-bapi-api-key': KEY.key,
      'x-bapi-timestamp': stamp,
      'x-bapi-recv-window': '5000',
      'x-bapi-sign': sign,
    }
    const answer = this.front.answer({ method, ...target, headers, body })
    const { retExtInfo, ...rest } = (answer.status === 200 ? JSON.parse(answer.body) : {}) as {
      retExtInfo?: { list?: readonly { readonly code: number }[] }
    } & Pick<Envelope, 'retCode' | 'retMsg' | 'result'>
    const codes = retExtInfo?.list?.map(({ code }) => code) ?? []
    return { status: answer.status, headers: answer.headers, codes, ...rest }
  }
}
