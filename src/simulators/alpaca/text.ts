// Text: numbers and times as Alpaca writes them.
import { Zone } from '../../core/zone.ts'
import { decimal } from '../decimal.ts'

/** Money with two decimals at most, as accounts show it. */
export const cents = (value: number): string => decimal(Math.round(value * 100) / 100)

/** `2026-01-05T15:04:05.123456Z`: RFC 3339 with up to nine decimals, trailing zeros trimmed. */
export function stamp(atMs: number, nanos = 0): string {
  const at = Math.floor(atMs)
  const seconds = new Date(at).toISOString().slice(0, 19)
  const fraction = (((at % 1_000) + 1_000) % 1_000) * 1_000_000 + nanos
  const digits = String(fraction).padStart(9, '0').replace(/0+$/, '')
  return digits === '' ? `${seconds}Z` : `${seconds}.${digits}Z`
}

/** Nanoseconds within the millisecond of the n-th print: they follow from n, so REST and streams agree. */
export const nanosOf = (n: number): number => (n * 7_919) % 1_000_000

/** `2026-01-05T10:04:05.123-05:00`: New York's wall clock with its offset. */
export function newYorkStamp(atMs: number): string {
  const offset = newYorkOffset(atMs)
  const sign = offset < 0 ? '-' : '+'
  const minutes = Math.abs(offset) / 60_000
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0')
  return `${stamp(atMs + offset).slice(0, -1)}${sign}${two(minutes / 60)}:${two(minutes % 60)}`
}

/** `2026-01-05`, in New York. */
export const newYorkDate = (atMs: number): string => stamp(atMs + newYorkOffset(atMs)).slice(0, 10)

/** `09:30`, in New York. */
export const newYorkTime = (atMs: number): string => stamp(atMs + newYorkOffset(atMs)).slice(11, 16)

const NEW_YORK = new Zone('America/New_York')
const newYorkOffset = (atMs: number): number => NEW_YORK.offsetAt(Math.floor(atMs))
