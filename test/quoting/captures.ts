// Captures: recorded depth and trades of BTCUSDT, spot and perpetual, as frames of a book and as a tape.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { symbolId } from '../../src/core/brand.ts'
import type { DepthColumns, QuoteColumns, TradeColumns } from '../../src/core/columns.ts'
import type { Depth, Quote } from '../../src/core/market.ts'
import { type BookFrame, OrderBook } from '../../src/core/order-book.ts'
import type { Tape } from '../../src/core/tape.ts'
import { ms } from '../../src/core/time.ts'
import { coin } from '../../src/testing/builders.ts'
import { recorded } from '../cli/skein.ts'

export const CAPTURES = recorded('crypto_l2_binance_2024-08')

type Levels = readonly (readonly [string, string])[]
interface Snapshot {
  readonly lastUpdateId: number
  readonly bids: Levels
  readonly asks: Levels
}
interface DepthLine {
  readonly data: {
    readonly E: number
    readonly U: number
    readonly u: number
    readonly pu?: number
    readonly b: Levels
    readonly a: Levels
  }
}

const flat = (levels: Levels): Float64Array => Float64Array.from(levels.flat(), Number)

/** Depth frames and the snapshot, in the order in which they were received. */
export function framesOf(file: string): readonly BookFrame[] {
  const frames: BookFrame[] = []
  let ts = ms(0)
  for (const line of gunzipSync(readFileSync(join(CAPTURES!, file)))
    .toString()
    .split('\n')) {
    const text = line.slice(line.indexOf(' ') + 1)
    if (text.includes('"lastUpdateId"')) {
      const { lastUpdateId: last, bids, asks } = JSON.parse(text) as Snapshot
      const levels = { bids: flat(bids), asks: flat(asks) }
      frames.push({ type: 'snapshot', first: last, last, ...levels, ts })
    } else if (text.includes('@depth')) {
      const { E, U, u, pu, b, a } = (JSON.parse(text) as DepthLine).data
      ts = ms(E)
      const levels = { bids: flat(b), asks: flat(a) }
      const frame = { type: 'delta', first: U, last: u, ...levels, ts } as const
      frames.push(pu === undefined ? frame : { ...frame, previous: pu })
    }
  }
  return frames
}

const linesOf = (file: string): readonly string[] =>
  gunzipSync(readFileSync(join(CAPTURES!, file)))
    .toString()
    .split('\n')

/**
 * Best quotes of the book that the frames keep, one of a millisecond, and the trades; by the venue's time.
 *
 * @param levels Of depth, where more than 0: as often as the top changes.
 */
export function tapeOf(file: string, levels = 0): Tape {
  const quotes: Quote[] = []
  const depths: Depth[] = []
  const book = new OrderBook({ symbol: symbolId(0), depth: 20_000 })
  for (const frame of framesOf(file)) {
    if (!book.apply(frame)) continue
    const { quote } = book
    if (quote === undefined) continue
    if (quotes.at(-1)?.ts === quote.ts) {
      quotes.pop()
      depths.pop()
    }
    quotes.push(quote)
    if (levels > 0) depths.push(book.depth(levels))
  }
  const instrument = coin('BTCUSDT', { tickSize: 0.1, lotSize: 0.001, kind: 'perpetual' })
  return {
    name: file,
    instruments: [instrument],
    series: [
      { kind: 'quotes', symbol: 'BTCUSDT', pages: () => once(quoteColumns(quotes)) },
      { kind: 'trades', symbol: 'BTCUSDT', pages: () => once(tradesOf(file)) },
      ...(levels > 0
        ? [
            {
              kind: 'depth' as const,
              symbol: 'BTCUSDT',
              pages: () => once(depthColumns(depths, levels)),
            },
          ]
        : []),
    ],
  }
}

// oxlint-disable-next-line require-await -- The port is asynchronous, the rows are here.
async function* once<T>(page: T): AsyncIterable<T> {
  yield page
}

function quoteColumns(quotes: readonly Quote[]): QuoteColumns {
  const column = (name: 'ts' | 'bid' | 'bidSize' | 'ask' | 'askSize') =>
    Float64Array.from(quotes, (quote) => quote[name])
  return {
    length: quotes.length,
    ts: column('ts'),
    bid: column('bid'),
    bidSize: column('bidSize'),
    ask: column('ask'),
    askSize: column('askSize'),
  }
}

function depthColumns(depths: readonly Depth[], levels: number): DepthColumns {
  const width = 2 * levels
  const side = (of: (depth: Depth) => readonly number[]) => {
    const column = new Float64Array(depths.length * width)
    for (const [i, depth] of depths.entries()) column.set(of(depth), i * width)
    return column
  }
  return {
    length: depths.length,
    levels,
    ts: Float64Array.from(depths, ({ ts }) => ts),
    bids: side(({ bids }) => bids),
    asks: side(({ asks }) => asks),
    good: new Uint8Array(depths.length).fill(1),
  }
}

interface Print {
  readonly data: { readonly T: number; readonly p: string; readonly q: string }
}

function tradesOf(file: string): TradeColumns {
  const prints = linesOf(file)
    .filter((line) => line.includes('@trade"'))
    .map((line) => (JSON.parse(line.slice(line.indexOf(' ') + 1)) as Print).data)
  return {
    length: prints.length,
    ts: Float64Array.from(prints, ({ T }) => T),
    price: Float64Array.from(prints, ({ p }) => Number(p)),
    size: Float64Array.from(prints, ({ q }) => Number(q)),
  }
}
