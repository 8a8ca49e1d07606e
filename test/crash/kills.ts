/*
 * Kills: a run that trades is killed with SIGKILL again and again, at random moments or at named steps, and started
 * again on the same journal each time, while the venue stays up. At the end it stops in order, and is checked.
 */
import { setTimeout } from 'node:timers/promises'
import { integer, type Random, seeded } from '../../src/core/random.ts'
import { checkCrash, checkEnd, type Checked, openIntents } from './check.ts'
import { isPruning, type Mark, type Step, STEPS } from './steps.ts'
import { type Ended, World } from './world.ts'

export interface Told {
  readonly checked: Checked
  readonly kills: number
  /** How often a kill found the run there. */
  readonly landed: ReadonlyMap<string, number>
}

/** Kills of a life that does not trade yet. */
const EARLY = 0.25
/** A life trades for so long at most before its moment comes. */
const TRADE_MS_MAX = 900
/** Kills that wait for the next mark of some kind after their moment, so that more of them land within a turn. */
const SHARP = 0.6
/** How long they wait. */
const PATIENCE_MS = 300

/** Kills one run at `times` random moments. */
export async function killAtRandom(seed: number, times: number): Promise<Told> {
  const random = seeded(seed)
  const world = await World.open(seed)
  const landed = new Map<string, number>()
  const problems: string[] = []
  try {
    await beginAsMost(world)
    const pace: Pace = { startMs: 1_000 }
    for (let i = 0; i < times; i++) {
      const ended = await killOnce(world, random, pace)
      note(landed, ended, problems)
      problems.push(...checkCrash(world).problems)
      if (problems.length > 0) break
    }
    return { ...(await finish(world, problems)), kills: times, landed }
  } finally {
    await world.close()
  }
}

/** How long the last lives took until they traded: an early moment is drawn from that. */
export interface Pace {
  startMs: number
}

export async function killOnce(
  world: World,
  random: Random,
  pace: Pace,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const isEarly = random() < EARLY
  const isSharp = random() < SHARP
  const part = random()
  const kind = STEPS[integer(random, 0, STEPS.length - 1)]!.split(':')[0]!
  let isArmed = false
  const life = world.live({
    env,
    onMark: (mark) => {
      if (isArmed && mark.startsWith(kind)) life.kill()
    },
  })
  const over = new AbortController()
  void life.ended.then(() => over.abort())
  const pass = (delayMs: number): Promise<unknown> =>
    setTimeout(delayMs, undefined, { signal: over.signal }).catch(() => {})
  const began = performance.now()
  if (isEarly) await pass(part * pace.startMs)
  else {
    await life.trading
    pace.startMs = performance.now() - began
    await pass(part * TRADE_MS_MAX)
  }
  isArmed = isSharp
  if (isSharp) await pass(PATIENCE_MS)
  life.kill()
  return await life.ended
}

/** Kills one run at every one of the steps, `times` in a row at each. */
export async function killAtSteps(
  seed: number,
  steps: readonly Step[],
  times: number,
): Promise<Told & { readonly missed: readonly Step[] }> {
  const random = seeded(seed)
  const world = await World.open(seed, { isPruned: steps.some(isPruning) })
  const landed = new Map<string, number>()
  const missed: Step[] = []
  const problems: string[] = []
  let kills = 0
  try {
    await beginAsMost(world)
    for (const step of steps) {
      for (let i = 0; i < times; i++) {
        const ended = await dieAt(world, step, integer(random, 1, isOften(step) ? 4 : 1))
        if (ended.signal !== 'SIGKILL' || ended.livedMs > STEP_MS_MAX) missed.push(step)
        note(landed, ended, problems)
        kills++
        problems.push(...checkCrash(world).problems)
        if (problems.length > 0)
          return { ...(await finish(world, problems)), kills, landed, missed }
      }
    }
    return { ...(await finish(world, problems)), kills, landed, missed }
  } finally {
    await world.close()
  }
}

/** So that every later life begins as most do, with a snapshot and turns after it, however slow the machine is. */
async function beginAsMost(world: World): Promise<void> {
  await dieAt(world, 'snapshot: after the commit', 2)
  await dieAt(world, 'flush: after the commit', 2)
}

/** A step that a run does not reach in so long, it does not reach. */
const STEP_MS_MAX = 60_000
export async function dieAt(
  world: World,
  at: Step,
  times: number,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const life = world.live({ die: { at, times }, env })
  if (at.startsWith('stop: ')) void life.trading.then(() => life.stop())
  const limit = new AbortController()
  void setTimeout(STEP_MS_MAX, undefined, { signal: limit.signal }).then(
    () => life.kill(),
    () => {},
  )
  const ended = await life.ended
  limit.abort()
  return ended
}

/** Steps that every life passes more than once. */
const isOften = (step: Step): boolean => !/^(?:start|stop)/.test(step)

export function note(
  landed: Map<string, number>,
  { last, signal, code, text }: Ended,
  problems: string[],
): void {
  if (signal !== 'SIGKILL') problems.push(`a life ended by itself with ${code}: ${text}`)
  const where = placeOf(last.main)
  landed.set(where, (landed.get(where) ?? 0) + 1)
  const isWriting = !['nothing yet', 'archive: after the commit'].includes(last.archive)
  if (isWriting) landed.set('the archive’s write', (landed.get('the archive’s write') ?? 0) + 1)
}

const placeOf = (mark: Mark): string => mark.split(':')[0]!

const SETTLED_MS_MAX = 60_000
/** Between two looks at the journal. */
const LOOK_MS = 100
/** A last life trades a while before it is looked at. */
const LAST_MS = 2_000
/** The last life: it goes on until every intent is settled, stops in order, and is checked. */
export async function finish(
  world: World,
  before: readonly string[],
  env: () => Readonly<Record<string, string>> = () => ({}),
): Promise<{ readonly checked: Checked }> {
  if (before.length > 0) return { checked: { ...NOTHING, problems: before } }
  const life = world.live({ env: env() })
  const limit = performance.now() + SETTLED_MS_MAX
  await life.trading
  await setTimeout(LAST_MS)
  while (!life.isOver && openIntents(world).length > 0 && performance.now() < limit)
    await setTimeout(LOOK_MS)
  const until = world.server.venue.now()
  life.stop()
  const { code, text } = await life.ended
  const checked = await checkEnd(world, until)
  const isInOrder = code === 0 && !/was not done after|remains: order/.test(text)
  const problem = `the last life ended with ${code}: ${text}`
  return { checked: isInOrder ? checked : { ...checked, problems: [problem, ...checked.problems] } }
}

const NOTHING: Checked = {
  problems: [],
  intents: 0,
  orders: 0,
  fills: 0,
  bars: 0,
  turns: 0,
  dropped: 0,
  held: 0,
}
