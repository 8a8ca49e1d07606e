// Live run: what `run` does with a venue: connects, trades until it is stopped, says what remains, and reports.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BadInput } from '../core/bad-input.ts'
import { Universe } from '../core/universe.ts'
import { iso } from '../core/time.ts'
import { accountLease, leasesAt } from '../runtime/account-lease.ts'
import { type Config, toInstrumentSpec, toRiskLimits, toSimOptions } from '../runtime/config.ts'
import { type ExitPolicy, type FeedKind, type Live, startLive } from '../runtime/live.ts'
import { RunFile } from '../runtime/run-file.ts'
import { loadUses } from '../runtime/uses.ts'
import { venueIdOf, venueIo, venueOf } from '../runtime/venues.ts'
import { openForWriting, storedAt } from './inputs.ts'
import { type Outputs, RunFailed, stopSignal } from './output.ts'
import { reportRun } from './run-report.ts'

export interface LiveRunOptions {
  readonly journal?: string
  readonly archive?: string
  readonly run?: string
  readonly symbols?: readonly string[]
  readonly onStop: ExitPolicy
}

/** Under this name the journal keeps the books of simulated fills. */
const BOOKS = 'books'

/** Runs at a venue until a signal stops it. The same command goes on where the journal ends. */
export async function liveRun(
  name: string,
  config: Config,
  options: LiveRunOptions,
  isDryRun: boolean,
  outputs: Outputs,
): Promise<void> {
  const began = performance.now()
  const path = options.journal ?? storedAt(config, config.store.journal)
  const unfinished = RunFile.unfinishedIn(path)
  const specs = unfinished?.instruments ?? specsOf(name, config, options)
  const universe = new Universe(specs)
  const uses = await loadUses(config, universe)
  const { latenessMs, maxFill } = config.bars
  const setup = {
    universe,
    uses,
    risk: toRiskLimits(config),
    sim: toSimOptions(config),
    run: options.run ?? unfinished?.run ?? nameOfNow(),
    currency: config.account.currency,
    base: '1m' as const,
    bars: { latenessMs, maxFill },
  }
  const kinds = kindsOf(uses)
  const source = { name, series: kinds.map((kind) => ({ kind })) }
  unfinished?.mustBe(config, setup, source)
  const reached = await venueIo(config)
  if (!reached.ok) throw new RunFailed(`${name} cannot be used: ${reached.fault.message}`)
  const { limits } = reached.value
  let onLost = (why: string): void => say('error', why)
  const account = accountLease({
    io: reached.value.io,
    path: leasesAt(config),
    run: setup.run,
    onLost: (why) => onLost(why),
  })
  const { io } = account
  let live: Live | undefined
  let file: RunFile | undefined
  const venue = await venueOf(name, {
    config,
    io,
    universe,
    onTrouble: (why) => {
      say('warn', why)
      void live?.reconcile()
    },
    books: {
      load: () => file?.journal.meta(BOOKS),
      save: (state) => file?.journal.setMeta(BOOKS, state),
    },
  })
  mkdirSync(dirname(path), { recursive: true })
  const archive = await openForWriting(options.archive ?? storedAt(config, config.store.archive))
  const stop = stopSignal()
  const killFile = join(dirname(path), 'kill')
  const kill = (): void => {
    live?.control({ do: 'kill-switch', on: true, why: 'SIGUSR2' }, 'signal')
  }
  process.on('SIGUSR2', kill)
  try {
    file = RunFile.begin(path, config, setup, source)
    const mode = isDryRun ? 'dry run' : 'paper run'
    const fills = config.venues?.alpaca?.fills === 'simulated' ? ', simulated fills' : ''
    const what = `${universe.size} symbols, ${kinds.join(', ')}${fills}`
    say('info', `${mode} ${setup.run} at ${name}: ${what}`)
    const started = await startLive({
      io,
      venue,
      setup,
      journal: file.journal,
      archive,
      ...limits,
      snapshotEvery: config.store.snapshotEvery,
      kinds,
      isDryRun,
      takeAccount: account.take,
      isKilled: () => (existsSync(killFile) ? `${killFile} is there` : undefined),
      tell: ({ level, text }) => say(level, text),
      onRecovered: ({ from, redone, at }) => {
        if (from === 'nothing') return
        say('info', `going on at ${iso(at)} from the ${from}, ${redone} turns done again`)
      },
    })
    if (!started.ok) throw new RunFailed(`${name} cannot be used: ${started.fault.message}`)
    live = started.value
    const { pump } = live
    onLost = (why) => pump.fail(new Error(why))
    say('info', `trading; Ctrl-C stops in order, ${killFile} or SIGUSR2 stops all new orders`)
    const failure = await Promise.race([live.pump.failure, aborted(stop.signal)])
    const { phases, remaining } = await live.stop(failure === undefined ? options.onStop : 'keep')
    for (const phase of phases) {
      if (!phase.isDone) say('warn', `${phase.name} was not done after ${phase.tookMs} ms`)
    }
    const { engine, gateway } = live.statistics
    say(
      'info',
      `${engine.turns} turns, ${gateway.commands} commands, ${engine.orders.live} live orders`,
    )
    for (const line of remaining) say('info', `remains: ${line}`)
    if (failure !== undefined) throw new RunFailed(`the run stopped itself: ${failure.message}`)
    const { turns, intents } = live.engine
    file.end({ hash: live.engine.hash(), intents, turns, isOver: false })
    const elapsedMs = Math.round(performance.now() - began)
    await reportRun(file, { mode: isDryRun ? 'dry-run' : 'paper', elapsedMs }, outputs)
  } finally {
    process.off('SIGUSR2', kill)
    stop.release()
    account.release()
    await archive.close()
    file?.close()
    await reached.value.close()
  }
}

function specsOf(name: string, config: Config, { symbols }: LiveRunOptions) {
  const { universe } = config
  const listed =
    universe === 'all' ? [] : universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const wanted = symbols ?? listed
  if (wanted.length === 0) {
    const allowed = 'a list: universe in the configuration, or --symbols SPY,BAC'
    throw new BadInput(
      { file: 'command line', field: '--symbols' },
      'is missing',
      undefined,
      allowed,
    )
  }
  return wanted.map((symbol) => toInstrumentSpec(config, symbol, venueIdOf(name)))
}

/** Bars always, because risk prices with them; trades and quotes where a strategy looks at them. */
function kindsOf(uses: Awaited<ReturnType<typeof loadUses>>): readonly FeedKind[] {
  const needs = uses.map(({ strategy, params }) => strategy.needs(params))
  return [
    'bars',
    ...(needs.some(({ trades }) => trades === true) ? (['trades'] as const) : []),
    ...(needs.some(({ quotes }) => quotes === true) ? (['quotes'] as const) : []),
  ]
}

const say = (level: string, text: string): void => {
  process.stderr.write(`${level === 'info' ? '' : `${level}: `}${text}\n`)
}

/** Seconds since 1970 in letters and digits: runs of one machine have names that rise. */
const nameOfNow = (): string => Math.floor(Date.now() / 1_000).toString(36)

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
