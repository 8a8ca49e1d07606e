// skein status: how a run at a venue is, asked from outside. The exit code says whether it is healthy.
import { existsSync } from 'node:fs'
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { named } from '../core/named.ts'
import { iso } from '../core/time.ts'
import { clean } from '../report/format.ts'
import { type Asked, askStatus } from '../runtime/live/status-file.ts'
import { shownPath, storedAt } from './paths.ts'
import { RunFailed } from './output.ts'
import { type ConfigOptions, configOf, withConfigFile } from './settings.ts'
import { pathOf } from './values.ts'

interface Options extends Pick<ConfigOptions, 'config'> {
  readonly journal?: string
  readonly json?: true
}

export function statusCommand(): Command {
  return withConfigFile(new Command('status'))
    .description('Tells how a run at a venue is: streams, halts, orders, budget, safe mode.')
    .option('--journal <file>', 'the journal of the run; data/journal.db if not given', pathOf)
    .option('--json', 'all of it, as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  skein status\n  skein status --config alpaca.yaml --json\n\n' +
        'Exit code 0 where the run trades and nothing is wrong, 1 where it does not or something is.',
    )
    .action(tellStatus)
}

function tellStatus(options: Options): void {
  const config = configOf(options)
  const path = options.journal ?? storedAt(config, config.store.journal)
  if (!existsSync(path)) {
    throw new BadInput({ file: path }, 'is missing', undefined, 'the journal of a run')
  }
  const asked = askStatus(path, Date.now())
  if (asked === undefined) throw new RunFailed(`no run at a venue has written a status at ${path}`)
  const { status, ageMs, ailments } = asked
  const isHealthy = ailments.length === 0
  const text =
    options.json === true
      ? JSON.stringify({ isHealthy, ailments, ageMs, ...status })
      : linesOf(asked).join('\n')
  process.stdout.write(`${text}\n`)
  if (!isHealthy) throw new RunFailed(`not healthy: ${clean(ailments.join('; '))}`)
}

function linesOf({ status, ageMs }: Asked): readonly string[] {
  const { streams, inbox, halts, unknownOrders, oldest } = status
  const without = status.without === undefined ? '' : `, but for ${named(status.without)}`
  const line = (name: string, text: string): string => `${name.padEnd(14)}${clean(text)}`
  const up = (isUp: boolean): string => (isUp ? 'up' : 'DOWN')
  const at = (moment: number | undefined): string =>
    moment === undefined ? 'none by this process' : `${ago(status.at - moment)} ago`
  const listed = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join('; '))
  const data = status.dataAgeMs === undefined ? 'no price yet' : `newest ${ago(status.dataAgeMs)}`
  return [
    line('run', `${status.run} at ${status.venue}, ${status.symbols} symbols, ${status.phase}`),
    line('leads', leadText(status)),
    line('told', `${ago(ageMs)} ago by process ${status.pid}, its time ${iso(status.at)}`),
    line('streams', `feed ${up(streams.feed)}${without}, orders ${up(streams.orders)}`),
    line(
      'data age',
      oldest === undefined ? data : `${data}, oldest ${ago(oldest.ageMs)} (${oldest.symbol})`,
    ),
    line('bars', barsText(status.bars)),
    line('unknown', listed(unknownOrders)),
    line('halts', listed(halts.map(({ symbol, cause, why }) => `${symbol} (${cause}): ${why}`))),
    line('strategies', listed(status.haltedLanes.map((lane) => `halted: ${lane}`))),
    line('kill switch', status.killSwitch ?? 'off'),
    line('safe mode', status.safeMode ?? 'off'),
    ...(status.deadMan === undefined ? [] : [line('dead man', status.deadMan)]),
    line('paused', status.isPaused ? 'yes' : 'no'),
    line('held', status.hold ?? 'no'),
    ...status.budgets.map(({ name, used, limit, waiting }) =>
      line('budget', `${name}: ${used} of ${limit} used, ${waiting} wait`),
    ),
    line('inbox', `${(inbox.use * 100).toFixed(1)} % used, ${inbox.dropped} dropped`),
    line('agreement', `report ${at(status.lastReportAt)}, ${status.differences} open`),
    line('snapshot', at(status.lastSnapshotAt)),
    ...(status.journal === undefined
      ? []
      : [line('journal', journalText(status.journal)), line('pruned', prunedText(status.journal))]),
  ]
}

function leadText({ isFollowing, takeovers, phase }: Asked['status']): string {
  if (isFollowing) return 'no: another engine trades the account, this run is ready'
  const since = takeovers === 0 ? '' : `, took over ${takeovers} times`
  return phase === 'running' ? `yes${since}` : `it is ${phase}`
}

function barsText({ series, stale }: Asked['status']['bars']): string {
  if (stale.length === 0) return `${series} series, all fresh`
  const texts = stale.map(
    ({ symbol, timeframe, last }) => `${symbol} ${timeframe} since ${iso(last).slice(11, 16)}`,
  )
  return `${series} series, ${stale.length} stale: ${named(texts)}`
}

type JournalStatus = NonNullable<Asked['status']['journal']>

function journalText({ bytes, freeBytes, beginsAt }: JournalStatus): string {
  const mb = (x: number): string => `${Math.floor(x / 1e6).toLocaleString('en-US')} MB`
  const since = beginsAt === undefined ? '' : `, since ${iso(beginsAt)}`
  return `${mb(bytes)}, ${mb(freeBytes)} left on its disk${since}`
}

/** When old turns were last dropped, how many, where copies of them are, and why no more are. */
export function prunedText({ dropped, prunedAt, copiesTo, flaw }: JournalStatus): string {
  if (dropped === undefined) return 'never: all of it is kept'
  const last =
    prunedAt === undefined
      ? 'not yet by this process'
      : `last at ${iso(prunedAt)}, ${dropped.toLocaleString('en-US')} turns by this process`
  const copies = copiesTo === undefined ? '' : `, copies in ${shownPath(copiesTo)}`
  const stuck = flaw === undefined ? '' : `; NOTHING IS DROPPED, it grows: ${flaw}`
  return `${last}${copies}${stuck}`
}

const ago = (lengthMs: number): string => `${(lengthMs / 1_000).toFixed(1)} s`
