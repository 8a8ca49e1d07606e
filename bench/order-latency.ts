/*
 * Order-latency: from a trade's frame that leaves the venue to the order's arrival there, with the venue in another
 * process. Skein's side is all that lies between: adapter, engine, a journal that is durable before the order leaves,
 * gateway. The reference is the least that a client can do: parse the frame, look, send. The value is the 99th
 * percentile of all orders; both sides say the others beside it.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { WebSocket } from 'ws'
import type { Bench, Measured, Size } from './bench.ts'
import { ASKING, SYMBOLS, timeOf } from './latency-market.ts'
import { equitySpec } from '../src/core/instrument.ts'
import { MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk.ts'
import { systemIo } from '../src/io/system.ts'
import { startLive } from '../src/runtime/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { ALPACA } from '../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'

const ORDERS = { full: 1_000, quick: 20 } as const
const KEY = { key: 'bench-key', secret: 'bench-secret' }

export const latencyBench = (name: string, tradesPerSecond: number): Bench => ({
  name,
  unit: 'ms, p99',
  goal: { moreAtMost: 1 },
  run: {
    skein: (size) => measure(size, tradesPerSecond, startEngine),
    reference: (size) => measure(size, tradesPerSecond, startBare),
  },
})

type Close = () => Promise<void>

async function measure(
  size: Size,
  rate: number,
  start: (host: string) => Promise<Close>,
): Promise<Measured> {
  const orders = ORDERS[size]
  const server = fork(join(import.meta.dirname, 'latency-server.ts'), [`${rate}`, `${orders}`])
  const abort = new AbortController()
  const { signal } = abort
  server.once('exit', () => abort.abort(new Error('the venue gave up')))
  try {
    const [{ port }] = await once(server, 'message', { signal })
    const close = await start(`127.0.0.1:${port}`)
    server.send('go')
    const [{ millis }] = await once(server, 'message', { signal })
    await close()
    const sorted = Float64Array.from(millis).toSorted()
    const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1]!
    const [p50, p99, p999] = [at(0.5), at(0.99), at(0.999)]
    const also = `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, p99.9 ${p999.toFixed(2)} ms`
    return { value: p99, check: `${sorted.length} orders`, also }
  } finally {
    if (server.connected) {
      server.disconnect()
      await once(server, 'exit')
    }
  }
}

/** Buys and sells in turn, when it is asked. */
const obedient = defineStrategy({
  name: 'obedient',
  params: z.strictObject({}),
  needs: () => ({ trades: true, warmup: 0 }),
  symbol: (context: Context) => ({
    onTrade: ({ size }) => {
      if (size !== ASKING) return
      if (context.position.isFlat) context.buy({ qty: 1 })
      else context.sell({ qty: 1 })
    },
  }),
})

async function startEngine(host: string): Promise<Close> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-latency-'))
  const system = systemIo({ seed: 1 })
  const io = { ...system, now: timeOf }
  const universe = new Universe(SYMBOLS.map((symbol) => equitySpec(symbol, ALPACA)))
  const archive = await openArchive(join(folder, 'archive.db'))
  const [http, ws] = [`http://${host}`, `ws://${host}`]
  const started = await startLive({
    io,
    venue: new AlpacaVenue({
      io,
      keys: KEY,
      symbols: SYMBOLS,
      universe,
      hosts: { trading: http, data: http, stream: ws, orders: `${ws}/stream` },
      limits: { subscribe: { batch: SYMBOLS.length, everyMs: 1, total: SYMBOLS.length } },
      tradesPerMinute: 1_000_000,
    }),
    setup: {
      universe,
      uses: [{ name: 's', strategy: obedient, params: {}, on: universe.all.map(({ id }) => id) }],
      risk: {
        ...RISK_DEFAULTS,
        tradingHours: 'always',
        maxPositions: SYMBOLS.length,
        maxPositionFraction: 1,
        maxTradesPerDay: Infinity,
        ordersPerMinute: Infinity,
      },
      run: 'r',
      currency: 'USD',
      base: '1m',
      bars: { latenessMs: 0, maxFill: 2 },
    },
    journal: openJournal(join(folder, 'journal.db')),
    archive,
    inbox: { capacity: 10_000, maxAgeMs: MINUTE },
    snapshotEvery: 1_000_000,
    kinds: ['trades'],
    // The venue keeps no account: it would be asked in vain.
    timing: { reconcileEveryMs: 60 * MINUTE },
  })
  assert.ok(started.ok, started.ok ? '' : started.fault.message)
  return async () => {
    await started.value.abandon()
    await system.close()
    await archive.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The least that a client can do. */
async function startBare(host: string): Promise<Close> {
  const agent = new Agent({ pipelining: 1 })
  const socket = new WebSocket(`ws://${host}`, { perMessageDeflate: false })
  for (const frame of [
    { action: 'auth', ...KEY },
    { action: 'subscribe', trades: SYMBOLS },
  ]) {
    await once(socket, 'message')
    socket.send(JSON.stringify(frame))
  }
  await once(socket, 'message')
  let orders = 0
  const order = async (symbol: string): Promise<void> => {
    const asked = { client_order_id: `o-${orders++}`, symbol, side: 'buy', qty: '1' }
    const body = JSON.stringify({ ...asked, type: 'market', time_in_force: 'day' })
    const answer = await request(`http://${host}/v2/orders`, {
      method: 'POST',
      body,
      dispatcher: agent,
    })
    await answer.body.json()
  }
  socket.on('message', (data: Buffer) => {
    const trades: readonly { readonly S: string; readonly s: number }[] = JSON.parse(
      data.toString('utf8'),
    )
    for (const { S, s } of trades) if (s === ASKING) void order(S)
  })
  return async () => {
    socket.close()
    await once(socket, 'close')
    await agent.close()
  }
}
