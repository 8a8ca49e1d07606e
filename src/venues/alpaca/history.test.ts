// Tests of history: pages to the end, cursors, and pages that must not be used.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { venueId } from '../../core/brand.ts'
import { equitySpec } from '../../core/instrument.ts'
import type { Bar } from '../../core/market.ts'
import { iso, MINUTE, ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { Budget } from '../../io/rate.ts'
import { VirtualWorld } from '../../io/virtual.ts'
import { AlpacaHistory } from './history.ts'
import { Rest } from './rest.ts'

const START = Date.UTC(2026, 2, 9, 13)
const NAMES = ['A', 'B', 'C', 'D', 'E']

/** Five symbols of 30 minute bars each; pages of any size, by symbol and then by time, as Alpaca makes them. */
function historyOf(
  changes: (
    body: { bars: Record<string, unknown[]>; next_page_token: string | null },
    page: number,
  ) => unknown = (body) => body,
) {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START + 29.5 * MINUTE) })
  const io = world.node('engine')
  const urls: URL[] = []
  world.serveHttp('data.test', ({ path }) => {
    const url = new URL(`http://data.test${path}`)
    urls.push(url)
    const get = (name: string): string => url.searchParams.get(name) ?? ''
    const all = get('symbols')
      .split(',')
      .flatMap((symbol) =>
        Array.from({ length: 30 }, (_, i) => ({ symbol, t: START + i * MINUTE })).filter(
          ({ t }) => t >= Date.parse(get('start')) && t <= Date.parse(get('end')),
        ),
      )
    const from = Number(get('page_token'))
    const limit = Number(get('limit'))
    const bars: Record<string, unknown[]> = {}
    for (const { symbol, t } of all.slice(from, from + limit))
      (bars[symbol] ??= []).push({
        t: iso(t).replace('.000', ''),
        o: 10,
        h: 12,
        l: 9,
        c: 11,
        v: 5,
        n: 1,
        vw: 10,
      })
    const next = from + limit < all.length ? String(from + limit) : null
    return {
      status: 200,
      body: JSON.stringify(changes({ bars, next_page_token: next }, urls.length)),
    }
  })
  const budget = new Budget(io, { name: 'data', limit: 200, windowMs: 60_000 })
  const data = new Rest({
    io,
    keys: { key: 'PKTEST', secret: 'very-secret' },
    baseUrl: 'https://data.test',
    budget,
  })
  const universe = new Universe(NAMES.map((name) => equitySpec(name, venueId('alpaca'))))
  const history = new AlpacaHistory({
    io,
    data,
    trading: data,
    universe,
    feed: 'iex',
    adjustment: 'split',
    symbols: 2,
    rows: 7,
  })
  const read = async (cursor?: string, pagesMax = 1000) => {
    const bars: Bar[] = []
    const cursors: (string | undefined)[] = []
    const faults: string[] = []
    let isDone = false
    const work = async (): Promise<void> => {
      const query = {
        symbols: NAMES,
        timeframe: '1m',
        from: ms(START),
        to: ms(START + 30 * MINUTE),
      } as const
      for await (const page of history.bars(cursor === undefined ? query : { ...query, cursor })) {
        if (page.ok) {
          bars.push(...page.value.bars)
          cursors.push(page.value.cursor)
        } else faults.push(`${page.fault.code} ${page.fault.message}`)
        if (cursors.length === pagesMax) break
      }
      isDone = true
    }
    const done = work()
    await world.until(() => isDone, 600_000)
    await done
    return { bars, cursors, faults }
  }
  return { read, urls, budget }
}

test('reads all bars of all symbols, each once, and leaves out the one that still forms', async () => {
  const { read, urls, budget } = historyOf()
  const { bars, faults, cursors } = await read()
  assert.deepEqual(faults, [])
  // 30 bars of five symbols, without the last minute, which has not ended.
  assert.equal(bars.length, 5 * 29)
  assert.equal(new Set(bars.map(({ symbol, start }) => `${symbol} ${start}`)).size, 5 * 29)
  assert.equal(cursors.at(-1), undefined)
  assert.deepEqual(
    [...new Set(urls.map((url) => url.searchParams.get('symbols')))],
    ['A,B', 'C,D', 'E'],
  )
  // Pages of one query differ in their token only, and each one took its share of the budget.
  const rest = new Set(
    urls
      .slice(0, 3)
      .map((url) => [...url.searchParams].filter(([name]) => name !== 'page_token').join('&')),
  )
  assert.equal(rest.size, 1)
  assert.match([...rest][0]!, /feed,iex/)
  assert.match([...rest][0]!, /adjustment,split/)
  assert.equal(budget.stats().granted, urls.length)
})

test('F061: a run that is stopped after any page goes on from its cursor and reads the same', async () => {
  const whole = (await historyOf().read()).bars
  for (let stop = 1; stop <= 20; stop++) {
    const { read } = historyOf()
    const first = await read(undefined, stop)
    const second = await read(first.cursors.at(-1))
    assert.deepEqual([...first.bars, ...second.bars], whole)
  }
})

for (const [name, change, expected] of [
  [
    'a symbol that nobody asked for',
    (bars: Record<string, unknown[]>) => ({ bars: { ...bars, ZZZ: [] }, next_page_token: null }),
    /nobody asked for ZZZ/,
  ],
  [
    'bars out of order',
    (bars: Record<string, unknown[]>) => ({
      bars: Object.fromEntries(
        Object.entries(bars).map(([symbol, list]) => [symbol, list.toReversed()]),
      ),
      next_page_token: null,
    }),
    /follows/,
  ],
  [
    'a bar that is none',
    () => ({
      bars: { A: [{ t: iso(START), o: 1, h: 0, l: 1, c: 1, v: 1 }] },
      next_page_token: null,
    }),
    /corrupt-data/,
  ],
  [
    'a token that repeats itself',
    (bars: Record<string, unknown[]>) => ({ bars, next_page_token: 'again' }),
    /do not end|corrupt/,
  ],
  ['no bars at all', () => ({ message: 'hello' }), /no bars/],
] as const) {
  test(`F060: refuses a page with ${name}`, async () => {
    const { read } = historyOf((body) => change(body.bars))
    const { faults } = await read()
    assert.equal(faults.length, 1)
    assert.match(faults[0]!, expected)
  })
}

test('takes null for no bars', async () => {
  const { read } = historyOf(() => ({ bars: null, next_page_token: null }))
  assert.deepEqual((await read()).faults, [])
})

test('refuses a cursor of another query', async () => {
  const { faults } = await historyOf().read('ZZZ|5')
  assert.match(faults[0]!, /another query/)
})
