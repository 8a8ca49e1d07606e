/*
 * Prove: the proofs of crash safety, as long as wanted: `node test/crash/prove.ts <what> [times]`.
 *
 *   kills   SIGKILL at random moments, 200 where not told
 *   steps   SIGKILL at every named step, once and twice in a row
 *   cuts    SIGKILL at random moments, 50 where not told, and what was not synced is gone
 *
 * Every seed comes from SKEIN_SEED, or from the clock, and is printed. Exit code 1 where anything is wrong.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cut, cutAtRandom } from './cuts.ts'
import { compileCut, NO_COMPILER } from './disk.ts'
import { killAtRandom, killAtSteps, type Told } from './kills.ts'
import { isPruning, type Step, STEPS } from './steps.ts'

/** Runs side by side: a life spends half its time waiting. */
const LANES = 2
/** Kills of one run; then another begins, with another market. */
const KILLS_PER_RUN = 25

export interface Proof {
  readonly problems: readonly string[]
  /** In words: what was done, and what was counted. */
  readonly text: string
}

export async function proveKills(seed: number, kills: number): Promise<Proof> {
  const told = await inLanes(runsOf(seed, kills), (run) => killAtRandom(run.seed, run.kills))
  return proofOf(`seed ${seed}: killed at random moments`, told)
}

const runsOf = (seed: number, kills: number) => {
  const perRun = Math.min(KILLS_PER_RUN, Math.ceil(kills / LANES))
  return Array.from({ length: Math.ceil(kills / perRun) }, (_, i) => ({
    seed: seed + i,
    kills: Math.min(perRun, kills - i * perRun),
  }))
}

/** Each of the steps so many times in a row, for each of `times`. */
export async function proveSteps(
  seed: number,
  steps: readonly Step[],
  times: readonly number[],
): Promise<Proof> {
  // A run whose journal is pruned is one of its own.
  const groups = [steps.filter((one) => !isPruning(one)), steps.filter(isPruning)]
  const lanes = groups
    .flatMap((group) =>
      Array.from({ length: LANES }, (_, i) => group.filter((_step, k) => k % LANES === i)),
    )
    .filter((lane) => lane.length > 0)
  const runs = times.flatMap((inARow, k) =>
    lanes.map((lane, i) => ({ steps: lane, inARow, seed: seed + k * lanes.length + i })),
  )
  const told = await inLanes(runs, (run) => killAtSteps(run.seed, run.steps, run.inARow))
  const missed = told.flatMap((one) => one.missed.map((step) => `step not reached: ${step}`))
  const { text, problems } = proofOf(`seed ${seed}: killed at ${steps.length} named steps`, told)
  return { text, problems: [...problems, ...missed] }
}

/** @param library cut.c, compiled. */
export async function proveCuts(seed: number, cuts: number, library: string): Promise<Proof> {
  const told = await inLanes(runsOf(seed, cuts), (run) => cutAtRandom(run.seed, run.kills, library))
  const { text, problems } = proofOf(`seed ${seed}: power cut at random moments`, told)
  const sum = (count: (one: Cut) => number): number => told.reduce((n, one) => n + count(one), 0)
  const disk = `${sum(({ syncs }) => syncs)} syncs held, ${sum(({ unsynced }) => unsynced)} changes were not synced`
  const lost = `${sum((one) => one.lost.length)} acknowledged intents lost`
  return { text: `${text}; ${disk}, ${lost}`, problems }
}

async function inLanes<R, T>(runs: readonly R[], work: (run: R) => Promise<T>): Promise<T[]> {
  const told: T[] = []
  const waiting = [...runs.entries()]
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      told[next[0]] = await work(next[1])
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return told
}

function proofOf(what: string, told: readonly Told[]): Proof {
  const sum = (count: (one: Told) => number): number => told.reduce((n, one) => n + count(one), 0)
  const landed = new Map<string, number>()
  for (const one of told) {
    for (const [where, n] of one.landed) landed.set(where, (landed.get(where) ?? 0) + n)
  }
  const places = [...landed].toSorted((a, b) => b[1] - a[1]).map(([where, n]) => `${where} ${n}`)
  const text =
    `${what}: ${sum(({ kills }) => kills)} kills, ${sum(({ checked }) => checked.intents)} intents, ` +
    `${sum(({ checked }) => checked.orders)} orders at the venue, ${sum(({ checked }) => checked.fills)} fills, ` +
    `${sum(({ checked }) => checked.bars)} bars, ${sum(({ checked }) => checked.held)} positions held at the end; ` +
    `${sum(({ checked }) => checked.dropped)} turns dropped; ` +
    `killed in: ${places.join(', ')}`
  return { text, problems: told.flatMap(({ checked }) => checked.problems) }
}

async function proofFor(what: string, seed: number, times: number | undefined): Promise<Proof> {
  switch (what) {
    case 'kills':
      return await proveKills(seed, times ?? 200)
    case 'steps':
      return await proveSteps(seed, STEPS, times === undefined ? [1, 2] : [times])
    case 'cuts': {
      const folder = mkdtempSync(join(tmpdir(), 'skein-cut-'))
      try {
        const library = compileCut(folder)
        if (library === undefined) return { text: 'power cuts', problems: [NO_COMPILER] }
        return await proveCuts(seed, times ?? 50, library)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }
    default:
      return { text: what, problems: ['it is kills, steps or cuts that can be proved'] }
  }
}

async function main([what = 'kills', times]: readonly string[]): Promise<number> {
  const seed = Number(process.env['SKEIN_SEED'] ?? Math.floor(Date.now() / 1_000) % 1_000_000)
  const began = performance.now()
  const proof = await proofFor(what, seed, times === undefined ? undefined : Number(times))
  console.log(`${proof.text}; ${Math.round((performance.now() - began) / 1_000)} s`)
  for (const problem of proof.problems) console.log(`PROBLEM ${problem}`)
  return proof.problems.length === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
