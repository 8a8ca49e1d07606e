/*
 * DataStream: Alpaca's market-data WebSocket, JSON or msgpack by the handshake's Content-Type.
 *
 *   S→C [{"T":"success","msg":"connected"}]
 *   C→S {"action":"auth","key":"K","secret":"S"}      within 10 s; or the REST headers in the handshake
 *   S→C [{"T":"success","msg":"authenticated"}]
 *   C→S {"action":"subscribe","trades":["AAPL"],"bars":["*"]}
 *   S→C [{"T":"subscription","trades":["AAPL"],"quotes":[],"bars":["*"],…,"corrections":["AAPL"]}]
 *   S→C [{"T":"t","S":"AAPL","i":52983525029461,"x":"V","p":187.32,"s":40,"c":["@"],"z":"C","t":"…"}]
 *
 * Subscriptions add up, and every answer lists all of them. A refused subscription changes nothing. There is no
 * sequence, no replay. https://docs.alpaca.markets/docs/streaming-market-data, read 2026-11-21.
 */
import { decode, encode, encodeTimeSpecToTimestamp, ExtData } from '@msgpack/msgpack'
import { unreachable } from '../../core/assert.ts'
import type { Account } from './account.ts'
import type { Told } from '../broadcast.ts'
import { barJson, type Json, quoteJson, type Stamper, tradeJson } from './quotes-json.ts'
import { stamp } from './text.ts'
import type { AlpacaVenue } from './venue.ts'
import { type Handshake, type Peer, Wire } from '../wire.ts'

const STOCK_CHANNELS = [
  'trades',
  'quotes',
  'bars',
  'updatedBars',
  'dailyBars',
  'statuses',
  'lulds',
  'imbalances',
] as const
const CRYPTO_CHANNELS = [
  'trades',
  'quotes',
  'bars',
  'updatedBars',
  'dailyBars',
  'orderbooks',
] as const
type Channel = (typeof STOCK_CHANNELS)[number] | (typeof CRYPTO_CHANNELS)[number]
const CHANNELS: readonly string[] = [...STOCK_CHANNELS, 'orderbooks']

const ERRORS: Readonly<Record<number, string>> = {
  400: 'invalid syntax',
  401: 'not authenticated',
  402: 'auth failed',
  403: 'already authenticated',
  404: 'auth timeout',
  405: 'symbol limit exceeded',
  406: 'connection limit exceeded',
  407: 'slow client',
  409: 'insufficient subscription',
  410: 'invalid subscribe action for this feed',
  412: 'option messages are only available in MsgPack',
  500: 'internal error',
}
/** After these the server hangs up. */
const FINAL: readonly number[] = [402, 404, 406, 407, 409]
/** Most objects in one array. */
const FRAME_ITEMS = 100

export class DataStream {
  readonly #venue: AlpacaVenue
  readonly #sessions = new Set<DataSession>()
  #connections = 0

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
    venue.onTold((told) => {
      for (const session of this.#sessions) session.tell(told)
    })
    venue.onOneTime((fault) => {
      if ((fault.fault !== 'close' && fault.fault !== 'cut-off') || fault.on !== 'data') return
      for (const { wire } of Array.from(this.#sessions)) {
        if (fault.fault === 'close') wire.close(fault.code, fault.reason)
        else wire.cut()
      }
    })
  }

  /** Which paths this stream serves. */
  static serves(path: string): boolean {
    return (
      /^\/v2\/(sip|iex|delayed_sip|test)$/.test(path) ||
      /^\/v1beta3\/crypto\/[a-z0-9-]+$/.test(path)
    )
  }

  connect(handshake: Handshake, peer: Peer): DataSession {
    const wire = new Wire(this.#venue, {
      id: ++this.#connections,
      stream: 'data',
      peer,
      path: handshake.path,
    })
    const session = new DataSession(
      this.#venue,
      handshake,
      wire,
      (account, path) =>
        [...this.#sessions].filter(
          (other) => other.account === account && other.path === path && other.wire.isOpen,
        ).length,
    )
    this.#sessions.add(session)
    session.onEnd = () => this.#sessions.delete(session)
    session.open()
    return session
  }
}

export class DataSession {
  readonly wire: Wire
  readonly path: string
  account: Account | undefined
  onEnd: () => void = () => {}
  readonly #venue: AlpacaVenue
  readonly #handshake: Handshake
  readonly #countOpen: (account: Account, path: string) => number
  readonly #isPacked: boolean
  readonly #isCrypto: boolean
  readonly #channels: readonly Channel[]
  readonly #subscribed = new Map<Channel, Set<string>>()
  readonly #write: Stamper
  #waiting: Json[] = []
  #cancelAuth: (() => void) | undefined

  constructor(
    venue: AlpacaVenue,
    handshake: Handshake,
    wire: Wire,
    countOpen: (account: Account, path: string) => number,
  ) {
    this.#venue = venue
    this.#handshake = handshake
    this.wire = wire
    this.path = handshake.path
    this.#countOpen = countOpen
    this.#isPacked = handshake.headers['content-type'] === 'application/msgpack'
    this.#isCrypto = handshake.path.includes('/crypto/')
    this.#channels = this.#isCrypto ? CRYPTO_CHANNELS : STOCK_CHANNELS
    for (const channel of this.#channels) this.#subscribed.set(channel, new Set())
    this.#write = this.#isPacked ? packedStamp : stamp
  }

  open(): void {
    this.#say({ T: 'success', msg: 'connected' })
    const { headers } = this.#handshake
    const key = headers['apca-api-key-id']
    if (key !== undefined) this.#authenticate(key, headers['apca-api-secret-key'])
    if (this.account !== undefined || !this.wire.isOpen) return
    this.#cancelAuth = this.#venue.timers.after(this.#venue.limits.authMs, () => this.#fail(404))
  }

  receive(data: string | Uint8Array): void {
    if (!this.wire.receive(data)) return
    let message: unknown
    try {
      message = typeof data === 'string' ? JSON.parse(data) : decode(data)
    } catch {
      this.#fail(400)
      return
    }
    if (typeof message !== 'object' || message === null) {
      this.#fail(400)
      return
    }
    this.#act(message as Readonly<Record<string, unknown>>)
  }

  get isDead(): boolean {
    return this.wire.isDead
  }

  closed(code: number): void {
    this.#cancelAuth?.()
    this.wire.closed(code)
    this.onEnd()
  }

  tell(told: Told): void {
    const json = this.#jsonOf(told)
    if (json.length === 0) return
    if (this.wire.isSlow) {
      this.#fail(407)
      return
    }
    if (this.#waiting.length === 0) queueMicrotask(() => this.#flush())
    this.#waiting.push(...json)
    if (this.#waiting.length >= FRAME_ITEMS) this.#flush()
  }

  #act(message: Readonly<Record<string, unknown>>): void {
    switch (message['action']) {
      case 'auth':
        if (this.account === undefined) this.#authenticate(message['key'], message['secret'])
        else this.#fail(403)
        return
      case 'subscribe':
      case 'unsubscribe':
        if (this.account === undefined) this.#fail(401)
        else this.#subscribe(message, message['action'] === 'subscribe')
        return
      default:
        this.#fail(400)
    }
  }

  #authenticate(key: unknown, secret: unknown): void {
    const { nemesis, limits, plan } = this.#venue
    const fault = nemesis.onStream('error', 'data')
    if (fault !== undefined) {
      this.#say({ T: 'error', code: fault.code, msg: fault.msg })
      if (FINAL.includes(fault.code)) this.#hangUp()
      return
    }
    const account =
      typeof key === 'string' && typeof secret === 'string'
        ? this.#venue.accountOf(key, secret)
        : undefined
    if (account === undefined) return this.#fail(402)
    if (plan === 'free' && this.path === '/v2/sip') return this.#fail(409)
    if (this.#countOpen(account, this.path) >= limits.connections) return this.#fail(406)
    this.#cancelAuth?.()
    this.account = account
    this.#say({ T: 'success', msg: 'authenticated' })
  }

  #subscribe(message: Readonly<Record<string, unknown>>, isMore: boolean): void {
    const wanted = new Map<Channel, readonly string[]>()
    for (const [name, symbols] of Object.entries(message)) {
      if (name === 'action') continue
      const isChannel = this.#channels.includes(name as Channel)
      if (!isChannel && CHANNELS.includes(name)) return this.#fail(410)
      if (!isChannel) continue
      if (!Array.isArray(symbols) || !symbols.every(isSymbol)) return this.#fail(400)
      wanted.set(name as Channel, symbols)
    }
    const partial = isMore ? this.#venue.nemesis.onStream('partial-ack', 'data') : undefined
    const next = new Map<Channel, Set<string>>()
    for (const [channel, had] of this.#subscribed) {
      const symbols = wanted.get(channel) ?? []
      const taken =
        partial === undefined
          ? symbols
          : symbols.slice(0, Math.max(0, symbols.length - partial.without))
      const set = new Set(had)
      for (const symbol of isMore ? taken : symbols) {
        if (isMore) set.add(symbol)
        else set.delete(symbol)
      }
      next.set(channel, set)
    }
    if (isMore && this.#isTooMuch(next)) return this.#fail(405)
    for (const [channel, set] of next) this.#subscribed.set(channel, set)
    if (this.#venue.nemesis.onStream('no-ack', 'data') !== undefined) return
    this.#say({ T: 'subscription', ...this.#lists() })
  }

  /** The plan limits the symbols over trades and quotes; a star is too many. */
  #isTooMuch(next: ReadonlyMap<Channel, ReadonlySet<string>>): boolean {
    const symbols = new Set([...(next.get('trades') ?? []), ...(next.get('quotes') ?? [])])
    const { symbols: most } = this.#venue.limits
    return symbols.size > most || (symbols.has('*') && most !== Infinity)
  }

  #lists(): Json {
    const lists: Record<string, readonly string[]> = {}
    for (const [channel, set] of this.#subscribed) lists[channel] = [...set]
    if (this.#isCrypto) return lists
    return { ...lists, corrections: lists['trades'] ?? [], cancelErrors: lists['trades'] ?? [] }
  }

  #jsonOf(told: Told): readonly Json[] {
    const isCrypto = this.#venue.universe.find(told.symbol)?.kind === 'crypto'
    if (isCrypto !== this.#isCrypto) return []
    const S = told.symbol
    const write = this.#write
    switch (told.type) {
      case 'trade':
        return this.#has('trades', S) ? [{ T: 't', S, ...tradeJson(told, isCrypto, write) }] : []
      case 'quote': {
        const quote = { T: 'q', S, ...quoteJson(told, isCrypto, write) }
        const b = [{ p: told.bid, s: told.bidSize }]
        const a = [{ p: told.ask, s: told.askSize }]
        return [
          ...(this.#has('quotes', S) ? [quote] : []),
          ...(this.#has('orderbooks', S)
            ? [{ T: 'o', S, t: write(told.ts, 0), b, a, r: true }]
            : []),
        ]
      }
      case 'bar':
        return this.#has('bars', S) ? [{ T: 'b', S, ...barJson(told.bar, isCrypto, write) }] : []
      case 'updated':
        return this.#has('updatedBars', S)
          ? [{ T: 'u', S, ...barJson(told.bar, isCrypto, write) }]
          : []
      case 'daily':
        return this.#has('dailyBars', S)
          ? [{ T: 'd', S, ...barJson(told.bar, isCrypto, write) }]
          : []
      case 'corrected': {
        if (!this.#has('trades', S) || isCrypto) return []
        const { i: oi, p: op, s: os, c: oc } = tradeJson(told.from, false, write)
        const { p: cp, s: cs, c: cc } = tradeJson(told.to, false, write)
        const t = write(told.ts, 0)
        return [{ T: 'c', S, x: 'V', oi, op, os, oc, ci: oi, cp, cs, cc, z: 'C', t }]
      }
      case 'halted':
      case 'resumed': {
        if (!this.#has('statuses', S)) return []
        const isHalt = told.type === 'halted'
        const [sc, sm] = isHalt ? ['H', 'Trading Halt'] : ['T', 'Trading Resumption']
        const [rc, rm] = isHalt ? ['LUDP', 'Volatility Trading Pause'] : ['', '']
        return [{ T: 's', S, sc, sm, rc, rm, z: 'C', t: write(told.ts, 0) }]
      }
      default:
        return unreachable(told)
    }
  }

  #has(channel: Channel, symbol: string): boolean {
    const set = this.#subscribed.get(channel)
    return set !== undefined && (set.has(symbol) || set.has('*'))
  }

  #flush(): void {
    const items = this.#waiting
    if (items.length === 0) return
    this.#waiting = []
    if (this.#venue.nemesis.onStream('mute', 'data') !== undefined) return
    this.#send(items, kindsOf(items))
  }

  #fail(code: number): void {
    this.#say({ T: 'error', code, msg: ERRORS[code] ?? 'internal error' })
    if (FINAL.includes(code)) this.#hangUp()
  }

  #hangUp(): void {
    this.#cancelAuth?.()
    this.wire.close(1000, '')
    this.onEnd()
  }

  /** A control message: always alone in its array. */
  #say(message: Json): void {
    this.#flush()
    this.#send([message], JSON.stringify([message]))
  }

  #send(items: readonly Json[], text: string): void {
    this.wire.send(this.#isPacked ? encode(items) : JSON.stringify(items), text)
  }
}

const isSymbol = (symbol: unknown): boolean =>
  typeof symbol === 'string' && (symbol === '*' || /^[A-Z0-9./]{1,21}$/.test(symbol))

/** Msgpack's timestamp extension, with all nanoseconds. */
const packedStamp: Stamper = (atMs, nanos) => {
  const sec = Math.floor(atMs / 1_000)
  const nsec = (Math.floor(atMs) - sec * 1_000) * 1_000_000 + nanos
  return new ExtData(-1, encodeTimeSpecToTimestamp({ sec, nsec }))
}

/** `t×3 q×2`: what is in a frame of market data. */
function kindsOf(items: readonly Json[]): string {
  const counts = new Map<string, number>()
  for (const { T } of items) counts.set(String(T), (counts.get(String(T)) ?? 0) + 1)
  return [...counts].map(([kind, n]) => `${kind}×${n}`).join(' ')
}
