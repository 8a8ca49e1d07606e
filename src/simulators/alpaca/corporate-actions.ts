/*
 * CorporateActions: `GET /v1/corporate-actions`, of which the venue has splits. They are sorted by their process date,
 * which is the day of the new price. https://docs.alpaca.markets/reference/corporateactions-1, read 2026-11-28.
 */
import { calendarOf } from '../../core/calendar.ts'
import { Hasher } from '../../core/hash.ts'
import { DAY, ms } from '../../core/time.ts'
import type { Split } from '../splits.ts'
import type { Call, Reply } from './call.ts'
import { badData } from './error.ts'

const LIMIT_MAX = 1_000
const LIMIT_USUAL = 100

/** @param now For a range that is not told: the day of it. */
export function corporateActions(
  { query }: Call,
  { splits, now }: { readonly splits: readonly Split[]; readonly now: number },
): Reply {
  const today = dateOf(calendarOf('us-equity').dayStart(ms(now)))
  const from = dateIn(query, 'start', today)
  const to = dateIn(query, 'end', today)
  if (to < from) throw badData('end should not be before start')
  const limit = Number(query.get('limit') ?? LIMIT_USUAL)
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw badData(`limit must be between 1 and ${LIMIT_MAX}`)
  const symbols = listIn(query, 'symbols')
  const types = listIn(query, 'types')
  const found = splits
    .filter(({ symbol }) => symbols?.has(symbol) !== false)
    .filter((split) => types?.has(isForward(split) ? 'forward_split' : 'reverse_split') !== false)
    .filter(({ exAt }) => dateOf(exAt) >= from && dateOf(exAt) <= to)
    .toSorted((a, b) => a.exAt - b.exAt || (a.symbol < b.symbol ? -1 : 1))
  const first = Number(Buffer.from(query.get('page_token') ?? '', 'base64').toString())
  const page = found.slice(first, first + limit)
  const isLast = first + limit >= found.length
  const forward = page.filter(isForward).map((split) => forwardJson(split))
  const reverse = page.filter((split) => !isForward(split)).map((split) => reverseJson(split))
  return {
    status: 200,
    json: {
      corporate_actions: {
        ...(forward.length > 0 && { forward_splits: forward }),
        ...(reverse.length > 0 && { reverse_splits: reverse }),
      },
      next_page_token: isLast ? null : Buffer.from(String(first + limit)).toString('base64'),
    },
  }
}

const isForward = ({ oldRate, newRate }: Split): boolean => newRate > oldRate

const commonOf = ({ symbol, exAt, oldRate, newRate }: Split) => ({
  id: idOf(symbol, exAt),
  symbol,
  ex_date: dateOf(exAt),
  process_date: dateOf(exAt),
  record_date: dateOf(exAt),
  old_rate: oldRate,
  new_rate: newRate,
})

const forwardJson = (split: Split) => ({ ...commonOf(split), cusip: cusipOf(split.symbol) })

const reverseJson = (split: Split) => ({
  ...commonOf(split),
  old_cusip: cusipOf(split.symbol),
  new_cusip: cusipOf(`${split.symbol}R`),
})

const cusipOf = (symbol: string): string => hexOf(symbol).toUpperCase().slice(0, 9).padEnd(9, '0')
const hexOf = (text: string): string => Buffer.from(text).toString('hex')

/** A UUID of the fourth kind, the same whenever it is asked for. */
function idOf(symbol: string, exAt: number): string {
  const [one, two] = ['a', 'b'].map((part) =>
    new Hasher().add(`${part} ${symbol} ${exAt}`).digest(),
  )
  const hex = `${one}${two}`.slice(0, 32)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
}

/** Noon of a trading day is the same date everywhere between New York and UTC. */
const dateOf = (dayStart: number): string => new Date(dayStart + DAY / 2).toISOString().slice(0, 10)

function dateIn(query: URLSearchParams, name: string, usual: string): string {
  const text = query.get(name) ?? usual
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text))
    throw badData(`Invalid format for parameter ${name}: error parsing '${text}' as 2006-01-02`)
  return text
}

function listIn(query: URLSearchParams, name: string): ReadonlySet<string> | undefined {
  const text = query.get(name)
  return text === null || text === '' ? undefined : new Set(text.split(','))
}
