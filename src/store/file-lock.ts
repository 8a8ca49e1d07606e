/*
 * File lock: one process has a name at a time, and the system lets go of it when that process dies in whatever way,
 * which a file with a process id in it does not. The lock is SQLite's on an empty file.
 *
 * The file stays when the lock is given up: who has opened it and does not have it yet would have the one that was taken
 * away, beside another process with the one that came after it.
 */
import { DatabaseSync } from 'node:sqlite'
import { StoreError, storeError } from './store-error.ts'

export interface FileLock {
  /** A second call does nothing. */
  release(): void
}

/** Gives undefined where another process has it. Throws StoreError where the file cannot be made. */
export function lockFile(path: string): FileLock | undefined {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: 0 })
    db.exec('begin exclusive')
  } catch (error) {
    db?.close()
    const reason = storeError(error, path)
    if (reason instanceof StoreError && reason.code === 'locked') return undefined
    throw reason
  }
  const held = db
  return {
    release: () => {
      if (held.isOpen) held.close()
    },
  }
}
