/*
 * The seeded market: prices, volumes and trades that look like a stock exchange's, for demos, benchmarks and tests.
 *
 * One model makes one minute of one symbol at a time; a tape of bars shows the minute, a tape of trades spells it
 * out, and both are the same market: the trades of a minute add up to its bar (market.test.ts).
 *
 *   price       log-returns with three parts: a market factor shared by all symbols of a seed (times the symbol's
 *               beta), the symbol's own noise, and a trend that turns every hour or two, so that averages cross
 *   volatility  clusters (a slow random walk of its logarithm), is U-shaped over the session, jumps overnight
 *   range       high and low are those of a Brownian path from open to close, drawn from their exact law
 *   volume      U-shaped, larger in volatile minutes; sizes are exponential; prices are on the cent grid
 *   bursts      now and then three to eight minutes with several times the volatility and the volume
 *   halts       minutes without a trade: mostly one or two, sometimes five to fifteen
 *
 * Every symbol draws from its own stream, seeded by (seed, symbol); the market factor from another, seeded by the
 * seed alone. So adding a symbol changes no other, and reading pages again gives the same pages. State is a few
 * numbers per symbol, whatever the length.
 */
import { assert } from '../core/assert.ts'
import { type Ms, type VenueId, venueId } from '../core/brand.ts'
import { calendarOf, type Session } from '../core/calendar.ts'
import { barColumns, type BarColumns, sliceBars, type TradeColumns } from '../core/columns.ts'
import { Hasher } from '../core/hash.ts'
import { equitySpec } from '../core/instrument.ts'
import { gaussian, integer, type Random, seeded } from '../core/random.ts'
import type { Tape, TapeSeries } from '../core/tape.ts'
import { MINUTE } from '../core/time.ts'

/** The universe of the demo: shares, funds, bonds and metals, 31 symbols. */
export const DEMO_SYMBOLS: readonly string[] = (
  'AAPL MSFT GOOGL NVDA QQQ SPY TSLA AMD AMZN META NFLX UBER COIN MSTR ARKK IWM EEM GLD TLT USO ' +
  'RTX LMT NOC BA GD GOLD SLV PAAS HL SCCO FCX'
).split(' ')

export interface MarketOptions {
  /** Any integer; the same seed gives the same market. */
  readonly seed: number
  readonly symbols: readonly string[]
  /** The first session is the one that holds this time, from its open, or the next. */
  readonly start: Ms
  /** Trading days, or trading minutes: exactly one of the two. */
  readonly sessions?: number
  readonly minutes?: number
  readonly kind: 'bars' | 'trades'
  /** Trades of minutes before it are not made; from the start where not given. */
  readonly tradesFrom?: Ms
  /** Typical volatility of a year as a fraction, 0.35 by default; symbols differ around it. */
  readonly volatility?: number
  /** Typical number of trades per minute and symbol, 30 by default; symbols differ around it. */
  readonly tradesPerMinute?: number
  /** The venue of the instruments, `sim` by default. */
  readonly venue?: VenueId
  /** The session that follows a time; the calendar of US equities by default. */
  readonly sessionFrom?: (at: Ms) => Session
}

/** Rows per page. */
export const PAGE_ROWS = 4_096

/**
 * A tape of `1m` bars or of trades, made as it is read.
 *
 * @example generateTape({ seed: 1, symbols: DEMO_SYMBOLS, start, sessions: 5, kind: 'bars' })
 */
export function generateTape(options: MarketOptions): Tape {
  const { seed, symbols, kind, sessions, minutes } = options
  const length = sessions ?? minutes
  assert(Number.isSafeInteger(seed), `a seed is an integer, not ${seed}`)
  assert((sessions === undefined) !== (minutes === undefined), 'a market has sessions or minutes')
  assert(Number.isSafeInteger(length) && length! > 0, `a market's length is > 0, not ${length}`)
  assert(new Set(symbols).size === symbols.length, 'a symbol is in a market once')
  const venue = options.venue ?? venueId('sim')
  return {
    name: `generated, seed ${seed}`,
    instruments: symbols.map((symbol) => equitySpec(symbol, venue)),
    series: symbols.map((symbol): TapeSeries =>
      kind === 'bars'
        ? { kind, symbol, timeframe: '1m', pages: () => barPages(options, symbol) }
        : { kind, symbol, pages: () => tradePages(options, symbol) },
    ),
  }
}

/** One minute of one symbol in which something traded. Prices in whole cents. */
interface MarketMinute {
  start: number
  open: number
  high: number
  low: number
  close: number
  volume: number
  trades: number
}

async function* barPages(options: MarketOptions, symbol: string): AsyncGenerator<BarColumns> {
  let page = barColumns(PAGE_ROWS)
  let rows = 0
  for (const minute of marketMinutes(options, symbol)) {
    page.start[rows] = minute.start
    page.open[rows] = minute.open / 100
    page.high[rows] = minute.high / 100
    page.low[rows] = minute.low / 100
    page.close[rows] = minute.close / 100
    page.volume[rows] = minute.volume
    page.trades[rows] = minute.trades
    if (++rows < PAGE_ROWS) continue
    yield page
    page = barColumns(PAGE_ROWS)
    rows = 0
  }
  if (rows > 0) yield sliceBars(page, 0, rows)
}

const tradePage = () => ({
  ts: new Float64Array(PAGE_ROWS),
  price: new Float64Array(PAGE_ROWS),
  size: new Float64Array(PAGE_ROWS),
})

async function* tradePages(options: MarketOptions, symbol: string): AsyncGenerator<TradeColumns> {
  const { tradesFrom = -Infinity } = options
  const seed = seedOf(options.seed, `trades ${symbol}`)
  let page = tradePage()
  let rows = 0
  for (const minute of marketMinutes(options, symbol)) {
    if (minute.start < tradesFrom) continue
    // A stream of its own for each minute: spelling it out changes no other, and neither does leaving it out.
    const random = seeded(seed + minute.start / MINUTE)
    const path = new TradePath(minute, random)
    for (let i = 0; i < minute.trades; i++) {
      page.ts[rows] = minute.start + Math.floor(((i + random()) * MINUTE) / minute.trades)
      page.price[rows] = path.price(i) / 100
      page.size[rows] = path.size(i)
      if (++rows < PAGE_ROWS) continue
      yield { length: rows, ...page }
      page = tradePage()
      rows = 0
    }
  }
  if (rows === 0) return
  const { ts, price, size } = page
  yield {
    length: rows,
    ts: ts.subarray(0, rows),
    price: price.subarray(0, rows),
    size: size.subarray(0, rows),
  }
}

/** The trades of one minute: from its open to its close, by way of its high and its low. */
class TradePath {
  readonly #minute: MarketMinute
  readonly #random: Random
  readonly #highAt: number
  readonly #lowAt: number
  /** What is left of the volume, and the shares that each trade has at least. */
  #left: number

  constructor(minute: MarketMinute, random: Random) {
    this.#minute = minute
    this.#random = random
    this.#left = minute.volume
    // High and low each take an inner trade of their own; with less than four they are open or close.
    const inner = minute.trades - 2
    const first = inner < 2 ? 0 : integer(random, 1, inner)
    const second = inner < 2 ? 0 : 1 + ((first + integer(random, 0, inner - 2)) % inner)
    const risesFirst = minute.close < minute.open === first < second
    this.#highAt = risesFirst ? first : second
    this.#lowAt = risesFirst ? second : first
  }

  /** In cents. Between the fixed points it wanders around the line from open to close. */
  price(i: number): number {
    const { open, high, low, close, trades } = this.#minute
    if (i === 0) return open
    if (i === trades - 1) return close
    if (i === this.#highAt) return high
    if (i === this.#lowAt) return low
    const line = open + ((close - open) * i) / (trades - 1)
    const wander = (high - low) * 0.3 * (this.#random() + this.#random() - 1)
    return Math.min(high, Math.max(low, Math.round(line + wander)))
  }

  /** Exponential, a share or more; the last trade takes what is left. */
  size(i: number): number {
    const after = this.#minute.trades - 1 - i
    const mean = this.#left / (after + 1)
    const size =
      after === 0
        ? this.#left
        : Math.max(
            1,
            Math.min(this.#left - after, Math.round(-mean * Math.log(1 - this.#random()))),
          )
    this.#left -= size
    return size
  }
}

/** A US trading year: 252 sessions of 390 minutes. */
const MINUTES_PER_YEAR = 252 * 390
/** Share of a day's variance that happens while the market is closed. */
const OVERNIGHT = 0.25
const BURST_CHANCE = 1 / 500
const SHORT_HALT_CHANCE = 1 / 300
const LONG_HALT_CHANCE = 1 / 6_000
const TREND_TURN_CHANCE = 1 / 90
/** Standard deviation of a trend, in deviations of a minute: 0.1 adds up to a day's range in some hours. */
const TREND = 0.1
/** What clusters, bursts, the day's shape and trends multiply a minute's deviation by, on average. */
const AGITATION = 1.6
/** Pull towards the starting price: half of a distance is gone after a quarter. */
const PULL = (4 * Math.LN2) / MINUTES_PER_YEAR
/** Cents. */
const PRICE_MIN = 100

/** The minutes in which `symbol` trades. The same object is given again and again, with new values. */
function* marketMinutes(options: MarketOptions, symbol: string): Generator<MarketMinute> {
  const market = new MarketFactor(options.seed)
  const stock = new Stock(options, symbol)
  const calendar = calendarOf('us-equity')
  const sessionFrom =
    options.sessionFrom ?? ((at: Ms) => calendar.sessionAt(at) ?? calendar.nextSession(at))
  let sessionsLeft = options.sessions ?? Infinity
  let minutesLeft = options.minutes ?? Infinity
  let at = options.start
  while (sessionsLeft-- > 0 && minutesLeft > 0) {
    const { open, close } = sessionFrom(at)
    assert(
      close > at && close > open,
      `a session ends after ${at} and after its open, not at ${close}`,
    )
    stock.overnight(market.overnight())
    const length = close - open
    for (let start: number = open; start < close && minutesLeft-- > 0; start += MINUTE) {
      const shape = uShape((start - open) / length)
      const minute = stock.minute(start, market.minute(shape), shape)
      if (minute !== undefined) yield minute
    }
    at = close
  }
}

/** 1.9 at the open and the close, 0.65 at midday; mean about 1.07. */
const uShape = (part: number): number => 0.65 + 1.25 * (2 * part - 1) ** 2

/** The noise that all symbols of a seed share: standard normal, shaped over the day. */
class MarketFactor {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = streamOf(seed, 'market')
  }

  overnight(): number {
    return gaussian(this.#random)
  }

  minute(shape: number): number {
    return gaussian(this.#random) * Math.sqrt(shape)
  }
}

/** One symbol: its character, and its state between two minutes. */
class Stock {
  readonly #random: Random
  readonly #homeLog: number
  /** Standard deviation of a minute's log-return from the market and from the symbol alone. */
  readonly #marketDeviation: number
  readonly #ownDeviation: number
  readonly #tradesPerMinute: number
  readonly #sizeMean: number
  #log: number
  #last: number
  /** Logarithm of the volatility, around 0. */
  #heat = 0
  #trend = 0
  #burstLeft = 0
  #haltLeft = 0
  readonly #minute = { start: 0, open: 0, high: 0, low: 0, close: 0, volume: 0, trades: 0 }

  constructor(options: MarketOptions, symbol: string) {
    const random = streamOf(options.seed, symbol)
    const yearly = (options.volatility ?? 0.35) * (0.6 + random())
    const deviation = yearly / AGITATION / Math.sqrt(MINUTES_PER_YEAR)
    const shared = 0.2 + 0.5 * random()
    this.#random = random
    this.#homeLog = Math.log(15) + random() * Math.log(40)
    this.#marketDeviation = deviation * shared
    this.#ownDeviation = deviation * Math.sqrt(1 - shared * shared)
    this.#tradesPerMinute = (options.tradesPerMinute ?? 30) * (0.4 + 1.2 * random())
    this.#sizeMean = 40 + 160 * random()
    this.#log = this.#homeLog
    this.#last = this.#cents()
  }

  /** The move between two sessions: one jump with the variance of the hours in which nobody trades. */
  overnight(market: number): void {
    const scale = Math.sqrt(390 * OVERNIGHT)
    const own = gaussian(this.#random) * this.#ownDeviation
    this.#log += scale * (own + market * this.#marketDeviation)
    this.#last = this.#cents()
    this.#haltLeft = 0
    this.#burstLeft = 0
  }

  /** Moves on by a minute; undefined where nothing traded in it. */
  minute(start: number, market: number, shape: number): MarketMinute | undefined {
    const random = this.#random
    this.#heat = 0.985 * this.#heat + 0.07 * gaussian(random)
    if (random() < TREND_TURN_CHANCE) this.#trend = TREND * gaussian(random) * this.#ownDeviation
    this.#startBurstOrHalt()
    const burst = this.#burstLeft > 0 ? 3 : 1
    const heat = Math.exp(this.#heat) * burst
    const deviation = this.#ownDeviation * heat * Math.sqrt(shape)
    this.#log +=
      deviation * gaussian(random) +
      market * this.#marketDeviation +
      this.#trend +
      PULL * (this.#homeLog - this.#log)
    if (this.#burstLeft > 0) this.#burstLeft--
    if (this.#haltLeft > 0) {
      this.#haltLeft--
      return undefined
    }
    return this.#trade(start, deviation, shape * heat)
  }

  #startBurstOrHalt(): void {
    const draw = this.#random()
    if (this.#burstLeft > 0 || this.#haltLeft > 0) return
    if (draw < BURST_CHANCE) this.#burstLeft = integer(this.#random, 3, 8)
    else if (draw > 1 - LONG_HALT_CHANCE) this.#haltLeft = integer(this.#random, 5, 15)
    else if (draw > 1 - SHORT_HALT_CHANCE) this.#haltLeft = integer(this.#random, 1, 2)
  }

  #trade(start: number, deviation: number, activity: number): MarketMinute {
    const random = this.#random
    const mean = this.#tradesPerMinute * activity
    const trades = Math.max(1, Math.round(mean + Math.sqrt(mean) * gaussian(random)))
    const open = Math.max(PRICE_MIN, this.#last + integer(random, -1, 1))
    const close = trades === 1 ? open : this.#cents()
    this.#last = close
    const top = Math.max(open, close)
    const bottom = Math.min(open, close)
    const spread = 2 * (deviation * Math.exp(this.#log) * 100) ** 2
    const hasInner = trades >= 4
    const minute = this.#minute
    minute.start = start
    minute.open = open
    minute.close = close
    minute.high = hasInner ? Math.round(extreme(top, bottom, spread, random())) : top
    minute.low = hasInner
      ? Math.max(1, top + bottom - Math.round(extreme(top, bottom, spread, random())))
      : bottom
    minute.trades = trades
    // The sum of n exponential sizes, as the normal number that it is close to.
    const volume = this.#sizeMean * (trades + Math.sqrt(trades) * gaussian(random))
    minute.volume = Math.max(trades, Math.round(volume))
    return minute
  }

  #cents(): number {
    return Math.max(PRICE_MIN, Math.round(Math.exp(this.#log) * 100))
  }
}

/** The maximum of a Brownian path between two ends, by inversion; `spread` is twice its variance. */
const extreme = (top: number, bottom: number, spread: number, draw: number): number =>
  (top + bottom + Math.sqrt((top - bottom) ** 2 - spread * Math.log(1 - draw))) / 2

/** The random stream of one name under a seed. */
const streamOf = (seed: number, name: string): Random => seeded(seedOf(seed, name))

const seedOf = (seed: number, name: string): number =>
  Number.parseInt(new Hasher().add(String(seed)).add(name).digest().slice(0, 13), 16)
