// Workers on one Postgres: the same limit, nothing lost and nothing twice, whatever is killed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterFor } from './cluster.ts'
import { proveWorkers } from './prove.ts'

const postgres = await clusterFor()
const { skip } = postgres

test(
  'three workers share one limit through kills, cuts and restarts, and lose nothing',
  { skip },
  async (t) => {
    const { problems, text } = await proveWorkers(t, postgres, {
      workers: 3,
      speed: 24,
      seed: 1,
      events: 4,
    })

    t.diagnostic(text)
    assert.deepEqual(problems, [])
  },
)
