/*
 * A client over Io.http: one venue, one key. Reads are tried again where their fault says `later`; a write is exactly
 * one attempt, and what becomes of it is one of three:
 *
 *   accepted  ok: the venue answered 2xx
 *   rejected  a fault that is not `outcome-unknown`: the venue proved it (4xx), or no byte left
 *   unknown   `outcome-unknown`: bytes left and no answer came, or a 5xx, a 408, a redirect, an answer that cannot be read
 *
 * No message and no context shows a secret: all of them pass the redactor.
 */
import { fault, type Fault, type FaultCode } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { jittered, stepOf } from './backoff.ts'
import type { BodyBuffer } from './body-buffer.ts'
import { pause } from './clock.ts'
import type { HttpRequest, HttpResponse, Io } from './io.ts'
import { heardOf, LANES, type Budget, type Heard, type Lane } from './rate.ts'
import { redactor, type Redactor } from './redact.ts'

export interface HttpClientOptions {
  /** `https://paper-api.venue.test/v2`, without a slash at its end. */
  readonly baseUrl: string
  readonly headers?: Readonly<Record<string, string>>
  /** Headers of one attempt, made from what leaves: the query without its question mark, or the body. Asked last. */
  readonly sign?: (text: string) => Readonly<Record<string, string>>
  /** Of one attempt: 10 s where not told. */
  readonly timeoutMs?: number
  readonly answerBytesMax?: number
  readonly budget?: Budget
  /** Reads what an answer says about the budget; the usual headers where not told. */
  readonly heard?: (response: HttpResponse, now: number) => Heard
  readonly redact?: Redactor
  /** Attempts of a read in all: 4 where not told. */
  readonly attemptsMax?: number
  /** Longest wait between two attempts of a read; a venue that asks for more gets no further attempt. 60 s. */
  readonly waitMaxMs?: number
  /** Where it can be told, each attempt: for metrics. */
  readonly onAttempt?: (attempt: Attempt) => void
}

export interface Attempt {
  readonly method: string
  readonly path: string
  readonly status: number | undefined
  readonly durationMs: number
}

export interface Call {
  /** `/orders`, after the base url. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  readonly lane?: Lane
  /** What it costs of the budget, 1 where not told. */
  readonly cost?: number
  /** Longest wait for the budget. */
  readonly waitMaxMs?: number
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Reads the body of a good answer; where it gives undefined, or is not told, the body is parsed as JSON. */
  readonly scan?: (body: Uint8Array) => object | undefined
  /** Where the body is put, for who scans many long ones: nothing that is given keeps it. */
  readonly into?: BodyBuffer
}

export interface WriteCall extends Call {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Plain data, sent as JSON. */
  readonly body?: unknown
  /** Says why it may not be sent any more. Asked last, when the budget has let it pass. */
  readonly refusal?: () => Fault | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** What `scan` gave, or the parsed JSON; undefined where the answer has no body. */
  readonly body: unknown
}

/** Most characters of an answer that a fault shows. */
const SHOWN_MAX = 500
const RETRY_FIRST_MS = 500

export class HttpClient {
  readonly #io: Pick<Io, 'now' | 'monotonic' | 'after' | 'random' | 'http'>
  readonly #options: HttpClientOptions
  readonly #redact: Redactor

  constructor(
    io: Pick<Io, 'now' | 'monotonic' | 'after' | 'random' | 'http'>,
    options: HttpClientOptions,
  ) {
    this.#io = io
    this.#options = options
    this.#redact = options.redact ?? redactor()
  }

  /** A GET, tried again as long as its fault says `later`, at most `attemptsMax` times. */
  async read(call: Call): Promise<Result<Answer>> {
    const { attemptsMax = 4, waitMaxMs = 60_000 } = this.#options
    for (let attempt = 1; ; attempt++) {
      const { result, heard, isSent } = await this.#attempt({ ...call, method: 'GET' }, LANES.read)
      // Where the budget refused, it has waited already: asking it again would only wait again.
      if (result.ok || result.fault.retry !== 'later' || !isSent) return result
      if (attempt >= attemptsMax || call.signal?.aborted === true) {
        return failed({ ...result.fault, message: `${result.fault.message}; attempt ${attempt}` })
      }
      const drawn = jittered(stepOf(attempt - 1, RETRY_FIRST_MS, waitMaxMs), this.#io.random)
      const waitMs = Math.max(heard?.retryAfterMs ?? 0, drawn)
      if (waitMs > waitMaxMs) return result
      await pause(this.#io, waitMs, call.signal)
    }
  }

  /** One attempt, whatever happens. */
  async write(call: WriteCall): Promise<Result<Answer>> {
    const lane = call.method === 'DELETE' ? LANES.cancel : LANES.order
    const { result } = await this.#attempt(call, lane)
    return result
  }

  async #attempt(
    call: Call &
      Pick<Partial<WriteCall>, 'body' | 'refusal'> & { readonly method: HttpRequest['method'] },
    lane: Lane,
  ): Promise<{
    readonly result: Result<Answer>
    readonly isSent: boolean
    readonly heard?: Heard
  }> {
    const { method, path, signal, cost = 1, waitMaxMs } = call
    const granted = await this.#options.budget?.take({
      lane: call.lane ?? lane,
      cost,
      ...(waitMaxMs === undefined ? {} : { waitMaxMs }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (granted?.ok === false) return { result: granted, isSent: false }
    const refused = call.refusal?.()
    if (refused !== undefined) return { result: failed(refused), isSent: false }
    const startedAt = this.#io.monotonic()
    const sent = await this.#io.http.request(this.#requestOf(call))
    const durationMs = this.#io.monotonic() - startedAt
    const status = sent.ok ? sent.value.status : undefined
    this.#options.onAttempt?.({ method, path, status, durationMs })
    if (!sent.ok) return { result: failed(this.#unanswered(call, sent.fault)), isSent: true }
    const heard = (this.#options.heard ?? heardOf)(sent.value, this.#io.now())
    this.#options.budget?.heard(heard)
    return { result: this.#answered(call, sent.value), isSent: true, heard }
  }

  #requestOf(
    call: Call & { readonly method: HttpRequest['method']; readonly body?: unknown },
  ): HttpRequest {
    const { baseUrl, timeoutMs = 10_000, answerBytesMax, sign } = this.#options
    const query = Object.entries(call.query ?? {}).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, String(value)]],
    )
    const search = query.length === 0 ? '' : `?${new URLSearchParams(query).toString()}`
    const body = call.body === undefined ? undefined : JSON.stringify(call.body)
    return {
      method: call.method,
      url: `${baseUrl}${call.path}${search}`,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...this.#options.headers,
        ...call.headers,
        ...sign?.(body ?? search.slice(1)),
      },
      timeoutMs: call.timeoutMs ?? timeoutMs,
      ...(body === undefined ? {} : { body }),
      ...(call.into === undefined ? {} : { into: call.into }),
      ...(answerBytesMax === undefined ? {} : { answerBytesMax }),
      ...(call.signal === undefined ? {} : { signal: call.signal }),
    }
  }

  /** No answer: what it means depends on whether bytes of a write may have left. */
  #unanswered({ method, path }: { method: string; path: string }, cause: Fault): Fault {
    const sent = cause.context?.['sent'] === 'no' ? 'no' : 'maybe'
    const code = method !== 'GET' && sent === 'maybe' ? 'outcome-unknown' : cause.code
    return this.#fault(code, `${method} ${path}: ${cause.message}`, { method, path, sent })
  }

  #answered(
    { method, path, scan }: { method: string; path: string; scan?: Call['scan'] },
    response: HttpResponse,
  ): Result<Answer> {
    const { status, headers } = response
    const isOk = status >= 200 && status < 300
    const scanned = isOk ? scan?.(response.body) : undefined
    if (scanned !== undefined) return ok({ status, headers, body: scanned })
    const text = textOf(response.body)
    const body = parse(text)
    if (isOk && body.ok) return ok({ status, headers, body: body.value })
    const isWrite = method !== 'GET'
    const code = isOk ? (isWrite ? 'outcome-unknown' : 'corrupt-data') : codeOf(status, isWrite)
    const what = isOk ? `${status} with a body that is no JSON` : String(status)
    const said = text.slice(0, SHOWN_MAX)
    return failed(
      this.#fault(code, `${method} ${path}: answered ${what}${said === '' ? '' : `: ${said}`}`, {
        method,
        path,
        status,
        sent: 'maybe',
        ...(headers['x-request-id'] === undefined ? {} : { requestId: headers['x-request-id'] }),
        body: body.ok ? body.value : said,
      }),
    )
  }

  #fault(code: FaultCode, message: string, context: Readonly<Record<string, unknown>>): Fault {
    const clean = this.#redact.data(context) as Readonly<Record<string, unknown>>
    return fault(code, this.#redact.text(message), clean)
  }
}

/** What a status means. A write that was answered with anything but a proof has an unknown outcome. */
function codeOf(status: number, isWrite: boolean): FaultCode {
  if (isWrite && (status < 400 || status === 408 || status >= 500)) return 'outcome-unknown'
  if (status < 400) return 'unsupported'
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 404) return 'not-found'
  if (status === 429) return 'rate-limited'
  return status === 408 || status === 425 || status >= 500 ? 'venue-unavailable' : 'bad-request'
}

const textOf = ({ buffer, byteOffset, length }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, length).toString('utf8')

function parse(text: string): { ok: true; value: unknown } | { ok: false } {
  if (text.trim() === '') return { ok: true, value: undefined }
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return { ok: false }
  }
}
