/*
 * Rest: signed requests to Bybit, each with a share of the budget of its kind, and Bybit's own faults.
 *
 * The budgets are the venue's: each kind of order request has its own, batches have others, and they count orders. What
 * the venue says of them in its headers is heard, and a 403 for too many requests stops all of them for ten minutes.
 *
 * Reads are tried again by the client. A write is sent once, and again only where nothing was looked at: the quota
 * refused it, or its stamp was wrong (then by a clock that was asked anew). The body is the same both times, ids too.
 */
import { createHmac } from 'node:crypto'
import { type Fault, fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { type Ms } from '../../core/brand.ts'
import { HttpClient } from '../../io/http.ts'
import type { HttpResponse, Io } from '../../io/io.ts'
import { decimalOf, isObject, type Json, textOf } from '../../io/json.ts'
import { Budget, type Heard, type Lane, LANES } from '../../io/rate.ts'
import { redactor } from '../../io/redact.ts'
import { faultOf, isLimited, isStale, refine } from './faults.ts'
import { VenueClock } from './venue-clock.ts'

export interface Keys {
  readonly key: string
  readonly secret: string
}

/** Requests that share a budget at the venue. */
export const BUCKETS = [
  'create',
  'amend',
  'cancel',
  'create-batch',
  'amend-batch',
  'cancel-batch',
  'cancel-all',
  'read',
  'market',
] as const
export type Bucket = (typeof BUCKETS)[number]

export interface RestOptions {
  readonly io: Io
  readonly baseUrl: string
  readonly keys: Keys
  /** Orders of each kind in a second. */
  readonly ordersPerSecond: number
  readonly onTrouble: (why: string) => void
  readonly recvWindowMs?: number | undefined
  readonly readMs?: number
  readonly writeMs?: number
  /** Longest wait of a write for its budget: what is older is not worth sending. */
  readonly writeWaitMs?: number
}

export interface WriteTerms {
  readonly bucket: Bucket
  /** Orders in it. */
  readonly cost?: number
  /** Says why it may not leave any more: asked last before each attempt. */
  readonly refusal?: () => Fault | undefined
}

/** Cancels go first. */
export const laneOf = (bucket: Bucket): Lane =>
  bucket.startsWith('cancel') ? LANES.cancel : LANES.order

export type Query = Readonly<Record<string, string | number | undefined>>

/** An answer whose code is 0. */
export interface Reply {
  readonly result: Json
  /** The codes of a batch, in the order of its `list`. */
  readonly codes: readonly unknown[]
}

const SECOND_MS = 1_000
/** What may be read in a second; the venue allows 50 of each list, and 120 requests of all kinds. */
const READS_PER_SECOND = 30
/** So long all requests stop when there were too many of them from this machine. */
const BAN_MS = 10 * 60_000

export class Rest {
  readonly clock: VenueClock
  readonly budgets: Readonly<Record<Bucket, Budget>>
  readonly baseUrl: string
  readonly #options: RestOptions
  readonly #clients: Readonly<Record<Bucket, HttpClient>>

  constructor(options: RestOptions) {
    const { io, baseUrl, keys, ordersPerSecond, onTrouble } = options
    this.#options = options
    this.baseUrl = baseUrl
    this.clock = new VenueClock(io, onTrouble)
    const limitOf = (bucket: Bucket): number =>
      bucket === 'read' || bucket === 'market'
        ? READS_PER_SECOND
        : bucket === 'cancel-all'
          ? 10
          : ordersPerSecond
    const budgets = BUCKETS.map((bucket) => {
      const about = { name: `bybit ${bucket}`, limit: limitOf(bucket), windowMs: SECOND_MS }
      return [bucket, new Budget(io, { ...about, reserve: 0 })] as const
    })
    this.budgets = Object.fromEntries(budgets) as Record<Bucket, Budget>
    const redact = redactor([keys.key, keys.secret])
    const clients = budgets.map(([bucket, budget]) => {
      const client = new HttpClient(io, {
        baseUrl,
        budget,
        redact,
        heard: (response) => this.#heard(response),
        ...(bucket === 'market' ? {} : { sign: (text: string) => this.#sign(text) }),
      })
      return [bucket, client] as const
    })
    this.#clients = Object.fromEntries(clients) as Record<Bucket, HttpClient>
  }

  /** One request did the work of so many more. */
  saved(requests: number): void {
    this.budgets['create-batch'].save(requests)
  }

  /** Asks for the venue's time, which stamps follow from then on. */
  sync(): Promise<Result<void>> {
    return this.clock.sync(async () => {
      const answer = await this.get('/v5/market/time', {}, 'market')
      if (!answer.ok) return answer
      const at = timeIn(answer.value.result)
      return at === undefined
        ? failed(fault('corrupt-data', 'GET /v5/market/time: no time'))
        : ok(at)
    })
  }

  async get(path: string, query: Query = {}, bucket: Bucket = 'read'): Promise<Result<Reply>> {
    const { readMs = 5_000 } = this.#options
    const ask = async () => {
      const call = { path, query, lane: LANES.read, timeoutMs: readMs }
      const answer = await this.#clients[bucket].read(call)
      return answer.ok
        ? replyOf(answer.value.body, `GET ${path}`, false)
        : failed<Reply>(refine(answer.fault))
    }
    const first = await ask()
    if (first.ok || !isStale(first.fault)) return first
    const synced = await this.sync()
    return synced.ok ? ask() : synced
  }

  /** Sends once; again only where nothing was looked at. What could not be sent in `writeWaitMs` never is. */
  post(path: string, body: Json, about: WriteTerms): Promise<Result<Reply>> {
    return this.persist((waitMaxMs) => this.attempt(path, body, { ...about, waitMaxMs }))
  }

  /** Exactly one attempt of a write. */
  async attempt(
    path: string,
    body: Json,
    { bucket, cost = 1, refusal, waitMaxMs }: WriteTerms & { readonly waitMaxMs: number },
  ): Promise<Result<Reply>> {
    const answer = await this.#clients[bucket].write({
      method: 'POST',
      path,
      body,
      cost,
      lane: laneOf(bucket),
      timeoutMs: this.writeMs,
      waitMaxMs,
      ...(refusal === undefined ? {} : { refusal }),
    })
    if (!answer.ok) return failed(refine(answer.fault))
    return replyOf(answer.value.body, `POST ${path}`, true)
  }

  /** Attempts a write again where nothing was looked at, whatever way it takes; each is told how long it may wait. */
  async persist(attempt: (waitMaxMs: number) => Promise<Result<Reply>>): Promise<Result<Reply>> {
    const { io, writeWaitMs = 10_000 } = this.#options
    const until = io.monotonic() + writeWaitMs
    for (;;) {
      const reply = await attempt(Math.max(0, until - io.monotonic()))
      if (reply.ok || io.monotonic() >= until) return reply
      if (isStale(reply.fault)) {
        const synced = await this.sync()
        if (!synced.ok) return reply
      } else if (!isLimited(reply.fault)) return reply
    }
  }

  /** How long a write waits for its answer. */
  get writeMs(): number {
    return this.#options.writeMs ?? 10_000
  }

  close(): void {
    for (const budget of Object.values(this.budgets)) budget.close()
  }

  /** Signed at the very end: a stamp grows old while a request waits for its budget. */
  #sign(text: string): Readonly<Record<string, string>> {
    const { keys, recvWindowMs = 5_000 } = this.#options
    const stamp = String(this.clock.now())
    const window = String(recvWindowMs)
    const signed = `${stamp}${keys.key}${window}${text}`
    return {
      'X-BAPI-API-KEY': keys.key,
      'X-BAPI-TIMESTAMP': stamp,
      'X-BAPI-RECV-WINDOW': window,
      'X-BAPI-SIGN': createHmac('sha256', keys.secret).update(signed).digest('hex'),
    }
  }

  /** `x-bapi-limit: 10    x-bapi-limit-status: 9    x-bapi-limit-reset-timestamp: 1767625445002` */
  #heard({ status, headers, body }: HttpResponse): Heard {
    if (status === 403 || status === 429) {
      const isBan = status === 403 && Buffer.from(body).toString('utf8').includes('too frequent')
      const stop = { isRefusal: true, retryAfterMs: isBan ? BAN_MS : SECOND_MS }
      if (isBan) for (const budget of Object.values(this.budgets)) budget.heard(stop)
      return { isRefusal: isBan || status === 429, ...(isBan ? { retryAfterMs: BAN_MS } : {}) }
    }
    return this.heardIn(
      headers,
      Buffer.from(body.subarray(0, 40)).toString('latin1').includes(':10006,'),
    )
  }

  /** What an answer says of the quota, by names in lower case. */
  heardIn(headers: Json, isRefusal: boolean): Heard {
    const limit = decimalOf(headers['x-bapi-limit'])
    const remaining = decimalOf(headers['x-bapi-limit-status'])
    const reset = decimalOf(headers['x-bapi-limit-reset-timestamp'])
    return {
      isRefusal,
      ...(limit === undefined ? {} : { limit }),
      ...(remaining === undefined ? {} : { remaining }),
      ...(reset === undefined ? {} : { resetMs: Math.max(0, reset - this.clock.now()) }),
    }
  }
}

/** The time in an answer of `/v5/market/time`: `{"result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"}}` */
export const timeOf = (body: unknown): Ms | undefined =>
  isObject(body) && isObject(body['result']) ? timeIn(body['result']) : undefined

function timeIn(result: Json): Ms | undefined {
  const nanos = textOf(result['timeNano'])
  return nanos === undefined ? undefined : (decimalOf(nanos.slice(0, -6)) as Ms | undefined)
}

/**
 * `{"retCode":0,"retMsg":"OK","result":{…},"retExtInfo":{"list":[{"code":0,"msg":"OK"}]},"time":1767625445123}`: a status of
 * 200 says nothing, and words of success differ. Only the code counts.
 */
export function replyOf(body: unknown, what: string, isWrite: boolean): Result<Reply> {
  const code = isObject(body) ? decimalOf(body['retCode']) : undefined
  if (!isObject(body) || code === undefined) {
    const unread = isWrite ? 'outcome-unknown' : 'corrupt-data'
    return failed(fault(unread, `${what}: an answer without a code`))
  }
  const message = textOf(body['retMsg']) ?? ''
  if (code !== 0) return failed(faultOf({ code, message }, what, isWrite))
  const extra = isObject(body['retExtInfo']) ? body['retExtInfo'] : {}
  const codes = Array.isArray(extra['list']) ? (extra['list'] as unknown[]) : []
  return ok({ result: isObject(body['result']) ? body['result'] : {}, codes })
}
