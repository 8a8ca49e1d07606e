/*
 * Doctor's look at Bybit: keys, account, clock, the mode of its positions, and the symbols. No stream is opened, and nothing
 * is changed.
 */
import type { Fault } from '../../core/fault.ts'
import type { Io } from '../../io/io.ts'
import { decimalOf, textOf } from '../../io/json.ts'
import { deadManOf } from '../../venues/bybit/dead-man.ts'
import { type Category, categoryOf } from '../../venues/bybit/category.ts'
import { instrumentsOf, listOf } from '../../venues/bybit/lookup.ts'
import { Rest } from '../../venues/bybit/rest.ts'
import { parsePosition } from '../../venues/bybit/wire.ts'
import { adviceOf, type BybitTerms, bybitTermsOf } from '../venues/bybit.ts'
import type { Config } from '../config/config.ts'
import { keyedFindings, offsetFinding } from './checks.ts'
import type { Finding } from './finding.ts'

/** A configuration with Bybit. */
export const bybitFindings = (config: Config, io: Io): Promise<readonly Finding[]> =>
  keyedFindings(config, 'bybit', bybitTermsOf, (terms) => asked(config, terms, io))

/** What only the venue can answer. Where it does not tell the time, it tells nothing else. */
async function asked(config: Config, terms: BybitTerms, io: Io): Promise<readonly Finding[]> {
  const { keys, hosts, ordersPerSecond = 10, environment, coin, patience } = terms
  const { recvWindowMs } = patience ?? {}
  const category = categoryOf(terms.category ?? 'linear', coin)
  const onTrouble = (): void => {}
  const baseUrl = hosts.rest
  const rest = new Rest({ io, keys, baseUrl, ordersPerSecond, onTrouble, recvWindowMs })
  try {
    const began = io.monotonic()
    const synced = await rest.sync()
    if (!synced.ok) return [failure('clock', synced.fault)]
    const { offsetMs } = rest.clock
    const clock = offsetFinding({ offsetMs, roundMs: (io.monotonic() - began) / 3 })
    const key = await rest.get('/v5/user/query-api')
    if (!key.ok) return [clock, failure('account', key.fault)]
    const number = decimalOf(key.value.result['userID'])
    const text = `account ${number ?? 'unknown'}, ${environment}`
    const isReading = key.value.result['readOnly'] === 1
    const todo = 'make a key that may trade contracts; this one may only read'
    const account: Finding = isReading
      ? { check: 'account', state: 'fail', text: `${text}, key without rights`, todo }
      : { check: 'account', state: 'ok', text }
    return [
      account,
      clock,
      await modeFinding(rest, category),
      await symbolsFinding(config, rest, category),
      await deadManFinding(rest, category, terms.deadManS),
    ]
  } finally {
    rest.close()
  }
}

async function modeFinding(rest: Rest, category: Category): Promise<Finding> {
  const check = 'positions'
  if (!category.hasPositions) return { check, state: 'ok', text: 'none: spot holds coins' }
  const query = { ...category.lists, limit: 200 }
  const rows = await listOf(rest, '/v5/position/list', query, parsePosition)
  if (!rows.ok) return failure(check, rows.fault)
  const hedged = rows.value.filter(({ index }) => index !== 0).map(({ symbol }) => symbol)
  if (hedged.length === 0) return { check, state: 'ok', text: `one-way, ${rows.value.length} held` }
  const todo = 'close them, and set the position mode to one-way'
  return { check, state: 'fail', text: `two sides in ${hedged.join(', ')}`, todo }
}

/** What the venue does when we are gone, and whether that is what the configuration wants. */
async function deadManFinding(
  rest: Rest,
  category: Category,
  wantedS: number | undefined,
): Promise<Finding> {
  const check = 'dead man'
  const told = await deadManOf(rest, category)
  if (!told.ok) return failure(check, told.fault)
  const theirs = told.value === undefined ? 'not offered to this account' : `${told.value} s`
  const text = `${wantedS === undefined ? 'off' : `${wantedS} s`} here, ${theirs} at the venue`
  if (wantedS === undefined || told.value !== undefined) return { check, state: 'ok', text }
  const todo = 'set venues.bybit.deadManS to off, or have it enabled by the manager of the account'
  return { check, state: 'fail', text, todo }
}

async function symbolsFinding(
  { universe, venues }: Config,
  rest: Rest,
  category: Category,
): Promise<Finding> {
  const check = 'symbols'
  const { total } = venues!.bybit!.subscribe
  if (universe === 'all') {
    const todo = 'list the symbols in universe'
    return { check, state: 'warn', text: 'universe is all', todo }
  }
  const wanted = universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const listed = await instrumentsOf(rest, category, wanted)
  if (!listed.ok) return failure(check, listed.fault)
  const names = new Set(listed.value.map((row) => textOf(row['symbol'])))
  const unknown = wanted.filter((symbol) => !names.has(symbol))
  if (unknown.length > 0) {
    const todo = 'write symbols as Bybit does: BTCUSDT'
    return {
      check,
      state: 'fail',
      text: `bybit has no ${category.word} ${unknown.join(', ')}`,
      todo,
    }
  }
  const text = `${wanted.length} of ${total} symbols`
  if (wanted.length <= total) return { check, state: 'ok', text }
  return { check, state: 'fail', text, todo: 'raise venues.bybit.subscribe.total' }
}

const failure = (check: Finding['check'], told: Fault): Finding => ({
  check,
  state: 'fail',
  text: told.message,
  todo: adviceOf(told),
})
