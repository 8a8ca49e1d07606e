// Commands that look at jobs: one definition or run in full, and the monitoring queries.
import { Argument, Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { type JobRun, type Monitor, MONITORS } from '../core/jobs.ts'
import { iso } from '../core/time.ts'
import { MONITOR_SQL } from '../store/index.ts'
import { type ArchiveOptions, withArchiveOptions } from './archive-place.ts'
import { openDesk } from './desk.ts'
import { table } from './table.ts'

interface Options extends ArchiveOptions {
  readonly json?: true
}

/** Of one definition. */
const RUNS_MAX = 100_000

export function showCommand(): Command {
  return withArchiveOptions(new Command('show'))
    .description('One definition with its runs, or one run with its symbols.')
    .argument('<id>', 'id of a definition or of a run')
    .option('--json', 'as JSON')
    .action(show)
}

export function monitorCommand(): Command {
  return withArchiveOptions(new Command('monitor'))
    .description('What people ask: versions, requests by hour, rows by symbol, the last runs.')
    .addArgument(new Argument('<query>', 'which').choices(MONITORS))
    .option('--sql', 'the query itself, for a client of the database')
    .option('--json', 'as JSON')
    .action(monitor)
}

async function show(id: string, options: Options): Promise<void> {
  const desk = await openDesk(options)
  try {
    const { store } = desk
    // The id of a run is that of its definition and its window.
    const owner = (await store.definitions()).find((one) => `${id}/`.startsWith(`${one.id}/`))
    const runs =
      owner === undefined ? [] : await store.runs({ definition: owner.id, limit: RUNS_MAX })
    const definition = owner?.id === id ? owner : undefined
    const run = runs.find((one) => one.id === id)
    if (definition === undefined && run === undefined) {
      const allowed = 'an id that "skein jobs list" shows'
      throw new BadInput({ file: 'command line' }, 'names no definition and no run', id, allowed)
    }
    const results = run === undefined ? undefined : await store.results(run.id)
    if (options.json === true) {
      const all = run === undefined ? { definition, runs } : { run, results }
      process.stdout.write(`${JSON.stringify(all)}\n`)
      return
    }
    process.stdout.write(run === undefined ? runsText(runs) : runText(run, results ?? []))
  } finally {
    await desk.close()
  }
}

function runsText(runs: readonly JobRun[]): string {
  const rows = runs.map(({ id, status, attempt, pages, rows, errorCode }) => [
    id,
    status,
    String(attempt),
    String(pages),
    String(rows),
    errorCode ?? '',
  ])
  return table(['run', 'status', 'attempt', 'pages', 'rows', 'error'], rows)
}

function runText(
  run: JobRun,
  results: readonly { readonly symbol: string; readonly status: string; readonly rows: number }[],
): string {
  const { id, status, from, to, attempt, pages, errorMessage } = run
  const head = `${id}: ${status}, ${iso(from)} to ${iso(to)}, attempt ${attempt}, ${pages} pages\n`
  const error = errorMessage === undefined ? '' : `${errorMessage}\n`
  const rows = results.map(({ symbol, status: is, rows: count }) => [symbol, is, String(count)])
  return `${head}${error}${table(['symbol', 'status', 'rows'], rows)}`
}

async function monitor(query: Monitor, options: Options & { readonly sql?: true }): Promise<void> {
  if (options.sql === true) {
    process.stdout.write(`${MONITOR_SQL[query].trim()}\n`)
    return
  }
  const desk = await openDesk(options)
  try {
    const found = await desk.store.monitor(query, await desk.now())
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify(found)}\n`)
      return
    }
    const names = Object.keys(found[0] ?? {})
    const rows = found.map((row) => names.map((name) => cellOf(name, row[name])))
    process.stdout.write(names.length === 0 ? 'nothing\n' : table(names, rows))
  } finally {
    await desk.close()
  }
}

const cellOf = (name: string, value: unknown): string =>
  value === null
    ? ''
    : name === 'hour' || name.endsWith('_at')
      ? iso(Number(value))
      : typeof value === 'string' || typeof value === 'number'
        ? String(value)
        : JSON.stringify(value)
