// Postgres probe: does a database bear our tables? It is asked, and nothing is changed in it.
import { Postgres } from './postgres.ts'
import { OLDEST_SERVER, POSTGRES_MIGRATIONS } from './postgres-schema.ts'

export interface ProbedDatabase {
  /** Its address without a password. */
  readonly name: string
  /** Its version: `18.1`. */
  readonly server: string
  /** The oldest that bars and jobs may lie in: `14`. */
  readonly oldest: number
  /** What one answer takes. */
  readonly roundMs: number
  /** Version of our schema there; 0 where it has none, and the newest that we know. */
  readonly version: number
  readonly newest: number
  /** Whether what is missing may be made: our tables, and the table of leases. */
  readonly mayMake: { readonly bars: boolean; readonly leases: boolean }
}

/** How long it is waited for, in milliseconds: a person does. */
const PATIENCE_MS = 3_000

const LOOK = `select current_setting('server_version') as server,
  to_regclass('schema_version') is not null as has_bars,
  to_regclass('skein.leases') is not null as has_leases,
  has_schema_privilege(current_schema(), 'create') as may_tables,
  has_database_privilege(current_database(), 'create') as may_schemas`

/**
 * Rejects with StoreError where it does not answer, or does not let us in.
 *
 * @param monotonic The clock that measures, in ms.
 */
export async function probePostgres(url: string, monotonic: () => number): Promise<ProbedDatabase> {
  const postgres = new Postgres({ url, patienceMs: PATIENCE_MS, statementMs: PATIENCE_MS })
  try {
    const found = (await postgres.statement(({ one }) => one(LOOK))) ?? {}
    const hasBars = found['has_bars'] === true
    const asked = monotonic()
    const row = await postgres.statement(({ one }) =>
      one(hasBars ? 'select max(version) as version from schema_version' : 'select 0 as version'),
    )
    const roundMs = monotonic() - asked
    return {
      name: postgres.name,
      server: String(found['server']).split(' ')[0]!,
      oldest: OLDEST_SERVER,
      roundMs,
      version: Number(row?.['version'] ?? 0),
      newest: POSTGRES_MIGRATIONS.length,
      mayMake: {
        bars: hasBars || found['may_tables'] === true,
        leases: found['has_leases'] === true || found['may_schemas'] === true,
      },
    }
  } finally {
    await postgres.close()
  }
}
