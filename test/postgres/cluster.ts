/*
 * Cluster: a real Postgres for one test file, on a free port of the loopback, in a folder of its own, stopped with the test.
 *
 *   const postgres = await clusterFor()          a cluster, or why there is none
 *   test('…', { skip: postgres.skip }, async () => { const url = await postgres.database() })
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { Client } from 'pg'
import type { Order, Room, Told } from './keeper.ts'
import { findPrograms } from './programs.ts'

export interface Cluster {
  /** Why its tests are skipped, or false: for the options of a test. */
  readonly skip: string | false
  readonly version: string
  /** An empty database; it goes with the cluster. */
  database(): Promise<string>
  /** Runs a statement with all rights. */
  run(sql: string): Promise<readonly Record<string, unknown>[]>
  /** Ends it as a crash does, and starts it again on the same port. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Without the flags of the test runner, which are not for it. */
const KEEPER = join(import.meta.dirname, 'keeper.ts')

/** The cluster of this test file: stopped after its last test. */
export async function clusterFor(): Promise<Cluster> {
  const cluster = await startCluster()
  after(() => cluster.stop())
  return cluster
}

/** @param room Many may run at a time where they are small. */
export async function startCluster(room: Room = 'small'): Promise<Cluster> {
  const programs = await findPrograms()
  if ('missing' in programs) return absent(programs.missing)
  const { bin, uid, version } = programs
  const keeper = fork(KEEPER, [bin, `${uid ?? ''}`, room], { execArgv: [] })
  const ended = once(keeper, 'exit')
  const ready = async (): Promise<number> => {
    const [told]: [Told] = await Promise.race([
      once(keeper, 'message') as Promise<[Told]>,
      ended.then((): [Told] => [{ type: 'failed', why: 'its keeper ended' }]),
    ])
    if (told.type === 'failed') throw new Error(`Postgres does not start: ${told.why}`)
    return told.port
  }
  const order = (what: Order): void => {
    keeper.send(what)
  }
  const port = await ready()
  const urlOf = (database: string): string => `postgres://postgres@127.0.0.1:${port}/${database}`
  let databases = 0
  const run: Cluster['run'] = (sql) => query(urlOf('postgres'), sql)
  return {
    skip: false,
    version,
    run,
    async database() {
      const name = `skein_${++databases}`
      await run(`create database ${name}`)
      return urlOf(name)
    },
    async restart() {
      const again = ready()
      order('restart')
      await again
    },
    async stop() {
      if (keeper.connected) order('stop')
      await ended
    },
  }
}

/** One statement, on a connection of its own. */
export async function query(
  connectionString: string,
  sql: string,
): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString })
  // A connection that is killed while it waits tells it here too.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows
  } finally {
    await client.end()
  }
}

function absent(missing: string): Cluster {
  const refuse = (): Promise<never> => Promise.reject(new Error(missing))
  return {
    skip: missing,
    version: '',
    database: refuse,
    run: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  }
}
