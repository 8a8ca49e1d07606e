// Run lock: one process writes a journal. A second one would go on with the run that the first is in the middle of,
// and both would number their turns alike.
import { type FileLock, lockFile, StoreError } from '../../store/index.ts'

/** Throws StoreError where another process has it, or the file cannot be made. */
export function lockRun(path: string): FileLock {
  const lock = lockFile(`${path}-lock`)
  if (lock !== undefined) return lock
  const what =
    'is being written by another run; wait for its end, or name another journal (--journal)'
  throw new StoreError('locked', `${path} ${what}`)
}
