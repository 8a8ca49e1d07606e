// Programmer errors: a broken promise of the code crashes at once, because start-up is recovery.

/**
 * Throws when `condition` is false. `message` says what should hold, with the values that do not. On hot
 * paths it is a function: writing a number as text costs more than the checks around it.
 */
export function assert(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) {
    throw new Error(`assertion failed: ${typeof message === 'string' ? message : message()}`)
  }
}

/** Ends a switch over a closed union: the compiler refuses a missing case, the run crashes on bad data. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected value ${JSON.stringify(value)}`)
}
