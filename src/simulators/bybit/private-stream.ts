/*
 * PrivateStream: Bybit's order, execution, position and wallet events over WebSocket.
 *
 *   C→S {"op":"auth","args":["KEY",1767625455000,"hex"]}     HMAC-SHA256 of "GET/realtime" and the expiry
 *   S→C {"success":true,"ret_msg":"","op":"auth","conn_id":"…"}
 *   C→S {"op":"subscribe","args":["order","execution","position","wallet"]}
 *   S→C {"id":"…","topic":"order","creationTime":…,"data":[{…}]}
 *
 * Nothing is told of what was before, and nothing is told again.
 */
import type { Json } from '../../io/json.ts'
import { createHmac } from 'node:crypto'
import type { Peer } from '../wire.ts'
import type { Account } from './account.ts'
import { DEAD_MAN_TOPICS } from './dead-man.ts'
import type { AccountEvent } from './order.ts'
import { executionRow, orderRow, positionRow, walletRow } from './render.ts'
import { BybitSession } from './session.ts'
import type { BybitVenue } from './venue.ts'

const TOPICS: readonly string[] = ['order', 'execution', 'position', 'wallet']
/** Tell nothing: whoever subscribes them is watched. */
const WATCHES: readonly string[] = Object.values(DEAD_MAN_TOPICS)

/** The account of an `auth` message, where key, time and signature are right; else the code and words of a refusal. */
export function authenticated(
  venue: BybitVenue,
  args: unknown,
): Account | { readonly code: number; readonly words: string } {
  const [key = '', expires = 0, sign = ''] = Array.isArray(args) ? args : []
  const pair = venue.keyOf(String(key))
  const account = venue.accountOf(String(key))
  if (pair === undefined || account === undefined) return { code: 10003, words: 'Invalid apikey' }
  if (!(Number(expires) > venue.shownNow())) return { code: 10002, words: 'Params Error: expired' }
  const right = createHmac('sha256', pair.secret).update(`GET/realtime${expires}`).digest('hex')
  return sign === right ? account : { code: 10004, words: 'Invalid signature' }
}

export class PrivateStream {
  readonly #venue: BybitVenue
  readonly #sessions = new Set<PrivateSession>()
  #connections = 0

  constructor(venue: BybitVenue) {
    this.#venue = venue
    venue.onAccount((account, event) => {
      for (const session of this.#sessions) if (session.account === account) session.tell(event)
    })
    venue.onOneTime((fault) => {
      for (const session of Array.from(this.#sessions)) {
        if (fault.fault === 'hedge') session.tellPosition(fault.symbol)
        else if (fault.fault === 'close' && fault.on === 'trading')
          session.wire.close(fault.code, fault.reason)
        else if (fault.fault === 'cut-off' && fault.on === 'trading') session.wire.cut()
      }
    })
  }

  static serves(path: string): boolean {
    return path === '/v5/private'
  }

  connect(path: string, peer: Peer): PrivateSession {
    const session = new PrivateSession({
      venue: this.#venue,
      stream: 'trading',
      id: ++this.#connections,
      path,
      peer,
      onEnd: () => {
        this.#sessions.delete(session)
        session.account?.deadMan.ended(session, this.#venue.now())
      },
    })
    this.#sessions.add(session)
    return session
  }
}

export class PrivateSession extends BybitSession {
  account: Account | undefined
  readonly #topics = new Set<string>()
  #events = 0

  tell(event: AccountEvent): void {
    const { at } = event
    const order = event.type === 'order' ? event.order : event.execution.order
    const row = event.type === 'order' ? orderRow(order) : executionRow(event.execution)
    this.#tellTopic(event.type, row, at)
    if (event.type !== 'execution') return
    this.tellPosition(order.instrument.symbol)
    this.#tellTopic('wallet', walletRow(this.account!), at)
  }

  tellPosition(symbol: string): void {
    const { universe, market } = this.venue
    const instrument = universe.find(symbol)
    if (instrument === undefined || this.account === undefined || this.venue.isSpot) return
    const at = this.venue.now()
    this.#tellTopic(
      'position',
      positionRow(this.account, instrument, { price: market.price(symbol), at }),
      at,
    )
  }

  protected act(message: Json): void {
    this.#live()
    const { op, req_id } = message
    const base = { conn_id: this.connectionId, ...(req_id === undefined ? {} : { req_id }), op }
    if (op === 'ping') {
      const args = [String(this.venue.shownNow())]
      this.say({ ...base, op: 'pong', args })
      return
    }
    if (op === 'auth') {
      this.#authenticate(message['args'], base)
      return
    }
    if (this.account === undefined) {
      this.say({ success: false, ret_msg: 'Request not authorized', ...base })
      return
    }
    this.#subscribe(op, Array.isArray(message['args']) ? message['args'].map(String) : [], base)
  }

  #authenticate(args: unknown, base: Json): void {
    const fault = this.venue.nemesis.onStream('error', 'trading')
    const found =
      fault === undefined ? authenticated(this.venue, args) : { code: fault.code, words: fault.msg }
    if ('code' in found) {
      // No code here, and the same words for a key and for a stamp.
      this.say({ success: false, ret_msg: 'Params Error', ...base })
      return
    }
    this.account = found
    this.say({ success: true, ret_msg: '', ...base })
  }

  #subscribe(op: unknown, args: readonly string[], base: Json): void {
    const wrong = args.find((name) => !TOPICS.includes(plainOf(name)) && !WATCHES.includes(name))
    const isMixed = args.some((name) => name !== plainOf(name) && args.includes(plainOf(name)))
    if ((op !== 'subscribe' && op !== 'unsubscribe') || wrong !== undefined || isMixed) {
      this.say({ success: false, ret_msg: `error:handler not found,topic:${wrong}`, ...base })
      return
    }
    if (this.venue.nemesis.onStream('no-ack', 'trading') !== undefined) return
    for (const name of args) {
      if (op === 'subscribe') this.#topics.add(name)
      else this.#topics.delete(name)
    }
    this.#live()
    this.say({ success: true, ret_msg: '', ...base })
  }

  /** Whoever watches for the dead man's switch is there. */
  #live(): void {
    const { product } = this.venue
    if (this.#topics.has(DEAD_MAN_TOPICS[product]))
      this.account?.deadMan.heard(this, this.venue.now())
  }

  /** A topic is asked for as a whole, or by category. */
  #tellTopic(kind: string, row: Json, at: number): void {
    const { category } = this.venue
    const topic = [kind, `${kind}.${category}`].find((name) => this.#topics.has(name))
    if (topic === undefined) return
    const data = [kind === 'wallet' ? row : { category, ...row }]
    const id = `${this.connectionId}-${++this.#events}`
    this.push({ id, topic, creationTime: Math.floor(at), data })
  }
}

const plainOf = (name: string): string => name.replace(/\.(?:linear|inverse|spot|option)$/, '')
