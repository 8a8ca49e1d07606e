// Tests of the benches: what each is, and that some run in their quick size and agree with their reference.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Bench } from './bench.ts'
import { compare, type Result } from './main.ts'

const main = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
    encoding: 'utf8',
    timeout: 300_000,
  })

/** One of each kind that takes a moment; `.ci/run` runs all of them. */
const SHORT = ['archive-read', 'backtest-one-symbol', 'bars-from-trades-31', 'decode-alpaca-json']

test('runs benches beside their references, which compute the same', () => {
  const { status, stdout, stderr } = main(...SHORT, '--quick', '--json')

  assert.equal(stderr, '')
  assert.equal(status, 0)
  const results: Result[] = JSON.parse(stdout)
  assert.deepEqual(
    results.map(({ name }) => name),
    SHORT,
  )
  for (const { name, skein, reference, ratio, met } of results) {
    assert.ok(skein > 0 && reference > 0 && ratio > 0, `${name} has values`)
    assert.equal(typeof met, 'boolean', name)
  }
})

test('every bench has the name of its file, a unit and a goal', async () => {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.bench.ts'))
  assert.ok(files.length > 10)
  for (const file of files) {
    const { bench: found }: { readonly bench: Bench } = await import(`./${file}`)
    assert.equal(`${found.name}.bench.ts`, file)
    assert.ok(found.unit.length > 0, file)
    const bounds = Object.values(found.goal)
    assert.ok(bounds.length > 0 && bounds.every(Number.isFinite), file)
  }
})

test('runs the benches that are named, and refuses a name that it does not know', () => {
  const known = main('inbox-memory', '--quick', '--json')
  const unknown = main('inbox-memroy', '--quick')

  assert.deepEqual(
    JSON.parse(known.stdout).map(({ name }: Result) => name),
    ['inbox-memory'],
  )
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, /no bench inbox-memroy; there are .*inbox-memory/)
})

const bench: Bench = {
  name: 'planted',
  unit: 'bars/s',
  goal: { atLeast: 100, ratioAtLeast: 0.5 },
  run: {
    skein: () => ({ value: 1, check: '' }),
    reference: () => ({ value: 1, check: '' }),
  },
}

test('takes medians of all rounds but the first, and the median of the ratios of each round', async () => {
  const values = { skein: [1, 100, 300, 200], reference: [1, 100, 100, 400] }

  const result = await compare(bench, 4, async (_bench, side) => ({
    value: values[side].shift()!,
    check: 'same',
  }))

  const { skein, reference, ratio, met } = result
  assert.deepEqual(
    { skein, reference, ratio, met },
    { skein: 200, reference: 100, ratio: 1, met: true },
  )
})

test('misses a goal where one of its bounds does not hold', async () => {
  const measured = { skein: { value: 120, check: '' }, reference: { value: 300, check: '' } }

  const { met } = await compare(bench, 1, async (_bench, side) => measured[side])

  assert.equal(met, false)
})

test('misses a goal where Skein takes more than the reference and what is allowed', async () => {
  const latency: Bench = { ...bench, unit: 'ms', goal: { moreAtMost: 1 } }
  const measured = (skein: number) => ({
    skein: { value: skein, check: '', also: `p50 ${skein}` },
    reference: { value: 2, check: '' },
  })

  const near = await compare(latency, 1, async (_bench, side) => measured(3)[side])
  const far = await compare(latency, 1, async (_bench, side) => measured(3.1)[side])

  assert.deepEqual([near.met, far.met], [true, false])
  assert.deepEqual(near.also, { skein: 'p50 3' })
})

test('fails where the two sides did not compute the same', async () => {
  const outcome = compare(bench, 1, async (_bench, side) => ({ value: 1, check: `${side} trips` }))

  await assert.rejects(outcome, /reference computed "reference trips", and before it was "skein/)
})
