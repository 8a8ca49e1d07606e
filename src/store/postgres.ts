/*
 * Postgres: transactions on a database that may go away in the middle.
 *
 *   lost before COMMIT   nothing happened: the transaction is done again, on a new connection
 *   lost at COMMIT       it happened or not, and nobody told: done again too, with `isRepeated`, and what the transaction
 *                        writes says whether it is there already
 *
 * It is tried again until `patienceMs` from the first failure is over, with growing waits and once at least; then the
 * error goes to the caller. The server ends a transaction that stands still (a process that was stopped within one), so it
 * holds nobody up for longer than that; but one that waits for the rest of what it copies is ended by the others
 * (`endStalled`).
 *
 * Each BEGIN tells the time of the server. That is the clock of all workers: those of their machines differ.
 */
import { escapeLiteral, Pool, type PoolClient, types } from 'pg'
import { assert } from '../core/assert.ts'
import type { Ms } from '../core/brand.ts'
import { pause, systemTime } from '../io/clock.ts'
import type { Row } from './job-rows.ts'
import { Copy } from './postgres-copy.ts'
import { StoreError } from './store-error.ts'

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /** How long a database that is away is waited for, in milliseconds. */
  readonly patienceMs?: number
  /** How long a transaction of ours may stand still before the server ends it, in milliseconds. */
  readonly standstillMs?: number
  /** How long a statement may take, in milliseconds. */
  readonly statementMs?: number
}

/** Within a transaction. */
export interface Session {
  /** The transaction was done before, as far as nobody knows. */
  readonly isRepeated: boolean
  readonly all: (sql: string, ...cells: readonly Cell[]) => Promise<Row[]>
  readonly one: (sql: string, ...cells: readonly Cell[]) => Promise<Row | undefined>
  /** Gives how many rows changed. */
  readonly run: (sql: string, ...cells: readonly Cell[]) => Promise<number>
  /** Copies rows with new keys, all of them; false where another transaction has added one, and then nothing has happened. */
  readonly copies: (sql: string, rows: Buffer) => Promise<boolean>
  /** A statement that may take as long as it likes: a copy of all bars. */
  readonly slowly: (sql: string) => Promise<void>
}

/** JSON is made by the caller; bytes travel as they are (postgres-arrays.ts). */
export type Cell = string | number | null | readonly string[] | Buffer

const PATIENCE_MS = 60_000
const WAIT_FIRST_MS = 50
const WAIT_MAX_MS = 2_000
/** A worker needs one for its work and one for its heartbeat. */
const CONNECTIONS_MAX = 4
const CONNECT_MS = 5_000
const STANDSTILL_MS = 10_000
const STATEMENT_MS = 60_000
/** A copy of hundreds of millions of bars takes minutes; a server that is gone is noticed all the same. */
const SLOW_MS = 6 * 3_600_000
/** How long the end of another connection is waited for. */
const END_WAIT_MS = 1_000
/** What the server calls our connections. */
const APPLICATION = 'skein'
/** A round trip that took longer tells the time too badly. */
const CLOCK_ROUND_MS = 250

/** unique_violation (postgresql.org/docs/18/errcodes-appendix.html). */
const IS_THERE = '23505'
/** query_canceled: it took longer than it may. */
const TOO_LONG = '57014'
/** insufficient_privilege. */
const NO_RIGHT = '42501'
/** read_only_sql_transaction: a stand-by, or one that is told so. */
const READS_ONLY = '25006'

/** How a database is that is there and does not do what it is asked, and what to do about it. */
const STATES: Readonly<Record<string, readonly [state: string, advice: string]>> = {
  [TOO_LONG]: ['busy', 'look who holds its locks'],
  [READS_ONLY]: ['read-only', 'name the server that is written to'],
  '53100': ['without room', 'free space on its disk'],
  '53300': ['without a connection for us', 'allow it more, or end some'],
}

const BIGINT = 20
const NUMERIC = 1700

export class Postgres {
  /** For messages: without a password. */
  readonly name: string
  readonly #pool: Pool
  readonly #patienceMs: number
  readonly #statementMs: number
  #clock: { readonly at: number; readonly monotonic: number; readonly roundMs: number } | undefined

  constructor(options: PostgresOptions) {
    const { url, patienceMs = PATIENCE_MS, standstillMs = STANDSTILL_MS } = options
    const { statementMs = STATEMENT_MS } = options
    this.name = nameOf(url)
    this.#patienceMs = patienceMs
    this.#statementMs = statementMs
    this.#pool = new Pool({
      connectionString: url,
      max: CONNECTIONS_MAX,
      application_name: APPLICATION,
      connectionTimeoutMillis: CONNECT_MS,
      idle_in_transaction_session_timeout: standstillMs,
      statement_timeout: statementMs,
      // The server ends a statement; this is for a server that is not there any more and has not said so.
      query_timeout: statementMs + CONNECT_MS,
      keepAlive: true,
      types: { getTypeParser },
    })
    // Without a listener, a connection that is lost while nobody uses it would end the process. Who uses it next is told.
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => client.on('error', () => {}))
  }

  /** Milliseconds since the epoch, by the server's clock as it was last told. */
  now(): Ms {
    const { at, monotonic } = this.#clock ?? {
      at: systemTime.now(),
      monotonic: systemTime.monotonic(),
    }
    return Math.floor(at + systemTime.monotonic() - monotonic) as Ms
  }

  /** One transaction: kept where the work ends well and `isGood` of what it gives. */
  transaction<T>(
    work: (session: Session) => Promise<T>,
    isGood: (value: T) => boolean = () => true,
  ): Promise<T> {
    return this.#patiently(async (client, isRepeated, onCommit) => {
      await this.#begin(client)
      const value = await work(this.#sessionOf(client, isRepeated))
      const isKept = isGood(value)
      if (isKept) onCommit()
      await client.query(isKept ? 'commit' : 'rollback')
      return value
    })
  }

  /** A statement that is a transaction of its own, and may be done twice: it says what is, not what is added. */
  statement<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#patiently((client, isRepeated) => work(this.#sessionOf(client, isRepeated)))
  }

  /**
   * A transaction in one message, which may be done twice, as a statement may: its locks are held while the server works,
   * and not while answers travel. Gives the rows of its last statement.
   */
  message(
    statements: readonly (readonly [sql: string, ...cells: (string | number)[]])[],
  ): Promise<Row[]> {
    const texts = statements.map(([sql, ...cells]) => withCells(sql, cells))
    const text = `begin isolation level read committed; ${texts.join('; ')}; commit`
    return this.#patiently(async (client) => {
      const answers = (await client.query(text)) as unknown as readonly Answer[]
      return [...answers.at(-2)!.rows]
    })
  }

  /**
   * Ends the transactions of those who were stopped, or went away with their machine, while they sent rows to copy or
   * took an answer: a server that waits for its client within a statement looks at none of its own time limits (measured
   * with 18.1; `ProcessClientReadInterrupt` of src/backend/tcop/postgres.c). It is as old as a statement may be by then.
   */
  async endStalled(): Promise<void> {
    await this.statement(({ all }) => all(END_STALLED, this.#statementMs))
  }

  async close(): Promise<void> {
    await this.#pool.end()
  }

  async #patiently<T>(
    work: (client: PoolClient, isRepeated: boolean, onCommit: () => void) => Promise<T>,
  ): Promise<T> {
    // From the first that goes wrong: what was done until then, and how long this process was stopped, is no absence.
    let failedAt: number | undefined
    let isRepeated = false
    for (let waitMs = WAIT_FIRST_MS; ; waitMs = Math.min(waitMs * 2, WAIT_MAX_MS)) {
      let client: PoolClient | undefined
      let isCommitting = false
      const onCommit = (): void => {
        isCommitting = true
      }
      try {
        client = await this.#pool.connect()
        const value = await work(client, isRepeated, onCommit)
        client.release()
        return value
      } catch (error) {
        // The server forgets the transaction with its connection.
        client?.release(true)
        if (!mayPass(error)) throw this.#refused(error)
        const now = systemTime.monotonic()
        failedAt ??= now
        if (now - failedAt + waitMs > this.#patienceMs) throw this.#gone(error)
      }
      isRepeated ||= isCommitting
      await pause(systemTime, waitMs)
    }
  }

  #sessionOf(client: PoolClient, isRepeated: boolean): Session {
    return sessionOf(client, { isRepeated, statementMs: this.#statementMs })
  }

  async #begin(client: PoolClient): Promise<void> {
    const asked = systemTime.monotonic()
    // Several statements in one message are answered by a list, which the driver's types do not know.
    const answers = (await client.query(BEGIN)) as unknown as readonly Answer[]
    const roundMs = systemTime.monotonic() - asked
    const at = Number(answers[1]!.rows[0]!['at'])
    if (this.#clock === undefined || roundMs <= Math.max(CLOCK_ROUND_MS, this.#clock.roundMs))
      this.#clock = { at, monotonic: asked + roundMs / 2, roundMs }
  }

  #refused(error: unknown): unknown {
    if (!(error instanceof Error)) return error
    const code = codeOf(error)
    // Classes 28 and 3D: who we say we are, and which database.
    const isOut = /^(?:28|3D)/.test(code)
    if (!isOut && code !== NO_RIGHT) return error
    const text = isOut
      ? `${this.name} does not let us in (${error.message}); check user, password and name`
      : `${this.name} does not let its user do that (${error.message}); have its owner grant it`
    return new StoreError('cannot-open', text, { cause: error })
  }

  #gone(error: unknown): StoreError {
    const why = error instanceof Error && error.message !== '' ? error.message : codeOf(error)
    const [state, advice] = STATES[codeOf(error)] ?? ['away', 'start it, or check its address']
    const waited = `was ${state} for ${Math.round(this.#patienceMs / 1000)} s (${why})`
    const text = `${this.name} ${waited}; ${advice}. Nothing is lost`
    return new StoreError('cannot-open', text, { cause: error })
  }
}

/** Only those of our own user may be ended, and are. */
const END_STALLED = `select pg_terminate_backend(pid, ${END_WAIT_MS}) from pg_stat_activity
  where application_name = '${APPLICATION}' and datname = current_database() and usename = current_user
    and state = 'active' and wait_event_type = 'Client'
    and query_start < clock_timestamp() - ?1::integer * interval '1 ms'`

const BEGIN = `begin isolation level read committed; select (extract(epoch from clock_timestamp()) * 1000)::double precision as at`

interface Answer {
  readonly rows: readonly Row[]
}

function sessionOf(
  client: PoolClient,
  { isRepeated, statementMs }: Pick<Session, 'isRepeated'> & { readonly statementMs: number },
): Session {
  const ask = (sql: string, cells: readonly Cell[]) =>
    client.query<Record<string, unknown>>(numbered(sql), [...cells])
  return {
    isRepeated,
    all: async (sql, ...cells) => (await ask(sql, cells)).rows,
    one: async (sql, ...cells) => (await ask(sql, cells)).rows[0],
    run: async (sql, ...cells) => (await ask(sql, cells)).rowCount ?? 0,
    copies: async (sql, rows) => {
      try {
        await copied(client, `savepoint adding; ${sql}; release savepoint adding`, rows)
        return true
      } catch (error) {
        if (codeOf(error) !== IS_THERE) throw error
        await client.query('rollback to savepoint adding')
        return false
      }
    },
    slowly: async (sql) => {
      await client.query('set local statement_timeout = 0')
      const slow = { text: sql, query_timeout: SLOW_MS }
      await client.query(slow)
      await client.query(`set local statement_timeout = ${statementMs}`)
    },
  }
}

const copied = (client: PoolClient, sql: string, rows: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    client.query(new Copy(sql, rows, (error) => (error === null ? resolve() : reject(error))))
  })

/** The statements that SQLite takes too call their parameters ?1, ?2 … */
const numbered = (sql: string): string => sql.replaceAll(/\?(\d+)/g, '$$$1')

/** Several statements in one message have no parameters: their values are part of the text. */
const withCells = (sql: string, cells: readonly (string | number)[]): string =>
  sql.replaceAll(/\?(\d+)/g, (_found, place: string) => {
    const cell = cells[Number(place) - 1]
    assert(cell !== undefined, () => `${sql} has a value for ?${place}`)
    if (typeof cell === 'string') return escapeLiteral(cell)
    assert(Number.isSafeInteger(cell), () => `${cell} is a whole number`)
    return String(cell)
  })

/** Big integers are times and counts, far below 2^53. */
const getTypeParser: typeof types.getTypeParser = (id: number, format?: 'text' | 'binary') =>
  id === BIGINT || id === NUMERIC ? Number : types.getTypeParser(id, format ?? 'text')

/**
 * Classes 08 and 53, and what a server says that ends or begins, that only reads for now, or whose locks another holds
 * for longer than a statement may take (postgresql.org/docs/18/errcodes-appendix.html).
 */
const PASSING = new Set([
  READS_ONLY,
  TOO_LONG,
  '57P01',
  '57P02',
  '57P03',
  '57P05',
  '25P03',
  '25P04',
  '40001',
  '40P01',
  '55P03',
])
/** A name may go with the machine that has it, and a network with its cable. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
])
/** What the driver says about a connection that is lost: it has no codes. */
const LOST =
  /^(?:Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered)/

function mayPass(error: unknown): boolean {
  const code = codeOf(error)
  if (PASSING.has(code) || NETWORK.has(code) || /^(?:08|53)/.test(code)) return true
  return error instanceof Error && LOST.test(error.message)
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

function nameOf(url: string): string {
  const shown = URL.parse(url)
  if (shown === null) return 'the database'
  shown.password = ''
  shown.search = ''
  return shown.href
}
