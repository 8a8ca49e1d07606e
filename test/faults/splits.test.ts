// Faults of splits: prices that are adjusted are so for every split, or they are refused.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { BadInput } from '../../src/core/bad-input.ts'
import { barColumns, joinedBars } from '../../src/core/columns.ts'
import { DAY, HOUR, ms, plus } from '../../src/core/time.ts'
import { fetchSplits } from '../../src/jobs/splits.ts'
import { adjustedTape } from '../../src/runtime/tape/adjusted-tape.ts'
import { archiveTape } from '../../src/runtime/tape/archive-tape.ts'
import { openArchive } from '../../src/store/index.ts'
import { type Spoil, TO, Wire } from '../backfill/wire.ts'
import { temporary } from '../cli/skein.ts'

test('F499 splits of a time in which nobody kept the symbol are asked for when it is kept again', async (t) => {
  const wire = await Wire.open(t, { count: 40, splitOf: 3, days: 200 })
  const { store, symbols } = wire
  const { source } = wire.worker()
  const ask = () => fetchSplits({ store, source, now: wire.now })
  const [kept] = await store.definitions()
  const from = ms(wire.from)
  const once = { provider: 'alpaca', symbols, from, to: plus(from, DAY), splits: [], at: from }

  await store.putSplits(once)
  await store.putDefinitions([{ ...kept!, from: ms(TO - 40 * DAY) }], wire.now)
  await ask()
  await store.putDefinitions([kept!], wire.now)
  wire.pass(DAY)
  await ask()

  const told = await source.splits!({ symbols, from, to: ms(TO) })
  assert.ok(told.ok && told.value.length > 5)
  const bySymbol = (ids: readonly { readonly id: string }[]) => ids.map(({ id }) => id).toSorted()
  assert.deepEqual(bySymbol(await store.splits(symbols)), bySymbol(told.value))
})

test('F500 bars of before or after the time that splits were asked for are not adjusted', async (t) => {
  const archive = await openArchive(join(temporary(t), 'archive.db'))
  t.after(() => archive.close())
  const first = Date.UTC(2026, 0, 5, 5)
  const day = (n: number) => ms(first + n * DAY)
  for (const symbol of ['AAA', 'BTC/USD']) {
    const bars = barColumns(4)
    for (let i = 0; i < 4; i++) {
      bars.start[i] = day(i)
      for (const name of ['open', 'high', 'low', 'close'] as const) bars[name][i] = 100
    }
    await archive.putBars(symbol, '1d', bars)
  }
  const split = { id: 'a', symbol: 'AAA', exAt: day(2), oldRate: 1, newRate: 4 }
  const told = { provider: 'alpaca', symbols: ['AAA'], splits: [split], at: day(3) }
  await archive.jobs.putSplits({ ...told, from: ms(day(1) - 1), to: ms(day(2) + 1) })
  const closes = async (symbol: string, range: { from?: number; to?: number }) => {
    const { from = day(0), to = day(4) } = range
    const wanted = { timeframe: '1d', symbols: [symbol], from: ms(from), to: ms(to) } as const
    const tape = await adjustedTape(archive, await archiveTape(archive, 'bars', wanted))
    const [series] = tape.series
    assert.equal(series?.kind, 'bars')
    const pages = []
    for await (const page of series.pages()) pages.push(page)
    return [...joinedBars(pages).close]
  }

  assert.deepEqual(await closes('AAA', { from: day(1), to: day(3) }), [25, 100])
  await assert.rejects(closes('AAA', { to: day(3) }), (error) => {
    assert.ok(error instanceof BadInput)
    assert.match(error.message, /splits of AAA from 2026-01-06.* bar of: "2026-01-05T05/)
    assert.match(error.message, /--from 2026-01-06, or "skein backfill plan" with the earlier one/)
    return true
  })
  await assert.rejects(closes('AAA', { from: day(1) }), /bar of: "2026-01-08T05.*skein jobs tick/)
  assert.deepEqual(await closes('BTC/USD', {}), [100, 100, 100, 100])
})

test('F504 hours wait for the quarters that a split has changed', async (t) => {
  let isKnown = false
  const spoil: Spoil = ({ body }, _n, { query }) => {
    if (isKnown) return undefined
    return query.includes('types=')
      ? { body: '{"corporate_actions":{},"next_page_token":null}' }
      : { body: body.replaceAll(/"([ohlc])":(\d+)/g, '"$1":1$2') }
  }
  const kept = { count: 20, splitOf: 3, timeframes: ['15m', '1h'], isDeriving: true } as const
  const wire = await Wire.open(t, { ...kept, adjustment: 'split', spoil })
  await wire.work('w', { splits: true })
  wire.pass(DAY)
  isKnown = true
  const { source } = wire.worker()
  await fetchSplits({ store: wire.store, source, now: wire.now })
  const asks = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  wire.hold = (n) => {
    if (!wire.asked[n - 1]!.query.includes('timeframe=15Min')) return undefined
    asks.resolve()
    return answer.promise
  }

  const quarters = wire.work('one', { packsMax: 1 })
  await asks.promise
  await wire.work('two', { packsMax: 1 })
  answer.resolve()
  await quarters
  await wire.work()

  assert.equal((await wire.store.counts()).failed, 0)
  const splits = await wire.store.splits(wire.symbols)
  assert.ok(splits.length > 2)
  for (const { symbol, exAt } of splits) {
    // Volumes of a split such as 3:2 are rounded to whole shares, in quarters otherwise than in hours.
    const pricesBefore = (rows: readonly string[]): string[][] =>
      rows.map((row) => row.split(',').slice(0, 5)).filter(([start]) => Number(start) < exAt)
    const due = pricesBefore(await wire.told(symbol, '1h', 'split'))
    assert.deepEqual(pricesBefore(await wire.storedOf(symbol, '1h')), due, symbol)
  }
})

/** Rows of before the last split of each symbol: as they are stored, and as the provider tells them now. */
async function beforeSplits(wire: Wire) {
  const until = new Map<string, number>()
  for (const { symbol, exAt } of await wire.store.splits(wire.symbols)) until.set(symbol, exAt)
  const old = (rows: readonly string[], exAt: number) =>
    rows.filter((row) => Number(row.split(',')[0]) < exAt)
  const [stored, told]: string[][] = [[], []]
  for (const [symbol, exAt] of until) {
    stored!.push(...old(await wire.storedOf(symbol), exAt))
    told!.push(...old(await wire.told(symbol, '1h', 'split'), exAt))
  }
  return { stored, told }
}

/** The prices of before a split that nobody has heard of. */
const unadjusted = (body: string): string => body.replaceAll(/"([ohlc])":(\d+)/g, '"$1":1$2')

test('F615 a split that is corrected has the adjusted bars asked for once more', async (t) => {
  let known: 'none' | 'wrong' | 'right' = 'none'
  const spoil: Spoil = ({ body }, _n, { query }) => {
    if (known === 'right') return undefined
    if (!query.includes('types=')) return { body: unadjusted(body) }
    if (known === 'none') return { body: '{"corporate_actions":{},"next_page_token":null}' }
    return { body: body.replaceAll(/"new_rate":(\d+)/g, '"new_rate":1$1') }
  }
  const wire = await Wire.open(t, { count: 3, splitOf: 3, adjustment: 'split', spoil })
  await wire.work('w', { splits: true })
  wire.pass(DAY)
  known = 'wrong'
  await wire.work('w', { splits: true })
  wire.pass(DAY)
  known = 'right'

  await wire.work('w', { splits: true })

  const { stored, told } = await beforeSplits(wire)
  assert.ok(told!.length > 50)
  assert.deepEqual(stored, told)
  assert.deepEqual(await wire.store.holes({}), [])
})

test('F616 adjusted bars that are told on the day of a split are asked for again on the next', async (t) => {
  let isAdjusted = false
  const spoil: Spoil = ({ body }, _n, { query }) =>
    isAdjusted || query.includes('types=') ? undefined : { body: unadjusted(body) }
  const wire = await Wire.open(t, { count: 3, splitOf: 3, adjustment: 'split', spoil })
  const { source } = wire.worker()
  const { symbols } = wire
  const all = await source.splits!({ symbols, from: ms(wire.from), to: ms(TO) })
  assert.ok(all.ok && all.value.length > 0)
  wire.pass(all.value.at(-1)!.exAt + 6 * HOUR - wire.now)

  await wire.work('w', { splits: true })
  const early = await beforeSplits(wire)
  isAdjusted = true
  wire.pass(DAY)
  await wire.work('w', { splits: true })

  const { stored, told } = await beforeSplits(wire)
  assert.ok(told!.length > 50)
  assert.notDeepEqual(early.stored, told)
  assert.deepEqual(stored, told)
  assert.deepEqual(await wire.store.holes({}), [])
})
