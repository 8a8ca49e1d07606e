// History: what a simulated venue remembers of its market, for requests about the past.
import { unreachable } from '../core/assert.ts'
import type { Minute, Print } from './prints.ts'

/** Minutes that are kept of a symbol; older ones are forgotten, half at a time, and so are trades and quotes. */
const MINUTES_MAX = 400_000
/** Trades, and as many quotes, that are kept of a symbol, and of all together. */
const PRINTS_MAX = 20_000
const ALL_PRINTS_MAX = 1_000_000

export interface KeptTrade {
  readonly ts: number
  readonly id: number
  readonly price: number
  readonly size: number
}

export interface KeptQuote {
  readonly ts: number
  readonly bid: number
  readonly bidSize: number
  readonly ask: number
  readonly askSize: number
}

/** What one symbol has shown. */
export class Shown {
  readonly symbol: string
  readonly minutes: Minute[] = []
  readonly trades: KeptTrade[] = []
  readonly quotes: KeptQuote[] = []
  /** The minute that is not over. */
  forming: Minute | undefined
  readonly #printsMax: number
  #ids = 0

  /** @param symbols That the market has, this one among them. */
  constructor(symbol: string, symbols: number) {
    this.symbol = symbol
    this.#printsMax = Math.max(100, Math.min(PRINTS_MAX, Math.floor(ALL_PRINTS_MAX / symbols)))
  }

  get last(): KeptTrade | undefined {
    return this.trades.at(-1)
  }

  get quote(): KeptQuote | undefined {
    return this.quotes.at(-1)
  }

  /** Notes a print, and gives its trade id where it is a trade. */
  observe(print: Print): number {
    switch (print.type) {
      case 'trade': {
        const { ts, price, size } = print
        const id = ++this.#ids
        keep(this.trades, { ts, id, price, size }, this.#printsMax)
        this.forming = added(this.forming, print)
        return id
      }
      case 'quote': {
        const { ts, bid, bidSize, ask, askSize } = print
        keep(this.quotes, { ts, bid, bidSize, ask, askSize }, this.#printsMax)
        return 0
      }
      case 'minute':
        this.forming = print.bar
        return 0
      default:
        return unreachable(print)
    }
  }

  /** Ends the minute that was forming before `boundary`, and gives it. */
  close(boundary: number): Minute | undefined {
    const bar = this.forming
    if (bar === undefined || bar.t >= boundary) return undefined
    this.forming = undefined
    keep(this.minutes, bar, MINUTES_MAX)
    return bar
  }

  /** Puts another bar in the place of one that was told, as a late trade does. */
  revise(bar: Minute): void {
    const i = this.minutes.findLastIndex(({ t }) => t === bar.t)
    if (i >= 0) this.minutes[i] = bar
  }
}

function added(
  bar: Minute | undefined,
  trade: { ts: number; price: number; size: number },
): Minute {
  const { ts, price, size } = trade
  const t = ts - (ts % 60_000)
  if (bar === undefined || bar.t !== t) {
    return { t, o: price, h: price, l: price, c: price, v: size, n: 1, vw: price }
  }
  const v = bar.v + size
  return {
    t,
    o: bar.o,
    h: Math.max(bar.h, price),
    l: Math.min(bar.l, price),
    c: price,
    v,
    n: bar.n + 1,
    vw: bar.vw + ((price - bar.vw) * size) / v,
  }
}

/** Several bars as one that starts at `t`. */
export function merged(t: number, bars: readonly Minute[]): Minute {
  const [first] = bars
  let [h, l, v, n, worth] = [-Infinity, Infinity, 0, 0, 0]
  for (const bar of bars) {
    h = Math.max(h, bar.h)
    l = Math.min(l, bar.l)
    v += bar.v
    n += bar.n
    worth += bar.vw * bar.v
  }
  const o = first?.o ?? 0
  const c = bars.at(-1)?.c ?? 0
  return { t, o, h, l, c, v, n, vw: v > 0 ? worth / v : c }
}

function keep<T>(list: T[], item: T, most: number): void {
  list.push(item)
  if (list.length >= 2 * most) list.splice(0, list.length - most)
}
