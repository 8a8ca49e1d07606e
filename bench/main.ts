/*
 * Bench runner: `node bench/main.ts [name]... [--rounds N] [--quick] [--json]`.
 *
 * Every bench runs beside its reference: Skein, reference, Skein, reference and so on, each time in a fresh process,
 * one round to warm up and then at least five that count. The table has the medians of all rounds; the ratio is the
 * median of the ratios of each round, which a neighbour on the machine disturbs less. A missed goal is told and is
 * no failure; it is one where a side crashes or the two sides did not compute the same.
 */
import { execFile } from 'node:child_process'
import { globSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type Bench, type Goal, type Measured, median, type Side, type Size } from './bench.ts'

export interface Result {
  readonly name: string
  readonly unit: string
  readonly skein: number
  readonly reference: number
  readonly ratio: number
  readonly goal: Goal
  readonly met: boolean
  /** What the sides said beside their last values. */
  readonly also: Partial<Record<Side, string>>
}

type Measure = (bench: Bench, side: Side) => Promise<Measured>

/** Measures one bench in turn with its reference. Rejects where the two did not compute the same. */
export async function compare(bench: Bench, rounds: number, measure: Measure): Promise<Result> {
  const values: Record<Side, number[]> = { skein: [], reference: [] }
  const also: Partial<Record<Side, string>> = {}
  let check: string | undefined
  for (let round = 0; round < rounds; round++) {
    for (const side of ['skein', 'reference'] as const) {
      const measured = await measure(bench, side)
      check ??= measured.check
      if (measured.check !== check) {
        throw new Error(`${side} computed "${measured.check}", and before it was "${check}"`)
      }
      values[side].push(measured.value)
      if (measured.also !== undefined) also[side] = measured.also
    }
  }
  // The first round has warmed up the machine, where there are others.
  const counted = (side: Side) => (rounds === 1 ? values[side] : values[side].slice(1))
  const ratios = counted('skein').map((value, i) => value / counted('reference')[i]!)
  const { name, unit, goal } = bench
  const skein = median(counted('skein'))
  const ratio = median(ratios)
  const reference = median(counted('reference'))
  const met = isMet(goal, skein, reference, ratio)
  return { name, unit, skein, reference, ratio, goal, met, also }
}

function isMet(goal: Goal, value: number, reference: number, ratio: number): boolean {
  const { atLeast = -Infinity, atMost = Infinity, moreAtMost = Infinity } = goal
  const { ratioAtLeast = -Infinity, ratioAtMost = Infinity } = goal
  if (value - reference > moreAtMost) return false
  return value >= atLeast && value <= atMost && ratio >= ratioAtLeast && ratio <= ratioAtMost
}

const run = promisify(execFile)

const inChild =
  (size: Size): Measure =>
  async ({ name }, side) => {
    const child = join(import.meta.dirname, 'child.ts')
    const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning']
    const { stdout } = await run(process.execPath, [...flags, child, name, side, size])
    return JSON.parse(stdout)
  }

/** The benches in this folder, by name. */
async function benchesOf(names: readonly string[]): Promise<Bench[]> {
  const files = globSync('*.bench.ts', { cwd: import.meta.dirname }).toSorted()
  const known = files.map((file) => file.replace('.bench.ts', ''))
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new Error(`there is no bench ${unknown}; there are ${known.join(', ')}`)
  }
  const wanted = names.length === 0 ? known : names
  return Promise.all(wanted.map(async (name) => (await import(`./${name}.bench.ts`)).bench))
}

const SCALES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

/** Three digits: `5.21 M`. */
function short(x: number): string {
  const [scale, letter] = SCALES.find(([scale]) => x >= scale) ?? [1, '']
  return `${Number((x / scale).toPrecision(3))} ${letter}`.trim()
}

function goalText({ atLeast, atMost, ratioAtLeast, ratioAtMost, moreAtMost }: Goal): string {
  const bounds = [
    atLeast === undefined ? [] : `>= ${short(atLeast)}`,
    atMost === undefined ? [] : `<= ${short(atMost)}`,
    ratioAtLeast === undefined ? [] : `ratio >= ${ratioAtLeast}`,
    ratioAtMost === undefined ? [] : `ratio <= ${ratioAtMost}`,
    moreAtMost === undefined ? [] : `more <= ${moreAtMost}`,
  ]
  return bounds.flat().join(', ')
}

function table(results: readonly Result[]): string {
  const head = ['bench', 'unit', 'skein', 'reference', 'ratio', 'goal', '']
  const rows = results.map(({ name, unit, skein, reference, ratio, goal, met }) => [
    name,
    unit,
    short(skein),
    short(reference),
    ratio.toPrecision(3),
    goalText(goal),
    met ? 'met' : 'MISSED',
  ])
  const all = [head, ...rows]
  const widths = head.map((_title, i) => Math.max(...all.map((row) => row[i]!.length)))
  return all.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')).join('\n')
}

function machine(): string {
  const cores = cpus()
  const model = cores[0]?.model.trim() ?? 'unknown processor'
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  return `${model}, ${cores.length} cores, ${gigabytes} GB, Node ${process.versions.node}`
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

const USAGE = 'usage: node bench/main.ts [name]... [--rounds N] [--quick] [--json]'

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { quick, json } = values
  const rounds = Number(values.rounds ?? (quick ? 1 : 5))
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error(USAGE)
  const benches = await benchesOf(positionals)
  const measure = inChild(quick ? 'quick' : 'full')
  const results: Result[] = []
  let failed = 0
  for (const bench of benches) {
    if (process.stderr.isTTY) process.stderr.write(`${bench.name} ...\n`)
    try {
      const attempts = bench.isSlow === true ? 1 : quick ? rounds : rounds + 1
      results.push(await compare(bench, attempts, measure))
    } catch (error) {
      failed++
      console.error(`${bench.name} failed: ${messageOf(error)}`)
    }
  }
  if (json) console.log(JSON.stringify(results, undefined, 2))
  else {
    console.log(`${machine()}; medians of ${rounds} rounds${quick ? ' of quick sizes' : ''}\n`)
    console.log(`${table(results)}\n`)
    for (const { name, also } of results) {
      for (const [side, text] of Object.entries(also)) console.log(`${name}, ${side}: ${text}`)
    }
    const missed = results.filter(({ met }) => !met).length
    console.log(`${results.length} benches, ${missed} goals missed, ${failed} benches failed`)
  }
  return failed === 0 ? 0 : 1
}

if (import.meta.main) {
  process.exitCode = await main().catch((error: unknown) => {
    console.error(messageOf(error))
    return 1
  })
}
