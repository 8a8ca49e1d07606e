// Database: opens a SQLite file the way all our files are opened. WAL, a busy timeout, migrated.
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import { migrate, type Schema } from './migrations.ts'
import { storeError } from './store-error.ts'

/** How long a statement waits for another process to let go of the file. */
export const BUSY_MS = 5_000

// A WAL that grew past this by a large import is cut at the next checkpoint.
const WAL_BYTES_KEPT = 64 * 1024 * 1024

export interface DatabaseOptions {
  readonly schema: Schema
  readonly busyMs?: number
}

/** Opens or creates the file. Throws StoreError with what to do; a file that is refused is not changed. */
export function openDatabase(
  path: string,
  { schema, busyMs = BUSY_MS }: DatabaseOptions,
): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(path, { timeout: busyMs })
    migrate(db, path, schema)
    db.exec(`pragma journal_mode = wal; pragma journal_size_limit = ${WAL_BYTES_KEPT}`)
    return db
  } catch (error) {
    db?.close()
    throw storeError(error, path)
  }
}

/** A column that holds numbers. */
export function numberOf(value: SQLOutputValue | undefined): number {
  assert(typeof value === 'number', `a number column holds a number, not ${String(value)}`)
  return value
}

/** A column that holds text. */
export function textOf(value: SQLOutputValue | undefined): string {
  assert(typeof value === 'string', `a text column holds text, not ${String(value)}`)
  return value
}
