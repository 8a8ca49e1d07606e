// StoreError: what went wrong with a file of ours, and what to do about it.

export type StoreErrorCode =
  | 'locked'
  | 'disk-full'
  | 'not-a-database'
  | 'other-program'
  | 'newer-schema'
  | 'migration-failed'
  | 'corrupt'
  | 'pruned'
  | 'other-decisions'
  | 'read-only'
  | 'restored'
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

/** The same of what the system says of a file that is written beside SQLite. */
const SYSTEM: Readonly<Record<string, number>> = {
  ENOSPC: 13,
  EDQUOT: 13,
  EFBIG: 13,
  EIO: 10,
  EACCES: 8,
  EPERM: 8,
  EROFS: 8,
}

/**
 * Turns an error of node:sqlite or of the system into one that a person can act on; other errors pass unchanged.
 *
 * @param doing What was done, where the error itself does not say it.
 */
export function storeError(error: unknown, path: string, doing?: string): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  const result = resultOf(error)
  if (result === undefined) return error
  const [code, text] = ADVICE[result & 0xff] ?? ['unexpected', 'failed']
  const why = doing === undefined ? error.message : `${doing}: ${error.message}`
  return new StoreError(code, `${path} ${text} (${why})`, { cause: error })
}

/** Calls `work`; what SQLite or the system throws in it comes out as a StoreError about `path`. */
export function guarded<T>(path: string, work: () => T, doing?: string): T {
  try {
    return work()
  } catch (error) {
    throw storeError(error, path, doing)
  }
}

/** SQLite's code; undefined of an error that neither it nor the system gave for a file. */
function resultOf(error: Error): number | undefined {
  if ('errcode' in error && typeof error.errcode === 'number') return error.errcode
  if ('syscall' in error && 'code' in error) return SYSTEM[String(error.code)]
  return undefined
}
