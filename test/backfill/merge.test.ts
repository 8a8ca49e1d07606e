// Live minutes and history in one store: what a run heard is no proof of what the provider has, and gives way to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinedBars } from '../../src/core/columns.ts'
import { DAY, ms } from '../../src/core/time.ts'
import { look } from '../../src/jobs/look.ts'
import { type Spoil, Wire } from './wire.ts'

const SERIES = { timeframe: '1h', adjustment: 'raw' } as const

/** The bars of a symbol as history has them, fetched by another archive. */
async function toldOf(wire: Wire, symbol: string) {
  const pages = []
  for await (const page of wire.archive.bars({ symbol, timeframe: '1h' })) pages.push(page)
  return joinedBars(pages)
}

test('a backfill takes the place of what a run heard, and says how many bars differed', async (t) => {
  const other = await Wire.open(t, { count: 2, days: 10 })
  await other.work()
  const [symbol] = other.symbols
  const heard = await toldOf(other, symbol!)
  for (const i of [3, 4, 5]) heard.close[i]! -= 0.01
  const wire = await Wire.open(t, { count: 2, days: 10 })
  await wire.archive.putBars(symbol!, '1h', heard, { rank: 'closed' })
  const before = await wire.store.coverage({})
  let revised = 0

  const worker = wire.worker()
  await worker.work({ untilDone: true, onPage: (page) => (revised += page.revised) })
  worker.close()

  assert.deepEqual(before, [])
  assert.equal(revised, 3)
  assert.deepEqual(await wire.wrong(), [])
  assert.deepEqual(await wire.store.revised({}), [{ ...SERIES, symbol, bars: 3 }])
  const [seen] = await look(wire.store, { symbols: [symbol!] }, { now: wire.now, cells: 4 })
  assert.deepEqual([seen?.heard, seen?.revised], [0, 3])
})

test('a bar that a run heard does not hide that history lost it', async (t) => {
  const other = await Wire.open(t, { count: 1, days: 10 })
  await other.work()
  const [symbol] = other.symbols
  const heard = await toldOf(other, symbol!)
  // The first page comes without the last five sessions.
  const spoil: Spoil = ({ body }, n) => {
    if (n > 1) return undefined
    const page = JSON.parse(body) as { bars: Record<string, { t: string }[]> }
    const kept = page.bars[symbol!]!.filter(({ t: at }) => Date.parse(at) < other.from + 5 * DAY)
    return { body: JSON.stringify({ ...page, bars: { [symbol!]: kept } }) }
  }
  const wire = await Wire.open(t, { count: 1, days: 10, spoil })
  await wire.archive.putBars(symbol!, '1h', heard, { rank: 'closed' })

  await wire.work()

  const all = { ...SERIES, symbol: symbol!, from: ms(wire.from), to: ms(wire.now) }
  assert.equal(wire.asked.length, 2)
  assert.equal((await wire.store.starts(all)).length, heard.length)
  assert.deepEqual(await wire.store.holes({}), [])
})
