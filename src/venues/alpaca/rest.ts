// Rest: requests to one of Alpaca's hosts, with the keys, a share of the budget and Alpaca's own faults.
import type { Fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { type Call, HttpClient } from '../../io/http.ts'
import type { Io } from '../../io/io.ts'
import { type Budget, LANES } from '../../io/rate.ts'
import { redactor } from '../../io/redact.ts'
import { errorOf, refine } from './faults.ts'

/** Which queue of the budget a request waits in: what reduces risk goes first, backfill last. */
export type Lane = keyof typeof LANES

export interface Keys {
  readonly key: string
  readonly secret: string
}

export const headersOf = ({ key, secret }: Keys): Readonly<Record<string, string>> => ({
  'APCA-API-KEY-ID': key,
  'APCA-API-SECRET-KEY': secret,
})

export interface RestOptions {
  readonly io: Io
  /** `https://paper-api.alpaca.markets`, `https://data.alpaca.markets`. */
  readonly baseUrl: string
  readonly keys: Keys
  readonly budget: Budget
  readonly readMs?: number
  readonly writeMs?: number
  /** Longest wait of a write for its budget: what is older is not worth sending. */
  readonly writeWaitMs?: number
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/**
 * Reads are tried again by the client. A write is sent once, and again only after a 429: the limiter gives it before the
 * order is looked at, so there is nothing that could be there twice.
 */
export class Rest {
  readonly #client: HttpClient
  readonly #options: RestOptions

  constructor(options: RestOptions) {
    const { io, baseUrl, keys, budget } = options
    this.#options = options
    this.#client = new HttpClient(io, {
      baseUrl,
      budget,
      headers: headersOf(keys),
      redact: redactor([keys.key, keys.secret]),
    })
  }

  get baseUrl(): string {
    return this.#options.baseUrl
  }

  /** One request did the work of so many more. */
  saved(requests: number): void {
    this.#options.budget.save(requests)
  }

  /** The body of a read, parsed or scanned. */
  async get(
    path: string,
    query: Query = {},
    lane: Lane = 'read',
    scanning: Pick<Call, 'scan' | 'into'> = {},
  ): Promise<Result<unknown>> {
    const { readMs = 5_000 } = this.#options
    const call = { path, query, lane: LANES[lane], timeoutMs: readMs }
    const answer = await this.#client.read({ ...call, ...scanning })
    return answer.ok ? ok(answer.value.body) : failed(refine(answer.fault))
  }

  /**
   * The parsed body, undefined where there is none. What could not be sent in `writeWaitMs` never is.
   *
   * @param refusal Asked last before each attempt.
   */
  async write(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body: unknown,
    lane: Lane,
    refusal?: () => Fault | undefined,
  ): Promise<Result<unknown>> {
    const { io, writeMs = 10_000, writeWaitMs = 10_000 } = this.#options
    const until = io.monotonic() + writeWaitMs
    for (;;) {
      const waitMaxMs = until - io.monotonic()
      const answer = await this.#client.write({
        method,
        path,
        lane: LANES[lane],
        timeoutMs: writeMs,
        waitMaxMs,
        ...(body === undefined ? {} : { body }),
        ...(refusal === undefined ? {} : { refusal }),
      })
      if (answer.ok) return ok(answer.value.body)
      const told = refine(answer.fault)
      // The budget has heard the 429, and gives way when the venue's time is up.
      if (errorOf(told)?.status !== 429 || io.monotonic() >= until) return failed(told)
    }
  }
}
