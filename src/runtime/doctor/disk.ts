// Doctor's look at the disk: the folders of journal, archive and dropped turns, their room, their SQLite, how long they write.
import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { BadInput } from '../../core/bad-input.ts'
import type { Io } from '../../io/io.ts'
import { probeFolder, probeTurnFolder } from '../../store/probe.ts'
import { StoreError } from '../../store/index.ts'
import type { Config } from '../config/config.ts'
import type { Finding } from './finding.ts'
import { FREE_LEAST_BYTES } from '../live/health.ts'

const MB = 1_000_000
const FREE_USUAL = 1_000 * MB
/** An order waits for one durable write before it leaves. */
const FSYNC_USUAL_MS = 50

const STORE = 'name another place in store.journal and store.archive'
const PAST = 'name another place in store.prunedTo'
const FULL = 'free space: a full disk stops the engine'
const FULL_PAST = 'free space: what finds no room there stays in the journal, which grows'

export async function diskFindings(
  { source, store }: Pick<Config, 'source' | 'store'>,
  io: Pick<Io, 'monotonic'>,
): Promise<readonly Finding[]> {
  const at = (path: string): string => resolve(source.folder, path)
  const folders = new Set([store.journal, store.archive].map((file) => dirname(at(file))))
  const findings = [...folders].flatMap((one) => folderFindings(one, io))
  // Nothing is written there where nothing is dropped.
  if (store.prunedTo === undefined || store.keepDays === 'off') return findings
  const past = at(store.prunedTo)
  return folders.has(past) ? findings : [...findings, await pastFinding(past)]
}

function folderFindings(folder: string, { monotonic }: Pick<Io, 'monotonic'>): readonly Finding[] {
  const { there, name } = placeOf(folder)
  if (!statSync(there).isDirectory()) return [notFolder(there, STORE)]
  try {
    const { freeBytes, hasWal, fsyncMs } = probeFolder(there, monotonic)
    return [
      roomFinding({ name, freeBytes, todo: FULL }),
      sqliteFinding(name, hasWal),
      fsyncFinding(name, fsyncMs),
    ]
  } catch (error) {
    return [notWritten(error, { name, todo: 'name another place in store' })]
  }
}

/** Where copies of dropped turns go: a run that cannot write them drops nothing. */
async function pastFinding(folder: string): Promise<Finding> {
  const { there, name } = placeOf(folder)
  if (!statSync(there).isDirectory()) return notFolder(there, PAST)
  try {
    return roomFinding({ name, ...(await probeTurnFolder(there)), todo: FULL_PAST })
  } catch (error) {
    return notWritten(error, { name, todo: PAST })
  }
}

/**
 * Where the engines of a user meet, in a file: a run that cannot write there trades nothing.
 *
 * @param find Throws BadInput where there is no such place.
 */
export function leasesFinding(find: () => string): Finding {
  const check = 'leases'
  const todo =
    'check the rights, or name a place in store.leases, one for all engines of the account'
  let name = ''
  try {
    const path = find()
    name = shown(path)
    const { W_OK, X_OK } = constants
    const there = nearest(dirname(path))
    if (!statSync(there).isDirectory())
      return { check, state: 'fail', text: `${shown(there)} is a file, not a folder`, todo }
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      return { check, state: 'fail', text: `${name} is a folder, not a file`, todo }
    accessSync(there, W_OK | X_OK)
    if (existsSync(path)) accessSync(path, W_OK)
    return { check, state: 'ok', text: `${name}: engines meet there` }
  } catch (error) {
    if (error instanceof BadInput) return { check, state: 'fail', text: error.message, todo }
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    return { check, state: 'fail', text: `${name} may not be written (${code})`, todo }
  }
}

function placeOf(folder: string): { readonly there: string; readonly name: string } {
  const there = nearest(folder)
  return { there, name: `${shown(folder)}${there === folder ? '' : ' (not there yet)'}` }
}

function notFolder(path: string, todo: string): Finding {
  return { check: 'disk', state: 'fail', text: `${shown(path)} is a file, not a folder`, todo }
}

interface Told {
  readonly name: string
  /** What a person may do else. */
  readonly todo: string
}

function notWritten(error: unknown, { name, todo }: Told): Finding {
  if (!(error instanceof Error)) throw error
  const code = 'code' in error ? String(error.code) : error.message
  const text = error instanceof StoreError ? error.message : `${name} may not be written (${code})`
  const check = `check the rights of the folder and the disk, or ${todo}`
  return { check: 'disk', state: 'fail', text, todo: check }
}

export function roomFinding({
  name,
  freeBytes,
  todo,
}: Told & { readonly freeBytes: number }): Finding {
  const text = `${name}: ${Math.floor(freeBytes / MB).toLocaleString('en-US')} MB free`
  if (freeBytes >= FREE_USUAL) return { check: 'disk', state: 'ok', text }
  const state = freeBytes < FREE_LEAST_BYTES ? 'fail' : 'warn'
  return { check: 'disk', state, text, todo }
}

function sqliteFinding(name: string, hasWal: boolean): Finding {
  if (hasWal) return { check: 'sqlite', state: 'ok', text: `${name}: write-ahead log works` }
  const todo = 'put store.journal and store.archive on a local disk, not on a network drive'
  return { check: 'sqlite', state: 'fail', text: `${name}: SQLite has no write-ahead log`, todo }
}

export function fsyncFinding(name: string, fsyncMs: number): Finding {
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
