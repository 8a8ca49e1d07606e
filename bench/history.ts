// History: the processes that benches of backfills need, and the jobs that they work.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ADJUSTMENTS, type JobDefinition, type JobStore } from '../src/core/jobs.ts'
import { DAY, ms } from '../src/core/time.ts'
import { tick } from '../src/jobs/tick.ts'

/** Windows of minute bars are weeks of the grid, which begins on a Thursday. */
const FROM = Date.UTC(2025, 0, 2)
/** Five sessions of 390 minutes; the holiday of 9 January 2025 is in the next week. */
export const WEEK_ROWS = 5 * 390

/** A process of this folder; it ends with ours. */
export const child = (file: string, ...args: readonly string[]): ChildProcess =>
  fork(join(import.meta.dirname, file), [...args])

/** The next thing that a process says; rejects where it ends instead. */
export async function said(process: ChildProcess): Promise<unknown> {
  const abort = new AbortController()
  const onExit = (): void => abort.abort(new Error(`${process.spawnargs[1]} ended`))
  process.once('exit', onExit)
  try {
    const [message]: unknown[] = await once(process, 'message', { signal: abort.signal })
    return message
  } finally {
    process.off('exit', onExit)
  }
}

export async function endOf(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const ended = once(process, 'exit')
  process.kill('SIGKILL')
  await ended
}

/** Minute bars of so many symbols and weeks, once for each adjustment: queries that no worker joins to one. */
export async function putJobs(
  store: JobStore,
  { symbols, weeks }: { readonly symbols: number; readonly weeks: number },
): Promise<void> {
  const definitions = ADJUSTMENTS.map((adjustment, i): JobDefinition => {
    const label = `BATCH_STOCK_${i + 1}`
    return {
      id: `${label}/1m/v2`,
      label,
      timeframe: '1m',
      jobType: 'fetch_intraday',
      adjustment,
      assetClass: 'stock',
      provider: 'alpaca',
      symbols: Array.from({ length: symbols }, (_none, n) => `S${n}`),
      batchNumber: i + 1,
      totalBatches: ADJUSTMENTS.length,
      batchVersion: 2,
      from: ms(FROM),
      to: ms(FROM + weeks * 7 * DAY),
      derivedFrom: undefined,
      priority: 100,
      isEnabled: true,
    }
  })
  await store.putDefinitions(definitions, Date.now())
  await tick(store, Date.now())
}
