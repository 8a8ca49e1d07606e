// StoreError: what went wrong with a file of ours, and what to do about it.

export type StoreErrorCode =
  | 'locked'
  | 'disk-full'
  | 'not-a-database'
  | 'other-program'
  | 'newer-schema'
  | 'migration-failed'
  | 'corrupt'
  | 'read-only'
  | 'cannot-open'
  | 'input-output'
  | 'overloaded'
  | 'closed'
  | 'unexpected'

/** The message names the file, says what happened, and ends with what to do. */
export class StoreError extends Error {
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}

// SQLite's primary result codes (https://www.sqlite.org/rescode.html, read 2026-11-20).
const ADVICE: Readonly<Record<number, readonly [code: StoreErrorCode, text: string]>> = {
  5: ['locked', 'is locked by another process; close it, or try again later'],
  6: ['locked', 'is locked by another connection; close it, or try again later'],
  8: ['read-only', 'cannot be written; check the rights of the file and of its folder'],
  10: ['input-output', 'cannot be read or written; check the disk'],
  11: ['corrupt', 'is damaged; restore a backup, or import its data into a new file'],
  13: [
    'disk-full',
    'has no room left: disk full, or its size limit met; free space. Nothing is lost',
  ],
  14: ['cannot-open', 'cannot be opened; check that its folder exists and may be written'],
  26: ['not-a-database', 'is not a database of ours; name another file'],
}

/** Turns an error of node:sqlite into one that a person can act on; other errors pass unchanged. */
export function storeError(error: unknown, path: string): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (!('errcode' in error) || typeof error.errcode !== 'number') return error
  const [code, text] = ADVICE[error.errcode & 0xff] ?? ['unexpected', 'failed']
  return new StoreError(code, `${path} ${text} (${error.message})`, { cause: error })
}

/** Calls `work`; what SQLite throws in it comes out as a StoreError about `path`. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw storeError(error, path)
  }
}
