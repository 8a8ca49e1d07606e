// Crashes: a run that is killed, at whatever moment, goes on with what the venue has. Longer: `npm run prove`.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { compileCut, NO_COMPILER } from '../crash/disk.ts'
import { type Proof, proveCuts, proveKills, proveSteps } from '../crash/prove.ts'
import { type Step, STEPS } from '../crash/steps.ts'

const SEED = Number(process.env['SKEIN_SEED'] ?? 1)

/** The steps of some kinds: what stands before the colon. */
const stepsOf = (...kinds: readonly string[]): readonly Step[] =>
  STEPS.filter((step) => kinds.includes(step.split(':')[0]!))

function hold(t: TestContext, { text, problems }: Proof): void {
  t.diagnostic(text)
  assert.deepEqual(problems, [])
}

test('F084 a run that is killed at random moments doubles and loses nothing', async (t) => {
  hold(t, await proveKills(SEED, 10))
})

test('F085 a run that is killed at every step from the turn to the answer doubles and loses nothing', async (t) => {
  hold(t, await proveSteps(SEED, stepsOf('flush', 'submit'), [1]))
})

test('F086 a run whose power is cut has every order in its journal that had left', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-cut-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const library = compileCut(folder)
  if (library === undefined) t.skip(NO_COMPILER)
  else hold(t, await proveCuts(SEED, 3, library))
})

test('F087 a run that is killed at every step of its start, one start after the other, starts', async (t) => {
  hold(t, await proveSteps(SEED, stepsOf('start'), [1]))
})

test('a run that is killed in a snapshot loses nothing', async (t) => {
  hold(t, await proveSteps(SEED, stepsOf('snapshot'), [1]))
})
