// Probe: does a folder bear our files? It writes there what a run writes, measures it, and takes it away again.
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { freeBytesOf } from './room.ts'
import { guarded } from './store-error.ts'
import { writeTurns } from './turn-file.ts'

export interface Probed {
  readonly freeBytes: number
  /** False where SQLite falls back to another journal, as on network drives. */
  readonly hasWal: boolean
  /** Median of what one durable write waits for the disk. */
  readonly fsyncMs: number
}

/** Begins the name of a folder that is gone when the look is over. */
const PROBE = '.skein-doctor-'
const WRITES = 9
const BLOCK = 4_096

/**
 * Throws the error of the system where the folder may not be written, a StoreError where SQLite cannot work there.
 *
 * @param monotonic The clock that measures, in ms.
 */
export function probeFolder(folder: string, monotonic: () => number): Probed {
  const own = mkdtempSync(join(folder, PROBE))
  try {
    const path = join(own, 'probe.db')
    const hasWal = guarded(path, () => isWalAt(path))
    const fsyncMs = fsyncAt(join(own, 'probe'), monotonic)
    return { freeBytes: freeBytesOf(own), hasWal, fsyncMs }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

/** A folder for turns that are dropped needs neither SQLite nor speed. Rejects as `writeTurns`, or with the system's error. */
export async function probeTurnFolder(folder: string): Promise<Pick<Probed, 'freeBytes'>> {
  const own = mkdtempSync(join(folder, PROBE))
  try {
    await writeTurns(join(own, 'probe.jsonl.gz'), noTurns())
    return { freeBytes: freeBytesOf(own) }
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

async function* noTurns(): AsyncGenerator<never> {}

function isWalAt(path: string): boolean {
  const db = new DatabaseSync(path)
  try {
    const mode = db.prepare('pragma journal_mode = wal').get()?.['journal_mode']
    db.exec('pragma synchronous = full; create table probe (x); insert into probe values (1)')
    return mode === 'wal'
  } finally {
    db.close()
  }
}

function fsyncAt(path: string, monotonic: () => number): number {
  const file = openSync(path, 'w')
  try {
    const block = Buffer.alloc(BLOCK, 1)
    const times = Array.from({ length: WRITES }, () => {
      const startedAt = monotonic()
      writeSync(file, block)
      fsyncSync(file)
      return monotonic() - startedAt
    })
    return times.toSorted((a, b) => a - b)[(WRITES - 1) / 2]!
  } finally {
    closeSync(file)
  }
}
