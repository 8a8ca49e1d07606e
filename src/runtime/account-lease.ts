/*
 * Account lease: an engine sends nothing before it has the account to itself, and nothing after another has it. Runs
 * that send nothing (dry-run, simulated fills) take no lease, and what would leave all the same is refused.
 */
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Lease } from '../core/store.ts'
import { systemTime } from '../io/clock.ts'
import { fencedIo } from '../io/fenced.ts'
import type { Io } from '../io/io.ts'
import { StoreError, takeLease } from '../store/index.ts'
import type { Config } from './config.ts'

export interface AccountLease {
  /** What changes something leaves only while the lease holds. */
  readonly io: Io
  /** Throws StoreError where another engine trades the account. */
  readonly take: (account: string) => void
  /** False where another engine trades it. */
  readonly tryTake: (account: string) => boolean
  readonly release: () => void
}

export interface AccountLeaseOptions {
  readonly io: Io
  /** The database where the engines of this machine meet. */
  readonly path: string
  readonly run: string
  readonly onLost: (why: string) => void
  /** The machine's where not told: leases are not in the time of a venue. */
  readonly time?: Pick<Io, 'now' | 'after'>
  /** How long it lasts without a sign of life, 15 s where not told. */
  readonly leaseMs?: number
}

/** Where the configuration says, else with the state of the user: every engine of a user looks there, wherever it runs. */
export const leasesAt = ({ store, source }: Config): string =>
  store.leases === undefined
    ? join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'skein/leases.db')
    : resolve(source.folder, store.leases)

export function accountLease(options: AccountLeaseOptions): AccountLease {
  const { io, path, run, onLost, time = systemTime, leaseMs } = options
  let lease: Lease | undefined
  const whyNot = (): string | undefined => {
    if (lease === undefined) return 'this run has taken no account'
    return lease.holds()
      ? undefined
      : 'the lease of the account has run out, or another engine has it'
  }
  const take = (account: string): void => {
    const holder = `run ${run}, process ${process.pid}`
    lease = takeLease({ path, account, holder, time, onLost, leaseMs })
  }
  return {
    io: fencedIo(io, whyNot),
    take,
    tryTake: (account) => {
      try {
        take(account)
        return true
      } catch (error) {
        if (error instanceof StoreError && error.code === 'locked') return false
        throw error
      }
    },
    release: () => lease?.release(),
  }
}
