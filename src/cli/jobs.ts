// skein jobs: what is to be kept complete, what runs, and the worker that does it.
import { Command, Option } from 'commander'
import type { RunStatus } from '../core/jobs.ts'
import { iso } from '../core/time.ts'
import { type ArchiveOptions, withArchiveOptions } from './archive-place.ts'
import { openDesk, openWorkDesk } from './desk.ts'
import { withWorkOptions, type WorkOptions } from './jobs-options.ts'
import { monitorCommand, showCommand } from './jobs-show.ts'
import { switchCommands } from './jobs-switch.ts'
import { workWith } from './jobs-work.ts'
import { yieldToTrading } from './priority.ts'
import { table } from './table.ts'
import { integerOf } from './values.ts'

const STATUSES: readonly RunStatus[] = [
  'queued',
  'running',
  'success',
  'failed',
  'cancelled',
  'paused',
]

export function jobsCommand(): Command {
  const jobs = new Command('jobs')
    .description('Jobs that keep history complete: definitions, runs, workers.')
    .addHelpText('after', '\nExample:\n  skein jobs list\n  skein jobs work --until-done')
    .addCommand(
      withArchiveOptions(new Command('list'))
        .description('Definitions with their runs; runs of one status with --status.')
        .addOption(new Option('--status <status>', 'runs of this status').choices(STATUSES))
        .option('--limit <n>', 'most runs', integerOf, 50)
        .option('--json', 'as JSON')
        .action(list),
    )
    .addCommand(
      withWorkOptions(withArchiveOptions(new Command('tick')))
        .description('One tick: what is due is queued, and some of it worked.')
        .option('--packs <n>', 'queries that are worked', integerOf, 5)
        .option('--json', 'as JSON')
        .action((options: TickOptions) =>
          work({ ...options, packsMax: options.packs, untilDone: true }),
        ),
    )
    .addCommand(
      withWorkOptions(withArchiveOptions(new Command('work')))
        .description('A worker: ticks once a minute, and works what is queued, until Ctrl-C.')
        .option('--until-done', 'ends when nothing of its provider is queued or running')
        .option('--json', 'as JSON')
        .action((options: WorkOptions) => {
          yieldToTrading()
          return work(options)
        }),
    )
    .addCommand(showCommand())
    .addCommand(monitorCommand())
  for (const command of switchCommands()) jobs.addCommand(command)
  return jobs
}

interface TickOptions extends ArchiveOptions, WorkOptions {
  readonly packs: number
  readonly json?: true
}

async function work(options: ArchiveOptions & Parameters<typeof workWith>[1]): Promise<void> {
  const desk = await openWorkDesk(options)
  try {
    await workWith(desk, options)
  } finally {
    await desk.close()
  }
}

interface ListOptions extends ArchiveOptions {
  readonly status?: RunStatus
  readonly limit: number
  readonly json?: true
}

async function list(options: ListOptions): Promise<void> {
  const desk = await openDesk(options)
  try {
    const { status, limit } = options
    if (status !== undefined) {
      const runs = await desk.store.runs({ status: [status], limit })
      const rows = runs.map(({ id, lane, attempt, rows, errorCode, updatedAt }) => [
        id,
        lane,
        String(attempt),
        String(rows),
        errorCode ?? '',
        iso(updatedAt),
      ])
      const head = ['run', 'lane', 'attempt', 'rows', 'error', 'since']
      process.stdout.write(options.json === true ? `${JSON.stringify(runs)}\n` : table(head, rows))
      return
    }
    const definitions = await desk.store.definitions()
    const rows = definitions.map((definition) => [
      definition.id,
      definition.isEnabled ? 'on' : 'off',
      String(definition.symbols.length),
      `${definition.batchNumber}/${definition.totalBatches}`,
      iso(definition.from).slice(0, 10),
      definition.to === undefined ? 'now' : iso(definition.to).slice(0, 10),
    ])
    const head = ['definition', 'is', 'symbols', 'batch', 'from', 'to']
    process.stdout.write(
      options.json === true ? `${JSON.stringify(definitions)}\n` : table(head, rows),
    )
  } finally {
    await desk.close()
  }
}
