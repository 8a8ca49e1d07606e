// Booking: trading at Alpaca on virtual time, one book of orders that a test fills and tells of by hand; and the adapter.
import assert from 'node:assert/strict'
import { type OrderId, orderId, symbolId, venueId } from '../../src/core/brand.ts'
import type { Command } from '../../src/core/command.ts'
import type { Input } from '../../src/core/input.ts'
import { equitySpec } from '../../src/core/instrument.ts'
import type { Order } from '../../src/core/order.ts'
import type { Result } from '../../src/core/result.ts'
import { iso } from '../../src/core/time.ts'
import { Universe } from '../../src/core/universe.ts'
import type { ServedAnswer, ServedSocket } from '../../src/io/virtual-host.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'

const ALPACA = venueId('alpaca')
export const KEYS = { key: 'PKTESTKEY', secret: 'very-secret-secret' }

interface Booked {
  id: string
  client_order_id: string
  qty: string
  filled_qty: string
  status: string
  limit_price: string | null
  stop_price: string | null
  replaces: string | null
  replaced_by: string | null
  legs: Booked[] | null
  [key: string]: unknown
}

type Trouble = (
  method: string,
  path: string,
) => ServedAnswer | 'book-then-502' | 'book-then-hang' | 'hang' | undefined

/** A venue that books orders, and says on the wire what it did. */
export function venueOf() {
  const world = new VirtualWorld({ seed: 1 })
  const orders: Booked[] = []
  const activities: Record<string, unknown>[] = []
  const requests: string[] = []
  const bodies: Record<string, unknown>[] = []
  const sockets: ServedSocket[] = []
  const state: {
    trouble: Trouble
    positions: unknown[]
    executions: number
    /** Legs count towards the limit of a list, though they stand within their order. */
    countsLegs: boolean
  } = {
    trouble: () => undefined,
    positions: [],
    executions: 0,
    countsLegs: false,
  }
  const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`

  function book(body: Record<string, unknown>, changes: Partial<Booked> = {}): Booked {
    const at = iso(world.now)
    const order: Booked = {
      id: uuid(orders.length + 1),
      client_order_id: textOrNull(body['client_order_id']) ?? uuid(900 + orders.length),
      created_at: at,
      updated_at: at,
      submitted_at: at,
      symbol: body['symbol'],
      asset_class: 'us_equity',
      qty: String(body['qty']),
      filled_qty: '0',
      filled_avg_price: null,
      type: body['type'],
      order_class: body['order_class'] ?? '',
      side: body['side'],
      time_in_force: body['time_in_force'],
      limit_price: textOrNull(body['limit_price']),
      stop_price: textOrNull(body['stop_price']),
      status: 'new',
      replaces: null,
      replaced_by: null,
      legs: null,
      ...changes,
    }
    orders.push(order)
    return order
  }

  function answer(method: string, path: string, body: Record<string, unknown>): ServedAnswer {
    const url = new URL(`http://venue.test${path}`)
    const json = (value: unknown, status = 200): ServedAnswer => ({
      status,
      body: JSON.stringify(value),
      headers: { 'x-request-id': 'r1' },
    })
    const error = (status: number, code: number, message: string): ServedAnswer =>
      json({ code, message }, status)
    if (url.pathname === '/v2/account')
      return json({
        id: 'acc',
        status: 'ACTIVE',
        equity: '100000.5',
        cash: '50000',
        buying_power: '200000',
        account_number: 'PA31RTDNUE59',
      })
    if (url.pathname.startsWith('/v2/assets/'))
      return json({
        symbol: 'AAPL',
        class: 'us_equity',
        status: 'active',
        tradable: true,
        fractionable: true,
      })
    if (url.pathname === '/v2/positions') return json(state.positions)
    if (url.pathname === '/v2/account/activities/FILL') {
      const token = url.searchParams.get('page_token')
      const from = token === null ? 0 : activities.findIndex(({ id }) => id === token) + 1
      return json(activities.slice(from, from + Number(url.searchParams.get('page_size'))))
    }
    if (url.pathname === '/v2/orders:by_client_order_id') {
      const found = orders.find(
        (order) => order.client_order_id === url.searchParams.get('client_order_id'),
      )
      return found === undefined ? error(404, 40410000, 'order not found') : json(found)
    }
    if (url.pathname === '/v2/orders' && method === 'GET') {
      const isOpen = url.searchParams.get('status') === 'open'
      const last = url.searchParams.get('after_order_id')
      const from = last === null ? 0 : orders.findIndex(({ id }) => id === last) + 1
      const limit = Number(url.searchParams.get('limit'))
      const legs = new Set(orders.flatMap((order) => order.legs ?? []).map(({ id }) => id))
      const list = orders
        .slice(from)
        .filter((order) => !legs.has(order.id) && (!isOpen || order.status === 'new'))
      let left = limit
      return json(
        list.filter((order) => {
          left -= state.countsLegs ? 1 + (order.legs ?? []).length : 1
          return left >= 0
        }),
      )
    }
    if (url.pathname === '/v2/orders' && method === 'POST') {
      if (orders.some((order) => order.client_order_id === body['client_order_id']))
        return error(422, 40010001, 'client_order_id must be unique')
      const order = book(body)
      if (body['order_class'] === 'bracket') {
        const exit = {
          symbol: body['symbol'],
          qty: body['qty'],
          side: 'sell',
          time_in_force: body['time_in_force'],
        }
        const target = book(
          { ...exit, type: 'limit', ...(body['take_profit'] as object) },
          { status: 'held' },
        )
        const stop = book(
          { ...exit, type: 'stop', ...(body['stop_loss'] as object) },
          { status: 'held' },
        )
        order.legs = [target, stop]
      }
      return json(order)
    }
    const order = orders.find(({ id }) => url.pathname === `/v2/orders/${id}`)
    if (order === undefined) return error(404, 40410000, `order not found for ${url.pathname}`)
    if (method === 'GET') return json(order)
    if (order.status !== 'new' && order.status !== 'held')
      return error(422, 42210000, `order is already in "${order.status}" state`)
    if (method === 'DELETE') {
      order.status = 'canceled'
      return { status: 204 }
    }
    const next = book(
      { ...order, ...body, client_order_id: body['client_order_id'] },
      { replaces: order.id, limit_price: textOrNull(body['limit_price']) ?? order.limit_price },
    )
    order.replaced_by = next.id
    order.status = 'replaced'
    return json(next)
  }

  world.serveHttp('venue.test', ({ method, path, body }) => {
    requests.push(`${method} ${path.split('?')[0]}`)
    const parsed = body.length === 0 ? {} : JSON.parse(Buffer.from(body).toString())
    if (method !== 'GET') bodies.push(parsed)
    const trouble = state.trouble(method, path)
    if (trouble === 'hang') return new Promise(() => {})
    if (trouble === 'book-then-502' || trouble === 'book-then-hang') {
      answer(method, path, parsed)
      return trouble === 'book-then-502' ? { status: 502, body: '<html>' } : new Promise(() => {})
    }
    return trouble ?? answer(method, path, parsed)
  })
  world.serveWebSocket('venue.test', (socket) => {
    sockets.push(socket)
    const say = (stream: string, data: object): void =>
      void socket.send(Buffer.from(JSON.stringify({ stream, data })))
    return {
      onMessage(data) {
        const message = JSON.parse(String(data))
        if (message.action === 'listen') say('listening', message.data)
        else
          say('authorization', {
            status: message.secret === KEYS.secret ? 'authorized' : 'unauthorized',
            action: 'authenticate',
          })
      },
    }
  })

  /** Says a trade update; in bytes, as the paper account does. */
  const update = (event: string, order: Booked, more: object = {}): void =>
    void sockets.at(-1)?.send(
      Buffer.from(
        JSON.stringify({
          stream: 'trade_updates',
          data: { event, timestamp: iso(world.now), order, ...more },
        }),
      ),
    )
  /** Fills an order, in the books; gives what the stream would say. */
  function fill(order: Booked, qty: number, price = 100) {
    order.filled_qty = String(Number(order.filled_qty) + qty)
    if (order.filled_qty === order.qty) order.status = 'filled'
    const execution = uuid(5_000 + ++state.executions)
    activities.push({
      activity_type: 'FILL',
      id: `20260309140000000::${execution}`,
      order_id: order.id,
      symbol: order['symbol'],
      side: order['side'],
      qty: String(qty),
      price: String(price),
      cum_qty: order.filled_qty,
      transaction_time: iso(world.now),
    })
    const event = order.status === 'filled' ? 'fill' : 'partial_fill'
    const copy = structuredClone(order)
    const more = { execution_id: execution, qty: String(qty), price: String(price) }
    return { say: () => update(event, copy, more) }
  }
  return { world, orders, requests, bodies, sockets, state, update, fill, book }
}

export async function opened(
  venue = venueOf(),
  changes: { readonly adopt?: readonly Order[] } = {},
) {
  const universe = new Universe([
    equitySpec('AAPL', ALPACA),
    { ...equitySpec('BTC/USD', ALPACA), kind: 'crypto', calendar: '24/7', lotSize: 0.0001 },
  ])
  const inputs: Input[] = []
  const troubles: string[] = []
  const alpaca = new AlpacaVenue({
    io: venue.world.node('engine'),
    keys: KEYS,
    symbols: ['AAPL'],
    universe,
    hosts: {
      trading: 'https://venue.test',
      data: 'https://venue.test',
      orders: 'wss://venue.test/stream',
    },
    onTrouble: (why) => troubles.push(why),
  })
  alpaca.adopt(changes.adopt ?? [])
  const result = await settled(
    venue.world,
    alpaca.open((input) => inputs.push(input)),
  )
  const run = async (...commands: Command[]) =>
    settled(
      venue.world,
      alpaca.broker.execute({ venue: ALPACA, kind: commands[0]!.type, commands }),
    )
  return { venue, alpaca, inputs, troubles, run, result, universe }
}

export async function settled<T>(
  world: VirtualWorld,
  promise: Promise<T>,
  limitMs = 600_000,
): Promise<T> {
  let isDone = false
  const done = promise.finally(() => {
    isDone = true
  })
  await world.run(limitMs, () => isDone)
  assert.ok(isDone, `not settled within ${limitMs} ms of virtual time`)
  return done
}

export function orderOf(universe: Universe, id: string, changes: Partial<Order> = {}): Order {
  const instrument = universe.at(changes.symbol ?? symbolId(0))
  return {
    id: orderId(id),
    strategy: 'sma',
    symbol: instrument.id,
    side: 'buy',
    type: 'limit',
    qty: instrument.qty(10),
    limit: instrument.px(100),
    tif: 'day',
    phase: 'sent',
    filled: instrument.qty(0),
    avgPrice: 0,
    createdAt: 0 as never,
    updatedAt: 0 as never,
    ...changes,
  }
}

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)
export const codeOf = (result: Result<unknown> | undefined): string =>
  result?.ok === true ? 'ok' : (result?.fault.code ?? 'none')
export const told = (inputs: readonly Input[]): string[] =>
  inputs.map((input) => {
    const id = 'id' in input ? ` ${input.id}` : ''
    if (input.type === 'order.filled') return `filled${id} ${input.qty}`
    if (input.type === 'order.amended')
      return `amended${id} ${input.qty ?? '-'} ${input.limit ?? '-'}`
    return `${input.type}${id}`
  })
export const posts = (venue: ReturnType<typeof venueOf>): number =>
  venue.requests.filter((line) => line === 'POST /v2/orders').length
export const idOf = (id: string): OrderId => orderId(id)
