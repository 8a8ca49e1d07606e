/*
 * Doctor's look at Alpaca: keys, account, clock, plan and feed.
 *
 * The plan is compared without asking: a venue tells its limit only by refusing a subscription, in the middle of the
 * start. Alpaca counts the symbols of a connection, and stocks and coins have a connection each.
 */
import type { Ms } from '../../core/brand.ts'
import { MINUTE } from '../../core/time.ts'
import type { Io } from '../../io/io.ts'
import { Budget } from '../../io/rate.ts'
import { Rest } from '../../venues/alpaca/rest.ts'
import { formatStamp } from '../../venues/alpaca/stamps.ts'
import { parseAccount } from '../../venues/alpaca/wire.ts'
import { parseClock } from '../../venues/alpaca/wire-history.ts'
import { adviceOf, type AlpacaTerms, alpacaTermsOf } from '../venues/alpaca.ts'
import type { Config } from '../config/config.ts'
import type { Finding } from './finding.ts'
import { keyedFindings, offsetFinding } from './checks.ts'

/** Of several answers the fastest tells the time best. */
const CLOCK_TRIES = 3

/** A configuration with Alpaca. */
export async function alpacaFindings(config: Config, io: Io): Promise<readonly Finding[]> {
  const ask = (terms: AlpacaTerms) => asked(config, terms, io)
  const found = await keyedFindings(config, 'alpaca', alpacaTermsOf, ask)
  return [...found, ...planFindings(config)]
}

/** What only the venue can answer. Where the account cannot be read, nothing else can. */
async function asked(config: Config, terms: AlpacaTerms, io: Io): Promise<readonly Finding[]> {
  const { keys, hosts } = terms
  const budget = new Budget(io, { name: 'alpaca doctor', limit: 100, windowMs: MINUTE })
  const trading = new Rest({ io, keys, budget, baseUrl: hosts.trading })
  const data = new Rest({ io, keys, budget, baseUrl: hosts.data })
  try {
    const account = await accountFinding(trading, terms)
    if (account.state === 'fail') return [account]
    const { finding, at } = await clockFinding(trading, io)
    return [account, finding, await feedFinding(data, { config, terms, at: at ?? io.now() })]
  } finally {
    budget.close()
  }
}

async function accountFinding(trading: Rest, { isLive }: AlpacaTerms): Promise<Finding> {
  const check = 'account'
  const answer = await trading.get('/v2/account')
  if (!answer.ok)
    return { check, state: 'fail', text: answer.fault.message, todo: adviceOf(answer.fault) }
  const account = parseAccount(answer.value)
  if (account === undefined) {
    const todo = 'check venues.alpaca.hosts.trading: what answers there is not Alpaca'
    return { check, state: 'fail', text: 'the answer is no account', todo }
  }
  const { number, isPaper } = account
  const words = `${isPaper ? 'paper' : 'live'} account ${number}`
  const text = `${words}, ${account.status}, equity ${account.equity.toFixed(2)}`
  if (account.isBlocked) {
    const todo = 'ask Alpaca why; until then no order is taken'
    return { check, state: 'fail', text: `${text}, blocked`, todo }
  }
  if (isPaper !== isLive) return { check, state: 'ok', text }
  const todo = isLive
    ? 'set "paper: true", or give the keys and the hosts of the live account'
    : 'give the keys and the hosts of a paper account; only "paper: false" means real money'
  return { check, state: 'fail', text: `${text}; configured is ${isLive ? 'live' : 'paper'}`, todo }
}

async function clockFinding(
  trading: Rest,
  io: Io,
): Promise<{ readonly finding: Finding; readonly at?: Ms }> {
  const check = 'clock'
  let best: { readonly at: Ms; readonly offsetMs: number; readonly roundMs: number } | undefined
  for (let i = 0; i < CLOCK_TRIES; i++) {
    const before = io.now()
    const startedAt = io.monotonic()
    const answer = await trading.get('/v2/clock')
    const roundMs = io.monotonic() - startedAt
    const clock = answer.ok ? parseClock(answer.value) : undefined
    if (!answer.ok) {
      const { fault } = answer
      return { finding: { check, state: 'fail', text: fault.message, todo: adviceOf(fault) } }
    }
    if (clock === undefined) break
    const offsetMs = clock.at - (before + roundMs / 2)
    if (best === undefined || roundMs < best.roundMs) best = { at: clock.at, offsetMs, roundMs }
  }
  if (best === undefined) {
    const todo = 'check venues.alpaca.hosts.trading: what answers there is not Alpaca'
    return { finding: { check, state: 'fail', text: 'the answer is no clock', todo } }
  }
  return { finding: offsetFinding(best), at: best.at }
}

/** Asks for what the plan may not hold: minutes of just now. */
async function feedFinding(
  data: Rest,
  { config, terms, at }: { config: Config; terms: AlpacaTerms; at: Ms },
): Promise<Finding> {
  const check = 'feed'
  const [symbol = 'SPY'] = kindsOf(config).stocks
  const answer = await data.get('/v2/stocks/bars', {
    symbols: symbol,
    timeframe: '1Min',
    start: formatStamp(at - 10 * MINUTE),
    end: formatStamp(at),
    limit: 1,
    feed: terms.feed,
  })
  if (answer.ok) return { check, state: 'ok', text: `${terms.feed} is open to these keys` }
  const { fault } = answer
  return { check, state: 'fail', text: fault.message, todo: adviceOf(fault) }
}

/** Symbols of each connection against what the plan takes. */
function planFindings(config: Config): readonly Finding[] {
  const check = 'plan'
  const { batch, everyMs, total } = config.venues!.alpaca!.subscribe
  if (config.universe === 'all') {
    const text = `universe is all: whether it fits ${total} symbols is not known before the start`
    return [{ check, state: 'warn', text, todo: 'list the symbols in universe' }]
  }
  return Object.entries(kindsOf(config))
    .filter(([, symbols]) => symbols.length > 0)
    .map(([kind, { length }]) => {
      if (length > total) {
        const todo =
          `take ${length - total} out of the universe, or take a plan with more symbols and ` +
          'say so in venues.alpaca.subscribe.total'
        const text = `${length} symbols do not fit a ${total}-symbol plan (${kind})`
        return { check, state: 'fail', text, todo }
      }
      const frames = Math.ceil(length / batch)
      const lastsMs = (frames - 1) * everyMs
      const text = `${length} of ${total} symbols (${kind}), subscribed in ${frames} batches over ${lastsMs / 1_000} s`
      return { check, state: 'ok', text }
    })
}

function kindsOf({ universe, instrument }: Config) {
  const all = universe === 'all' ? [] : universe
  const isCoin = (one: (typeof all)[number]): boolean => {
    const { symbol, kind = instrument.kind } = typeof one === 'string' ? { symbol: one } : one
    return kind === 'crypto' || symbol.includes('/')
  }
  const nameOf = (one: (typeof all)[number]) => (typeof one === 'string' ? one : one.symbol)
  return {
    stocks: all.filter((one) => !isCoin(one)).map(nameOf),
    coins: all.filter(isCoin).map(nameOf),
  }
}
