/*
 * Quote-tick: the tick of a market maker, from prices that have moved to the last answer of the venue, with the local
 * Bybit in another process whose answers take 5, 20 and 50 ms. Each symbol rests a bid and an ask, and every tick moves
 * all of them. Four ways, on the same wire:
 *
 *   socket       engine, journal that is durable before an order leaves, gateway, adapter: amends in batches of 20, over
 *                the trade socket
 *   rest         the same over REST, for 4 and for 50 symbols
 *   in parallel  the same amends by a bare client that signs and sends: one request each, 16 at a time
 *   in sequence  the same, one after the other
 *
 * Between two ticks, when nothing is under way, a bare client of another account asks once: `one call` is what the venue
 * and the wire take for the least that can be asked, measured where the ticks are. What is compared is how much longer
 * a tick takes than that. Skein's side measures the first two ways, its reference the others; what both say beside the
 * value is the whole table, with the ticks that were counted. Those of a process that has just begun are not: code that
 * has not run yet is ten times slower, and a market maker ticks for days. The first of them is told.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { BATCHING_DEFAULTS } from '../src/core/batching.ts'
import type { InstrumentSpec } from '../src/core/instrument.ts'
import { MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { systemIo } from '../src/io/system.ts'
import { startLive } from '../src/runtime/live/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { categoryOf } from '../src/venues/bybit/category.ts'
import { BYBIT, bybitLimits, BybitVenue } from '../src/venues/bybit/venue.ts'
import { specOf } from '../src/venues/bybit/wire.ts'
import type { Measured, Size } from './bench.ts'
import { child, endOf, said } from './history.ts'
import { KEY, OTHER, UNLIMITED } from './quote-market.ts'

/** The venue answers so late. */
const LATENCIES = { full: [5, 20, 50], quick: [5] } as const
const SYMBOLS = { full: [4, 10, 50, 200], quick: [4] } as const
const REST_SYMBOLS: ReadonlySet<number> = new Set([4, 50])
type Way = 'socket' | 'rest' | 'parallel' | 'sequence'
/** Ticks that count; in sequence one takes up to half a minute. */
const TICKS = {
  full: { socket: 40, rest: 20, parallel: 5, sequence: 1 },
  quick: { socket: 2, rest: 2, parallel: 1, sequence: 1 },
} as const
/** Ticks of a process before the first that counts; the reference needs one, which places the orders. */
const COLD = { full: 200, quick: 1 } as const
/** Requests of the bare client that are under way at once: as many connections as Skein may have. */
const CONNECTIONS = 16
/** How far from the market a quote rests, as a fraction: it is never met. */
const AWAY = 0.05
/** What a tick moves it by, as a fraction, and in steps of its grid: the larger of both. */
const STEP = 0.002
const STEPS_MIN = 2
const QTY = 1
const OFF = Infinity
/** The venue has told of all that it took, and is at rest. */
const REST_MS = 25

export interface Cell {
  readonly symbols: number
  readonly latencyMs: number
  readonly way: Way
  /** Milliseconds of each tick. */
  readonly ticks: readonly number[]
  /** And of a single call, after each. */
  readonly trips: readonly number[]
  /** Of one tick. */
  readonly calls: number
  /** Milliseconds of the first tick of all. */
  readonly firstMs: number
}

interface Place {
  readonly rest: string
  readonly market: string
  readonly account: string
  readonly trade: string
}

/** All cells of one side. */
export async function cellsOf(side: 'skein' | 'reference', size: Size): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const symbols of SYMBOLS[size]) {
    if (side === 'reference') {
      cells.push(...(await marketCells(['parallel', 'sequence'], symbols, size)))
      continue
    }
    cells.push(...(await marketCells(['socket'], symbols, size)))
    if (REST_SYMBOLS.has(symbols)) cells.push(...(await marketCells(['rest'], symbols, size)))
  }
  return cells
}

/** The table, and the value that a bench compares. */
export const measuredIn = (cells: readonly Cell[], value: number): Measured => ({
  value,
  check: '',
  also: cells.map(textOf).join('; '),
})

function textOf({ symbols, latencyMs, way, ticks, trips, calls, firstMs }: Cell): string {
  const spread = (of: readonly number[]) =>
    [0.5, 0.95, 0.99].map((share) => `p${share * 100} ${at(of, share).toFixed(1)}`).join(', ')
  const counted = `${ticks.length} ${ticks.length === 1 ? 'tick' : 'ticks'} of ${calls} calls`
  return `${symbols} at ${latencyMs} ms, ${way}: ${spread(ticks)} ms, ${counted}; one call ${spread(trips)} ms; first tick ${firstMs.toFixed(0)} ms`
}

export const at = (ticks: readonly number[], share: number): number =>
  ticks.toSorted((a, b) => a - b)[Math.ceil(share * ticks.length) - 1]!

/** How much longer than one call a tick takes, both by their p95. */
export const overMs = ({ ticks, trips }: Cell): number => at(ticks, 0.95) - at(trips, 0.95)

/** One venue and one maker, at each latency. */
async function marketCells(
  ways: readonly [Way, ...Way[]],
  symbols: number,
  size: Size,
): Promise<readonly Cell[]> {
  const server = child('quote-server.ts', `${symbols}`)
  try {
    const place = (await said(server)) as Place
    const single = await startBare(place, 1, OTHER)
    const [first] = ways
    const isSkein = first === 'socket' || first === 'rest'
    const maker = isSkein
      ? await startSkein(place, symbols, first)
      : await startBare(place, symbols, KEY)
    let ticks = 0
    let trips = 0
    const tick = async (way: Way): Promise<number> => {
      const tookMs = await maker.tick(ticks++ % 2, way)
      await setTimeout(REST_MS)
      return tookMs
    }
    const trip = async (): Promise<number> => {
      const tookMs = await single.trip(trips++ % 2)
      await setTimeout(REST_MS)
      return tookMs
    }
    const cells: Cell[] = []
    const firstMs = await tick(first)
    await trip()
    for (let i = 1; i < (isSkein ? COLD[size] : 1); i++) await tick(first)
    for (const latencyMs of LATENCIES[size]) {
      await ask(server, { latencyMs })
      for (const way of ways) {
        const before = await callsOf(server)
        const took: (readonly [number, number])[] = []
        for (let i = 0; i < TICKS[size][way]; i++) took.push([await tick(way), await trip()])
        const calls = ((await callsOf(server)) - before) / took.length
        cells.push({
          symbols,
          latencyMs,
          way,
          ticks: took.map(([tookMs]) => tookMs),
          trips: took.map(([, tripMs]) => tripMs),
          calls,
          firstMs,
        })
      }
    }
    await maker.close()
    await single.close()
    return cells
  } finally {
    await endOf(server)
  }
}

function ask(server: ChildProcess, message: object): Promise<unknown> {
  server.send(message)
  return said(server)
}

const callsOf = async (server: ChildProcess): Promise<number> =>
  ((await ask(server, {})) as { readonly calls: number }).calls

interface Maker {
  /** Moves all quotes to the lower (0) or the higher (1) of two places; resolves with the milliseconds to the last answer, when all rest where they are wanted. */
  readonly tick: (place: number, way: Way) => Promise<number>
  readonly close: () => Promise<void>
}

/** Rests a bid and an ask about the price of the last trade. */
const maker = defineStrategy({
  name: 'maker',
  params: z.strictObject({}),
  needs: () => ({ trades: true, warmup: 0 }),
  symbol: (context: Context) => ({
    onTrade: ({ price }) => {
      const [bid, ask] = [price * (1 - AWAY), price * (1 + AWAY)]
      context.rest({ bids: [{ price: bid, qty: QTY }], asks: [{ price: ask, qty: QTY }] }, POLICY)
    },
  }),
})

/** No caps: the tick is what is measured. */
const POLICY = {
  requoteBps: 0.01,
  amendBps: 1_000,
  minRestMs: 0,
  urgentBps: OFF,
  placesPerSecond: OFF,
  amendsPerSecond: OFF,
  cancelsPerSecond: OFF,
  cancelsPerMinute: OFF,
}

async function startSkein(
  place: Place,
  count: number,
  orderEntry: 'socket' | 'rest',
): Promise<Maker> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-quotes-'))
  const io = systemIo({ seed: 1 })
  const { specs, prices } = await marketOf(place)
  const universe = new Universe(specs)
  assert.equal(specs.length, count)
  const archive = await openArchive(join(folder, 'archive.db'))
  const usual = bybitLimits(UNLIMITED)
  let left = 0
  let isCommanded = false
  let onDone = (): void => {}
  const look = (): void => {
    if (isCommanded && left === 0) onDone()
  }
  const started = await startLive({
    io,
    venue: new BybitVenue({
      io,
      keys: KEY,
      symbols: specs.map(({ symbol }) => symbol),
      universe,
      hosts: place,
      orderEntry,
      ordersPerSecond: UNLIMITED,
      limits: { subscribe: { ...usual.subscribe, everyMs: 1 } },
    }),
    setup: {
      universe,
      uses: [{ name: 'mm', strategy: maker, params: {}, on: universe.all.map(({ id }) => id) }],
      risk: {
        ...RISK_DEFAULTS,
        tradingHours: 'always',
        maxPositions: OFF,
        maxOpenOrders: OFF,
        maxPositionFraction: OFF,
        maxExposureFraction: OFF,
        leverage: OFF,
        maxTradesPerDay: OFF,
        ordersPerMinute: OFF,
        priceBand: OFF,
      },
      batching: { ...BATCHING_DEFAULTS, maxParallelSymbols: count, tickDeadlineMs: 60_000 },
      run: 'r',
      currency: 'USDT',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    },
    journal: openJournal(join(folder, 'journal.db')),
    archive,
    inbox: { capacity: 10_000, maxAgeMs: MINUTE },
    snapshotEvery: 1_000_000,
    kinds: ['quotes'],
    timing: { reconcileEveryMs: 60 * MINUTE },
    onTurn: ({ batches }) => {
      if (batches.length > 0) isCommanded = true
      left += batches.length
      look()
    },
    onAnswered: () => {
      left--
      look()
    },
  })
  assert.ok(started.ok, started.ok ? '' : started.fault.message)
  const { pump, engine } = started.value
  const isSettled = (): boolean => {
    const live = engine.ours.orders.filter(({ order }) => order.phase !== 'done')
    return (
      live.length === 2 * count &&
      live.every(({ order }) => order.phase === 'open' && order.amending === undefined)
    )
  }
  return {
    tick: async (where) => {
      isCommanded = false
      const done = new Promise<void>((resolve) => {
        onDone = resolve
      })
      const began = performance.now()
      const now = io.now()
      for (const { id, symbol, tickSize } of universe.all) {
        const price = priceAt(prices.get(symbol)!, tickSize, where)
        const trade = { symbol: id, ts: now, price, size: 1 }
        pump.push({ type: 'trade', at: now, trade })
      }
      await done
      const tookMs = performance.now() - began
      for (const until = performance.now() + MINUTE; !isSettled();) {
        assert.ok(performance.now() < until, 'what was asked for rests within a minute')
        await setTimeout(1)
      }
      return tookMs
    },
    close: async () => {
      await started.value.abandon()
      await io.close()
      await archive.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const priceAt = (price: number, tickSize: number, where: number): number =>
  price + where * Math.max(price * STEP, STEPS_MIN * tickSize)

/** The venue's perpetuals, and what each trades at now. */
async function marketOf({ rest }: Place) {
  const specs: InstrumentSpec[] = []
  const prices = new Map<string, number>()
  const rowsOf = async (what: string): Promise<readonly Record<string, unknown>[]> => {
    const answer = await request(`${rest}/v5/market/${what}?category=linear&limit=1000`)
    return ((await answer.body.json()) as { result: { list: Record<string, unknown>[] } }).result
      .list
  }
  for (const row of await rowsOf('tickers'))
    prices.set(String(row['symbol']), Number(row['lastPrice']))
  for (const row of await rowsOf('instruments-info')) {
    const spec = specOf(row, BYBIT, categoryOf('linear'))
    assert.ok(spec !== undefined)
    specs.push(spec)
  }
  return { specs, prices }
}

/** The least that a client without batches can do: sign, send, read the code. */
async function startBare(
  place: Place,
  count: number,
  keys: typeof KEY,
): Promise<Maker & { readonly trip: (place: number) => Promise<number> }> {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 })
  const { specs, prices } = await marketOf(place)
  const post = async (verb: 'create' | 'amend', body: object): Promise<void> => {
    const text = JSON.stringify({ category: 'linear', ...body })
    const stamp = String(Date.now())
    const sign = createHmac('sha256', keys.secret)
      .update(`${stamp}${keys.key}5000${text}`)
      .digest('hex')
    const answer = await request(`${place.rest}/v5/order/${verb}`, {
      method: 'POST',
      body: text,
      headers: {
        'content-type': 'application/json',
        'x-bapi-api-key': keys.key,
        'x-bapi-timestamp': stamp,
        'x-bapi-recv-window': '5000',
        'x-bapi-sign': sign,
      },
      dispatcher: agent,
    })
    const { retCode, retMsg } = (await answer.body.json()) as { retCode: number; retMsg: string }
    assert.equal(retCode, 0, retMsg)
  }
  const quotesAt = (where: number) =>
    specs.slice(0, count).flatMap(({ symbol, tickSize }) =>
      (
        [
          ['Buy', -1],
          ['Sell', 1],
        ] as const
      ).map(([side, sign]) => {
        const price = priceAt(prices.get(symbol)!, tickSize, where) * (1 + sign * AWAY)
        const onGrid = (Math.round(price / tickSize) * tickSize).toFixed(8)
        return { symbol, side, price: onGrid, orderLinkId: `${symbol}-${side}` }
      }),
    )
  const placed = new Set<string>()
  const send = async (quote: ReturnType<typeof quotesAt>[number]): Promise<void> => {
    const { symbol, side, price, orderLinkId } = quote
    if (placed.has(orderLinkId)) return post('amend', { symbol, orderLinkId, price })
    placed.add(orderLinkId)
    const terms = { orderType: 'Limit', qty: String(QTY) }
    return post('create', { symbol, side, ...terms, price, orderLinkId })
  }
  return {
    tick: async (where, way) => {
      const began = performance.now()
      const quotes = quotesAt(where)
      if (way === 'parallel') await Promise.all(quotes.map(send))
      else for (const quote of quotes) await send(quote)
      return performance.now() - began
    },
    trip: async (where) => {
      const began = performance.now()
      await send(quotesAt(where)[0]!)
      return performance.now() - began
    },
    close: () => agent.close(),
  }
}
