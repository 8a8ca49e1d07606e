/*
 * TradingStream: Alpaca's order-event WebSocket, JSON in binary frames as paper accounts send it.
 *
 *   C→S {"action":"authenticate","data":{"key_id":"K","secret_key":"S"}}  or {"action":"auth","key":"K","secret":"S"}
 *   S→C {"stream":"authorization","data":{"status":"authorized","action":"authenticate"}}
 *   C→S {"action":"listen","data":{"streams":["trade_updates"]}}          replaces the set
 *   S→C {"stream":"listening","data":{"streams":["trade_updates"]}}
 *   S→C {"stream":"trade_updates","data":{"event":"fill","execution_id":"…","price":"187.32","qty":"3",
 *        "position_qty":"8","order":{…},"at":"…","timestamp":"…","event_id":"01M2TB1W7J21FPR8S4CTGVBY7J"}}
 *
 * There is no replay. https://docs.alpaca.markets/docs/websocket-streaming, read 2026-11-21.
 */
import { decode, encode } from '@msgpack/msgpack'
import type { Account } from './account.ts'
import { activityDate, orderJson } from './render.ts'
import type { AccountEvent } from './order.ts'
import { decimal } from '../decimal.ts'
import { stamp } from './text.ts'
import { ulid } from './ulid.ts'
import type { AlpacaVenue } from './venue.ts'
import { type Handshake, type Peer, Wire } from '../wire.ts'

type Json = Readonly<Record<string, unknown>>

/** Events that a replay tells again: the last ones. */
const TOLD_MAX = 10_000

export class TradingStream {
  readonly #venue: AlpacaVenue
  readonly #sessions = new Set<TradingSession>()
  readonly #told: { readonly account: Account; readonly update: Json }[] = []
  #connections = 0
  #events = 0

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
    venue.onOrder((account, event) => {
      const update = updateOf(event, ++this.#events, venue.ids.next())
      this.#told.push({ account, update })
      if (this.#told.length > TOLD_MAX) this.#told.shift()
      this.#tell(account, update)
    })
    venue.onOneTime((fault) => {
      if (fault.fault === 'replay') {
        for (const { account, update } of this.#told) this.#tell(account, update)
        return
      }
      if ((fault.fault !== 'close' && fault.fault !== 'cut-off') || fault.on !== 'trading') return
      for (const { wire } of Array.from(this.#sessions)) {
        if (fault.fault === 'close') wire.close(fault.code, fault.reason)
        else wire.cut()
      }
    })
  }

  #tell(account: Account, update: Json): void {
    for (const session of this.#sessions) if (session.account === account) session.tell(update)
  }

  static serves(path: string): boolean {
    return path === '/stream'
  }

  connect(handshake: Handshake, peer: Peer): TradingSession {
    const given = {
      id: ++this.#connections,
      stream: 'trading',
      peer,
      path: handshake.path,
    } as const
    const wire = new Wire(this.#venue, given)
    const session = new TradingSession(this.#venue, handshake, wire, () =>
      this.#sessions.delete(session),
    )
    this.#sessions.add(session)
    return session
  }
}

export class TradingSession {
  readonly wire: Wire
  account: Account | undefined
  readonly #venue: AlpacaVenue
  readonly #isPacked: boolean
  readonly #onEnd: () => void
  #isListening = false

  constructor(venue: AlpacaVenue, handshake: Handshake, wire: Wire, onEnd: () => void) {
    this.#venue = venue
    this.#isPacked = handshake.headers['content-type'] === 'application/msgpack'
    this.wire = wire
    this.#onEnd = onEnd
    const { headers } = handshake
    const [key, secret] = [headers['apca-api-key-id'], headers['apca-api-secret-key']]
    if (typeof key === 'string' && typeof secret === 'string')
      this.account = venue.accountOf(key, secret)
  }

  receive(data: string | Uint8Array): void {
    if (!this.wire.receive(data)) return
    let message: unknown
    try {
      message =
        this.#isPacked && typeof data !== 'string' ? decode(data) : JSON.parse(data.toString())
    } catch {
      this.#fault('invalid syntax')
      return
    }
    if (typeof message === 'object' && message !== null) this.#act(message as Json)
    else this.#fault('invalid syntax')
  }

  get isDead(): boolean {
    return this.wire.isDead
  }

  closed(code: number): void {
    this.wire.closed(code)
    this.#onEnd()
  }

  tell(update: Json): void {
    if (!this.#isListening) return
    if (this.#venue.nemesis.onStream('mute', 'trading') !== undefined) return
    this.#send({ stream: 'trade_updates', data: update })
  }

  #act(message: Json): void {
    const data = (message['data'] ?? {}) as Json
    switch (message['action']) {
      case 'authenticate':
        this.#authenticate('authenticate', data['key_id'], data['secret_key'])
        return
      case 'auth':
        this.#authenticate('auth', message['key'], message['secret'])
        return
      case 'listen':
        this.#listen(data['streams'])
        return
      default:
        this.#fault('invalid action')
    }
  }

  #authenticate(action: string, key: unknown, secret: unknown): void {
    const fault = this.#venue.nemesis.onStream('error', 'trading')
    const isPair = typeof key === 'string' && typeof secret === 'string'
    const account = isPair && fault === undefined ? this.#venue.accountOf(key, secret) : undefined
    const status = account === undefined ? 'unauthorized' : 'authorized'
    this.#send({ stream: 'authorization', data: { status, action } })
    this.account = account
    if (account === undefined) this.wire.close(1000, '')
  }

  #listen(streams: unknown): void {
    if (this.account === undefined) {
      this.#send({ stream: 'authorization', data: { status: 'unauthorized', action: 'listen' } })
      return
    }
    const wanted = Array.isArray(streams) ? streams.filter((name) => name === 'trade_updates') : []
    if (this.#venue.nemesis.onStream('partial-ack', 'trading') !== undefined) wanted.length = 0
    this.#isListening = wanted.length > 0
    if (this.#venue.nemesis.onStream('no-ack', 'trading') !== undefined) return
    this.#send({ stream: 'listening', data: { streams: wanted } })
  }

  #fault(message: string): void {
    this.#send({ action: 'error', data: { error_message: message } })
  }

  #send(message: Json): void {
    const text = JSON.stringify(message)
    this.wire.send(this.#isPacked ? encode(message) : Buffer.from(text), text)
  }
}

function updateOf(event: AccountEvent, n: number, id: string): Json {
  const { type, at, order, execution, positionQty, busted } = event
  const base = {
    at: stamp(at),
    event_id: ulid(at, n),
    event: type,
    timestamp: stamp(execution?.ts ?? at),
    order: orderJson(order, true),
  }
  if (execution === undefined) return type === 'new' ? { ...base, execution_id: id } : base
  return {
    ...base,
    price: decimal(execution.price),
    qty: decimal(execution.qty),
    position_qty: decimal(positionQty ?? 0),
    execution_id: execution.id,
    ...(busted === undefined ? {} : { previous_execution_id: busted }),
    swap_rate: '1',
    settle_date: activityDate(execution.ts),
  }
}
