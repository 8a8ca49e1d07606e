// Work: a worker of history jobs on the command line, with its progress and its account of requests.
import type { BarSource } from '../core/jobs.ts'
import { named } from '../core/named.ts'
import { iso } from '../core/time.ts'
import { integer } from '../report/format.ts'
import { type WorkDesk, workersOf } from './desk.ts'
import type { WorkOptions } from './jobs-options.ts'
import type { Backfill } from '../runtime/history/backfill.ts'
import { RunFailed, stopSignal } from './output.ts'
import { progress } from './progress.ts'

/** Runs or symbols that a message names. */
const NAMED_MAX = 3

export interface WorkTerms extends WorkOptions {
  readonly untilDone?: true
  readonly packsMax?: number
  /** Rows that are expected, where that is known. */
  readonly rows?: number
  readonly json?: true
}

export async function workWith(desk: WorkDesk, terms: WorkTerms): Promise<void> {
  const workers = workersOf(desk, terms)
  const stop = stopSignal()
  const bar = progress({
    label: 'backfill',
    unit: 'rows',
    ...(terms.rows === undefined ? {} : { total: terms.rows }),
  })
  const sums = {
    packs: 0,
    rows: 0,
    pages: 0,
    saved: 0,
    revised: 0,
    holes: 0,
    given: 0,
    failed: 0,
    enqueued: 0,
    repairs: 0,
  }
  const sent = (): number => workers.reduce((sum, { meter }) => sum + meter.statistics.sent, 0)
  let lastFault = ''
  let alert: string | undefined
  let left: string | undefined
  try {
    const work: Parameters<Backfill['work']>[0] = {
      signal: stop.signal,
      workers: workers.length,
      ...(terms.untilDone === undefined ? {} : { untilDone: true }),
      ...(terms.packsMax === undefined ? {} : { packsMax: terms.packsMax }),
      splits: true,
      onTrouble: ({ message }) => {
        process.stderr.write(`splits are asked for again in a minute: ${message}\n`)
      },
      onWait: ({ id, status, worker, leaseUntil, notBefore, errorMessage }) => {
        const until = (at: number): string => iso(at).slice(11, 19)
        const why =
          status === 'running'
            ? `is held by ${worker} until ${until(leaseUntil)}, or longer where that lives`
            : `is tried again at ${until(notBefore)}: ${errorMessage}`
        if (terms.untilDone === true) process.stderr.write(`waits: ${id} ${why}\n`)
      },
      onLeft: (runs) => {
        const all = runs.map(({ provider, id }) => `${id} (${provider})`)
        left =
          'left in the queue, of providers that are not the first of history.providers: ' +
          named(all, NAMED_MAX)
      },
      onTick: ({ enqueued, repairs, stale }) => {
        // Told when it changes: a worker ticks once a minute.
        if (stale !== undefined && stale !== alert) process.stderr.write(`alert: ${stale}\n`)
        alert = stale
        sums.enqueued += enqueued
        sums.repairs += repairs
      },
      onPage: ({ rows, revised, symbols }) => {
        sums.rows += rows
        sums.revised += revised
        sums.pages++
        sums.saved += Math.max(0, symbols - 1)
        bar.update(sums.rows, () => `${sent()} requests, ${sums.saved} saved`)
      },
      onRefused: ({ symbol, reason }) => {
        const again = `"skein jobs readmit ${symbol}" asks for it again`
        process.stderr.write(`refused: ${symbol} is left out from now on: ${reason}; ${again}\n`)
      },
      onPack: (_pack, outcome) => {
        sums.packs++
        if (outcome.type === 'done') sums.holes += outcome.holes
        if (outcome.type !== 'given-back' && outcome.type !== 'failed') return
        sums[outcome.type === 'failed' ? 'failed' : 'given']++
        lastFault = outcome.fault.message
        process.stderr.write(`${outcome.type}: ${lastFault}\n`)
      },
    }
    await Promise.all(workers.map((worker) => worker.work(work)))
  } finally {
    bar.end()
    stop.release()
    for (const worker of workers) worker.close()
  }
  if (left !== undefined) process.stderr.write(`${left}\n`)
  const counts = await desk.store.counts()
  const refused = await refusedOf(desk, workers[0]!.source)
  const report = { ...sums, requests: sent(), runs: counts, refused }
  const text =
    terms.json === true
      ? JSON.stringify(report)
      : `${integer(sums.rows)} rows in ${sums.pages} pages by ${report.requests} requests, ` +
        `${sums.saved} saved; ` +
        (sums.revised === 0 ? '' : `${integer(sums.revised)} differed from what was there; `) +
        `${counts.success} runs done, ${counts.queued} queued, ${counts.running} running, ${counts.failed} failed` +
        (refused.length === 0 ? '' : `; refused, and not asked for: ${named(refused, NAMED_MAX)}`)
  process.stdout.write(`${text}\n`)
  if (counts.failed > 0 && terms.untilDone === true)
    throw new RunFailed(
      `${counts.failed} runs have failed${lastFault === '' ? '' : `: ${lastFault}`}; "skein jobs list --status failed" names them`,
    )
}

/** Symbols of definitions that are on, which the provider has refused. */
async function refusedOf({ store }: WorkDesk, { provider }: BarSource): Promise<readonly string[]> {
  const kept = new Set(
    (await store.definitions())
      .filter((one) => one.isEnabled && one.provider === provider)
      .flatMap(({ symbols }) => symbols),
  )
  const quarantined = await store.quarantined(provider)
  return quarantined.map(({ symbol }) => symbol).filter((symbol) => kept.has(symbol))
}
