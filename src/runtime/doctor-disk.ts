// Doctor's look at the disk: the folders of journal and archive, their room, their SQLite, and how long they write.
import { existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { Io } from '../io/io.ts'
import { probeFolder } from '../store/probe.ts'
import { StoreError } from '../store/index.ts'
import type { Config } from './config.ts'
import type { Finding } from './finding.ts'
import { FREE_LEAST_BYTES } from './health.ts'

const MB = 1_000_000
const FREE_USUAL = 1_000 * MB
/** An order waits for one durable write before it leaves. */
const FSYNC_USUAL_MS = 50

export function diskFindings(config: Config, io: Pick<Io, 'monotonic'>): readonly Finding[] {
  const { folder } = config.source
  const files = [config.store.journal, config.store.archive]
  const folders = new Set(files.map((file) => dirname(resolve(folder, file))))
  return [...folders].flatMap((one) => folderFindings(one, io))
}

function folderFindings(folder: string, { monotonic }: Pick<Io, 'monotonic'>): readonly Finding[] {
  const there = nearest(folder)
  const name = `${shown(folder)}${there === folder ? '' : ' (not there yet)'}`
  if (!statSync(there).isDirectory()) {
    const todo = 'name another place in store.journal and store.archive'
    return [{ check: 'disk', state: 'fail', text: `${shown(there)} is a file, not a folder`, todo }]
  }
  try {
    const { freeBytes, hasWal, fsyncMs } = probeFolder(there, monotonic)
    return [roomFinding(name, freeBytes), sqliteFinding(name, hasWal), fsyncFinding(name, fsyncMs)]
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const code = 'code' in error ? String(error.code) : error.message
    const text =
      error instanceof StoreError ? error.message : `${name} may not be written (${code})`
    const todo = 'check the rights of the folder and the disk, or name another place in store'
    return [{ check: 'disk', state: 'fail', text, todo }]
  }
}

function roomFinding(name: string, freeBytes: number): Finding {
  const text = `${name}: ${Math.floor(freeBytes / MB).toLocaleString('en-US')} MB free`
  if (freeBytes >= FREE_USUAL) return { check: 'disk', state: 'ok', text }
  const state = freeBytes < FREE_LEAST_BYTES ? 'fail' : 'warn'
  return { check: 'disk', state, text, todo: 'free space: a full disk stops the engine' }
}

function sqliteFinding(name: string, hasWal: boolean): Finding {
  if (hasWal) return { check: 'sqlite', state: 'ok', text: `${name}: write-ahead log works` }
  const todo = 'put store.journal and store.archive on a local disk, not on a network drive'
  return { check: 'sqlite', state: 'fail', text: `${name}: SQLite has no write-ahead log`, todo }
}

function fsyncFinding(name: string, fsyncMs: number): Finding {
  const text = `${name}: a durable write takes ${fsyncMs.toFixed(fsyncMs < 10 ? 1 : 0)} ms`
  if (fsyncMs <= FSYNC_USUAL_MS) return { check: 'fsync', state: 'ok', text }
  const todo = 'put store.journal on a faster disk: each order waits for such a write'
  return { check: 'fsync', state: 'warn', text, todo }
}

/** The folder itself, or what of its path is there: the rest is made by the run. */
function nearest(folder: string): string {
  let there = folder
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  return there
}

/** As a person who stands in the working directory would write it. */
function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near === '' ? '.' : near.startsWith('..') ? path : near
}
