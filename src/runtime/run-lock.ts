/*
 * Run lock: one process writes a journal. A second one would go on with the run that the first is in the
 * middle of, and both would number their turns alike.
 *
 * The lock is SQLite's on an empty file beside the journal: the system lets go of it when the process dies in
 * whatever way, which a file with a process id in it does not.
 */
import { existsSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '../store/index.ts'
import { storeError } from '../store/store-error.ts'

export interface RunLock {
  release(): void
}

/** Throws StoreError where another process has it, or the file cannot be made. */
export function lockRun(path: string): RunLock {
  const beside = `${path}-lock`
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(beside, { timeout: 0 })
    db.exec('begin exclusive')
  } catch (error) {
    db?.close()
    const reason = storeError(error, beside)
    throw reason instanceof StoreError && reason.code === 'locked' ? taken(path) : reason
  }
  // Who had it may have removed the file after it was opened here: what is locked is nobody's file then.
  if (!existsSync(beside)) {
    db.close()
    throw taken(path)
  }
  const held = db
  return {
    release: () => {
      if (!held.isOpen) return
      rmSync(beside, { force: true })
      held.close()
    },
  }
}

const taken = (path: string): StoreError =>
  new StoreError(
    'locked',
    `${path} is being written by another run; wait for its end, or name another journal (--journal)`,
  )
