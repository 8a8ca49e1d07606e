// Format: numbers, times and lines of text as people read them. English, UTC, always the same width rules.
import { stripVTControlCharacters } from 'node:util'
import { DAY, HOUR, MINUTE, SECOND } from '../core/time.ts'

/** Shown where there is no value. */
export const NONE = '–'

const fixed = (places: number): Intl.NumberFormat =>
  new Intl.NumberFormat('en-US', {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    signDisplay: 'negative',
  })
const cents = fixed(2)
const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** Amounts of one currency as text. */
export interface Amounts {
  /** `1,234.50`. */
  readonly money: (value: number) => string
  /** `+1,234.50`; zero has no sign. */
  readonly signed: (value: number) => string
}

/** Amounts with so many places. */
export function amountsOf(places: number): Amounts {
  const numbers = fixed(places)
  const least = 0.5 * 10 ** -places
  const money = (value: number): string => numbers.format(value)
  return { money, signed: (value) => (value >= least ? '+' : '') + money(value) }
}

export const { money, signed } = amountsOf(2)

/**
 * Places that amounts of an account are shown with: cents of a currency, or of a coin that stands for dollars. Of other
 * coins one may be a fortune: down to a ten-millionth of the account.
 */
export function placesOf(currency: string, equity: number): number {
  const isCurrency =
    currency.startsWith('USD') || Intl.supportedValuesOf('currency').includes(currency)
  if (isCurrency || !(equity > 0)) return 2
  return Math.min(8, Math.max(2, 7 - Math.ceil(Math.log10(equity))))
}

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
