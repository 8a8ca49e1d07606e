// Pages: bars of five symbols over REST on virtual time, in pages of any shape; and the history that reads them.
import assert from 'node:assert/strict'
import { venueId } from '../../src/core/brand.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Bar } from '../../src/core/market.ts'
import { iso, MINUTE, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { Budget } from '../../src/io/rate.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { AlpacaHistory } from '../../src/venues/alpaca/history.ts'
import { Rest } from '../../src/venues/alpaca/rest.ts'

export const START = Date.UTC(2026, 2, 9, 13)
const NAMES = ['A', 'B', 'C', 'D', 'E']

/** Five symbols of 30 minute bars each; pages of any size, by symbol and then by time, as Alpaca makes them. */
export function historyOf(
  changes: (
    body: { bars: Record<string, unknown[]>; next_page_token: string | null },
    page: number,
  ) => unknown = (body) => body,
  /** Why a request is refused. */
  refuse: (request: number) => string | undefined = () => undefined,
) {
  const world = new VirtualWorld({ seed: 1, startAt: ms(START + 29.5 * MINUTE) })
  const io = world.node('engine')
  const urls: URL[] = []
  world.serveHttp('data.test', ({ path }) => {
    const url = new URL(`http://data.test${path}`)
    urls.push(url)
    const message = refuse(urls.length)
    if (message !== undefined) return { status: 400, body: JSON.stringify({ message }) }
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
    await world.run(600_000, () => isDone)
    assert.ok(isDone, 'the pages end')
    await done
    return { bars, cursors, faults }
  }
  return { read, urls, budget, world }
}
