/*
 * Numbers: cells as prices and counts, and the undoing of float32.
 *
 * Some programs keep prices as float32 and write the double of it: 657.86 becomes 657.8599853515625. The rule:
 * a file in which every price is exactly a float32 and at least one has more than four decimals was written by
 * such a program; each of its prices becomes the decimal of fewest places, at most four, that has the same
 * float32. A price without such a decimal stays. So a file with a single price that is no float32, as honest
 * prices of five and more decimals are but for a few (0.00001234 is none, 0.03125 is one and stays), is
 * never changed, and the order of two prices never turns.
 */
import { BadInput, type Place } from '../core/bad-input.ts'

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
export const PRICE = 'a finite number > 0'
export const COUNT = 'a finite number >= 0'

/** Reads a finite number; throws BadInput otherwise. */
export function numberIn(place: Place, text: string, allowed: string): number {
  const trimmed = text.trim()
  if (trimmed === '') throw new BadInput(place, 'is empty', undefined, allowed)
  if (!NUMBER.test(trimmed)) throw new BadInput(place, 'is not a number', text, allowed)
  const value = Number(trimmed)
  if (!Number.isFinite(value)) throw new BadInput(place, 'is too big', text, allowed)
  return value
}

export function priceIn(place: Place, text: string): number {
  const value = numberIn(place, text, PRICE)
  if (value <= 0) throw new BadInput(place, 'is not above zero', value, PRICE)
  return value
}

export function countIn(place: Place, text: string): number {
  const value = numberIn(place, text, COUNT)
  if (value < 0) throw new BadInput(place, 'is negative', value, COUNT)
  return value
}

/** Undoes float32 in all columns of prices of one file, where the rule above finds it. */
export function undoFloat32(columns: readonly Float64Array[]): void {
  let isLong = false
  for (const column of columns) {
    for (const price of column) {
      if (Math.fround(price) !== price) return
      isLong ||= Math.round(price * 1e4) / 1e4 !== price
    }
  }
  if (!isLong) return
  for (const column of columns) column.forEach((price, i) => (column[i] = shortest(price)))
}

function shortest(price: number): number {
  for (const scale of [1, 10, 100, 1_000, 10_000]) {
    const short = Math.round(price * scale) / scale
    if (Math.fround(short) === price) return short
  }
  return price
}
