// Denials: why an order may not leave, in one code and a sentence with the numbers.
import type { Denial, DenyCode } from '../core/notice.ts'

export const deny = (code: DenyCode, detail: string): Denial => ({ code, detail })
export const missing = (detail: string): Denial => ({ code: 'missing-data', detail })

/** A value above its limit; or one that is not finite, and then the check has no data to pass on. */
export function above(code: DenyCode, what: string, value: number, limit: number): Denial {
  if (Number.isNaN(value) || Number.isNaN(limit)) return missing(`${what} is not known`)
  return deny(code, `${what} ${round(value)} is above the limit of ${round(limit)}`)
}

export const round = (x: number): number => Math.round(x * 1e4) / 1e4
export const percent = (x: number): string => `${round(x * 100)} %`
