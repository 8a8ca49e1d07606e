// Contract of feeds and histories: what was asked for comes, all of it, in order and once.
import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { RowInput } from '../core/input.ts'
import type { Bar } from '../core/market.ts'
import { MINUTE, ms } from '../core/time.ts'
import type { BarQuery, Feed, History } from '../core/venue.ts'
import { type Bench, itKeeps } from './contract-bench.ts'
import { minutesOf } from './contract-market.ts'
import { CONTRACT_LIMITS, type VenueContract } from './contract-terms.ts'

const SECOND = 1_000

export function describeFeed(contract: VenueContract): void {
  describe('its feed', () => {
    itKeeps(contract, 'tells every instrument with its grid when it opens', {}, async (bench) => {
      for (const { spec } of bench.instruments) {
        assert(spec.tickSize > 0 && spec.lotSize > 0 && spec.multiplier > 0, JSON.stringify(spec))
        assert.equal(spec.venue, bench.venue.id)
      }
    })

    for (const kind of ['trades', 'quotes'] as const) {
      const promise = `gives ${kind} in order, none lost and none twice`
      itKeeps(contract, promise, { needs: [kind], prices: RISING }, async (bench) => {
        await bench.watch(kind, bench.instruments.slice(0, 2))
        await bench.pass(10 * SECOND)

        for (const { symbol, id } of bench.instruments.slice(0, 2)) {
          const told = bench.inputs
            .filter((input) => isMarket(input))
            .filter((input) => keyOf(input)?.kind === kind && keyOf(input)?.symbol === id)
            .map((input) => keyOf(input)?.text)
          const isStill = kind === 'quotes' && contract.lacks?.['repeated-quotes'] !== undefined
          // The second symbol stays where it is: where nothing changes, one quote is enough.
          const least = isStill && id !== bench.instruments[0].id ? 1 : 8
          assert(told.length >= least, `${told.length} ${kind} of ${symbol}`)
          const all = marketTexts(bench, kind, symbol)
          const market = isStill ? all.filter((text, i) => !isRepeat(text, all[i - 1])) : all
          const from = market.indexOf(told[0] ?? '')
          assert.deepEqual(told, market.slice(from, from + told.length))
        }
      })
    }

    itKeeps(
      contract,
      'gives every closed bar once, as its prints add up',
      { needs: ['bars'], prices: RISING },
      async (bench) => {
        await bench.watch('bars', bench.instruments.slice(0, 2))
        await bench.pass(3 * MINUTE + 30 * SECOND)

        for (const { symbol, id } of bench.instruments.slice(0, 2)) {
          const told = barsOf(bench).filter((bar) => bar.symbol === id)
          const starts = told.map(({ start }) => start)
          assert(told.length >= 3, `${told.length} bars of ${symbol}`)
          assert.deepEqual(
            told.map((bar) => textOf(bar)),
            expectedOf(contract, bench.market)
              .filter((minute) => minute.symbol === symbol && starts.includes(minute.start))
              .map((minute) => textOf(minute)),
          )
        }
      },
    )

    itKeeps(contract, 'gives nothing of what nobody asked for', {}, async (bench) => {
      await bench.watch(anyKind(contract), bench.instruments.slice(0, 1))
      await bench.pass(90 * SECOND)

      const symbols = bench.inputs
        .filter((input) => isMarket(input))
        .map((input) => symbolOf(input))
      assert.deepEqual([...new Set(symbols)], [bench.instruments[0].id])
    })

    itKeeps(contract, 'stops one symbol and goes on with the others', {}, async (bench) => {
      const [first, second] = bench.instruments
      await bench.watch(anyKind(contract), [first, second])
      await bench.pass(65 * SECOND)
      await bench.settled(feedOf(bench).unsubscribe([first.id]))
      await bench.pass(SECOND)
      bench.inputs.length = 0
      await bench.pass(90 * SECOND)

      const symbols = bench.inputs
        .filter((input) => isMarket(input))
        .map((input) => symbolOf(input))
      assert.deepEqual([...new Set(symbols)], [second.id])
    })

    itKeeps(
      contract,
      'refuses more symbols than its limit, before half of them run',
      {},
      async (bench) => {
        const ids = bench.instruments.map(({ id }) => id)
        assert.equal(bench.venue.limits.subscribe.total, CONTRACT_LIMITS.total)
        const answer = await bench.settled(feedOf(bench).subscribe(anyKind(contract), ids))
        assert(!answer.ok, 'the third symbol is refused')
        bench.inputs.length = 0
        await bench.pass(65 * SECOND)

        assert.deepEqual(
          bench.inputs.filter((input) => isMarket(input)),
          [],
        )
      },
    )
  })

  describe('its history', () => {
    const needs = ['history'] as const

    itKeeps(
      contract,
      'gives every closed bar of a span, in pages within the limit',
      { needs },
      async (bench) => {
        await bench.pass(4 * MINUTE + 10 * SECOND)
        const pages = await read(bench, query(bench))

        const bars = pages.flatMap((page) => page.bars)
        const { startAt } = bench.market
        const expected = expectedOf(contract, bench.market).filter(
          ({ symbol, start }) =>
            bench.market.symbols.slice(0, 2).includes(symbol) && start < startAt + 4 * MINUTE,
        )
        assert(pages.length > 1, 'it takes more than one page')
        assert(pages.every((page) => page.bars.length <= CONTRACT_LIMITS.rows))
        assert.deepEqual(
          namesOf(bench, bars).toSorted(),
          expected.map((bar) => named(bar)).toSorted(),
        )
      },
    )

    itKeeps(
      contract,
      'goes on where a cursor says, as if it had never stopped',
      { needs },
      async (bench) => {
        await bench.pass(4 * MINUTE + 10 * SECOND)
        const pages = await read(bench, query(bench))

        for (const [i, { cursor }] of pages.entries()) {
          if (cursor === undefined) continue
          const rest = await read(bench, { ...query(bench), cursor })
          assert.deepEqual(
            rest.flatMap((page) => page.bars),
            pages.slice(i + 1).flatMap((page) => page.bars),
          )
        }
        assert.equal(pages.at(-1)?.cursor, undefined)
      },
    )

    itKeeps(contract, 'never gives a bar that still forms', { needs }, async (bench) => {
      await bench.pass(MINUTE + 20 * SECOND)
      const [page] = await read(bench, {
        ...query(bench),
        to: ms(bench.market.startAt + 10 * MINUTE),
      })

      const starts = new Set(page?.bars.map(({ start }) => start))
      assert.deepEqual([...starts], [bench.market.startAt])
    })

    itKeeps(contract, 'refuses a cursor that is none', { needs }, async (bench) => {
      const first = await bench.settled(
        firstOf(historyOf(bench), { ...query(bench), cursor: 'nonsense' }),
      )

      assert(first !== undefined && !first.ok)
    })
  })
}

const RISING = Array.from({ length: 240 }, (_none, i) => (10_000 + (i % 7) + 2 * (i % 3)) / 100)

type Kind = Parameters<Feed['subscribe']>[0]
type Page = { readonly bars: readonly Bar[]; readonly cursor?: string }

const anyKind = ({ lacks = {} }: VenueContract): Kind =>
  lacks.trades === undefined ? 'trades' : 'bars'

function feedOf({ venue }: Bench): Feed {
  assert(venue.feed !== undefined, 'the venue has a feed')
  return venue.feed
}

function historyOf({ venue }: Bench): History {
  assert(venue.history !== undefined, 'the venue has a history')
  return venue.history
}

const query = ({ market }: Bench): BarQuery => ({
  symbols: market.symbols.slice(0, 2),
  timeframe: '1m',
  from: market.startAt,
  to: ms(market.startAt + 4 * MINUTE),
})

async function read(
  bench: Bench,
  asked: BarQuery & { readonly cursor?: string },
): Promise<readonly Page[]> {
  const collect = async (): Promise<readonly Page[]> => {
    const pages: Page[] = []
    for await (const page of historyOf(bench).bars(asked)) {
      assert(page.ok, JSON.stringify(page))
      pages.push(page.value)
    }
    return pages
  }
  return bench.settled(collect())
}

async function firstOf(history: History, asked: BarQuery & { readonly cursor?: string }) {
  for await (const page of history.bars(asked)) return page
  return undefined
}

const isMarket = (input: Bench['inputs'][number]): input is RowInput =>
  input.type === 'trade' || input.type === 'quote' || input.type === 'bar'

function symbolOf(input: RowInput): number {
  if (input.type === 'trade') return input.trade.symbol
  return input.type === 'quote' ? input.quote.symbol : input.bar.symbol
}

function keyOf(input: RowInput): { kind: Kind; symbol: number; text: string } | undefined {
  if (input.type === 'trade') {
    const { symbol, ts, price, size } = input.trade
    return { kind: 'trades', symbol, text: `${ts} ${price} ${size}` }
  }
  if (input.type !== 'quote') return undefined
  const { symbol, ts, bid, ask } = input.quote
  return { kind: 'quotes', symbol, text: `${ts} ${bid} ${ask}` }
}

/** What the market told of a symbol, as `keyOf` writes it. */
const marketTexts = (bench: Bench, kind: Kind, symbol: string): string[] =>
  bench.market.facts
    .filter((fact) => fact.symbol === symbol && `${fact.type}s` === kind)
    .map((fact) =>
      fact.type === 'trade'
        ? `${fact.ts} ${fact.price} ${fact.size}`
        : `${fact.ts} ${fact.bid} ${fact.ask}`,
    )

/** The minutes of the market, as the venue can tell them. */
const expectedOf = ({ lacks = {} }: VenueContract, market: Bench['market']) =>
  minutesOf(market).map((minute) =>
    lacks['trade-counts'] === undefined ? minute : { ...minute, trades: 0 },
  )

/** The same prices at another time. */
const isRepeat = (text: string, before: string | undefined): boolean =>
  before !== undefined && text.slice(text.indexOf(' ')) === before.slice(before.indexOf(' '))

const barsOf = (bench: Bench): readonly Bar[] =>
  bench.inputs.flatMap((input) => (input.type === 'bar' ? [input.bar] : []))

type Prices = Pick<Bar, 'start' | 'open' | 'high' | 'low' | 'close' | 'volume' | 'trades'>

const textOf = ({ start, open, high, low, close, volume, trades }: Prices): string =>
  [start, open, high, low, close, volume, trades].join(' ')

const named = (bar: Prices & { readonly symbol: string }): string => `${bar.symbol} ${textOf(bar)}`

const namesOf = (bench: Bench, bars: readonly Bar[]): string[] =>
  bars.map((bar) => `${bench.stand.universe.at(bar.symbol).symbol} ${textOf(bar)}`)
