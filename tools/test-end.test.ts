// Planted test files that leave something behind.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'

const END = pathToFileURL(join(import.meta.dirname, 'test-end.ts')).href
/** Runs long, and holds the output of its test file open: whoever reads that to its end knows that it is gone. */
const CHILD = `spawn(process.execPath, ['-e', 'setTimeout(() => {}, 120000)'], { stdio: 'inherit' })`
/** What goes wrong is found by this, and not by whoever waits for the suite. */
const LIMIT_MS = 60_000

/** Runs a file as `tools/test.ts` does; gives its exit code, null where it did not end, and what it said. */
function run(t: TestContext, body: string, env: Readonly<Record<string, string>> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'test-end-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'planted.test.mjs')
  writeFileSync(
    path,
    `import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { test } from 'node:test'
${body}
`,
  )
  // A test runner that is told it is a child of another one runs nothing.
  const { NODE_TEST_CONTEXT: _, ...outer } = process.env
  const args = [`--import=${END}`, '--test', '--test-reporter=spec', path]
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...outer, SKEIN_TEST_GRACE_MS: '200', ...env },
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  return { status, stdout }
}

test('a failed test that leaves its command running ends its file, and the command', (t) => {
  const { status, stdout } = run(t, `test('fails', () => { ${CHILD}; throw new Error('no') })`)

  assert.equal(status, 1)
  assert.match(
    stdout,
    /planted\.test\.mjs: its tests are over, and it is not; it waits for .*Process/,
  )
  assert.match(stdout, /; ended with it: \S+ -e setTimeout/)
  assert.match(stdout, /✖ fails/)
})

test('a test that passes and leaves a server fails its file, by name', (t) => {
  const { status, stdout } = run(t, `test('leaves', () => { createServer().listen(0) })`)

  assert.equal(status, 1)
  assert.match(stdout, /planted\.test\.mjs: its tests are over, and it is not; .*TCPServer/)
  assert.match(stdout, /✔ leaves/)
})

test('a file whose test never ends is ended when its time is over', (t) => {
  const body = `test('hangs', () => { ${CHILD}; return new Promise(() => {}) })`

  const { status, stdout } = run(t, body, { SKEIN_TEST_FILE_MS: '3000' })

  assert.equal(status, 1)
  assert.match(
    stdout,
    /planted\.test\.mjs: it is not over after 3 s; it waits for .*; ended with it/,
  )
})

test('a file that is still within a test, or has done all, is left alone', (t) => {
  const { status, stdout } = run(
    t,
    `import { mock } from 'node:test'
// Time goes on here and nowhere else, however slow the machine is.
mock.timers.enable({ apis: ['setTimeout'] })
test('waits', async (t) => {
  await t.test('a part', () => {})
  mock.timers.tick(500)
})
test('is next', () => mock.timers.tick(500))`,
  )

  assert.equal(status, 0, stdout)
  assert.doesNotMatch(stdout, /tests are over/)
})
