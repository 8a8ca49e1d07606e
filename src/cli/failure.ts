/*
 * Failure: an error becomes a message on stderr and an exit code: 1 where the run failed, 2 where the command
 * line, a file or the configuration is wrong. Only what is a fault of the program itself shows its stack.
 */
import { CommanderError } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { StoreError, type StoreErrorCode } from '../store/index.ts'
import { RunFailed } from './output.ts'

/** The file that was named is not what it should be; with all others the machine stands in the way. */
const WRONG_FILE: ReadonlySet<StoreErrorCode> = new Set([
  'not-a-database',
  'other-program',
  'newer-schema',
  'corrupt',
])

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof BadInput) return tell('error', error.message, 2)
  if (error instanceof RunFailed) return tell('failed', error.message, 1)
  if (error instanceof StoreError) {
    return WRONG_FILE.has(error.code)
      ? tell('error', error.message, 2)
      : tell('failed', error.message, 1)
  }
  if (isSystemError(error)) {
    // Whoever read our output has seen enough: `skein data export | head`.
    if (error.code === 'EPIPE') return 0
    return tell('failed', systemText(error), 1)
  }
  return tell('failed', error instanceof Error ? (error.stack ?? error.message) : String(error), 1)
}

/**
 * For stdout and stderr: who cannot be told any more stops nothing. A run trades on when its terminal or its log is gone,
 * and `skein --help | head` has seen enough. Other output that was lost is a failure, which the exit code tells.
 */
export function onLostOutput(error: Error): void {
  if (!isSystemError(error)) throw error
  if (error.code === 'EPIPE' || (process.exitCode ?? 0) !== 0) return
  process.exitCode = 1
  process.stderr.write(`failed: what is written here is lost: ${error.message}\n`)
}

/** For an exit of the process while a command is not done: with Node's own code for it, or as if all were well. */
export function onUnfinished(code: number): void {
  if (code === UNSETTLED) {
    const what =
      'it waits for what never comes, as a file does that awaits outside of its functions'
    process.exitCode = tell('failed', what, 1)
  }
  if (code === 0) {
    const what = 'the process was ended before its work was done; no strategy may call process.exit'
    process.exitCode = tell('failed', what, 1)
  }
}

/** The exit code of Node where an `await` at the top of a module was never done. */
const UNSETTLED = 13

function tell(label: 'error' | 'failed', text: string, code: number): number {
  process.stderr.write(`${label}: ${text}\n`)
  return code
}

interface SystemError extends Error {
  readonly code: string
  readonly path?: string
}

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && 'syscall' in error && 'code' in error && typeof error.code === 'string'

const ADVICE: Readonly<Record<string, string>> = {
  EACCES: 'may not be read or written; check the rights of the file and of its folder',
  EPERM: 'may not be read or written; check the rights of the file and of its folder',
  EROFS: 'is on a disk that cannot be written; name another place',
  ENOSPC: 'has no room left: the disk is full; free space and give the command again',
  EDQUOT: 'has no room left: the quota is used up; free space and give the command again',
  EFBIG: 'is larger than this machine lets a file be',
  ENOENT: 'is missing, or its folder is',
  ENOTDIR: 'lies below a file, where a folder should be',
  EISDIR: 'is a folder',
  EEXIST: 'lies below a file, where a folder should be',
  EMFILE: 'cannot be opened: too many files are open',
}

function systemText({ code, path, message }: SystemError): string {
  const advice = ADVICE[code]
  if (path === undefined || advice === undefined) return message
  return `${path.replace(/\.part$/, '')} ${advice} (${code})`
}
