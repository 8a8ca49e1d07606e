/*
 * Test end: a preload that ends the process of a test file, and the processes that it has started, when they should be over.
 *
 * Node waits for whatever a file leaves behind: a command that a failed test did not come to stop, a server, a socket. The
 * whole suite then waits with it, and nothing says for what. Here a file that goes on for a minute after its last test, or
 * for longer than any file may, fails by name, with what it was waiting for.
 */
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import { afterEach, beforeEach } from 'node:test'

/** Servers and databases that files share are stopped after their last test, on a machine that may be busy. */
const GRACE_MS = Number(process.env['SKEIN_TEST_GRACE_MS'] ?? 60_000)
const FILE_MS_MAX = Number(process.env['SKEIN_TEST_FILE_MS'] ?? 900_000)

/** Those that are running. */
const children = new Set<ChildProcess>()
subscribe('child_process', (message) => {
  const { process: child } = message as { readonly process: ChildProcess }
  children.add(child)
  child.once('exit', () => children.delete(child))
})
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

function end(why: string): void {
  const held = [...new Set(process.getActiveResourcesInfo())].join(', ')
  const running = [...children].map(({ spawnargs }) => spawnargs.join(' '))
  const left = running.length === 0 ? '' : `; ended with it: ${running.join('; ')}`
  console.error(`${process.argv[1]}: ${why}; it waits for ${held}${left}`)
  process.exit(1)
}

// The process that runs the files has no tests of its own.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  setTimeout(() => end(`it is not over after ${FILE_MS_MAX / 1_000} s`), FILE_MS_MAX).unref()
  /** Tests within tests count too. */
  let running = 0
  let ending: NodeJS.Timeout | undefined
  beforeEach(() => {
    running++
    clearTimeout(ending)
  })
  afterEach(() => {
    if (--running > 0) return
    ending = setTimeout(() => end('its tests are over, and it is not'), GRACE_MS).unref()
  })
}
