// Scripted: market-data streams and history of Alpaca on virtual time, from a script; and the feed on it.
import assert from 'node:assert/strict'
import type { Input } from '../../src/core/input.ts'
import { inputOf } from '../../src/core/market-rows.ts'
import { type Ms, venueId } from '../../src/core/brand.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Result } from '../../src/core/result.ts'
import { iso, ms } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import { pause } from '../../src/io/clock.ts'
import type { LivenessOptions } from '../../src/io/liveness.ts'
import { Budget } from '../../src/io/rate.ts'
import type { ServedSocket } from '../../src/io/virtual-host.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { AlpacaFeed } from '../../src/venues/alpaca/feed.ts'
import { AlpacaHistory } from '../../src/venues/alpaca/history.ts'
import { Rest } from '../../src/venues/alpaca/rest.ts'

export const KEYS = { key: 'PKTESTKEY', secret: 'very-secret-secret' }
const ALPACA = venueId('alpaca')
export const NAMES = Array.from({ length: 31 }, (_, i) => `S${String(i).padStart(2, '0')}`)

export interface Script {
  /** What is answered to the n-th subscribe frame instead of an acknowledgement. */
  readonly refuse?: (frame: number, connection: number) => { code: number; msg: string } | undefined
  /** Symbols that this connection never acknowledges. */
  readonly forget?: (connection: number) => readonly string[]
  /** Answered to the upgrade itself. */
  readonly upgrade?: (
    connection: number,
  ) => { readonly status: number; readonly headers: Readonly<Record<string, string>> } | undefined
  /** Answered to the connection itself. */
  readonly greet?: (connection: number) => { code: number; msg: string } | undefined
  readonly mute?: boolean
  readonly startAt?: Ms
}

/** 22:00 in New York: nobody expects data. */
export const NIGHT = ms(Date.UTC(2026, 2, 10, 2))

/** A venue that keeps the rules of the market-data stream, and writes down when it heard what. */
export function venueOf(script: Script = {}) {
  const world = new VirtualWorld({
    seed: 1,
    ...(script.startAt === undefined ? {} : { startAt: script.startAt }),
  })
  const frames: {
    readonly at: number
    readonly symbols: readonly string[]
    readonly connection: number
  }[] = []
  const sockets: ServedSocket[] = []
  const requests: string[] = []
  /** When each upgrade came. */
  const connectedAt: number[] = []
  const rest = new Map<
    string,
    { t: string; o: number; h: number; l: number; c: number; v: number; n: number }[]
  >()
  const state = {
    restStatus: 200,
    connections: 0,
    delayMs: 0,
    /** Bars past the end that was asked for are given too. */
    isGreedy: false,
    /** What other requests are answered with. */
    other: (_path: string): object | undefined => undefined,
  }
  world.serveWebSocket('stream.test', (socket) => {
    const connection = ++state.connections
    connectedAt.push(world.timeline.now)
    const refused = script.upgrade?.(connection)
    if (refused !== undefined) return refused
    const sets: Record<string, Set<string>> = {}
    let count = 0
    const say = (message: unknown): void => void socket.send(JSON.stringify([message]))
    sockets.push(socket)
    const greeting = script.greet?.(connection)
    if (script.mute !== true)
      say(greeting === undefined ? { T: 'success', msg: 'connected' } : { T: 'error', ...greeting })
    return {
      onMessage(data) {
        const message = JSON.parse(String(data))
        if (message.action === 'auth') {
          say(
            message.secret === KEYS.secret
              ? { T: 'success', msg: 'authenticated' }
              : { T: 'error', code: 402, msg: 'auth failed' },
          )
          return
        }
        frames.push({
          at: world.timeline.now,
          symbols: message.bars ?? message.trades ?? [],
          connection,
        })
        const refusal = script.refuse?.(++count, connection)
        if (refusal !== undefined) {
          say({ T: 'error', ...refusal })
          return
        }
        for (const [channel, list] of Object.entries(message)) {
          if (!Array.isArray(list)) continue
          sets[channel] ??= new Set()
          for (const symbol of list) {
            if (message.action === 'unsubscribe') sets[channel].delete(symbol)
            else if (script.forget?.(connection).includes(symbol) !== true)
              sets[channel].add(symbol)
          }
        }
        say({
          T: 'subscription',
          ...Object.fromEntries(Object.entries(sets).map(([channel, set]) => [channel, [...set]])),
        })
      },
    }
  })
  world.serveHttp('data.test', async ({ path }) => {
    requests.push(path)
    if (state.delayMs > 0) await pause(world.node('venue'), state.delayMs)
    if (!path.includes('/bars')) {
      const body = state.other(path)
      return { status: body === undefined ? 404 : 200, body: JSON.stringify(body ?? {}) }
    }
    const url = new URL(`http://data.test${path}`)
    const from = Date.parse(url.searchParams.get('start')!)
    const to = state.isGreedy ? Infinity : Date.parse(url.searchParams.get('end')!)
    const bars = Object.fromEntries(
      url.searchParams
        .get('symbols')!
        .split(',')
        .map((symbol) => [
          symbol,
          (rest.get(symbol) ?? []).filter(({ t }) => Date.parse(t) >= from && Date.parse(t) <= to),
        ])
        .filter(([, list]) => list!.length > 0),
    )
    return { status: state.restStatus, body: JSON.stringify({ bars, next_page_token: null }) }
  })
  return { world, frames, sockets, requests, connectedAt, rest, state }
}

export function feedOf(
  venue: ReturnType<typeof venueOf>,
  about: {
    readonly names?: readonly string[]
    readonly crypto?: readonly string[]
    readonly batch?: number
    readonly secret?: string
    readonly hasHistory?: boolean
    readonly liveness?: LivenessOptions
  } = {},
) {
  const { names = NAMES, crypto = [], batch = 10, secret = KEYS.secret, hasHistory = true } = about
  const io = venue.world.node('engine')
  const universe = new Universe([
    ...names.map((name) => equitySpec(name, ALPACA)),
    ...crypto.map((name) => ({
      ...equitySpec(name, ALPACA),
      kind: 'crypto' as const,
      calendar: '24/7' as const,
    })),
  ])
  const keys = { ...KEYS, secret }
  const budget = new Budget(io, { name: 'data', limit: 200, windowMs: 60_000 })
  const data = new Rest({ io, keys, baseUrl: 'https://data.test', budget })
  const history = new AlpacaHistory({
    io,
    data,
    trading: data,
    universe,
    feed: 'iex',
    symbols: 50,
    rows: 10_000,
  })
  const { liveness = {} } = about
  const stream = { io, keys, codec: 'json' as const, batch, everyMs: 1_000, liveness }
  const troubles: string[] = []
  const revisions: unknown[] = []
  const feed = new AlpacaFeed({
    io,
    venue: ALPACA,
    universe,
    codec: 'json',
    stocks: { ...stream, url: 'wss://stream.test/v2/iex' },
    crypto: { ...stream, url: 'wss://stream.test/v1beta3/crypto/us' },
    ...(hasHistory ? { history } : {}),
    onRevision: (revision) => revisions.push(revision),
    onTrouble: (why) => troubles.push(why),
  })
  const inputs: Input[] = []
  feed.open(
    (input) => inputs.push(input),
    (rows, row, at) => inputs.push(inputOf(rows, row, at)),
  )
  const ids = universe.all.map(({ id }) => id)
  return { feed, history, inputs, universe, ids, io, revisions, troubles }
}

/** Lets virtual time pass until the condition holds, at most so long. */
export async function eventually(
  { world }: { readonly world: VirtualWorld },
  condition: () => boolean,
  limitMs = 600_000,
): Promise<void> {
  await world.run(limitMs, condition)
  assert.ok(condition(), `not within ${limitMs} ms of virtual time: ${condition.toString()}`)
}

/** Lets virtual time pass until the promise is settled. */
export async function settled<T>(
  world: VirtualWorld,
  promise: Promise<T>,
  limitMs?: number,
): Promise<T> {
  let isDone = false
  const done = promise.finally(() => {
    isDone = true
  })
  await eventually({ world }, () => isDone, limitMs)
  return done
}

export const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.fault.code)

/** What came, in short: `bar S00 14:01`, `venue.up`. */
export const told = (inputs: readonly Input[]): string[] =>
  inputs.map((input) =>
    input.type === 'bar'
      ? `bar ${NAMES[input.bar.symbol]} ${iso(input.bar.start).slice(11, 16)}`
      : input.type === 'trade'
        ? `trade ${input.trade.price}`
        : input.type === 'control' && input.control.do === 'halt-symbol'
          ? `${NAMES[input.control.symbol]} ${input.control.cause} ${input.control.on ? 'on' : 'off'}`
          : input.type,
  )

export const barAt = (symbol: string, start: number, T = 'b', changes: object = {}) => ({
  T,
  S: symbol,
  o: 10,
  h: 12,
  l: 9,
  c: 11,
  v: 100,
  n: 5,
  t: iso(start),
  ...changes,
})
export const push = (venue: ReturnType<typeof venueOf>, ...messages: unknown[]): void =>
  void venue.sockets.at(-1)!.send(JSON.stringify(messages))
