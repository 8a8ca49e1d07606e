// Pages of a backfill: which span they are of, and how many rows one has.
import { DAY } from '../src/core/time.ts'

export const PAGE_ROWS = 10_000
const TO = Date.UTC(2026, 0, 1)

export const spanOf = (days: number): { readonly from: number; readonly to: number } => ({
  from: TO - days * DAY,
  to: TO,
})
