// What strategies begin and nobody waits for, in a process of its own: a test's runner hears of each rejection itself.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const run = (...words: string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, '../live/stray-run.ts'), ...words], {
    encoding: 'utf8',
  })

test('F630 a promise that a hook left alone is rejected: its lane is halted, and the run goes on', () => {
  const { status, stdout, stderr } = run()

  assert.equal(status, 0, stderr)
  const why = 'a promise was rejected that nobody waits for: TypeError: fetch failed'
  assert.deepEqual(JSON.parse(stdout), [[`s on B: ${why}`], [3, 10]])
})

test('a rejection that is of no strategy ends the process, and is told', () => {
  const { status, stdout, stderr } = run('ours')

  assert.equal(status, 1, stderr)
  assert.doesNotMatch(stdout, /it went on/)
  assert.match(stderr, /Error: a fault of ours/)
})
