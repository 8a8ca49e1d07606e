// History over the wire, to the end: trades and quotes of several symbols, page by page, and again from every cursor.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { venueId } from '../src/core/brand.ts'
import { equitySpec } from '../src/core/instrument.ts'
import { MINUTE, ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { systemIo } from '../src/io/system.ts'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { ALPACA_LIMITS, AlpacaVenue } from '../src/venues/alpaca/venue.ts'
import { KEY, START, startVenue, SYMBOLS } from './alpaca/local.ts'

const SPAN = { symbols: SYMBOLS, from: ms(START - 10 * MINUTE), to: ms(START) }

/** An adapter that asks for so many symbols and rows at once. */
async function asking(
  server: AlpacaServer,
  limits: { readonly symbols: number; readonly rows: number },
  work: (venue: AlpacaVenue) => Promise<void>,
): Promise<void> {
  const io = systemIo({ seed: 1 })
  const alpaca = venueId('alpaca')
  const specs = SYMBOLS.map((symbol) => {
    const spec = equitySpec(symbol, alpaca)
    return symbol.includes('/') ? { ...spec, kind: 'crypto' as const } : spec
  })
  const venue = new AlpacaVenue({
    io: { ...io, now: () => ms(START) },
    keys: KEY,
    symbols: SYMBOLS,
    universe: new Universe(specs),
    hosts: {
      trading: server.urls.rest,
      data: server.urls.rest,
      stream: server.urls.dataStream,
      orders: server.urls.tradingStream,
    },
    limits: { history: { ...ALPACA_LIMITS.history, ...limits, perMinute: 100_000 } },
  })
  try {
    await work(venue)
  } finally {
    await venue.close()
    await io.close()
  }
}

/** All pages of a kind, as rows of text and cursors. */
async function pagesOf(venue: AlpacaVenue, kind: 'trades' | 'quotes', cursor?: string) {
  const span = cursor === undefined ? SPAN : { ...SPAN, cursor }
  const pages: { readonly rows: readonly string[]; readonly cursor?: string }[] = []
  for await (const page of venue.history[kind](span)) {
    assert.ok(page.ok, JSON.stringify(page))
    const { cursor: next } = page.value
    const rows: readonly object[] = 'trades' in page.value ? page.value.trades : page.value.quotes
    const texts = rows.map((row) => JSON.stringify(row))
    pages.push({ rows: texts, ...(next === undefined ? {} : { cursor: next }) })
  }
  return pages
}

for (const kind of ['trades', 'quotes'] as const) {
  test(`${kind} of four symbols come to the end, whatever a page and a request hold`, async (t) => {
    const server = await startVenue({ limits: { dataPerMinute: 100_000 } })
    t.after(() => server.stop())
    let whole: readonly string[] = []
    await asking(server, { symbols: 50, rows: 10_000 }, async (venue) => {
      const pages = await pagesOf(venue, kind)
      whole = pages.flatMap(({ rows }) => rows)
    })
    assert.ok(whole.length > 300, `${whole.length} ${kind}`)
    assert.equal(
      new Set(whole.map((row) => (JSON.parse(row) as { symbol: number }).symbol)).size,
      4,
    )

    await asking(server, { symbols: 2, rows: 97 }, async (venue) => {
      const pages = await pagesOf(venue, kind)
      const rows = pages.flatMap((page) => page.rows)
      assert.deepEqual(rows, whole)
      assert.ok(pages.length > 3 && pages.every((page) => page.rows.length <= 97))
      assert.equal(pages.at(-1)?.cursor, undefined)
      for (const i of [0, Math.floor(pages.length / 2), pages.length - 2]) {
        const rest = await pagesOf(venue, kind, pages[i]!.cursor)
        const expected = pages.slice(i + 1).flatMap((page) => page.rows)
        assert.deepEqual(
          rest.flatMap((page) => page.rows),
          expected,
        )
      }
    })
  })
}

test('snapshots, calendar, clock and assets are whole', async (t) => {
  const server = await startVenue({ limits: { dataPerMinute: 100_000 } })
  t.after(() => server.stop())
  await asking(server, { symbols: 2, rows: 100 }, async (venue) => {
    const snapshots = await venue.history.snapshots(SYMBOLS)
    assert.ok(snapshots.ok, JSON.stringify(snapshots))
    assert.deepEqual(new Set<number>(snapshots.value.keys()), new Set([0, 1, 2, 3]))
    for (const { trade, quote } of snapshots.value.values())
      assert.ok(trade !== undefined && quote !== undefined && quote.bid < quote.ask)
    const days = await venue.history.calendar({ start: '2026-01-05', end: '2026-01-09' })
    assert.ok(days.ok, JSON.stringify(days))
    assert.deepEqual(
      days.value.map(({ date }) => date),
      ['2026-01-05', '2026-01-06', '2026-01-07', '2026-01-08', '2026-01-09'],
    )
    const clock = await venue.history.clock()
    assert.ok(clock.ok && clock.value.isOpen, JSON.stringify(clock))
    assert.deepEqual([clock.value.at, clock.value.nextClose], [START, Date.UTC(2026, 0, 7, 21)])
    const assets = await Promise.all([
      venue.history.assets('us_equity'),
      venue.history.assets('crypto'),
    ])
    const names = assets.flatMap((list) => (list.ok ? list.value.map(({ symbol }) => symbol) : []))
    assert.deepEqual(names.toSorted(), [...SYMBOLS].toSorted())
  })
})
