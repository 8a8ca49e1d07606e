// The Postgres of the tests: real, alone, and gone with the test that started it.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from 'pg'
import { clusterFor } from './cluster.ts'
import type { Told } from './keeper.ts'
import { findPrograms } from './programs.ts'

const postgres = await clusterFor()

test(
  'a cluster comes back on its port with what was committed',
  { skip: postgres.skip },
  async () => {
    await postgres.run('create table kept (n integer)')
    await postgres.run('insert into kept values (7)')

    await postgres.restart()

    assert.deepEqual(await postgres.run('select n from kept'), [{ n: 7 }])
  },
)

test('a server goes with the process that asked for it', { skip: postgres.skip }, async () => {
  const programs = await findPrograms()
  assert.ok('bin' in programs)
  const keeper = fork(
    join(import.meta.dirname, 'keeper.ts'),
    [programs.bin, `${programs.uid ?? ''}`],
    { execArgv: [] },
  )
  const [told]: [Told] = (await once(keeper, 'message')) as [Told]
  assert.ok(told.type === 'ready')

  const connectionString = `postgres://postgres@127.0.0.1:${told.port}/postgres`
  const before = new Client({ connectionString })
  await before.connect()
  await before.end()

  keeper.disconnect()
  await once(keeper, 'exit')

  await assert.rejects(new Client({ connectionString }).connect(), { code: 'ECONNREFUSED' })
})
