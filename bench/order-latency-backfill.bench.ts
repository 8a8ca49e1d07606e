/*
 * Order-latency-backfill: from a trade to the order, as in order-latency-1k, while a worker of jobs fetches minute bars into
 * the same archive, in a process of its own; the reference is the same engine without it. The worker has the provider's
 * limit, of which it takes the first minute's share as fast as it can: the measured time lies within that.
 */
import { openArchive } from '../src/store/index.ts'
import type { Bench } from './bench.ts'
import { child, endOf, putJobs, said } from './history.ts'
import { type Client, measure, startEngine } from './order-latency.ts'

const TRADES_PER_SECOND = 1_000
const PER_MINUTE = 200
/** More than a minute's requests bring. */
const JOBS = { symbols: 50, weeks: 20 } as const

export const bench: Bench = {
  name: 'order-latency-backfill',
  unit: 'ms, p99',
  goal: { ratioAtMost: 1.2 },
  run: {
    skein: (size) => measure(size, TRADES_PER_SECOND, startBoth),
    reference: (size) => measure(size, TRADES_PER_SECOND, startEngine),
  },
}

async function startBoth(venue: string): Promise<Client> {
  const engine = await startEngine(venue)
  const archive = await openArchive(engine.archive)
  await putJobs(archive.jobs, JOBS)
  await archive.close()
  const history = child('history-server.ts')
  const { port } = (await said(history)) as { readonly port: number }
  const host = `http://127.0.0.1:${port}`
  const worker = child('history-worker.ts', engine.archive, host, `${PER_MINUTE}`)
  // "ready", and then "page".
  await said(worker)
  worker.send('go')
  await said(worker)
  const close = async (): Promise<void> => {
    await endOf(worker)
    await endOf(history)
    await engine.close()
  }
  return { close, syncs: engine.syncs }
}
