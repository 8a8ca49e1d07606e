// The bar store contract on Postgres: a database of its own for each test.
import { test } from 'node:test'
import { openPostgresArchive } from '../../src/store/index.ts'
import { describeBarStore } from '../../src/testing/index.ts'
import { clusterFor } from '../postgres/cluster.ts'

const postgres = await clusterFor()

if (postgres.skip !== false) test('Postgres keeps the bar store contract', { skip: postgres.skip })
else {
  describeBarStore({
    name: 'Postgres',
    make: async () => ({
      store: await openPostgresArchive({ url: await postgres.database() }),
      remove: () => Promise.resolve(),
    }),
  })
}
