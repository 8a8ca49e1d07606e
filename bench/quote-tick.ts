/*
 * Quote-tick: the tick of a market maker, from prices that have moved to the last answer of the venue, with the local
 * Bybit in another process whose answers take 5, 20 and 50 ms. Each symbol rests a bid and an ask, and every tick moves
 * all of them. Four ways, in one run on the same wire:
 *
 *   socket       engine, journal that is durable before an order leaves, gateway, adapter: amends in batches of 20, over
 *                the trade socket
 *   rest         the same over REST
 *   in parallel  the same amends by a bare client that signs and sends: one request each, 16 at a time
 *   in sequence  the same, one after the other
 *
 * Skein's side measures the first two, its reference the others; what both say beside the value is the whole table.
 */
import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { BATCHING_DEFAULTS } from '../src/core/batching.ts'
import type { InstrumentSpec } from '../src/core/instrument.ts'
import { MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { systemIo } from '../src/io/system.ts'
import { startLive } from '../src/runtime/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { BYBIT, bybitLimits, BybitVenue } from '../src/venues/bybit/venue.ts'
import { specOf } from '../src/venues/bybit/wire.ts'
import type { Measured, Size } from './bench.ts'
import { child, endOf, said } from './history.ts'
import { KEY, symbolsOf, UNLIMITED } from './quote-market.ts'

/** The venue answers so late. */
export const LATENCIES = [5, 20, 50] as const
const SYMBOLS = { full: [4, 10, 50, 200], quick: [4] } as const
/** Ticks of one way, without the first, which are not counted; in sequence one takes seconds. */
const TICKS = {
  full: { socket: 30, rest: 30, parallel: 10, sequence: 1 },
  quick: { socket: 2, rest: 2, parallel: 1, sequence: 1 },
} as const
const COLD = 3
/** Requests of the bare client that are under way at once: as many connections as Skein may have. */
const CONNECTIONS = 16
/** How far from the market a quote rests, as a fraction: it is never met. */
const AWAY = 0.05
/** What a tick moves it by, as a fraction, and in steps of its grid: the larger of both. */
const STEP = 0.002
const STEPS_MIN = 2
const QTY = 1
const OFF = Infinity

export interface Cell {
  readonly symbols: number
  readonly latencyMs: number
  /** Skein over the trade socket and over REST; a bare client in two ways. */
  readonly way: 'socket' | 'rest' | 'parallel' | 'sequence'
  /** Milliseconds of each tick. */
  readonly ticks: readonly number[]
  /** Of one tick. */
  readonly calls: number
}

interface Place {
  readonly rest: string
  readonly market: string
  readonly account: string
  readonly trade: string
}

const WAYS = { skein: ['socket', 'rest'], reference: ['parallel', 'sequence'] } as const

/** All cells of one side. */
export async function cellsOf(side: 'skein' | 'reference', size: Size): Promise<readonly Cell[]> {
  const cells: Cell[] = []
  for (const latencyMs of size === 'full' ? LATENCIES : [5]) {
    for (const symbols of SYMBOLS[size]) {
      for (const way of WAYS[side]) cells.push(await cell({ symbols, latencyMs, way }, size))
    }
  }
  return cells
}

/** The table, and the value that a bench compares. */
export const measuredIn = (cells: readonly Cell[], value: number): Measured => ({
  value,
  check: '',
  also: cells.map(textOf).join('; '),
})

const textOf = ({ symbols, latencyMs, way, ticks, calls }: Cell): string =>
  `${symbols} at ${latencyMs} ms, ${way}: p50 ${at(ticks, 0.5).toFixed(1)}, p95 ${at(ticks, 0.95).toFixed(1)}, p99 ${at(ticks, 0.99).toFixed(1)} ms, ${calls} calls`

export const at = (ticks: readonly number[], share: number): number =>
  ticks.toSorted((a, b) => a - b)[Math.ceil(share * ticks.length) - 1]!

async function cell(
  { symbols, latencyMs, way }: Pick<Cell, 'symbols' | 'latencyMs' | 'way'>,
  size: Size,
): Promise<Cell> {
  const server = child('quote-server.ts', `${symbols}`, `${latencyMs}`)
  try {
    const place = (await said(server)) as Place
    const maker =
      way === 'socket' || way === 'rest'
        ? await startSkein(place, symbols, way)
        : await startBare(place, symbols, way)
    const count = TICKS[size][way]
    const cold = (way === 'socket' || way === 'rest') && size === 'full' ? COLD : 1
    const ticks: number[] = []
    let before = 0
    for (let tick = 0; tick < cold + count; tick++) {
      if (tick === cold) before = await callsOf(server)
      ticks.push(await maker.tick(tick % 2))
    }
    const calls = ((await callsOf(server)) - before) / count
    await maker.close()
    return { symbols, latencyMs, way, ticks: ticks.slice(cold), calls }
  } finally {
    await endOf(server)
  }
}

async function callsOf(server: ChildProcess): Promise<number> {
  server.send('calls')
  const { calls } = (await said(server)) as { readonly calls: number }
  return calls
}

interface Maker {
  /** Moves all quotes to the lower (0) or the higher (1) of two places; resolves with the milliseconds to the last answer, when all rest where they are wanted. */
  readonly tick: (place: number) => Promise<number>
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
  const { specs, prices } = await marketOf(place, count)
  const universe = new Universe(specs)
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
        await new Promise((resolve) => setTimeout(resolve, 1))
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
async function marketOf({ rest }: Place, count: number) {
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
    const spec = specOf(row, BYBIT)
    assert.ok(spec !== undefined)
    specs.push(spec)
  }
  assert.deepEqual(specs.map(({ symbol }) => symbol).toSorted(), symbolsOf(count).toSorted())
  return { specs, prices }
}

/** The least that a client without batches can do: sign, send, read the code. */
async function startBare(
  place: Place,
  count: number,
  way: 'parallel' | 'sequence',
): Promise<Maker> {
  const agent = new Agent({ connections: CONNECTIONS, pipelining: 1 })
  const { specs, prices } = await marketOf(place, count)
  const post = async (verb: 'create' | 'amend', body: object): Promise<void> => {
    const text = JSON.stringify({ category: 'linear', ...body })
    const stamp = String(Date.now())
    const sign = createHmac('sha256', KEY.secret)
      .update(`${stamp}${KEY.key}5000${text}`)
      .digest('hex')
    const answer = await request(`${place.rest}/v5/order/${verb}`, {
      method: 'POST',
      body: text,
      headers: {
        'content-type': 'application/json',
        'x-bapi-api-key': KEY.key,
        'x-bapi-timestamp': stamp,
        'x-bapi-recv-window': '5000',
        'x-bapi-sign': sign,
      },
      dispatcher: agent,
    })
    const { retCode, retMsg } = (await answer.body.json()) as { retCode: number; retMsg: string }
    assert.equal(retCode, 0, retMsg)
  }
  let isPlaced = false
  const quotesAt = (where: number) =>
    specs.flatMap(({ symbol, tickSize }) =>
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
  return {
    tick: async (where) => {
      const began = performance.now()
      const send = ({ symbol, side, price, orderLinkId }: ReturnType<typeof quotesAt>[number]) =>
        isPlaced
          ? post('amend', { symbol, orderLinkId, price })
          : post('create', {
              symbol,
              side,
              orderType: 'Limit',
              qty: String(QTY),
              price,
              orderLinkId,
            })
      const quotes = quotesAt(where)
      if (way === 'parallel' || !isPlaced) await Promise.all(quotes.map(send))
      else for (const quote of quotes) await send(quote)
      isPlaced = true
      return performance.now() - began
    },
    close: () => agent.close(),
  }
}
