// Crashes: a run that is killed, at whatever moment, goes on with what the venue has. Longer: `npm run prove`.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compileCut, NO_COMPILER } from '../crash/disk.ts'
import { type Proof, proveCuts, proveKills, proveSteps } from '../crash/prove.ts'
import type { Step } from '../crash/steps.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

/** Some steps of each path; all of them are for `npm run prove -- steps`. */
const ORDER: readonly Step[] = [
  'flush: the turn is done',
  'flush: before the commit',
  'flush: after the commit',
  'flush: the gateway has it',
  'submit: before the first byte',
  'submit: the answer begins',
]
const START: readonly Step[] = [
  'start: the snapshot is restored',
  'start: a turn is done again',
  'start: the report is here',
  'start: after a turn by hand',
]

const PRUNING: readonly Step[] = [
  'proof: a turn is done again',
  'copy: it is begun',
  'copy: it is written',
  'beginning: before the commit',
  'beginning: after the commit',
  'drop: before the commit',
  'drop: after the commit',
]

function hold(t: TestContext, { text, problems }: Proof): void {
  t.diagnostic(text)
  assert.deepEqual(problems, [])
}

test('F084 a run that is killed at random moments doubles and loses nothing', async (t) => {
  hold(t, await proveKills(SEED, 8))
})

test('F085 a run that is killed at steps from the turn to the answer doubles and loses nothing', async (t) => {
  hold(t, await proveSteps(SEED, ORDER, [1]))
})

test('F086 a run whose power is cut has every order in its journal that had left', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-cut-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const library = compileCut(folder)
  if (library === undefined) t.skip(NO_COMPILER)
  else hold(t, await proveCuts(SEED, 3, library))
})

test('F087 a run that is killed in one start after the other starts, and doubles and loses nothing', async (t) => {
  hold(t, await proveSteps(SEED, START, [1]))
})

test('F396 a run that is killed while its journal is pruned doubles and loses nothing, and is replayed as it was', async (t) => {
  hold(t, await proveSteps(SEED, PRUNING, [1]))
})
