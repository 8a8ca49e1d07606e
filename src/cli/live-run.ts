// Live run: what `run` does with a venue: connects, trades until it is stopped, says what remains, and reports.
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BadInput } from '../core/bad-input.ts'
import { Universe } from '../core/universe.ts'
import { iso } from '../core/time.ts'
import { checkAccount, type VenueMode } from '../runtime/consent.ts'
import { accountLease, leasesAt } from '../runtime/account-lease.ts'
import type { Venue } from '../core/venue.ts'
import { type Config, toInstrumentSpec, toRiskLimits, toSimOptions } from '../runtime/config.ts'
import { type ExitPolicy, type FeedKind, type Live, startLive } from '../runtime/live.ts'
import { RunFile } from '../runtime/run-file.ts'
import { loadUses } from '../runtime/uses.ts'
import { Wishes } from '../runtime/wishes.ts'
import { venueIdOf, venueIo, venueOf } from '../runtime/venues.ts'
import type { SqliteArchive } from '../store/index.ts'
import { openForWriting, storedAt } from './inputs.ts'
import { momentOf } from './moment.ts'
import { type Outputs, RunFailed, stopSignal } from './output.ts'
import { reportRun } from './run-report.ts'
import { Show } from './show.ts'

export interface LiveRunOptions {
  readonly journal?: string
  readonly archive?: string
  readonly run?: string
  readonly symbols?: readonly string[]
  readonly onStop: ExitPolicy
  readonly mode: VenueMode
  /** The number of the account that a live run may use. */
  readonly account?: string
}

export interface LiveRun {
  readonly name: string
  readonly config: Config
  readonly options: LiveRunOptions
  readonly outputs: Outputs
  /** True where the venue is gone with the run, so that nothing can go on. */
  readonly isOver?: boolean
  /** While it trades; the run ends when it resolves, if no signal or failure ends it sooner. */
  readonly onTrading?: (trading: Trading) => Promise<void>
  /** After its report, before all is closed. Throws where the run was no good. */
  readonly onStopped?: (trading: Trading) => Promise<void>
}

export interface Trading {
  readonly live: Live
  readonly venue: Venue
  readonly file: RunFile
  readonly archive: SqliteArchive
  readonly say: (text: string) => void
  /** Aborts where the run is to stop. */
  readonly signal: AbortSignal
}

/** Under this name the journal keeps the books of simulated fills. */
const BOOKS = 'books'

/** Runs at a venue until a signal stops it. The same command goes on where the journal ends. */
export async function liveRun(run: LiveRun): Promise<void> {
  const { name, config, options, outputs, isOver = false } = run
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
  const { limits, speed } = reached.value
  const { mode } = options
  const isDryRun = mode === 'dry-run'
  const names = uses.map((use) => use.name).join(', ')
  const fills = config.venues?.alpaca?.fills === 'simulated' ? ', simulated fills' : ''
  const what = `${names} on ${universe.size} symbols, ${kinds.join(', ')}${fills}`
  const title = `${mode} run ${setup.run} at ${name}: ${what}`
  let show: Show | undefined
  const say = (text: string): void => {
    if (show === undefined) process.stderr.write(`${text}\n`)
    else show.say(text)
  }
  let onLost = (why: string): void => say(`error: ${why}`)
  const consent = { mode, account: options.account }
  const lease = accountLease({
    io: reached.value.io,
    path: leasesAt(config),
    run: setup.run,
    onLost: (why) => onLost(why),
  })
  const { io } = lease
  let live: Live | undefined
  let file: RunFile | undefined
  const venue = await venueOf(name, {
    config,
    io,
    universe,
    consent,
    onTrouble: (why) => {
      say(`warn: ${why}`)
      void live?.reconcile()
    },
    onRevision: (revision) => {
      archive.putRevision(revision).catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error)
        say(`warn: a revised bar of ${revision.symbol} was not kept: ${why}`)
      })
    },
    books: {
      load: () => file?.journal.meta(BOOKS),
      save: (state) => file?.journal.setMeta(BOOKS, state),
    },
  })
  mkdirSync(dirname(path), { recursive: true })
  const archive = await openForWriting(options.archive ?? storedAt(config, config.store.archive))
  const stop = stopSignal(say)
  const killFile = join(dirname(path), 'kill')
  const kill = (): void => {
    live?.control({ do: 'kill-switch', on: true, why: 'SIGUSR2' }, 'signal')
  }
  process.on('SIGUSR2', kill)
  try {
    file = RunFile.begin(path, config, setup, source)
    show = new Show({ title, universe })
    say('starting: the venue, its report, subscriptions, warm-up')
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
      takeAccount: (opened) => {
        checkAccount(consent, opened)
        lease.take(opened.name)
      },
      wishes: new Wishes(path, (why) => say(`warn: ${why}`)),
      isKilled: () => (existsSync(killFile) ? `${killFile} is there` : undefined),
      tell: ({ level, text }) => say(level === 'info' ? text : `${level}: ${text}`),
      onTurn: (turn) => show?.take(turn),
      onRecovered: ({ from, redone, at }) => {
        if (from === 'nothing') return
        say(`going on at ${iso(at)} from the ${from}, ${redone} turns done again`)
      },
    })
    if (!started.ok) throw new RunFailed(`${name} cannot be used: ${started.fault.message}`)
    const running = started.value
    live = running
    onLost = (why) => running.pump.fail(new Error(why))
    const equityStart = running.engine.equity
    show.watch(() =>
      momentOf(running, venue, { speed, elapsedMs: performance.now() - began, equityStart }),
    )
    say(`trading; Ctrl-C stops in order, ${killFile} or SIGUSR2 stops all new orders`)
    const trading = { live: running, venue, file, archive, say, signal: stop.signal }
    const failure = await Promise.race([
      running.pump.failure,
      aborted(stop.signal),
      ...(run.onTrading === undefined ? [] : [run.onTrading(trading)]),
    ])
    const isFailed = failure !== undefined
    const { phases, remaining } = await running.stop(isFailed ? 'keep' : options.onStop)
    for (const phase of phases) {
      if (!phase.isDone) say(`warn: ${phase.name} was not done after ${phase.tookMs} ms`)
    }
    const { engine, gateway } = running.statistics
    say(`${engine.turns} turns, ${gateway.commands} commands, ${engine.orders.live} live orders`)
    for (const line of remaining) say(`remains: ${line}`)
    show.end()
    show = undefined
    if (isFailed) throw new RunFailed(`the run stopped itself: ${failure.message}`)
    const { turns, intents } = running.engine
    file.end({ hash: running.engine.hash(), intents, turns, isOver })
    const elapsedMs = Math.round(performance.now() - began)
    await reportRun(file, { mode, elapsedMs }, outputs)
    await run.onStopped?.({ ...trading, say })
  } finally {
    show?.end()
    process.off('SIGUSR2', kill)
    stop.release()
    lease.release()
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

/** Seconds since 1970 in letters and digits: runs of one machine have names that rise. */
const nameOfNow = (): string => Math.floor(Date.now() / 1_000).toString(36)

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
