/*
 * Order-latency: from a trade's frame that leaves the venue to the order's arrival there, with the venue in another
 * process. Skein's side is all that lies between: adapter, engine, a journal that is durable before the order leaves,
 * gateway. The reference is the least that a client can do: parse the frame, look, send; or, in order-durable, the same
 * with one block written and synced before each order, which is what durable costs at least on the disk at hand. The
 * value is the 99th percentile of all orders but the first ones, which pay for code that is compiled when it is first
 * used; both sides say the others beside it.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { WebSocket } from 'ws'
import type { Bench, Measured, Size } from './bench.ts'
import { ASKING, SYMBOLS, timeOf } from './latency-market.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Journal } from '../src/core/store.ts'
import { MINUTE } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { RISK_DEFAULTS } from '../src/engine/risk-limits.ts'
import { systemIo } from '../src/io/system.ts'
import { startLive } from '../src/runtime/live/live.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Context, defineStrategy, z } from '../src/strategy/index.ts'
import { ALPACA } from '../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../src/venues/alpaca/venue.ts'

const ORDERS = { full: 1_000, quick: 20 } as const
/** The first orders, which are not counted. */
const COLD = { full: 100, quick: 1 } as const
const BLOCK = 4_096
const BLOCKS = 256
const KEY = { key: 'bench-key', secret: 'bench-secret' }

/** Beside a client that does the least, or the least that is durable. */
export const latencyBench = (
  name: string,
  tradesPerSecond: number,
  beside: 'bare' | 'durable',
): Bench => ({
  name,
  unit: 'ms, p99',
  goal: { moreAtMost: 1 },
  run: {
    skein: (size) => measure(size, tradesPerSecond, startEngine),
    reference: (size) =>
      measure(size, tradesPerSecond, beside === 'bare' ? startBare : startDurable),
  },
})

export interface Client {
  readonly close: () => Promise<void>
  /** How long each order has waited for the disk, in the order in which they left. */
  readonly syncs: readonly number[]
}

/** A client that trades on a venue in another process, from its first order to its last. */
export async function measure(
  size: Size,
  rate: number,
  start: (host: string) => Promise<Client>,
): Promise<Measured> {
  const cold = COLD[size]
  const total = cold + ORDERS[size]
  const server = fork(join(import.meta.dirname, 'latency-server.ts'), [`${rate}`, `${total}`])
  const abort = new AbortController()
  const { signal } = abort
  server.once('exit', () => abort.abort(new Error('the venue gave up')))
  try {
    const [{ port }] = await once(server, 'message', { signal })
    const { close, syncs } = await start(`127.0.0.1:${port}`)
    server.send('go')
    const [answer] = await once(server, 'message', { signal })
    const millis: readonly number[] = answer.millis
    await close()
    const warm = millis.slice(cold)
    const also = [`${percentiles(warm)} ms`, `the first order ${millis[0]!.toFixed(2)} ms`]
    if (syncs.length > 0) {
      assert.equal(syncs.length, total, 'each order has waited for the disk once')
      const rest = millis.map((took, i) => took - syncs[i]!)
      also.push(`of it for the disk ${percentiles(syncs.slice(cold))}`)
      also.push(`and without it ${percentiles(rest.slice(cold))}`)
    }
    return { value: at(warm, 0.99), check: `${warm.length} orders`, also: also.join('; ') }
  } finally {
    if (server.connected) {
      server.disconnect()
      await once(server, 'exit')
    }
  }
}

const at = (millis: readonly number[], share: number): number =>
  millis.toSorted((a, b) => a - b)[Math.ceil(share * millis.length) - 1]!

const percentiles = (millis: readonly number[]): string =>
  [50, 99, 99.9].map((per) => `p${per} ${at(millis, per / 100).toFixed(2)}`).join(', ')

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

/** Skein as it trades, with its archive. */
export async function startEngine(host: string): Promise<Client & { readonly archive: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-latency-'))
  const system = systemIo({ seed: 1 })
  const io = { ...system, now: timeOf }
  const universe = new Universe(SYMBOLS.map((symbol) => equitySpec(symbol, ALPACA)))
  const path = join(folder, 'archive.db')
  const archive = await openArchive(path)
  const syncs: number[] = []
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
    journal: timed(openJournal(join(folder, 'journal.db')), syncs),
    archive,
    // Room for ten seconds: a machine that stands still for one must not lose the trade that asks.
    inbox: { capacity: 100_000, maxAgeMs: MINUTE },
    snapshotEvery: 1_000_000,
    isRehearsed: true,
    kinds: ['trades'],
    // The venue keeps no account: it would be asked in vain.
    timing: { reconcileEveryMs: 60 * MINUTE },
  })
  assert.ok(started.ok, started.ok ? '' : started.fault.message)
  const close = async (): Promise<void> => {
    await started.value.abandon()
    await system.close()
    await archive.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { close, syncs, archive: path }
}

/** The journal, and how long each turn that commands something keeps it. */
const timed = (journal: Journal, syncs: number[]): Journal => ({
  append: (turn) => {
    const began = performance.now()
    journal.append(turn)
    if (turn.batches.length > 0) syncs.push(performance.now() - began)
  },
  flush: () => journal.flush(),
  catchUp: () => journal.catchUp?.(),
  snapshot: (n, state) => journal.snapshot(n, state),
  latest: () => journal.latest(),
  since: (n) => journal.since(n),
})

/** The least that a client can do which knows after a power cut what it has asked for. */
async function startDurable(host: string): Promise<Client> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-latency-'))
  const file = openSync(join(folder, 'intents'), 'w')
  // Blocks that are there cost less than a file that grows.
  writeSync(file, Buffer.alloc(BLOCK * BLOCKS))
  fdatasyncSync(file)
  const syncs: number[] = []
  const keep = (body: string): void => {
    const began = performance.now()
    writeSync(file, body.padEnd(BLOCK), BLOCK * (syncs.length % BLOCKS))
    fdatasyncSync(file)
    syncs.push(performance.now() - began)
  }
  const bare = await startBare(host, keep)
  const close = async (): Promise<void> => {
    await bare.close()
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
  return { close, syncs }
}

/** The least that a client can do. */
async function startBare(host: string, keep = (_body: string): void => {}): Promise<Client> {
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
    keep(body)
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
  const close = async (): Promise<void> => {
    socket.close()
    await once(socket, 'close')
    await agent.close()
  }
  return { close, syncs: [] }
}
