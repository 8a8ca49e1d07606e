// Commands that change jobs: which definitions are on, which runs wait, and the way from single definitions to batches.
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { JobStore } from '../core/jobs.ts'
import { iso } from '../core/time.ts'
import { cleanUp, migrate, rollback } from '../jobs/migrate.ts'
import { readmit } from '../jobs/readmit.ts'
import { type ArchiveOptions, withArchiveOptions } from './archive-place.ts'
import { type Desk, openDesk } from './desk.ts'
import { RunFailed } from './output.ts'

interface Options extends ArchiveOptions {
  readonly json?: true
}

/** Does its work on the jobs and tells what came of it, as a line or as JSON. */
async function changing(
  options: Options,
  work: (desk: Desk) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const desk = await openDesk(options)
  try {
    const result = await work(desk)
    const text = Object.entries(result).map(([name, value]) => `${name} ${String(value)}`)
    process.stdout.write(`${options.json === true ? JSON.stringify(result) : text.join(', ')}\n`)
  } finally {
    await desk.close()
  }
}

export function switchCommands(): readonly Command[] {
  return [
    idsCommand('enable', 'Switches definitions on.').action((ids: string[], options: Options) =>
      changing(options, (desk) => switched(desk, ids, true)),
    ),
    idsCommand('disable', 'Switches definitions off; what is queued of them waits.').action(
      (ids: string[], options: Options) => changing(options, (desk) => switched(desk, ids, false)),
    ),
    idsCommand('pause', 'Takes queued runs out of the queue, until they are retried.').action(
      (ids: string[], options: Options) =>
        changing(options, (desk) => shifted(desk, ids, { from: ['queued'], to: 'paused' })),
    ),
    idsCommand('retry', 'Queues runs again that have failed, were paused or cancelled.').action(
      (ids: string[], options: Options) =>
        changing(options, (desk) =>
          shifted(desk, ids, { from: ['failed', 'paused', 'cancelled'], to: 'queued' }),
        ),
    ),
    jsonCommand('readmit', 'Asks again for symbols that the provider has refused.')
      .argument('<symbols...>', 'symbols in quarantine, or all')
      .action((symbols: string[], options: Options) =>
        changing(options, (desk) => readmitted(desk, symbols)),
      ),
    jsonCommand('migrate', 'Definitions of single symbols become batches of many, by a switch.')
      .option('--coexist', 'leaves the single ones switched on beside them')
      .action((options: Options & { readonly coexist?: true }) =>
        changing(options, async ({ store, now }) => ({
          ...(await migrate(store, {
            at: await now(),
            mode: options.coexist === true ? 'coexist' : 'cut-over',
          })),
        })),
      ),
    jsonCommand('rollback', 'Back from a migration: exactly what was switched on before.').action(
      (options: Options) =>
        changing(options, async ({ store, now }) => {
          const back = await rollback(store, await now())
          if (back === undefined) throw new RunFailed('there is no migration to go back from')
          return { ...back }
        }),
    ),
    jsonCommand('cleanup', 'Takes single definitions into the history, a week after a migration.')
      .option('--now', 'without waiting for the week')
      .action((options: Options & { readonly now?: true }) =>
        changing(options, async ({ store, now }) => {
          const keptMs = options.now === true ? { keptMs: 0 } : {}
          const archived = await cleanUp(store, { at: await now(), ...keptMs })
          if (archived === 'nothing') throw new RunFailed('there is no migration to clean up after')
          if (archived === 'too-soon')
            throw new RunFailed('the migration is less than a week old; --now does not wait')
          return { archived }
        }),
      ),
  ]
}

const jsonCommand = (name: string, description: string): Command =>
  withArchiveOptions(new Command(name)).description(description).option('--json', 'as JSON')

const idsCommand = (name: string, description: string): Command =>
  jsonCommand(name, description).argument('<ids...>', 'ids of definitions or runs, or all')

const isAll = (ids: readonly string[]): boolean => ids.length === 1 && ids[0] === 'all'

async function switched({ store, now }: Desk, ids: readonly string[], isEnabled: boolean) {
  const known = (await store.definitions()).map(({ id }) => id)
  const unknown = isAll(ids) ? undefined : ids.find((id) => !known.includes(id))
  if (unknown !== undefined) {
    const place = { file: 'command line' }
    throw new BadInput(place, 'names no definition', unknown, '"skein jobs list" has their ids')
  }
  const changed = await store.enable({ ids: isAll(ids) ? known : ids, isEnabled, at: await now() })
  return { changed }
}

/** Symbols that are in quarantine at the primary provider. */
async function readmitted({ config, store, now }: Desk, names: readonly string[]) {
  const provider = config.history.providers[0]!
  const quarantined = await store.quarantined(provider)
  const refused = quarantined.map(({ symbol }) => symbol)
  const symbols = isAll(names) ? refused : names.map((name) => name.toUpperCase())
  const others = symbols.filter((symbol) => !refused.includes(symbol))
  if (others.length > 0 || symbols.length === 0) {
    const named = quarantined.map(({ symbol, reason }) => `${symbol} (${reason})`)
    const there = named.length === 0 ? 'nothing is' : `these are: ${named.join(', ')}`
    const which = others.length > 0 ? others : names
    throw new RunFailed(`${which.join(', ')} is not in quarantine at ${provider}; ${there}`)
  }
  return { changed: await readmit(store, { symbols, provider, now: await now() }) }
}

/** Runs by their ids, or by that of their definition. */
async function shifted(
  { store, now }: Desk,
  ids: readonly string[],
  { from, to }: Pick<Parameters<JobStore['shift']>[0], 'from' | 'to'>,
) {
  const change = { from, to, at: await now() }
  if (isAll(ids)) return { changed: await store.shift(change) }
  const definitions = (await store.definitions()).map((one) => one.id)
  const runs: string[] = []
  for (const id of ids) {
    // The id of a run is that of its definition and its window.
    const definition = definitions.find((one) => id === one || id.startsWith(`${one}/`))
    const all = definition === undefined ? [] : await store.runs({ definition, limit: 100_000 })
    const of = all.map((run) => run.id).filter((run) => id === definition || run === id)
    if (of.length === 0 && id !== definition) {
      const allowed = 'an id that "skein jobs list" shows'
      throw new BadInput({ file: 'command line' }, 'names no definition and no run', id, allowed)
    }
    runs.push(...of)
  }
  const changed = await store.shift({ ...change, ids: runs })
  if (changed > 0) return { changed }
  throw new RunFailed(
    `no run of ${ids.join(', ')} is ${change.from.join(' or ')} at ${iso(change.at)}`,
  )
}
