// Live run: what `run` does with a venue: connects, trades until it is stopped, says what remains, and reports.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { iso } from '../core/time.ts'
import type { Venue, VenueAccount } from '../core/venue.ts'
import { type Config, toKeepMs, toRestarts } from '../runtime/config/config.ts'
import { checkAccount } from '../runtime/live/consent.ts'
import { forgetStart, noteEnd, noteStart } from '../runtime/live/crash-loop.ts'
import { LeaseMark } from '../runtime/live/lease-mark.ts'
import type { LiveOptions } from '../runtime/live/options.ts'
import { type Live, startLive } from '../runtime/live/live.ts'
import { Reload, type ReloadOptions } from '../runtime/live/reload.ts'
import type { RunFile } from '../runtime/replay/run-file.ts'
import { Strays } from '../runtime/live/strays.ts'
import { StatusFile } from '../runtime/live/status-file.ts'
import { Wishes } from '../runtime/live/wishes.ts'
import { type SqliteArchive, writeTurns } from '../store/index.ts'
import { storedAt } from './paths.ts'
import { type LivePlan, type LiveRunOptions, planOf } from './live-plan.ts'
import { LiveStage } from './live-stage.ts'
import { momentOf } from './moment.ts'
import { type Outputs, RunFailed, stopSignal } from './output.ts'
import { reportRun } from './run-report.ts'
import { Show } from './show.ts'
import { takeConsole } from './strategy-console.ts'

export interface LiveRun {
  readonly name: string
  readonly config: Config
  readonly options: LiveRunOptions
  readonly outputs: Outputs
  /** Reads the configuration again while it runs. */
  readonly reload?: Pick<ReloadOptions, 'file' | 'read'>
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

/** Runs at a venue until a signal stops it. The same command goes on where the journal ends. */
export async function liveRun(run: LiveRun): Promise<void> {
  const began = performance.now()
  const { name, config, options } = run
  const voice = new Voice()
  const { say } = voice
  // Whatever is wrong is told before the venue is asked for anything.
  const draft = await planOf(name, config, options)
  const stage = await LiveStage.open(draft, say, (told) =>
    planOf(name, config, { ...options, run: draft.setup.run }, told),
  )
  const { plan, file, venue, archive } = stage
  const stop = stopSignal(say)
  const kill = (): void => {
    const [why, by] = ['SIGUSR2', 'signal']
    // A run that still starts takes it as a wish, before anything leaves.
    if (stage.live === undefined) new Wishes(plan.path).put({ want: 'kill', why, by })
    else stage.live.control({ do: 'kill-switch', on: true, why }, by)
  }
  process.on('SIGUSR2', kill)
  const giveConsole = takeConsole(say)
  const strays = new Strays()
  try {
    voice.show = new Show({ title: plan.title, universe: plan.setup.universe })
    say('starting: the venue, its report, subscriptions, warm-up')
    const reload = new Reload({
      file: undefined,
      read: () => plan.config,
      ...run.reload,
      config: plan.config,
    })
    const live = await started(plan, stage, { voice, reload, strays, signal: stop.signal })
    if (live === undefined) {
      say(
        'stopped while it started: orders and positions stay as they are; the same command starts it again',
      )
      return
    }
    voice.watch(live, stage, began)
    const does = live.health.isFollowing ? 'following' : 'trading'
    say(`${does}; Ctrl-C stops in order, ${killFileOf(plan)} or SIGUSR2 stops all new orders`)
    const trading = { live, venue, file, archive, say, signal: stop.signal }
    const cause = await traded(trading, run)
    await ended(trading, cause === undefined ? run.options.onStop : 'keep')
    voice.end()
    // Its end may be what fails: the disk is full.
    const failure = live.pump.hasFailed ? await live.pump.failure : cause
    if (failure !== undefined) throw new RunFailed(`the run stopped itself: ${failure.message}`)
    const { turns, intents } = live.engine
    noteEnd(file.journal)
    file.end({ hash: live.engine.hash(), intents, turns, isOver: run.isOver ?? false })
    const elapsedMs = Math.round(performance.now() - began)
    await reportRun(file, { mode: run.options.mode, elapsedMs }, run.outputs)
    await run.onStopped?.(trading)
  } finally {
    voice.end()
    process.off('SIGUSR2', kill)
    giveConsole()
    strays.end()
    stop.release()
    await stage.close()
  }
}

/** What the run says goes on its screen, as long as there is one. */
class Voice {
  show: Show | undefined

  readonly say = (text: string): void => {
    if (this.show === undefined) process.stderr.write(`${text}\n`)
    else this.show.say(text)
  }

  watch(live: Live, { venue, reached }: LiveStage, began: number): void {
    const equityStart = live.engine.equity
    const { speed } = reached
    this.show?.watch(() =>
      momentOf(live, venue, { speed, elapsedMs: performance.now() - began, equityStart }),
    )
  }

  end(): void {
    this.show?.end()
    this.show = undefined
  }
}

/** Undefined where a signal has ended the start. */
async function started(
  plan: LivePlan,
  stage: LiveStage,
  {
    voice,
    ...given
  }: { readonly voice: Voice } & Required<Pick<LiveOptions, 'reload' | 'strays' | 'signal'>>,
): Promise<Live | undefined> {
  const { config, consent, path } = plan
  const { lease, reached, file } = stage
  const { say } = voice
  const killFile = killFileOf(plan)
  const meant = (opened: VenueAccount): string => {
    checkAccount(consent, opened)
    return opened.name
  }
  const keepMs = toKeepMs(config)
  const status = new StatusFile(path, (why) => say(`warn: ${why}`))
  const answer = await startLive({
    io: lease.io,
    venue: stage.venue,
    setup: plan.setup,
    journal: file.journal,
    archive: stage.archive,
    shared: stage.shared,
    forming: stage.forming,
    ...reached.limits,
    snapshotEvery: config.store.snapshotEvery,
    ...(keepMs === undefined ? {} : { keepMs }),
    ...copyingOf(plan),
    kinds: plan.kinds,
    exits: plan.exits,
    safeMode: noteStart(file.journal, Date.now(), toRestarts(config)),
    isDryRun: consent.mode === 'dry-run',
    isRehearsed: true,
    ...(plan.isStandby
      ? { mayLead: (opened: VenueAccount) => lease.tryTake(meant(opened)) }
      : { takeAccount: (opened: VenueAccount) => lease.take(meant(opened)) }),
    leaseMark: new LeaseMark(file.journal, lease.token),
    wishes: new Wishes(path, (why) => say(`warn: ${why}`)),
    ...given,
    isKilled: () => whyKilled(killFile),
    tell: ({ level, text }) => say(level === 'info' ? text : `${level}: ${text}`),
    publish: (health) => status.write(health),
    onTurn: (turn) => {
      voice.show?.take(turn)
      stage.metrics?.onTurn(turn)
    },
    onAnswered: (at, now) => stage.metrics?.onAnswered(at, now),
    onRecovered: ({ from, redone, at }) => {
      if (from === 'nothing') return
      say(`going on at ${iso(at)} from the ${from}, ${redone} turns done again`)
    },
  })
  if (!answer.ok) {
    forgetStart(file.journal)
    if (given.signal.aborted) return undefined
    throw new RunFailed(`${plan.name} cannot be used: ${answer.fault.message}`)
  }
  stage.live = answer.value
  stage.forming?.start()
  stage.metrics?.watch(answer.value, stage.venue)
  return answer.value
}

/** Until a signal, a failure or the run itself ends it. Gives the failure. */
async function traded(trading: Trading, { onTrading }: LiveRun): Promise<Error | undefined> {
  const { live, signal } = trading
  return (
    (await Promise.race([
      live.pump.failure,
      aborted(signal),
      ...(onTrading === undefined ? [] : [onTrading(trading)]),
    ])) ?? undefined
  )
}

async function ended({ live, say }: Trading, policy: LiveRunOptions['onStop']): Promise<void> {
  const { phases, remaining } = await live.stop(policy)
  for (const phase of phases) {
    if (!phase.isDone) say(`warn: ${phase.name} was not done after ${phase.tookMs} ms`)
  }
  const { engine, gateway } = live.statistics
  say(`${engine.turns} turns, ${gateway.commands} commands, ${engine.orders.live} live orders`)
  for (const line of remaining) say(`remains: ${line}`)
}

/** Turns that are dropped are kept in files by the run's name and their numbers, where a folder for them is named. */
function copyingOf({ config, setup }: LivePlan): Pick<LiveOptions, 'copyTurns' | 'copiesTo'> {
  const { prunedTo } = config.store
  if (prunedTo === undefined) return {}
  const folder = storedAt(config, prunedTo)
  return {
    copiesTo: resolve(folder),
    copyTurns: ({ from, to }, turns) =>
      writeTurns(join(folder, `${setup.run}-turns-${from}-${to}.jsonl.gz`), turns),
  }
}

/** Said in the past: the file may be taken away while no process runs, and the switch stays on. */
export const whyKilled = (file: string): string | undefined =>
  existsSync(file) ? `${file} was found` : undefined

/** As long as it is there, the kill switch is on. */
const killFileOf = ({ path }: LivePlan): string => join(dirname(path), 'kill')

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
