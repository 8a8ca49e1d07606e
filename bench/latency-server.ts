/*
 * Latency server: as much of Alpaca as an engine needs to trade, in a process of its own. It sends trades at a rate,
 * and now and then one that asks for an order; the time from there to the order's arrival is what it measures.
 *
 *   node bench/latency-server.ts <trades/s> <orders>     says {"port": n}, then takes "go" and says {"millis": [...]}
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type WebSocket, WebSocketServer } from 'ws'
import { ASKING, SYMBOLS, timeOf } from './latency-market.ts'

/** From an order to the next trade that asks for one; of another symbol, so that the last one is filled by then. */
const PAUSE_MS = 10
/** An order that does not come within this never comes. */
const ORDER_MS_MAX = 10_000
const PRICE = 100

interface Asked {
  readonly client_order_id: string
  readonly symbol: string
  readonly side: string
  readonly qty: string
}

class Venue {
  readonly #rate: number
  readonly #orders: number
  readonly #millis: number[] = []
  readonly #sockets = { data: new Set<WebSocket>(), trading: new Set<WebSocket>() }
  #sent = 0
  #askedAt = Infinity
  #nextAt = Infinity
  #onDone: (millis: readonly number[]) => void = () => {}

  constructor(rate: number, orders: number) {
    this.#rate = rate
    this.#orders = orders
  }

  /** Sends trades until all orders have come. */
  go(): Promise<readonly number[]> {
    const began = performance.now()
    this.#nextAt = began + PAUSE_MS
    return new Promise((resolve) => {
      const timer = setInterval(() => this.#send(began), 1)
      this.#onDone = (millis) => {
        clearInterval(timer)
        resolve(millis)
      }
    })
  }

  #send(began: number): void {
    const now = performance.now()
    const due = Math.floor(((now - began) * this.#rate) / 1000) - this.#sent
    const isAsking = now >= this.#nextAt
    assert.ok(now - this.#askedAt < ORDER_MS_MAX, `no order after ${this.#millis.length}`)
    if (due <= 0 && !isAsking) return
    const t = new Date(timeOf()).toISOString()
    const trades = Array.from({ length: Math.max(due, 1) }, (_, i) => {
      const n = this.#sent + i
      const S = SYMBOLS[n % SYMBOLS.length]!
      return { T: 't', i: n, S, x: 'V', p: PRICE, s: 1 + (n % 99), t, c: ['@'], z: 'C' }
    })
    this.#sent += trades.length
    if (isAsking) {
      const S = SYMBOLS[this.#millis.length % SYMBOLS.length]
      Object.assign(trades.at(-1)!, { S, s: ASKING })
      this.#nextAt = Infinity
    }
    const frame = JSON.stringify(trades)
    if (isAsking) this.#askedAt = performance.now()
    for (const socket of this.#sockets.data) socket.send(frame)
  }

  #take(asked: Asked): object {
    const { client_order_id, symbol, side, qty } = asked
    const id = `order-${this.#millis.length}`
    const about = { id, client_order_id, symbol, side, qty, type: 'market', legs: null }
    const filled = { ...about, status: 'filled', filled_qty: qty, filled_avg_price: `${PRICE}` }
    const timestamp = new Date(timeOf()).toISOString()
    const fill = { event: 'fill', execution_id: id, qty, price: `${PRICE}`, timestamp }
    const data = { ...fill, order: { ...filled, updated_at: timestamp } }
    for (const socket of this.#sockets.trading) {
      socket.send(Buffer.from(JSON.stringify({ stream: 'trade_updates', data })))
    }
    return { ...about, status: 'accepted', filled_qty: '0' }
  }

  async answer(request: IncomingMessage): Promise<object> {
    if (request.method === 'POST') {
      const now = performance.now()
      this.#millis.push(now - this.#askedAt)
      this.#askedAt = Infinity
      const answer = this.#take(JSON.parse(await text(request)))
      if (this.#millis.length === this.#orders) this.#onDone(this.#millis)
      else this.#nextAt = now + PAUSE_MS
      return answer
    }
    const { pathname } = new URL(request.url!, 'http://venue')
    if (pathname === '/v2/account') {
      const money = { equity: '1000000', cash: '1000000', buying_power: '4000000' }
      return { id: 'bench', status: 'ACTIVE', account_number: 'PA1', ...money }
    }
    const symbol = /^\/v2\/assets\/(\w+)$/.exec(pathname)?.[1]
    if (pathname === '/v2/stocks/bars') return { bars: {}, next_page_token: null }
    if (symbol === undefined) return []
    const asset = { class: 'us_equity', exchange: 'NASDAQ', status: 'active', tradable: true }
    return { id: symbol, symbol, ...asset, fractionable: true, shortable: true }
  }

  connect(socket: WebSocket, path: string): void {
    const isTrading = path === '/stream'
    const say = (message: object): void => socket.send(JSON.stringify(message))
    if (!isTrading) say([{ T: 'success', msg: 'connected' }])
    socket.on('message', (data: Buffer) => {
      const { action, ...wanted } = JSON.parse(data.toString('utf8'))
      if (!isTrading && action === 'auth') say([{ T: 'success', msg: 'authenticated' }])
      if (!isTrading && action === 'subscribe') {
        say([{ T: 'subscription', ...wanted }])
        this.#sockets.data.add(socket)
      }
      if (isTrading && (action === 'auth' || action === 'authenticate')) {
        say({ stream: 'authorization', data: { action, status: 'authorized' } })
      }
      if (isTrading && action === 'listen') {
        say({ stream: 'listening', data: { streams: ['trade_updates'] } })
        this.#sockets.trading.add(socket)
      }
    })
    socket.on('close', () => {
      this.#sockets.data.delete(socket)
      this.#sockets.trading.delete(socket)
    })
  }
}

async function main(): Promise<void> {
  assert.ok(process.send !== undefined, 'the latency server is started by a bench')
  const venue = new Venue(Number(process.argv[2]), Number(process.argv[3]))
  const reply = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answer = await venue.answer(request)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer))
  }
  const server = createServer((request, response) => void reply(request, response))
  const streams = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    streams.handleUpgrade(request, socket, head, (ws) => venue.connect(ws, request.url ?? ''))
  })
  const go = async (): Promise<void> => {
    const millis = await venue.go()
    process.send?.({ millis })
  }
  process.on('message', () => void go())
  process.on('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  process.send({ port: address.port })
}

await main()
