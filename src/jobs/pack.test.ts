import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { JobDefinition } from '../core/jobs.ts'
import { ms, type Timeframe } from '../core/time.ts'
import { Estimate } from './estimate.ts'
import { forecast, runOf } from './forecast.ts'
import { packAll, packFirst } from './pack.ts'
import { plan, type Wish } from './plan.ts'
import { slicesOf } from './slices.ts'

const TO = Date.UTC(2026, 0, 1)
const wishOf = (over: Partial<Wish> = {}): Wish => ({
  symbols: ['AAPL'],
  timeframes: ['1h'],
  from: ms(Date.UTC(2025, 0, 1)),
  to: ms(TO),
  provider: 'alpaca',
  adjustment: 'raw',
  batchVersion: 2,
  batchSymbols: 50,
  isDeriving: false,
  priority: 100,
  ...over,
})
const symbolsOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `S${i}`)
const slicesFor = (definitions: readonly JobDefinition[]) =>
  definitions.flatMap((definition) =>
    slicesOf({ definition, coverage: [], pending: [], quarantined: new Set(), now: TO + 1e9 }),
  )

describe('pack', () => {
  it('needs hardly more requests than full pages would, for 1,000 symbols and a year', () => {
    const timeframes: Timeframe[] = ['15m', '1h', '4h', '1d']
    const { all } = plan(wishOf({ symbols: symbolsOf(1_000), timeframes }), [])

    const cost = forecast(all, slicesFor(all), { symbols: 200, rows: 10_000 })

    assert.ok(cost.requests <= 1.01 * cost.leastRequests, JSON.stringify(cost))
    assert.ok(cost.leastRequests > 900 && cost.singleRequests === 4_000, JSON.stringify(cost))
  })

  it('leaves each of several workers its part of the queue, in pages that are nearly full', () => {
    const { all } = plan(wishOf({ symbols: symbolsOf(100), timeframes: ['15m'] }), [])
    const byId = new Map(all.map((definition) => [definition.id, definition]))
    const runs = slicesFor(all).map((slice) => runOf(slice, byId.get(slice.definition)!))
    const pagesFor = (workers: number): number[] => {
      const pages: number[] = []
      for (let left = runs; left.length > 0;) {
        const limits = { symbols: 200, rows: 10_000 }
        const pack = packFirst(left, limits, new Estimate(), workers)!
        pages.push(Math.ceil(pack.rows / limits.rows))
        left = left.filter((run) => !pack.runs.includes(run))
      }
      return pages
    }

    const [alone, two, five] = [pagesFor(1), pagesFor(2), pagesFor(5)]

    // There are 65 full pages; a part is what is left for each, but 16 at least.
    assert.deepEqual(alone, [53, 10, 3])
    assert.ok(two.length >= 2 && Math.max(...two) <= 33, String(two))
    assert.ok(five.length >= 5 && Math.max(...five) <= 16, String(five))
    for (const pages of [two, five]) {
      const sum = pages.reduce((total, count) => total + count, 0)
      assert.ok(sum <= 65 + pages.length, `${sum} requests in ${pages.length} queries`)
    }
  })

  it('packs every run once, into rectangles of symbols and of windows that follow each other', () => {
    const worlds = fc.record({
      count: fc.integer({ min: 1, max: 400 }),
      batchSymbols: fc.integer({ min: 1, max: 50 }),
      days: fc.integer({ min: 1, max: 700 }),
      symbols: fc.integer({ min: 50, max: 200 }),
      rows: fc.integer({ min: 100, max: 10_000 }),
      left: fc.integer({ min: 1, max: 10 }),
    })
    fc.assert(
      fc.property(worlds, ({ count, batchSymbols, days, symbols, rows, left }) => {
        const from = ms(TO - days * 86_400_000)
        const wish = wishOf({
          symbols: symbolsOf(count),
          batchSymbols,
          from,
          timeframes: ['1h', '1d'],
        })
        const { all } = plan(wish, [])
        const byId = new Map(all.map((definition) => [definition.id, definition]))
        const runs = slicesFor(all)
          .filter((_run, i) => i % left === 0 || left > 5)
          .map((slice) => runOf(slice, byId.get(slice.definition)!))

        const packs = packAll(runs, { symbols, rows }, new Estimate())

        assert.equal(packs.flatMap((pack) => pack.runs).length, runs.length)
        assert.equal(new Set(packs.flatMap((pack) => pack.runs)).size, runs.length)
        for (const pack of packs) {
          const { timeframe } = pack
          assert.ok(pack.runs.every((run) => run.timeframe === timeframe))
          assert.ok(pack.symbols.length <= Math.max(symbols, 50))
          // Nothing is asked for that no run wants.
          const wanted = pack.runs.reduce(
            (sum, run) => sum + (run.to - run.from) * run.symbols.length,
            0,
          )
          assert.equal(wanted, (pack.to - pack.from) * pack.symbols.length)
        }
      }),
      { numRuns: 60, seed: 3 },
    )
  })
})

describe('plan', () => {
  it('moves nobody when a symbol is added, and changes nothing when it is repeated', () => {
    const names = fc.uniqueArray(
      fc.integer({ min: 0, max: 300 }).map((n) => `S${n}`),
      { minLength: 1 },
    )
    fc.assert(
      fc.property(
        fc.array(names, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 50 }),
        (wishes, batchSymbols) => {
          let known: readonly JobDefinition[] = []
          for (const symbols of wishes) {
            const made = plan(wishOf({ symbols, batchSymbols, timeframes: ['1h', '1d'] }), known)
            const ids = new Set(made.all.map(({ id }) => id))
            const next = [...known.filter(({ id }) => !ids.has(id)), ...made.all]
            for (const before of known) {
              const after = next.find(({ id }) => id === before.id)!
              assert.deepEqual(after.symbols.slice(0, before.symbols.length), before.symbols)
            }
            for (const timeframe of ['1h', '1d']) {
              const members = next
                .filter((one) => one.timeframe === timeframe)
                .flatMap((one) => one.symbols)
              assert.equal(new Set(members).size, members.length)
              assert.ok(symbols.every((symbol) => members.includes(symbol)))
            }
            assert.ok(next.every((one) => one.symbols.length <= batchSymbols))
            assert.deepEqual(
              plan(wishOf({ symbols, batchSymbols, timeframes: ['1h', '1d'] }), next).definitions,
              [],
            )
            known = next
          }
        },
      ),
      { numRuns: 60, seed: 4 },
    )
  })

  it('upper-cases, counts once, names what is no ticker, and keeps coins apart', () => {
    const { all, invalid } = plan(
      wishOf({ symbols: ['aapl', 'AAPL ', 'btc/usd', 'no good', 'BRK.B'] }),
      [],
    )

    assert.deepEqual(
      all.map(({ id, symbols }) => ({ id, symbols })),
      [
        { id: 'BATCH_STOCK_1/1h/v2', symbols: ['AAPL', 'BRK.B'] },
        { id: 'BATCH_CRYPTO_1/1h/v2', symbols: ['BTC/USD'] },
      ],
    )
    assert.deepEqual(invalid, ['NO GOOD'])
  })

  it('widens a range, and never narrows it', () => {
    const first = plan(wishOf(), []).all
    const later = plan(wishOf({ from: ms(Date.UTC(2025, 5, 1)), to: ms(TO + 86_400_000) }), first)

    assert.deepEqual(
      later.all.map(({ from, to }) => [from, to]),
      [[Date.UTC(2025, 0, 1), TO + 86_400_000]],
    )
  })
})
