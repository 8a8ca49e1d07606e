// Splits: corporate actions are fetched once a day, and raw bars read as if their splits had been all along.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { joinedBars } from '../../src/core/columns.ts'
import { DAY, HOUR, MINUTE } from '../../src/core/time.ts'
import { splitAdjusted } from '../../src/jobs/adjust.ts'
import { fetchSplits } from '../../src/jobs/splits.ts'
import { type Spoil, Wire } from './wire.ts'

const actions = (wire: Wire) => wire.asked.filter(({ query }) => query.includes('types='))

async function adjustedOf(wire: Wire, symbol: string, timeframe: '1h' | '1d'): Promise<string[]> {
  const pages = []
  for await (const page of wire.archive.bars({ symbol, timeframe })) pages.push(page)
  const bars = splitAdjusted(joinedBars(pages), await wire.store.splits([symbol]))
  const { start, open, high, low, close, volume, trades } = bars
  return Array.from({ length: bars.length }, (_, i) =>
    [start, open, high, low, close, volume, trades].map((column) => column[i]!).join(),
  )
}

async function worked(t: TestContext, options: Parameters<typeof Wire.open>[1] = {}) {
  const wire = await Wire.open(t, { count: 40, splitOf: 3, timeframes: ['1h', '1d'], ...options })
  await wire.work('w', { splits: true })
  return wire
}

test('raw bars and the splits of the provider are its own adjusted bars, field by field', async (t) => {
  const wire = await worked(t)

  const splits = await wire.store.splits(wire.symbols)
  assert.ok(splits.length >= 5, `${splits.length} splits`)
  assert.ok(splits.some(({ oldRate, newRate }) => newRate > oldRate))
  assert.ok(splits.some(({ oldRate, newRate }) => newRate < oldRate))
  for (const timeframe of ['1h', '1d'] as const) {
    for (const symbol of wire.symbols) {
      const told = await wire.told(symbol, timeframe, 'split')
      assert.ok(told.length > 30)
      assert.deepEqual(await adjustedOf(wire, symbol, timeframe), told, `${symbol} ${timeframe}`)
    }
  }
  const { symbol } = splits[0]!
  assert.notDeepEqual(await wire.storedOf(symbol), await adjustedOf(wire, symbol, '1h'))
})

test('splits are asked for once a day, the last weeks again, and a correction replaces them', async (t) => {
  const spoil: Spoil = ({ body }, _n, { query, at }) => {
    if (!query.includes('types=') || at < corrected) return undefined
    return { body: body.replaceAll('"new_rate":', '"new_rate":1e2,"was":') }
  }
  let corrected = Infinity
  const wire = await worked(t, { days: 25, spoil })
  const before = await wire.store.splits(wire.symbols)
  await wire.work('w', { splits: true })
  const asked = actions(wire).length
  wire.pass(DAY)
  corrected = wire.now
  await wire.work('w', { splits: true })
  const after = await wire.store.splits(wire.symbols)

  assert.equal(asked, 1)
  assert.equal(actions(wire).length, 2)
  assert.ok(before.length > 0)
  assert.deepEqual(
    after.map(({ id }) => id),
    before.map(({ id }) => id),
  )
  assert.ok(after.every(({ newRate }) => newRate === 100))
})

test('an answer that makes no sense changes no split, and is asked for again', async (t) => {
  const spoil: Spoil = ({ body }, _n, { query }) =>
    query.includes('types=') && isBad
      ? { body: body.replaceAll(/"old_rate":\d+/g, '"old_rate":0') }
      : undefined
  let isBad = false
  const wire = await worked(t, { spoil })
  const before = await wire.store.splits(wire.symbols)
  wire.pass(DAY + HOUR)
  isBad = true
  const troubles: string[] = []

  await wire.work('w', { splits: true, onTrouble: ({ message }) => troubles.push(message) })
  const { source } = wire.worker()
  isBad = false
  const again = await fetchSplits({ store: wire.store, source, now: wire.now })

  assert.match(
    troubles.join(),
    /corporate-actions: (?:forward|reverse)_splits\[0\] is .*"old_rate":0/,
  )
  assert.ok(before.length > 0 && again.ok && again.value > 0)
  assert.deepEqual(await wire.store.splits(wire.symbols), before)
})

test('bars that the provider adjusts are asked for again up to a split that is told later', async (t) => {
  let isKnown = false
  const spoil: Spoil = ({ body }, _n, { query }) => {
    if (isKnown) return undefined
    return query.includes('types=')
      ? { body: '{"corporate_actions":{},"next_page_token":null}' }
      : { body: body.replaceAll('"n":', '"n":1,"was":') }
  }
  const wire = await worked(t, { timeframes: ['1h'], adjustment: 'split', spoil })
  const before = new Map<string, string[]>()
  for (const symbol of wire.symbols) before.set(symbol, await wire.storedOf(symbol))
  wire.pass(DAY)
  isKnown = true

  await wire.work('w', { splits: true })

  const splits = Map.groupBy(await wire.store.splits(wire.symbols), ({ symbol }) => symbol)
  assert.ok(splits.size > 3 && splits.size < wire.symbols.length)
  for (const symbol of wire.symbols) {
    const exAt = splits.get(symbol)?.at(-1)?.exAt
    const due = exAt === undefined ? before.get(symbol)! : await wire.told(symbol, '1h', 'split')
    const old = (rows: readonly string[]): string[] =>
      rows.filter((row) => Number(row.split(',')[0]) < (exAt ?? Infinity))
    assert.deepEqual(old(await wire.storedOf(symbol)), old(due), symbol)
    assert.notDeepEqual(old(due), [])
  }
  assert.deepEqual(await wire.store.holes({}), [])
})

test('a worker that is stopped does not wait until splits may be asked for', async (t) => {
  const wire = await Wire.open(t, { count: 3 })
  const from = wire.now
  await wire.store.stopRequests('alpaca', from + DAY)
  const stop = new AbortController()

  await wire.work('w', { splits: true, signal: stop.signal, onTick: () => stop.abort() })

  assert.ok(wire.now - from < MINUTE, `${wire.now - from} ms`)
  assert.equal(wire.asked.length, 0)
})
