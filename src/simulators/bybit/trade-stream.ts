/*
 * TradeStream: orders over WebSocket, one by one or in batches.
 *
 *   C→S {"reqId":"a-1","header":{"X-BAPI-TIMESTAMP":"1767625445001","X-BAPI-RECV-WINDOW":"5000"},"op":"order.create","args":[{…}]}
 *   S→C {"reqId":"a-1","retCode":0,"retMsg":"OK","op":"order.create","data":{"orderId":"…","orderLinkId":"…"},
 *        "retExtInfo":{},"header":{"X-Bapi-Limit":"10","X-Bapi-Limit-Status":"9",…},"connId":"…"}
 *
 * It shares the quota of the requests over REST. What was asked before the connection ended is done.
 */
import { isObject, type Json } from '../../io/json.ts'
import type { Peer } from '../wire.ts'
import type { Account } from './account.ts'
import { badParameter, BybitError } from './codes.ts'
import { type Done, Limited, type Orders, VERBS } from './orders.ts'
import { authenticated } from './private-stream.ts'
import { quotaHeaders } from './rest.ts'
import { BybitSession, type SessionOptions } from './session.ts'
import type { BybitVenue } from './venue.ts'

/** Characters of a request's id. */
const ID_LENGTH_MAX = 36
/** Request ids of a connection that are remembered. */
const IDS_MAX = 10_000

export class TradeStream {
  readonly #venue: BybitVenue
  readonly #orders: Orders
  readonly #sessions = new Set<TradeSession>()
  #connections = 0

  constructor(venue: BybitVenue, orders: Orders) {
    this.#venue = venue
    this.#orders = orders
    venue.onOneTime((fault) => {
      for (const { wire } of Array.from(this.#sessions)) {
        if (fault.fault === 'close' && fault.on === 'entry') wire.close(fault.code, fault.reason)
        else if (fault.fault === 'cut-off' && fault.on === 'entry') wire.cut()
      }
    })
  }

  static serves(path: string): boolean {
    return path === '/v5/trade'
  }

  connect(path: string, peer: Peer): TradeSession {
    const session = new TradeSession(
      {
        venue: this.#venue,
        stream: 'entry',
        id: ++this.#connections,
        path,
        peer,
        onEnd: () => this.#sessions.delete(session),
      },
      this.#orders,
    )
    this.#sessions.add(session)
    return session
  }
}

export class TradeSession extends BybitSession {
  readonly #orders: Orders
  readonly #seen = new Set<string>()
  #account: Account | undefined

  constructor(options: SessionOptions, orders: Orders) {
    super(options)
    this.#orders = orders
  }

  protected act(message: Json): void {
    const { op } = message
    const connId = this.connectionId
    if (op === 'ping') {
      const data = [String(this.venue.shownNow())]
      this.say({ retCode: 0, retMsg: 'OK', op: 'pong', data, connId })
      return
    }
    const reqId = typeof message['reqId'] === 'string' ? message['reqId'] : ''
    if (op === 'auth') {
      this.#authenticate(message['args'], reqId)
      return
    }
    if (this.venue.nemesis.onStream('no-ack', 'entry') !== undefined) return
    const base = { ...(reqId === '' ? {} : { reqId }), op, connId }
    try {
      const { result, retExtInfo, allowance } = this.#done(String(op), reqId, message)
      const header = { ...quotaHeaders(allowance, this.venue.shownNow()), ...this.#stamps() }
      this.push({ ...base, retCode: 0, retMsg: 'OK', data: result, retExtInfo, header })
    } catch (error) {
      if (!(error instanceof BybitError)) throw error
      const { code: retCode, message: retMsg } = error
      const quota =
        error instanceof Limited ? quotaHeaders(error.allowance, this.venue.shownNow()) : {}
      const header = { ...quota, ...this.#stamps() }
      this.push({ ...base, retCode, retMsg, data: {}, retExtInfo: {}, header })
    }
  }

  #done(op: string, reqId: string, message: Json): Done {
    if (this.#account === undefined) throw new BybitError(10004, 'not authorized')
    const fault = this.venue.nemesis.onStream('error', 'entry')
    if (fault !== undefined) throw new BybitError(fault.code, fault.msg)
    if (reqId.length > ID_LENGTH_MAX) throw badParameter('params error: reqId is too long')
    if (this.#seen.has(reqId)) throw new BybitError(20006, 'reqId is duplicated')
    if (reqId !== '' && this.#seen.size < IDS_MAX) this.#seen.add(reqId)
    const header = isObject(message['header']) ? message['header'] : {}
    const at = Number(header['X-BAPI-TIMESTAMP'])
    const window = Number(header['X-BAPI-RECV-WINDOW'] ?? 5_000)
    if (!this.venue.takesStamp(at, window)) throw new BybitError(10002, 'invalid request')
    const args = Array.isArray(message['args']) ? message['args'] : []
    const [item] = args
    if (args.length !== 1 || !isObject(item)) throw badParameter('params error: one arg is wanted')
    const verb = VERBS.find((each) => op === `order.${each}` || op === `order.${each}-batch`)
    if (verb === undefined) throw new BybitError(10404, 'op type is not found')
    return op.endsWith('-batch')
      ? this.#orders.batch(this.#account, verb, item)
      : this.#orders.one(this.#account, verb, item)
  }

  #authenticate(args: unknown, reqId: string): void {
    const connId = this.connectionId
    const base = { ...(reqId === '' ? {} : { reqId }), op: 'auth', connId }
    if (this.#account !== undefined) {
      this.say({ ...base, retCode: 20001, retMsg: 'Repeat auth' })
      return
    }
    const fault = this.venue.nemesis.onStream('error', 'entry')
    const found =
      fault === undefined ? authenticated(this.venue, args) : { code: fault.code, words: fault.msg }
    if ('code' in found) {
      this.say({ ...base, retCode: found.code, retMsg: found.words })
      return
    }
    this.#account = found
    this.say({ ...base, retCode: 0, retMsg: 'OK' })
  }

  #stamps() {
    return { Timenow: String(this.venue.shownNow()) }
  }
}
