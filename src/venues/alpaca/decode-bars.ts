/*
 * Decode of a page of bars that was parsed as JSON: what the scanner (scan-bars.ts) gives up, and what it is proved
 * against. A page with a field that is missing or of another type, or with stamps out of order, is corrupt as a whole,
 * and the fault names the place.
 */
import { barColumns, type BarColumns } from '../../core/columns.ts'
import { fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { type BarList, ScannedBars } from './scan-bars.ts'
import { parseStamp } from './stamps.ts'
import { isObject } from '../../io/json.ts'

/** `{"bars":{"AAPL":[{"t":"2022-01-03T09:00:00Z","o":…}]},"next_page_token":"QUFQ…"}` */
export function parsedBars(json: unknown, path: string): Result<ScannedBars> {
  const map = isObject(json) ? json['bars'] : undefined
  if (!isObject(json) || (!isObject(map) && map !== null))
    return failed(fault('corrupt-data', `${path}: no bars`))
  const lists: BarList[] = []
  for (const [symbol, list] of Object.entries(map ?? {})) {
    if (list !== null && !Array.isArray(list))
      return failed(fault('corrupt-data', `${path}: ${symbol} has no list`))
    const bars = columnsOf(list ?? [])
    if (typeof bars === 'number') {
      return failed(
        fault('corrupt-data', `${path}: bars.${symbol}[${bars}]${whatIsWrong(list?.[bars])}`),
      )
    }
    lists.push({ symbol, bars })
  }
  const token = json['next_page_token'] ?? null
  if (token !== null && typeof token !== 'string')
    return failed(fault('corrupt-data', `${path}: next_page_token is no text`))
  return ok(new ScannedBars(lists, token))
}

/** The rows as columns, or the place of the first that is none. */
function columnsOf(list: readonly unknown[]): BarColumns | number {
  const bars = barColumns(list.length)
  const { start, open, high, low, close, volume, trades } = bars
  const stamps = new Stamps()
  let before = -Infinity
  for (let i = 0; i < list.length; i++) {
    const row = list[i]
    if (!isObject(row)) return i
    const { t, o, h, l, c, v, n } = row
    if (typeof o !== 'number' || typeof h !== 'number' || typeof l !== 'number') return i
    if (typeof c !== 'number' || typeof v !== 'number') return i
    const at = typeof t === 'string' ? stamps.at(t) : undefined
    if (at === undefined || at <= before) return i
    before = at
    start[i] = at
    open[i] = o
    high[i] = h
    low[i] = l
    close[i] = c
    volume[i] = v
    trades[i] = typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 ? n : 0
  }
  return bars
}

function whatIsWrong(row: unknown): string {
  if (!isObject(row)) return ` is ${shown(row)}`
  const field = ['o', 'h', 'l', 'c', 'v'].find((name) => typeof row[name] !== 'number')
  if (field !== undefined) return `.${field} is ${shown(row[field])}`
  return `.t is ${shown(row['t'])}, which is no time after the one before`
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'missing').slice(0, 100)

/** Bars come on whole seconds in UTC, `2022-01-03T09:00:00Z`, and many of a day: its midnight is counted once. */
class Stamps {
  #day = ''
  #midnight = 0

  at(text: string): number | undefined {
    if (text.length !== 20 || text.charCodeAt(19) !== 90) return parseStamp(text)
    const day = text.slice(0, 10)
    if (day !== this.#day) {
      const midnight = parseStamp(`${day}T00:00:00Z`)
      if (midnight === undefined) return undefined
      this.#day = day
      this.#midnight = midnight
    }
    const hour = twoAt(text, 11)
    const minute = twoAt(text, 14)
    const second = twoAt(text, 17)
    return hour < 24 && minute < 60 && second < 60
      ? this.#midnight + (hour * 3_600 + minute * 60 + second) * 1_000
      : undefined
  }
}

const twoAt = (text: string, at: number): number => {
  const ten = text.charCodeAt(at) - 48
  const one = text.charCodeAt(at + 1) - 48
  return ten >= 0 && ten <= 9 && one >= 0 && one <= 9 ? ten * 10 + one : 99
}
