/*
 * File lock: one process has a name at a time, and the system lets go of it when that process dies in whatever way,
 * which a file with a process id in it does not. The lock is SQLite's on an empty file.
 */
import { existsSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreError, storeError } from './store-error.ts'

export interface FileLock {
  /** The file is gone with it. A second call does nothing. */
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
  // Who had it may have removed the file after it was opened here: what is locked is nobody's file then.
  if (!existsSync(path)) {
    db.close()
    return undefined
  }
  const held = db
  return {
    release: () => {
      if (!held.isOpen) return
      rmSync(path, { force: true })
      held.close()
    },
  }
}
