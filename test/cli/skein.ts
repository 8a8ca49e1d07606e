// The command line for tests: in this process with its output caught, or as a process of its own.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, type TestContext } from 'node:test'
import { main } from '../../src/cli/main.ts'
import type { BarColumns } from '../../src/core/columns.ts'
import { exportCsv } from '../../src/formats/index.ts'
import type { KeptSnapshot } from '../../src/core/store.ts'
import { ms } from '../../src/core/time.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { openJournal } from '../../src/store/index.ts'

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command in this process, in the folder, and catches what it writes. */
export async function skein(folder: string, ...words: readonly string[]): Promise<Result> {
  const written = { stdout: '', stderr: '' }
  const real = {
    stdout: process.stdout.write.bind(process.stdout),
    stderr: process.stderr.write.bind(process.stderr),
  }
  const before = process.cwd()
  for (const name of ['stdout', 'stderr'] as const) {
    // Commands write text. Bytes come from the test runner, which tells its results on the same stdout.
    process[name].write = (text: string | Uint8Array) => {
      if (typeof text !== 'string') return real[name](text)
      written[name] += text
      return true
    }
  }
  process.chdir(folder)
  try {
    const code = await main(['node', 'skein', ...words])
    return { code, ...written }
  } finally {
    process.chdir(before)
    for (const name of ['stdout', 'stderr'] as const) process[name].write = real[name]
  }
}

interface StartOptions {
  readonly as?: number
  readonly fileBlocks?: number
  readonly env?: Readonly<Record<string, string | undefined>>
}

const BIN = join(import.meta.dirname, '../../bin/skein.js')

export interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<Result & { readonly signal: NodeJS.Signals | null }>
  /** Resolves when stderr and stdout together match, or the process has ended. */
  readonly seen: (pattern: RegExp) => Promise<void>
}

/** Starts a command as a process of its own. `as` runs it as another user, `fileBlocks` limits its files, `env` is added. */
export function start(
  folder: string,
  words: readonly string[],
  { as, fileBlocks, env }: StartOptions = {},
): Running {
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  const user = as === undefined ? {} : { uid: as, gid: as }
  const options = { cwd: folder, stdio, ...user, env: { ...process.env, ...env } }
  const child =
    fileBlocks === undefined
      ? spawn(process.execPath, [BIN, ...words], options)
      : spawn(
          'sh',
          ['-c', `ulimit -f ${fileBlocks}; exec "$@"`, 'sh', process.execPath, BIN, ...words],
          options,
        )
  const written = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  const onText = (name: 'stdout' | 'stderr') => (text: Buffer) => {
    written[name] += text.toString()
    for (const look of waiting) look()
  }
  child.stdout.on('data', onText('stdout'))
  child.stderr.on('data', onText('stderr'))
  const { promise, resolve } = Promise.withResolvers<Awaited<Running['ended']>>()
  child.on('close', (code, signal) => resolve({ code: code ?? -1, signal, ...written }))
  const seen = (pattern: RegExp): Promise<void> => {
    const match = Promise.withResolvers<void>()
    const look = (): void => {
      if (pattern.test(written.stdout + written.stderr)) match.resolve()
    }
    waiting.add(look)
    child.on('close', () => match.resolve())
    look()
    return match.promise
  }
  return { child, ended: promise, seen }
}

/** A folder of its own for a test. */
export function temporary(t?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-cli-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  if (t === undefined) after(remove)
  else t.after(remove)
  return folder
}

/** A run that is refused what it waits for at its start ends in order with Ctrl-C. */
export async function endsItsStart(
  { child, ended }: Running,
  isRefused: Promise<unknown>,
): Promise<void> {
  await Promise.race([ended, isRefused])
  child.kill('SIGINT')
  const { code, signal, stderr } = await ended

  assert.deepEqual([code, signal], [0, null], stderr)
  assert.match(stderr, /stopping in order/)
  assert.match(stderr, /stopped while it started/)
  assert.doesNotMatch(stderr, /trading; Ctrl-C|error:/)
}

/** Content of a text or packed file below the folder. */
export function put(folder: string, path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}

/** A generated market as csv files, one for each symbol. */
export async function putMarket(
  folder: string,
  { symbols, sessions }: { readonly symbols: readonly string[]; readonly sessions: number },
): Promise<void> {
  const start = ms(Date.UTC(2026, 0, 5))
  const tape = generateTape({ seed: 5, symbols, start, sessions, kind: 'bars' })
  for (const series of tape.series) {
    if (series.kind !== 'bars') continue
    let text = ''
    const pages: AsyncIterable<BarColumns> = series.pages()
    for await (const chunk of exportCsv(pages, series)) text += chunk
    put(folder, `${series.symbol}_1m.csv`, text)
  }
}

/** The snapshot up to which turns of its journal may be dropped one day. */
export function provenIn(folder: string): KeptSnapshot | undefined {
  const journal = openJournal(join(folder, 'data/journal.db'))
  try {
    return journal.past.kept.find(({ isProven }) => isProven)
  } finally {
    journal.close()
  }
}

/** Paths of all files below the folder, without the files that SQLite keeps beside an open database. */
export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile() && !/-(wal|shm)$/.test(path))
    .toSorted()

/** What a database holds: equal where every row of every table is. */
export function contentHash(path: string): string {
  const hash = createHash('sha256')
  if (!existsSync(path)) return 'missing'
  const head = readFileSync(path).subarray(0, 15).toString()
  if (head !== 'SQLite format 3') return hash.update(readFileSync(path)).digest('hex')
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = db.prepare('select name, sql from sqlite_master order by name').all()
    hash.update(JSON.stringify(tables))
    for (const { name } of db
      .prepare("select name from sqlite_master where type = 'table'")
      .all()) {
      hash.update(JSON.stringify(db.prepare(`select * from "${String(name)}"`).all()))
    }
  } finally {
    db.close()
  }
  return hash.digest('hex')
}

/** Real recorded data beside the repository; undefined where there are none. */
export function recorded(set: string): string | undefined {
  const path = join(import.meta.dirname, '../../../shared/data', set)
  return existsSync(path) ? path : undefined
}

export const SKIPPED = 'no recorded data in ../shared/data'
