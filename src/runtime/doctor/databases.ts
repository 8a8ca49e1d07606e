// Doctor's checks of databases: that which bars are shared in, and that where engines of several machines meet.
import type { Io } from '../../io/io.ts'
import { type ProbedDatabase, probePostgres, StoreError } from '../../store/index.ts'
import type { Config } from '../config/config.ts'
import type { Finding } from './finding.ts'
import { Secret } from '../config/secret.ts'

/** Leases are renewed three times; an answer that takes a tenth of one leaves no room for a bad moment. */
const ROUND_OF_LEASE = 0.1
const GRANT = 'let its user create there, or start once as one who may'

export async function databaseFindings(
  { store }: Pick<Config, 'store'>,
  io: Pick<Io, 'monotonic'>,
): Promise<readonly Finding[]> {
  const { database, leases, leaseMs } = store
  return [
    ...(database === undefined
      ? []
      : [await found('database', database, io, (probed) => barsFinding(probed))]),
    ...(leases instanceof Secret
      ? [await found('leases', leases, io, (probed) => leasesFinding(probed, leaseMs))]
      : []),
  ]
}

async function found(
  check: 'database' | 'leases',
  url: Secret,
  { monotonic }: Pick<Io, 'monotonic'>,
  findingOf: (probed: ProbedDatabase) => Omit<Finding, 'check'>,
): Promise<Finding> {
  try {
    return { check, ...findingOf(await probePostgres(url.reveal(), monotonic)) }
  } catch (error) {
    const text = error instanceof StoreError ? error.message : String(error)
    // A run gives its bars to a database when it is back; without its account it does not trade.
    return check === 'database'
      ? { check, state: 'warn', text, todo: 'a run starts, and its bars wait; jobs do not start' }
      : { check, state: 'fail', text, todo: 'a run does not trade before it has its account' }
  }
}

const shown = ({ name, server, roundMs }: ProbedDatabase): string =>
  `${name}: Postgres ${server}, answers in ${roundMs.toFixed(1)} ms`

function barsFinding(probed: ProbedDatabase): Omit<Finding, 'check'> {
  const { server, oldest, version, newest, mayMake } = probed
  const text = `${shown(probed)}, tables of version ${version} of ${newest}`
  if (Number.parseInt(server, 10) < oldest)
    return { state: 'fail', text, todo: `a server of version ${oldest} or newer` }
  if (version > newest) return { state: 'fail', text, todo: 'update Skein on this machine' }
  if (!mayMake.bars) return { state: 'fail', text: `${text}, which may not be made`, todo: GRANT }
  return { state: 'ok', text }
}

function leasesFinding(probed: ProbedDatabase, leaseMs: number): Omit<Finding, 'check'> {
  const text = shown(probed)
  if (!probed.mayMake.leases)
    return { state: 'fail', text: `${text}; the schema skein may not be made`, todo: GRANT }
  if (probed.roundMs <= ROUND_OF_LEASE * leaseMs) return { state: 'ok', text }
  const todo = `a larger store.leaseMs, or a database that is nearer; it is ${leaseMs} ms`
  return { state: 'warn', text, todo }
}
