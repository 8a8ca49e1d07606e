/*
 * Account lease: an engine sends nothing before it has the account to itself, and nothing after another has it. Runs
 * that send nothing (dry-run, simulated fills) take no lease, and what would leave all the same is refused.
 */
import { homedir, hostname, userInfo } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { BadInput } from '../../core/bad-input.ts'
import type { Held, Lease, SharedLease } from '../../core/store.ts'
import { systemTime } from '../../io/clock.ts'
import { fencedIo } from '../../io/fenced.ts'
import type { Io } from '../../io/io.ts'
import { PostgresLeases, StoreError, takeLease } from '../../store/index.ts'
import type { Config } from '../config/config.ts'
import { Secret } from '../config/secret.ts'

export interface AccountLease {
  /** What changes something leaves only while the lease holds. */
  readonly io: Io
  /** Throws StoreError where another engine trades the account. */
  readonly take: (account: string) => void | Promise<void>
  /** False where another engine trades it; true where this one does already. */
  readonly tryTake: (account: string) => boolean | Promise<boolean>
  /** Of the lease that was taken last; it rises with every holder of the account. */
  readonly token: () => number | undefined
  readonly release: () => Promise<void>
}

/** One that asks no other machine. */
export interface LocalAccountLease extends Pick<AccountLease, 'io' | 'token'> {
  readonly take: (account: string) => void
  readonly tryTake: (account: string) => boolean
  readonly release: () => void
}

export interface LeaseTerms {
  readonly io: Io
  readonly run: string
  readonly onLost: (why: string) => void
  /** Told why a lease is waited for: only one in Postgres is. */
  readonly onWait?: (why: string) => void
  /** The machine's where not told: leases are not in the time of a venue. */
  readonly time?: Pick<Io, 'now' | 'monotonic' | 'after'>
  /** How long it lasts without a sign of life, 15 s where not told. */
  readonly leaseMs?: number
}

export interface AccountLeaseOptions extends Omit<LeaseTerms, 'time'> {
  /** The database where the engines of this machine meet. */
  readonly path: string
  readonly time?: Pick<Io, 'now' | 'after'>
}

/**
 * By what the configuration says: in a Postgres where engines of several machines meet, or in a file; else in one that is
 * with the state of the user: every engine of a user on this machine looks there, wherever it runs.
 */
export function leaseOf(config: Config, terms: LeaseTerms): AccountLease {
  const { leases, leaseMs } = config.store
  if (leases instanceof Secret) return sharedLease(leases.reveal(), { leaseMs, ...terms })
  const local = accountLease({ leaseMs, ...terms, path: leasesFile(config) })
  return { ...local, release: async () => local.release() }
}

/**
 * The database where the engines of this machine meet: what is configured, else the same place for every engine of a
 * user, wherever it stands. A variable that is empty or relative would be another place in each folder, and names none
 * (XDG Base Directory Specification 0.8).
 */
export function leasesFile({ store: { leases }, source }: Config): string {
  if (typeof leases === 'string') return resolve(source.folder, leases)
  const told = process.env['XDG_STATE_HOME']
  if (told !== undefined && isAbsolute(told)) return join(told, 'skein/leases.db')
  return join(homeFolder(), '.local/state/skein/leases.db')
}

/** Throws BadInput where neither the environment nor the system has one, as for a user with a number and no name. */
function homeFolder(): string {
  try {
    return isAbsolute(homedir()) ? homedir() : userInfo().homedir
  } catch {
    const place = { file: 'environment', field: 'HOME' }
    const allowed = 'a folder, or one for XDG_STATE_HOME, or store.leases'
    throw new BadInput(
      place,
      'names no folder, where engines of an account meet',
      undefined,
      allowed,
    )
  }
}

export function accountLease(options: AccountLeaseOptions): LocalAccountLease {
  const { io, path, run, onLost, time = systemTime, leaseMs } = options
  let lease: Lease | undefined
  const take = (account: string): void => {
    const holder = `run ${run}, process ${process.pid}`
    lease = takeLease({ path, account, holder, time, onLost, leaseMs })
  }
  return {
    io: fencedIo(io, () => whyNot(lease)),
    take,
    tryTake: (account) => {
      try {
        if (lease?.holds() !== true) take(account)
        return true
      } catch (error) {
        if (isAnothers(error)) return false
        throw error
      }
    },
    token: () => lease?.token,
    release: () => lease?.release(),
  }
}

/** In Postgres. Of its own run, which only one process has at a time, a lease that was left by a kill is waited for. */
function sharedLease(url: string, options: LeaseTerms): AccountLease {
  const { io, run, onLost, onWait, time = systemTime, leaseMs } = options
  const holder = `run ${run} on ${hostname()}`
  let leases: PostgresLeases | undefined
  let lease: SharedLease | undefined
  let asking: Promise<unknown> = Promise.resolve()
  const take = async (account: string, waitsFor?: string): Promise<void> => {
    const asked = { account, holder, time, onLost, onWait }
    // Who follows asks several times a second.
    leases ??= new PostgresLeases({ url, leaseMs })
    const taking = leases.take(waitsFor === undefined ? asked : { ...asked, waitsFor })
    asking = taking.catch(() => {})
    lease = await taking
  }
  return {
    io: fencedIo(io, () => whyNot(lease)),
    take: (account) => take(account, holder),
    tryTake: async (account) => {
      try {
        if (lease?.holds() !== true) await take(account)
        return true
      } catch (error) {
        if (isAnothers(error)) return false
        throw error
      }
    },
    token: () => lease?.token,
    release: async () => {
      // What is taken meanwhile is let go of too.
      await asking
      if (lease !== undefined) await lease.release()
      else await leases?.close()
      leases = undefined
    },
  }
}

function whyNot(lease: Held | undefined): string | undefined {
  if (lease === undefined) return 'this run has taken no account'
  return lease.holds()
    ? undefined
    : 'the lease of the account has run out, or another engine has it'
}

const isAnothers = (error: unknown): boolean =>
  error instanceof StoreError && error.code === 'locked'
