// Live minutes and history in one store: what a run heard is no proof of what the provider has, and gives way to it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinedBars } from '../../src/core/columns.ts'
import { DAY, ms } from '../../src/core/time.ts'
import { booked } from '../../src/jobs/booked.ts'
import { look } from '../../src/jobs/look.ts'
import { HOST, type Spoil, Wire } from './wire.ts'

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

test('requests of a run beside a backfill count in its budget, and ask nobody', async (t) => {
  const wire = await Wire.open(t, { pageRows: 100 })
  const live = booked(wire.io, {
    provider: 'alpaca',
    worker: 'run',
    ledger: () => wire.store,
    counts: () => true,
    onTrouble: assert.fail,
  })
  const url = `${HOST}/v2/stocks/snapshots?symbols=${wire.symbols.slice(0, 30).join(',')}`
  for (let i = 0; i < 120; i++) {
    const answer = await live.http.request({ method: 'GET', url, timeoutMs: 1_000 })
    assert.ok(answer.ok)
  }

  await wire.work()

  const booked120 = (await wire.store.requests({ since: 0, limit: 1_000 })).filter(
    ({ worker }) => worker === 'run',
  )
  assert.deepEqual([booked120.length, booked120[0]?.symbols], [120, 30])
  assert.ok(wire.asked.length > 240, `${wire.asked.length} requests`)
  assert.ok(wire.busiestMinute <= 160, `${wire.busiestMinute} requests in a minute`)
  assert.deepEqual(await wire.wrong(), [])
})

test('a ledger that does not answer stops no request of a run, and is told once', async (t) => {
  const wire = await Wire.open(t, { count: 1 })
  const told: string[] = []
  const live = booked(wire.io, {
    provider: 'alpaca',
    worker: 'run',
    ledger: () => wire.store,
    counts: () => true,
    onTrouble: (why) => told.push(why),
  })
  await wire.archive.close()

  const url = `${HOST}/v2/stocks/snapshots?symbols=${wire.symbols[0]}`
  for (let i = 0; i < 3; i++)
    assert.ok((await live.http.request({ method: 'GET', url, timeoutMs: 1_000 })).ok)

  assert.equal(told.length, 1)
  assert.match(told[0]!, /a backfill does not see them: .*the archive is closed/)
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

  const all = { ...SERIES, symbols: [symbol!], from: ms(wire.from), to: ms(wire.now) }
  assert.equal(wire.asked.length, 2)
  assert.deepEqual(
    (await wire.store.starts(all)).map(({ length }) => length),
    [heard.length],
  )
  assert.deepEqual(await wire.store.holes({}), [])
})
