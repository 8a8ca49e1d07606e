/*
 * Wire: a backfill against the local Alpaca within one process, on time that leaps: whoever waits is called at once, and the
 * clock has moved. What the venue answers may be spoiled on its way.
 */
import type { TestContext } from 'node:test'
import { join } from 'node:path'
import { fault } from '../../src/core/fault.ts'
import type { Adjustment, JobLane, JobStore, NewRun } from '../../src/core/jobs.ts'
import { failed, ok } from '../../src/core/result.ts'
import { seeded } from '../../src/core/random.ts'
import { DAY, ms, type Timeframe } from '../../src/core/time.ts'
import type { HttpResponse, Io } from '../../src/io/io.ts'
import { plan } from '../../src/jobs/plan.ts'
import { tick } from '../../src/jobs/tick.ts'
import { Backfill } from '../../src/runtime/history/backfill.ts'
import { Rest } from '../../src/simulators/alpaca/rest.ts'
import { AlpacaVenue } from '../../src/simulators/alpaca/venue.ts'
import { madeSymbols, Past, silentTape } from '../../src/simulators/past.ts'
import { rolled } from '../../src/simulators/alpaca/timeframe.ts'
import { openArchive, type SqliteArchive } from '../../src/store/index.ts'
import { temporary } from '../cli/skein.ts'
import { busiestMinute } from './requests.ts'

export const TO = Date.UTC(2026, 0, 1)
export const HOST = 'http://alpaca.test'

/** One request for bars, as the venue saw it. */
export interface Asked {
  readonly at: number
  readonly symbols: readonly string[]
  readonly query: string
  readonly token: string
}

/** What becomes of an answer; `n` counts requests for bars from 1. */
export type Spoil = (
  answer: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: string
  },
  n: number,
  asked: Asked,
) =>
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
    }
  | 'reset'
  | undefined

const WIRE = {
  '15m': { count: 15, unit: 'minute' },
  '1h': { count: 1, unit: 'hour' },
  '4h': { count: 4, unit: 'hour' },
  '1d': { count: 1, unit: 'day' },
} as const

export interface WireOptions {
  readonly count?: number
  /** Those of the definitions; what is compared is the first. */
  readonly timeframes?: readonly Timeframe[]
  readonly isDeriving?: boolean
  readonly days?: number
  readonly pageRows?: number
  readonly missingOf?: number
  readonly splitOf?: number
  /** Of what the definitions ask for: raw where not told. */
  readonly adjustment?: Adjustment
  readonly spoil?: Spoil
}

export class Wire {
  readonly archive: SqliteArchive
  readonly store: JobStore
  readonly symbols: readonly string[]
  readonly timeframes: readonly Timeframe[]
  readonly from: number
  readonly asked: Asked[] = []
  /** Awaited before a request for bars is answered. */
  hold: (n: number) => Promise<void> | undefined = () => undefined
  readonly io: Io
  #now = TO + 2 * DAY
  readonly #past: Past
  readonly #rest: Rest
  readonly #pageRows: number
  readonly #isDeriving: boolean
  readonly #adjustment: Adjustment
  readonly #spoil: Spoil

  static async open(t: TestContext, options: WireOptions = {}): Promise<Wire> {
    const wire = await Wire.within(temporary(t), options)
    t.after(() => wire.archive.close())
    return wire
  }

  /** Its archive is in the folder; whoever made it closes the one and removes the other. */
  static async within(folder: string, options: WireOptions = {}): Promise<Wire> {
    const wire = new Wire(await openArchive(join(folder, 'archive.db')), options)
    await wire.plan()
    return wire
  }

  private constructor(archive: SqliteArchive, options: WireOptions) {
    const { count = 50, timeframes = ['1h'], days = 60, pageRows = 1_000, missingOf } = options
    this.archive = archive
    this.store = archive.jobs
    this.symbols = madeSymbols(count)
    this.timeframes = timeframes
    this.from = TO - days * DAY
    this.#pageRows = pageRows
    this.#isDeriving = options.isDeriving === true
    this.#adjustment = options.adjustment ?? 'raw'
    this.#spoil = options.spoil ?? (() => undefined)
    const range = { from: this.from, to: TO }
    const rare = missingOf === undefined ? {} : { missingOf }
    const split = options.splitOf === undefined ? {} : { splitOf: options.splitOf }
    this.#past = new Past({ seed: 5, symbols: this.symbols, ...range, ...rare, ...split })
    const timers = {
      monotonic: () => this.#now,
      after: (delayMs: number, fire: () => void) => {
        const timer = setImmediate(() => {
          this.#now += delayMs
          fire()
        })
        return () => clearImmediate(timer)
      },
    }
    const venue = new AlpacaVenue({
      tape: silentTape(this.symbols),
      past: this.#past,
      startAt: this.#now,
      speed: 0,
      timers,
      keys: [{ key: 'local', secret: 'local' }],
      limits: { dataPerMinute: 200 },
    })
    this.#rest = new Rest(venue)
    const none = (): never => {
      throw new Error('jobs have no sockets')
    }
    this.io = {
      now: () => ms(Math.floor(this.#now)),
      ...timers,
      random: seeded(1),
      websocket: { connect: none },
      tcp: { connect: none },
      http: { request: (request) => this.#answer(request.url, request.headers ?? {}) },
    }
  }

  get now(): number {
    return this.#now
  }

  /** The most requests in any minute. */
  get busiestMinute(): number {
    return busiestMinute(this.asked.map(({ at }) => at))
  }

  pass(byMs: number): void {
    this.#now += byMs
  }

  async plan(lane?: JobLane, symbols = this.symbols): Promise<void> {
    const { definitions } = plan(
      {
        symbols,
        timeframes: this.timeframes,
        from: ms(this.from),
        to: ms(TO),
        provider: 'alpaca',
        adjustment: this.#adjustment,
        batchVersion: lane === 'single' ? 1 : 2,
        batchSymbols: 50,
        isDeriving: this.#isDeriving,
        priority: 100,
      },
      await this.store.definitions(),
    )
    await this.store.putDefinitions(definitions, this.#now)
  }

  /** @param io Where its clock is another one. */
  worker(name = 'w', io = this.io): Backfill {
    const hosts = { trading: HOST, data: HOST, stream: HOST, orders: HOST }
    return new Backfill({
      store: this.store,
      io,
      name,
      pageRows: this.#pageRows,
      terms: {
        keys: { key: 'local', secret: 'local' },
        hosts,
        isLive: false,
        feed: 'iex',
        limits: {},
      },
    })
  }

  /** A worker until all is done. Gives the rows that its pages had. */
  async work(name = 'w', more: Parameters<Backfill['work']>[0] = {}): Promise<number> {
    const worker = this.worker(name)
    let rows = 0
    await worker.work({ untilDone: true, ...more, onPage: (page) => (rows += page.rows) })
    worker.close()
    return rows
  }

  async queue(): Promise<readonly NewRun[]> {
    await tick(this.store, this.#now)
    return this.store.queued(this.#now, 1_000)
  }

  /** What the venue says when it is asked for bars of a symbol, in an adjustment. */
  async told(symbol: string, timeframe: '1h' | '1d', adjustment: string): Promise<string[]> {
    const query = new URLSearchParams({
      symbols: symbol,
      timeframe: timeframe === '1h' ? '1Hour' : '1Day',
      start: new Date(this.from).toISOString(),
      end: new Date(TO - 1).toISOString(),
      limit: '10000',
      adjustment,
    })
    const url = `${HOST}/v2/stocks/bars?${query.toString()}`
    const headers = { 'apca-api-key-id': 'local', 'apca-api-secret-key': 'local' }
    const answer = await this.#answer(url, headers)
    if (!answer.ok) throw new Error(answer.fault.message)
    const { bars } = JSON.parse(Buffer.from(answer.value.body).toString()) as {
      readonly bars: Readonly<Record<string, readonly Record<string, number>[]>>
    }
    return (bars[symbol] ?? []).map(({ t, o, h, l, c, v, n }) =>
      [Date.parse(String(t)), o, h, l, c, v, n].join(),
    )
  }

  /** Rows that the venue has. */
  rowsOf(symbol: string, timeframe = this.timeframes[0]!): string[] {
    const { count, unit } = WIRE[timeframe as keyof typeof WIRE]
    return this.#past
      .rows(symbol, `${count} ${unit}`, (steps) => rolled(steps, { count, unit }, false))
      .map(({ t, o, h, l, c, v, n }) => [t, o, h, l, c, v, n].join())
  }

  async storedOf(symbol: string, timeframe = this.timeframes[0]!): Promise<string[]> {
    const rows: string[] = []
    const adjustment = this.#adjustment
    for await (const page of this.archive.bars({ symbol, timeframe, adjustment })) {
      const { start, open, high, low, close, volume, trades } = page
      for (let i = 0; i < page.length; i++) {
        rows.push(
          [start, open, high, low, close, volume, trades].map((column) => column[i]!).join(),
        )
      }
    }
    return rows
  }

  /** Symbols whose stored rows are not the venue's. */
  async wrong(timeframe = this.timeframes[0]!): Promise<string[]> {
    const wrong: string[] = []
    for (const symbol of this.symbols) {
      const stored = await this.storedOf(symbol, timeframe)
      if (stored.join('\n') !== this.rowsOf(symbol, timeframe).join('\n')) wrong.push(symbol)
    }
    return wrong
  }

  async #answer(
    url: string,
    headers: Readonly<Record<string, string>>,
  ): ReturnType<Io['http']['request']> {
    const { pathname, searchParams, search } = new URL(url)
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
    const asked: Asked = {
      at: this.#now,
      symbols: (searchParams.get('symbols') ?? '').split(','),
      query: searchParams.toString(),
      token: searchParams.get('page_token') ?? '',
    }
    const n = this.asked.push(asked)
    await this.hold(n)
    // The market stands still; the time that the venue tells does not.
    const date = new Date(this.#now).toUTCString()
    const answered = this.#rest.answer({
      method: 'GET',
      path: pathname,
      query: searchParams,
      search: search.slice(1),
      headers: Object.fromEntries(lower) as Record<string, string>,
      body: '',
    })
    const told = { ...answered, headers: { ...answered.headers, date } }
    const spoiled = this.#spoil(told, n, asked)
    if (spoiled === 'reset')
      return failed(fault('network', 'the connection was reset', { sent: 'maybe' }))
    const { status, body, headers: said } = { ...told, ...spoiled }
    const response: HttpResponse = { status, headers: said, body: Buffer.from(body) }
    return ok(response)
  }
}
