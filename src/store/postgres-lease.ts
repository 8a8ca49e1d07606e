/*
 * Postgres lease: one engine trades an account, whichever machine it is on. The engines meet in one database, with a row
 * for each account, as those of one machine do in a file (lease.ts): a token that rises with every holder, and the end of
 * the lease.
 *
 *   the database   says who has the account, by its own clock: a lease that runs out there is free for all
 *   the holder     counts from when it asked, by its own monotonic clock, and a little less than it was given: whatever
 *                  the two clocks say, it has stopped sending before the account is free for another. That clock stands
 *                  still while a machine sleeps (CLOCK_MONOTONIC of clock_gettime(2)), its wall clock does not: the one
 *                  counts that has gone on further
 *
 * Where the database is away, the lease runs out, and nothing is sent until it was renewed: who cannot ask does not know.
 */
import { randomUUID } from 'node:crypto'
import type { SharedLease } from '../core/store.ts'
import { pause } from '../io/clock.ts'
import type { Io } from '../io/io.ts'
import type { Row } from './job-rows.ts'
import { LEASE_MS, refusal, type Refused } from './lease.ts'
import { Postgres } from './postgres.ts'
import { StoreError } from './store-error.ts'

export interface PostgresLeaseOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string
  /** The account, and where it is. */
  readonly account: string
  /** Who asks, for whoever is refused: `run k3x, process 4711 on desk-2`. */
  readonly holder: string
  readonly time: Pick<Io, 'now' | 'monotonic' | 'after'>
  /** `LEASE_MS` where not told. The engines of an account should agree on it. */
  readonly leaseMs?: number | undefined
  /** A holder of that name is not refused at once: it may have been killed, and runs out then. */
  readonly waitsFor?: string
  /** Called once, when another engine has taken the account. */
  readonly onLost: (why: string) => void
  /** Called once, where there is something to wait for. */
  readonly onWait?: ((why: string) => void) | undefined
}

/** Renewals per lease, and how much sooner than the database the holder takes it for run out: two clocks may drift. */
const RENEWALS = 3
const DRIFT = 0.02
/** No lock of a file tells here that a holder has died. */
const HANGS = 'one that hangs or has died'
/** Of an account that the database knows nothing of. */
const FIRST_TOKEN = 1
/** Between two looks at a lease that may run out. */
const POLL_MS = 250

const NOW = `(extract(epoch from clock_timestamp()) * 1000)::double precision`

/** A schema of its own: the bars that lie beside it have steps of theirs. */
const TABLE = `
  select pg_advisory_xact_lock(hashtextextended('skein leases', 0));
  create schema if not exists skein;
  create table if not exists skein.leases (
    account text primary key,
    token bigint not null,
    holder text not null,
    claim text not null,
    until double precision not null
  );`

/** An answer that was lost is asked for again: the same claim finds what it has taken, and takes nothing twice. */
const TAKE = `
  insert into skein.leases as held (account, token, holder, claim, until)
  values (?1, ${FIRST_TOKEN}, ?2, ?3, ${NOW} + ?4)
  on conflict (account) do update set
    token = held.token + case when held.claim = excluded.claim then 0 else 1 end,
    holder = excluded.holder, claim = excluded.claim, until = excluded.until
  where held.until <= ${NOW} or held.claim = excluded.claim
  returning token`

/** By the claim, which no other holder has: in a database that was restored, or lost the row, tokens begin anew. */
const RENEW = `update skein.leases set until = ${NOW} + ?1 where account = ?2 and claim = ?3`
/** With the claim, or a renewal that is under way would take it again for one who has gone. */
const RELEASE = `update skein.leases set until = 0, claim = '' where account = ?1 and claim = ?2`
const HELD = `select holder, until, ${NOW} as now from skein.leases where account = ?1`

/** Rejects with StoreError: `locked` with the holder's name where another engine trades the account. */
export async function takePostgresLease(options: PostgresLeaseOptions): Promise<SharedLease> {
  const leases = new PostgresLeases(options)
  try {
    return await leases.take(options)
  } catch (error) {
    await leases.close()
    throw error
  }
}

/** Where one who is refused asks again: all that it asks goes over the same few connections. */
export class PostgresLeases {
  readonly #postgres: Postgres
  readonly #leaseMs: number

  constructor({ url, leaseMs = LEASE_MS }: Pick<PostgresLeaseOptions, 'url' | 'leaseMs'>) {
    // Whoever waits longer for an answer than until the next renewal has lost one.
    const waitMs = leaseMs / RENEWALS
    this.#postgres = new Postgres({ url, patienceMs: waitMs, statementMs: waitMs })
    this.#leaseMs = leaseMs
  }

  /** As `takePostgresLease` does. The release of the lease closes this too. */
  async take(options: Omit<PostgresLeaseOptions, 'url' | 'leaseMs'>): Promise<SharedLease> {
    const { account, holder, time, waitsFor, onWait } = options
    const [postgres, leaseMs] = [this.#postgres, this.#leaseMs]
    await makeTable(postgres)
    const claim = randomUUID()
    const began = time.monotonic()
    let isWaiting = false
    for (;;) {
      const askedAt = momentOf(time)
      const row = await postgres.statement(({ one }) => one(TAKE, account, holder, claim, leaseMs))
      if (row !== undefined) {
        const taken = { token: Number(row['token']), claim, askedAt }
        const lease = new AccountLease(postgres, { ...options, leaseMs }, taken)
        // Where the row is new it may have been lost, and its holder has not noticed: that one's lease runs out first.
        if (lease.token === FIRST_TOKEN) {
          const why = 'a holder whose row was lost may not have noticed'
          onWait?.(`${account} is new where leases are kept; waiting ${leaseMs} ms, because ${why}`)
          await pause(time, leaseMs)
        }
        return lease
      }
      const held = await postgres.statement(({ one }) => one(HELD, account))
      // A person has taken the row away since: it is free now.
      if (held === undefined) continue
      const isAwaited = waitsFor !== undefined && held['holder'] === waitsFor
      if (!isAwaited || askedAt.monotonic - began > leaseMs + POLL_MS)
        throw new StoreError('locked', refusal(account, refused(held, leaseMs), HANGS))
      if (!isWaiting)
        onWait?.(`waiting up to ${leaseMs} ms for the lease of ${account} that ${holder} left`)
      isWaiting = true
      await pause(time, POLL_MS)
    }
  }

  close(): Promise<void> {
    return this.#postgres.close()
  }
}

/** One that is there needs no right to make it. */
async function makeTable(postgres: Postgres): Promise<void> {
  const found = await postgres.statement(({ one }) =>
    one(`select to_regclass('skein.leases') as name`),
  )
  if (found?.['name'] === null) await postgres.transaction(({ all }) => all(TABLE))
}

/** With all that is usual filled in. */
type Asked = Omit<PostgresLeaseOptions, 'url'> & { readonly leaseMs: number }

/** By both clocks of the machine. */
type Moment = Readonly<Record<'now' | 'monotonic', number>>

const momentOf = (time: Pick<Io, 'now' | 'monotonic'>): Moment => ({
  now: time.now(),
  monotonic: time.monotonic(),
})

interface Taken {
  readonly token: number
  readonly claim: string
  readonly askedAt: Moment
}

class AccountLease implements SharedLease {
  readonly token: number
  readonly #postgres: Postgres
  readonly #options: Asked
  readonly #claim: string
  /** When what it has was asked for; what was asked for later and not answered does not count. */
  #askedAt: Moment
  #isOver = false
  #released: Promise<void> | undefined
  #cancel: () => void = () => {}

  constructor(postgres: Postgres, options: Asked, { token, claim, askedAt }: Taken) {
    this.token = token
    this.#claim = claim
    this.#postgres = postgres
    this.#options = options
    this.#askedAt = askedAt
    this.#renewLater()
  }

  holds(): boolean {
    const { time, leaseMs } = this.#options
    const { now, monotonic } = momentOf(time)
    const agedMs = Math.max(now - this.#askedAt.now, monotonic - this.#askedAt.monotonic)
    return !this.#isOver && agedMs < leaseMs * (1 - DRIFT)
  }

  /** May be called again. */
  release(): Promise<void> {
    this.#released ??= this.#release()
    return this.#released
  }

  async #release(): Promise<void> {
    this.#cancel()
    this.#isOver = true
    try {
      const { account } = this.#options
      await this.#postgres.statement(({ run }) => run(RELEASE, account, this.#claim))
    } catch {
      // A database that is away ends the lease by its clock.
    } finally {
      await this.#postgres.close()
    }
  }

  #renewLater(): void {
    const { time, leaseMs } = this.#options
    this.#cancel = time.after(leaseMs / RENEWALS, () => void this.#renew())
  }

  async #renew(): Promise<void> {
    const { account, time, leaseMs, onLost } = this.#options
    const askedAt = momentOf(time)
    try {
      const ask = [leaseMs, account, this.#claim] as const
      const changed = await this.#postgres.statement(({ run }) => run(RENEW, ...ask))
      if (this.#isOver) return
      if (changed === 1) {
        this.#askedAt = askedAt
        this.#renewLater()
        return
      }
      this.#isOver = true
      const held = await this.#postgres.statement(({ one }) => one(HELD, account))
      onLost(
        `${account} was taken over by ${holderOf(held)}, because this engine gave no sign of life`,
      )
    } catch {
      // Away: nothing is sent from when the lease has run out, until it was renewed.
      if (!this.#isOver) this.#renewLater()
      else onLost(`${account} was taken over by another engine`)
    }
  }
}

function refused(held: Row, leaseMs: number): Refused {
  const [until, now] = [Math.floor(Number(held['until'])), Number(held['now'])]
  return { holder: holderOf(held), until, now, leaseMs }
}

const holderOf = (held: Row | undefined): string => {
  const holder = held?.['holder']
  return typeof holder === 'string' ? holder : 'another engine'
}
