/*
 * History worker: a worker of jobs in a process of its own.
 *
 *   node bench/history-worker.ts <archive or postgres://> <host of the history> <requests a minute>
 *
 * It says "ready", takes "go", says "page" with its first page, and {"endedAt": ms} when nothing is left to do.
 */
import assert from 'node:assert/strict'
import { yieldToTrading } from '../src/cli/priority.ts'
import { systemIo } from '../src/io/system.ts'
import { Backfill } from '../src/runtime/history/backfill.ts'
import { openArchive, openPostgresJobs } from '../src/store/index.ts'

const [place, host, perMinute] = process.argv.slice(2)
assert.ok(place !== undefined && host !== undefined && Number(perMinute) > 0)
// As `skein jobs work` does.
yieldToTrading()
process.once('disconnect', () => process.exit())

const store = place.startsWith('postgres:')
  ? await openPostgresJobs({ url: place })
  : (await openArchive(place)).jobs
const backfill = new Backfill({
  store,
  io: systemIo(),
  name: `worker-${process.pid}`,
  terms: {
    keys: { key: 'bench-key', secret: 'bench-secret' },
    hosts: { trading: host, data: host, stream: host, orders: host },
    limits: { history: { symbols: 200, rows: 10_000, perMinute: Number(perMinute) } },
  },
})
process.send!('ready')
process.once('message', () => void work())

async function work(): Promise<void> {
  let endedAt = 0
  let isFirst = true
  await backfill.work({
    untilDone: true,
    onPage: () => {
      if (isFirst) process.send!('page')
      isFirst = false
    },
    onPack: (_pack, { type }) => {
      assert.ok(type === 'done' || type === 'lost', `a pack is done, not ${type}`)
      if (type === 'done') endedAt = Date.now()
    },
  })
  process.send!({ endedAt })
}
