/*
 * Lease: one engine trades an account. The engines of a machine meet in one file, with a row for each account, those of
 * several machines in Postgres (postgres-lease.ts):
 *
 *   token   rises by one whenever the account changes hands. It fences: who holds an older one sends nothing more
 *   until   the end of the lease. The holder moves it on three times per lease
 *
 * Whoever comes second is refused while the lease runs. It may take over where the holder is dead (its file lock is
 * free: a restart after a crash does not wait), or where the lease has run out: the holder was stopped for longer, and
 * finds, before the next byte leaves, that its token is old. Times are those of the machine's wall clock; a clock that
 * is set forward ends a lease early at worst, and then nothing is sent until it is renewed; one that is set back has a
 * holder that hangs replaced that much later.
 *
 * A file that is deleted goes on for who has it open, and is not there for who comes next. So a holder looks whether the
 * file at its path is still the one that it holds, before each request and at each renewal.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Lease } from '../core/store.ts'
import { iso, ms } from '../core/time.ts'
import type { Io } from '../io/io.ts'
import { numberOf, openDatabase, textOf } from './database.ts'
import { type FileLock, lockFile } from './file-lock.ts'
import { LEASES_SCHEMA } from './migrations.ts'
import { guarded, StoreError } from './store-error.ts'

/** So long a holder may give no sign of life, in milliseconds, where nothing else is told. */
export const LEASE_MS = 15_000
const RENEWALS = 3

export interface LeaseOptions {
  /** The database where engines meet; made where it is missing. */
  readonly path: string
  /** The account, and where it is. */
  readonly account: string
  /** Who asks, for whoever is refused: `run k3x, process 4711`. */
  readonly holder: string
  readonly time: Pick<Io, 'now' | 'after'>
  /** `LEASE_MS` where not told. The engines of an account should agree on it. */
  readonly leaseMs?: number | undefined
  /** Called once, when another engine has taken the account. */
  readonly onLost: (why: string) => void
}

interface Row {
  readonly token: number
  readonly holder: string
  readonly until: number
}

/** Throws StoreError: `locked` with the holder's name where another engine trades the account. */
export function takeLease({ leaseMs = LEASE_MS, ...asked }: LeaseOptions): Lease {
  const options = { ...asked, leaseMs }
  const { path } = options
  mkdirSync(dirname(path), { recursive: true })
  const db = openDatabase(path, { schema: LEASES_SCHEMA })
  try {
    const { token, lock } = guarded(path, () => inTurn(db, () => take(db, options)))
    return new AccountLease(db, options, token, lock)
  } catch (error) {
    db.close()
    throw error
  }
}

/** With all that is usual filled in. */
type Asked = LeaseOptions & { readonly leaseMs: number }

function take(
  db: DatabaseSync,
  options: Asked,
): { readonly token: number; readonly lock: FileLock } {
  const { account, holder, time, leaseMs } = options
  const found = rowOf(db, account)
  const now = time.now()
  if (found !== undefined && found.until > now && isAlive(options, found.token)) {
    throw new StoreError('locked', refusal(account, { ...found, now, leaseMs }))
  }
  const token = (found?.token ?? 0) + 1
  const lock = lockFile(lockPath(options, token))
  if (lock === undefined) throw new StoreError('locked', `${account} was just taken by another`)
  db.prepare(
    'insert or replace into leases (account, token, holder, until) values (?, ?, ?, ?)',
  ).run(account, token, holder, now + leaseMs)
  return { token, lock }
}

/** A transaction: nobody else looks at a lease or its lock, so locks may be taken away in it. */
function inTurn<T>(db: DatabaseSync, work: () => T): T {
  db.exec('begin immediate')
  try {
    const value = work()
    db.exec('commit')
    return value
  } catch (error) {
    if (db.isTransaction) db.exec('rollback')
    throw error
  }
}

class AccountLease implements Lease {
  readonly token: number
  readonly #db: DatabaseSync
  readonly #options: Asked
  readonly #lock: FileLock
  readonly #file: string | undefined
  /** Renewals in a row that have not found its file. */
  #missed = 0
  #cancel: () => void = () => {}

  constructor(db: DatabaseSync, options: Asked, token: number, lock: FileLock) {
    this.token = token
    this.#db = db
    this.#options = options
    this.#lock = lock
    this.#file = fileAt(options.path)
    this.#renewLater()
  }

  holds(): boolean {
    if (!this.#db.isOpen || !this.#isThere) return false
    const { path, account, time } = this.#options
    const row = guarded(path, () => rowOf(this.#db, account))
    return row?.token === this.token && row.until > time.now()
  }

  release(): void {
    this.#cancel()
    if (!this.#db.isOpen) return
    try {
      // Beside a file that is deleted SQLite's log may be that of the next one.
      if (this.#isThere) this.#giveUp()
    } finally {
      this.#db.close()
      this.#lock.release()
    }
  }

  #giveUp(): void {
    const { path, account } = this.#options
    guarded(path, () =>
      inTurn(this.#db, () => {
        const over = this.#db.prepare('update leases set until = 0 where account = ? and token = ?')
        over.run(account, this.token)
        rmSync(lockPath(this.#options, this.token), { force: true })
      }),
    )
  }

  get #isThere(): boolean {
    return this.#file !== undefined && fileAt(this.#options.path) === this.#file
  }

  #renewLater(): void {
    const { time, leaseMs } = this.#options
    this.#cancel = time.after(leaseMs / RENEWALS, () => this.#renew())
  }

  #renew(): void {
    const { path, account, time, onLost, leaseMs } = this.#options
    if (!this.#isThere) {
      this.#missed++
      // Until another is there it may come back, as a disk does; a run that may send nothing ends all the same.
      if (fileAt(path) === undefined && this.#missed < RENEWALS) this.#renewLater()
      else onLost(`${account} may be another's: ${path}, where its lease stood, was taken away`)
      return
    }
    this.#missed = 0
    try {
      const { changes } = guarded(path, () =>
        this.#db
          .prepare('update leases set until = ? where account = ? and token = ?')
          .run(time.now() + leaseMs, account, this.token),
      )
      if (changes === 1) {
        this.#renewLater()
        return
      }
      const holder = guarded(path, () => rowOf(this.#db, account))?.holder ?? 'nobody'
      onLost(`${account} was taken over by ${holder}, because this engine gave no sign of life`)
    } catch (error) {
      // A lease that cannot be written runs out by itself: nothing is sent until it can.
      if (!(error instanceof StoreError)) throw error
      this.#renewLater()
    }
  }
}

function rowOf(db: DatabaseSync, account: string): Row | undefined {
  const row = db.prepare('select token, holder, until from leases where account = ?').get(account)
  if (row === undefined) return undefined
  const { token, holder, until } = row
  return { token: numberOf(token), holder: textOf(holder), until: numberOf(until) }
}

/** Which file it is, by a number that no other has while this one is open; undefined where none is. */
function fileAt(path: string): string | undefined {
  try {
    const found = statSync(path, { bigint: true })
    return found.isFile() ? `${found.dev} ${found.ino}` : undefined
  } catch {
    return undefined
  }
}

/** Takes the lock of a dead one away. */
function isAlive(options: LeaseOptions, token: number): boolean {
  const path = lockPath(options, token)
  const lock = lockFile(path)
  if (lock === undefined) return true
  rmSync(path, { force: true })
  lock.release()
  return false
}

/** One file for each holder, since one that was stopped keeps its own. */
const lockPath = ({ path, account }: LeaseOptions, token: number): string =>
  `${path}-${createHash('sha256').update(account).digest('hex').slice(0, 12)}-${token}`

export interface Refused {
  readonly holder: string
  /** The end of its lease, and what time it is, both by the clock that counts. */
  readonly until: number
  readonly now: number
  readonly leaseMs: number
}

/** @param which Of the holders is replaced when its lease has run out. */
export function refusal(
  account: string,
  { holder, until, now, leaseMs }: Refused,
  which = 'one that hangs',
): string {
  const silentMs = Math.max(0, now - (until - leaseMs))
  const last = `${iso(ms(until - leaseMs))}, ${(silentMs / 1_000).toFixed(1)} s ago`
  return (
    `${account} is traded by ${holder}, last heard of at ${last}. ` +
    `Stop it first; ${which} is replaced ${leaseMs / 1_000} s after its last sign of life`
  )
}
