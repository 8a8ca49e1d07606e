// Runs all tests with Node's own runner: `node tools/test.ts [part of a path]...`.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const OLDEST_NODE = 24
/** Test files at once: Node's own choice leaves one of two cores idle. */
const AT_ONCE = Math.max(2, availableParallelism())

/** The tests under src, test, tools and bench whose path holds one of the filters; all without filters. */
const testsUnder = (root: string, filters: readonly string[]): string[] =>
  globSync('{src,test,tools,bench}/**/*.test.ts', { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .toSorted()

function main(): number {
  const major = Number(process.versions.node.split('.')[0])
  if (major < OLDEST_NODE) {
    console.error(`Node ${process.versions.node} is too old: Skein needs ${OLDEST_NODE} or newer.`)
    console.error('Run `npm test`, which uses the Node of node_modules, after `npm ci`.')
    return 1
  }
  const root = dirname(import.meta.dirname)
  const filters = process.argv.slice(2)
  const files = testsUnder(root, filters)
  if (files.length === 0) {
    console.error(`No test file matches ${filters.join(' ') || '*.test.ts'}: nothing was tested.`)
    return 1
  }
  const end = pathToFileURL(join(import.meta.dirname, 'test-end.ts')).href
  const how = ['--test', '--test-reporter=spec', `--test-concurrency=${AT_ONCE}`]
  const args = [`--import=${end}`, ...how, ...files]
  // Engines that tests start meet there, and not where those of the user do.
  const state = mkdtempSync(join(tmpdir(), 'skein-state-'))
  try {
    // Each file is a process of its own, and starts others: what one has compiled the next ones need not.
    const compiled = join(root, 'node_modules/.cache/compiled')
    const env = { NODE_COMPILE_CACHE: compiled, ...process.env, XDG_STATE_HOME: state }
    return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env }).status ?? 1
  } finally {
    rmSync(state, { recursive: true, force: true })
  }
}

if (import.meta.main) process.exitCode = main()
