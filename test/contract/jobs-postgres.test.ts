// The job store contract on Postgres: a database of its own for each test, connected to more than once.
import { test } from 'node:test'
import { openPostgresJobs } from '../../src/store/index.ts'
import { describeJobStore } from '../../src/testing/index.ts'
import { clusterFor } from '../postgres/cluster.ts'

const postgres = await clusterFor()

if (postgres.skip !== false) test('Postgres keeps the job store contract', { skip: postgres.skip })
else {
  describeJobStore({
    name: 'Postgres',
    make: async () => {
      const url = await postgres.database()
      return { open: () => openPostgresJobs({ url }), remove: () => Promise.resolve() }
    },
  })
}
