// How a tape is cut into pages is nobody's business: one millisecond is one turn, whatever it took to read it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { sliceBars } from '../src/core/columns.ts'
import type { Tape, TapeSeries } from '../src/core/tape.ts'
import { ms } from '../src/core/time.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
import { generateTape } from '../src/simulators/market.ts'
import { World } from './worlds/world.ts'

/** The tape again, in pages of at most so many rows. */
function repaged(tape: Tape, rows: number): Tape {
  const series = tape.series.map((each): TapeSeries => {
    if (each.kind === 'bars') return { ...each, pages: () => sliced(each.pages(), rows, sliceBars) }
    if (each.kind !== 'trades') throw new Error(`the tape has no ${each.kind}`)
    const slice = (page: TradePage, from: number, to: number): TradePage => ({
      length: to - from,
      ts: page.ts.subarray(from, to),
      price: page.price.subarray(from, to),
      size: page.size.subarray(from, to),
    })
    return { ...each, pages: () => sliced(each.pages(), rows, slice) }
  })
  return { ...tape, series }
}

interface TradePage {
  readonly length: number
  readonly ts: Float64Array
  readonly price: Float64Array
  readonly size: Float64Array
}

async function* sliced<Page extends { readonly length: number }>(
  pages: AsyncIterable<Page>,
  rows: number,
  slice: (page: Page, from: number, to: number) => Page,
): AsyncGenerator<Page> {
  for await (const page of pages) {
    for (let from = 0; from < page.length; from += rows) {
      yield slice(page, from, Math.min(page.length, from + rows))
    }
  }
}

test('a run is the same in pages of any length', async () => {
  const seeds = fc.record({
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    kind: fc.constantFrom('bars' as const, 'trades' as const),
    rows: fc.integer({ min: 1, max: 60 }),
  })
  let commands = 0
  const property = fc.asyncProperty(seeds, async ({ seed, kind, rows }) => {
    const market = { seed, symbols: ['AAPL', 'BTC', 'ES'], start: ms(Date.UTC(2026, 2, 9)), kind }
    const tape = generateTape({ ...market, minutes: 60, tradesPerMinute: 3 })
    const { setup } = new World(seed, { facts: 0 })
    const whole = await backtest({ tape, setup })
    const cut = await backtest({ tape: repaged(tape, rows), setup })
    assert.deepEqual(cut, whole)
    commands += whole.statistics.outbox.commands
  })
  await fc.assert(property, { seed: 4, numRuns: 15 })
  assert.ok(commands > 300, `${commands} commands were compared`)
})
