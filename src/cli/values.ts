// Values: the text of an option becomes a value, or an error that says what is allowed.
import { InvalidArgumentError } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import { parseDuration } from '../core/time.ts'
import { isAddress } from '../runtime/config/schema.ts'

export const refused = (allowed: string): InvalidArgumentError =>
  new InvalidArgumentError(`Allowed: ${allowed}.`)

export function listOf(text: string): readonly string[] {
  const list = text.split(',').map((item) => item.trim())
  if (list.some((item) => item === '')) throw refused('a list such as SPY,BAC')
  return list
}

/** A moment in UTC. A day that is not in the calendar is refused, though Date.parse would take some. */
export function timeOf(text: string): Ms {
  const isWritten = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/.test(text)
  const at = isWritten ? Date.parse(text) : NaN
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text.slice(0, 10))
    throw refused('UTC such as 2026-03-23 or 2026-03-23T13:30:00Z')
  return at as Ms
}

/** Values by name, as JSON. */
export function paramsOf(text: string): object {
  let params: unknown
  try {
    params = JSON.parse(text)
  } catch {
    // As what is no mapping.
  }
  if (typeof params === 'object' && params !== null && !Array.isArray(params)) return params
  throw refused('JSON such as {"fraction":0.05}')
}

export function amountOf(text: string): number {
  const amount = numberOf(text)
  if (!(amount > 0 && amount < Infinity)) throw refused('a number > 0')
  return amount
}

export function integerOf(text: string): number {
  const value = numberOf(text)
  if (!Number.isSafeInteger(value) || value < 1) throw refused('a whole number >= 1')
  return value
}

/** Of this machine; 0 takes any that is free. */
export function portOf(text: string): number {
  const port = numberOf(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw refused('a port from 0 to 65535')
  return port
}

/** A length of time, in milliseconds. */
export function durationOf(text: string): number {
  const lengthMs = parseDuration(text)
  if (lengthMs === undefined || lengthMs === 0) throw refused('a duration such as 60m, 30s or 4h')
  return lengthMs
}

/** A seed of 32 bits, as the generator takes it. */
export function seedOf(text: string): number {
  const value = integerOf(text)
  if (value >= 2 ** 32) throw refused('a whole number from 1 to 4294967295')
  return value
}

export function speedOf(text: string): number | 'max' {
  if (text === 'max') return text
  const speed = numberOf(text)
  if (!(speed > 0 && speed <= 1e6)) throw refused('a number > 0 and <= 1000000, or max')
  return speed
}

export function runNameOf(text: string): string {
  if (!/^[A-Za-z0-9]{1,8}$/.test(text)) throw refused('1 to 8 letters or digits')
  return text
}

/** A path; the empty one is what a shell makes of a variable that is not set. An address, with its password, is none. */
export function pathOf(text: string): string {
  if (isAddress(text)) {
    const allowed = 'a path; a database is given with --database'
    throw new BadInput(
      { file: 'command line' },
      'has an address where a path belongs',
      undefined,
      allowed,
    )
  }
  if (text.trim() === '' || text.includes('\0')) throw refused('a path')
  return text
}

/** Decimal notation only: Number would take '' for 0 and 0x10 for 16. */
const numberOf = (text: string): number =>
  /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
