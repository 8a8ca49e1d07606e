/*
 * Teeth: shows that the tests of test/faults.json can fail. `node tools/teeth.ts [F042]...`.
 *
 * Each row's test runs twice: as the source is, where it must pass, and with the row's guard replaced as the module is
 * loaded (tools/teeth-hook.ts), where it must fail, by an assertion of its own. A type error, a module that does not
 * load or a run that never ends proves nothing about the guard, so it is a failure of the row. Production code has no
 * switches for this.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { flawsOf, readRows, type Row, type Teeth } from './faults.ts'
import type { Bite } from './teeth-hook.ts'
import type { Ending } from './teeth-reporter.ts'

/** Rows at once; the project is built for two cores. */
const AT_ONCE = 2
const LIMIT_MS = 600_000

const HOOK = pathToFileURL(join(import.meta.dirname, 'teeth-hook.ts')).href
const END = pathToFileURL(join(import.meta.dirname, 'test-end.ts')).href
const REPORTER = pathToFileURL(join(import.meta.dirname, 'teeth-reporter.ts')).href

/** Runs the rows under `root` that the filters name, all without filters; gives the exit code. */
export async function runTeeth(
  root: string,
  filters: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const all = readRows(root)
  const flaws = flawsOf(root, all)
  for (const flaw of flaws) print(flaw)
  if (flaws.length > 0) return 1
  const rows = all.filter(({ id }) => filters.length === 0 || filters.includes(id))
  const bitten = rows.filter(({ elsewhere }) => elsewhere === undefined)
  if (bitten.length === 0) {
    print(`no row is named ${filters.join(' ') || 'at all'}: nothing was proved`)
    return 1
  }
  let blunt = 0
  let done = 0
  const waiting = bitten.values()
  const work = async (): Promise<void> => {
    for (const row of waiting) {
      const began = performance.now()
      const trouble = await troubleOf(root, row)
      const seconds = ((performance.now() - began) / 1000).toFixed(1)
      if (trouble !== undefined) blunt++
      const what = trouble ?? `bites: ${row.teeth?.guard}`
      print(`${String(++done).padStart(3)}/${bitten.length} ${row.id} ${seconds} s ${what}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const elsewhere = rows.length - bitten.length
  print(
    `teeth: ${rows.length} rows, ${bitten.length - blunt} bite, ${blunt} do not, ${elsewhere} elsewhere`,
  )
  return blunt === 0 ? 0 : 1
}

/** Why the row proves nothing; undefined where its test passes, and fails without the guard. */
async function troubleOf(root: string, { id, test, teeth }: Row): Promise<string | undefined> {
  if (test === undefined || teeth === undefined) return 'has no test'
  const [sound, blind] = [await endingsOf(root, id, test), await endingsOf(root, id, test, teeth)]
  if (sound === 'late') return `FAILS: its test does not end within ${LIMIT_MS / 1000} s`
  if (!sound.some(({ name }) => name.startsWith(`${id} `))) return 'FAILS: its test did not run'
  const bad = sound.find(({ end }) => end !== 'passed')
  if (bad !== undefined) return `FAILS: "${bad.name}" ${bad.end} ${bad.why ?? ''}`
  const without = `without "${teeth.guard}"`
  if (blind === 'late') return `NO TEETH: ${without} its test does not end, instead of failing`
  const failures = blind.filter(({ end }) => end === 'failed')
  if (failures.length === 0) {
    return blind.length === 0
      ? `NO TEETH: ${without} its test did not run`
      : `NO TEETH: ${without} its test still passes`
  }
  const other = failures.find(({ code }) => code !== 'ERR_ASSERTION')
  if (other !== undefined) return `NO TEETH: ${without} it fails by no assertion: ${other.why}`
  return undefined
}

/** How the row's tests end, with the guard replaced where there is one. */
async function endingsOf(
  root: string,
  id: string,
  test: string,
  teeth?: Teeth,
): Promise<readonly Ending[] | 'late'> {
  const folder = mkdtempSync(join(tmpdir(), 'teeth-'))
  const told = join(folder, 'endings')
  const args = [`--import=${END}`, '--test', '--test-isolation=none', '--test-force-exit']
  args.push(`--test-name-pattern=^${id} `)
  args.push(`--test-reporter=${REPORTER}`, `--test-reporter-destination=${told}`, test)
  try {
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: environment(root, teeth),
      stdio: 'ignore',
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals | null>()
    child.on('close', (_code, signal) => resolve(signal))
    if ((await promise) !== null) return 'late'
    return readFileSync(told, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Ending)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function environment(root: string, teeth: Teeth | undefined): NodeJS.ProcessEnv {
  // A test runner that is told it is a child of another one runs nothing.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  if (teeth === undefined) return env
  const url = pathToFileURL(join(root, teeth.file)).href
  const bite: Bite = { url, find: teeth.find, replace: teeth.replace }
  return { ...env, TEETH: JSON.stringify(bite), NODE_OPTIONS: `--import=${HOOK}` }
}

if (import.meta.main) {
  const root = dirname(import.meta.dirname)
  process.exitCode = await runTeeth(root, process.argv.slice(2), (line) => console.log(line))
}
