// Format: numbers, times and lines of text as people read them. English, UTC, always the same width rules.
import { stripVTControlCharacters } from 'node:util'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'

/** Shown where there is no value. */
export const NONE = '–'

const cents = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
  signDisplay: 'negative',
})
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** `1,234.50`. */
export const money = (value: number): string => cents.format(value)
/** `+1,234.50`; zero has no sign. */
export const signed = (value: number): string => (value >= 0.005 ? '+' : '') + cents.format(value)
/** `12.34%`. */
export const percent = (fraction: number): string => `${cents.format(fraction * 100)}%`
/** `1.23`. */
export const ratio = (value: number): string => cents.format(value)
/** `1,234,567`. */
export const integer = (value: number): string => whole.format(value)
/** `1 day`, `31 symbols`. */
export const count = (value: number, noun: string): string =>
  `${integer(value)} ${noun}${value === 1 ? '' : 's'}`
/** `2026-03-23 13:30`, in UTC. */
export const time = (at: number): string =>
  new Date(at).toISOString().slice(0, 16).replace('T', ' ')

/** The two largest units: `3d 4h`, `2h 5m`, `12m`, `1.5s`. */
export function duration(lengthMs: number): string {
  const part = (unit: number, name: string) => {
    const amount = Math.floor(lengthMs / unit)
    return amount === 0 ? '' : `${amount}${name}`
  }
  const pair = (large: string, rest: number, unit: number, name: string) => {
    const amount = Math.floor(rest / unit)
    return amount === 0 ? large : `${large} ${amount}${name}`
  }
  if (lengthMs >= DAY) return pair(part(DAY, 'd'), lengthMs % DAY, HOUR, 'h')
  if (lengthMs >= HOUR) return pair(part(HOUR, 'h'), lengthMs % HOUR, MINUTE, 'm')
  if (lengthMs >= MINUTE) return pair(part(MINUTE, 'm'), lengthMs % MINUTE, SECOND, 's')
  return lengthMs >= SECOND ? `${(lengthMs / SECOND).toFixed(1)}s` : `${Math.round(lengthMs)}ms`
}

/** Text from outside on one line, without control characters: a name must not steer the terminal. */
export const clean = (text: string): string =>
  stripVTControlCharacters(text).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')

/** Columns that a text takes, colours not counted. */
export const widthOf = (text: string): number => stripVTControlCharacters(text).length

/** Clean text cut to `width`, with an ellipsis where something is missing. */
export function fit(text: string, width: number): string {
  const line = clean(text)
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`
}

/** Words in lines of at most `width`; a longer word is cut. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const joined = line === '' ? word : `${line} ${word}`
    if (joined.length <= width) line = joined
    else {
      if (line !== '') lines.push(line)
      line = fit(word, width)
    }
  }
  lines.push(line)
  return lines
}
