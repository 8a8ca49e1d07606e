// Result: expected failures are values, so that a caller cannot forget them.
import type { Fault } from './fault.ts'

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault }

export const ok = <T>(value: T): Result<T> => ({ ok: true, value })
export const failed = <T>(fault: Fault): Result<T> => ({ ok: false, fault })
