// What no client of others covers of the local Bybit: quotas, signatures, clocks, partial batches, the counting of books.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Desk, type Json } from './bybit/client.ts'

const SECOND = 1_000

describe('the local Bybit', () => {
  it('verifies the signature, and the stamp against its own clock', async () => {
    const desk = await Desk.open()
    const codeAt = (fastMs: number): number => {
      desk.fastMs = fastMs
      return desk.get('/v5/account/wallet-balance').retCode
    }

    assert.deepEqual([-5_001, -5_000, 0, 999, 1_000].map(codeAt), [10002, 0, 0, 0, 10002])
    const headers = { 'x-bapi-api-key': 'test-key', 'x-bapi-sign': 'no', 'x-bapi-timestamp': '' }
    const forged = desk.front.answer({
      method: 'GET',
      path: '/v5/order/realtime',
      query: new URLSearchParams(),
      search: '',
      body: '',
      headers: { ...headers, 'x-bapi-timestamp': String(desk.venue.now()) },
    })
    assert.equal((JSON.parse(forged.body) as Json)['retCode'], 10004)
  })

  it('takes stamps that are further ahead where its minutes are seconds', async () => {
    const desk = await Desk.open({}, { speed: 60 })
    const codes = [-5_001, 59_999, 60_000].map((fastMs) => {
      desk.fastMs = fastMs
      return desk.get('/v5/account/wallet-balance').retCode
    })

    assert.deepEqual(codes, [10002, 0, 10002])
  })

  it('counts the orders of a batch: the leading ones pass, the rest is refused one by one', async () => {
    const desk = await Desk.open({ orders: 10 })
    const batch = () => ({
      category: 'linear',
      request: Array.from({ length: 8 }, () => desk.order()),
    })

    const first = desk.post('/v5/order/create-batch', batch())
    const second = desk.post('/v5/order/create-batch', batch())
    const third = desk.post('/v5/order/create-batch', batch())
    const single = desk.post('/v5/order/create', desk.order())
    await desk.pass(SECOND + 1)
    const later = desk.post('/v5/order/create-batch', batch())

    assert.deepEqual(first.codes, [0, 0, 0, 0, 0, 0, 0, 0])
    assert.equal(first.headers['X-Bapi-Limit-Status'], '2')
    assert.deepEqual(
      [second.retCode, second.codes],
      [0, [0, 0, 10006, 10006, 10006, 10006, 10006, 10006]],
    )
    assert.equal(third.retCode, 10006)
    assert.equal(single.retCode, 0, 'single orders have a quota of their own')
    assert.equal(later.codes.filter((code) => code === 0).length, 8)
    assert.equal(desk.venue.accounts[0]!.open.size, 8 + 2 + 1 + 8)
  })

  it('takes 20 orders in a batch, and 10 where it is spot', async () => {
    const desk = await Desk.open({ orders: 1_000 })
    const spot = await Desk.open({ orders: 1_000 }, { category: 'spot' })
    const sizes = (at: Desk, category: string) =>
      [10, 11, 20, 21].map((length) => {
        const request = Array.from({ length }, () => at.order({ category }))
        return at.post('/v5/order/create-batch', { category, request }).retCode
      })

    assert.deepEqual(sizes(desk, 'linear'), [0, 0, 0, 10001])
    assert.deepEqual(sizes(spot, 'spot'), [0, 10001, 10001, 10001])
  })

  it('refuses what every order must not be, with the code of its reason', async () => {
    const desk = await Desk.open({ orders: 1_000 })
    const first = desk.order()
    const codeOf = (changes: Json): number =>
      desk.post('/v5/order/create', desk.order(changes)).retCode
    desk.post('/v5/order/create', first)

    assert.deepEqual(
      [
        { orderLinkId: first['orderLinkId'] },
        { price: '1.001' },
        { qty: '0.001' },
        { price: '0.1', qty: '1' },
        { qty: '10000000' },
        { reduceOnly: true, side: 'Sell', price: '1000' },
        { orderLinkId: 'x'.repeat(37) },
        { symbol: 'NOSUCH' },
        { positionIdx: 1 },
      ].map(codeOf),
      [110072, 110003, 10001, 110094, 110007, 110017, 10001, 10001, 10001],
    )
  })

  it('takes a post-only order that would take, and tells it as canceled', async () => {
    const desk = await Desk.open()
    await desk.pass(60 * SECOND)
    const placed = desk.post(
      '/v5/order/create',
      desk.order({ price: '900', timeInForce: 'PostOnly' }),
    )
    await desk.pass(10)
    const { result } = desk.get('/v5/order/realtime', {
      category: 'linear',
      orderId: String(placed.result['orderId']),
    })

    assert.equal(placed.retCode, 0)
    const [order] = result.list
    assert.deepEqual(
      [order?.['orderStatus'], order?.['rejectReason'], order?.['cumExecQty']],
      ['Cancelled', 'EC_PostOnlyWillTakeLiquidity', '0'],
    )
  })

  it('takes an amend that takes back one under way, and says that one is for nothing where it is', async () => {
    const desk = await Desk.open()
    const order = desk.order()
    const { orderLinkId } = order
    const amend = (changes: Json) =>
      desk.post('/v5/order/amend', {
        category: 'linear',
        symbol: 'BTCUSDT',
        orderLinkId,
        ...changes,
      })
    desk.post('/v5/order/create', order)
    await desk.pass(10)
    const answers = [{ price: '2' }, { price: '2' }, { price: '1' }, { qty: '12' }].map(amend)
    await desk.pass(10)
    const after = amend({ price: '1', qty: '12' })

    assert.deepEqual(
      answers.map(({ retCode }) => retCode),
      [0, 10001, 0, 0],
    )
    assert.match(answers[1]!.retMsg, /remains unchanged/)
    assert.match(after.retMsg, /remains unchanged/)
    const [row] = desk.get('/v5/order/realtime', {
      category: 'linear',
      orderLinkId: String(orderLinkId),
    }).result.list
    assert.deepEqual([row?.['price'], row?.['qty']], ['1', '12'])
  })

  it('fills at the market, pays fees, and shows position and wallet', async () => {
    const desk = await Desk.open()
    await desk.pass(60 * SECOND)
    desk.post('/v5/order/create', desk.order({ orderType: 'Market', qty: '3' }))
    await desk.pass(120 * SECOND)
    const executions = desk.get('/v5/execution/list', { category: 'linear' }).result.list
    const positions = desk.get('/v5/position/list', { category: 'linear', settleCoin: 'USDT' })
    const [wallet] = desk.get('/v5/account/wallet-balance').result.list

    const sum = (name: string) => executions.reduce((total, row) => total + Number(row[name]), 0)
    assert.equal(sum('execQty'), 3)
    assert.ok(Math.abs(sum('execFee') - sum('execValue') * 0.00055) < 1e-6)
    const [position] = positions.result.list
    assert.deepEqual([position?.['side'], position?.['size']], ['Buy', '3'])
    assert.ok(Math.abs(100_000 - sum('execFee') - Number(wallet?.['totalWalletBalance'])) < 1e-6)
  })

  it('answers 403 to everybody when there were too many requests in five seconds', async () => {
    const desk = await Desk.open({ requests: 3 })
    const statuses = [1, 2, 3, 4].map(() => desk.get('/v5/market/time').status)
    await desk.pass(5 * SECOND)

    assert.deepEqual(statuses, [200, 200, 200, 403])
    assert.equal(desk.get('/v5/market/time').status, 200)
  })

  it('forgets closed orders among the open ones when it restarts; the history knows them', async () => {
    const desk = await Desk.open()
    const placed = desk.post('/v5/order/create', desk.order())
    await desk.pass(10)
    desk.post('/v5/order/cancel-all', { category: 'linear', settleCoin: 'USDT' })
    await desk.pass(10)
    const query = { category: 'linear', orderLinkId: String(placed.result['orderLinkId']) }
    const before = desk.get('/v5/order/realtime', query).result.list
    desk.venue.nemesis.inject({ on: 'market', fault: 'restart' })
    await desk.pass(10)

    assert.equal(before.length, 1)
    assert.deepEqual(desk.get('/v5/order/realtime', query).result.list, [])
    assert.equal(desk.get('/v5/order/history', query).result.list[0]?.['orderStatus'], 'Cancelled')
  })

  it('books a part of a batch where a fault says so, and answers item by item', async () => {
    const desk = await Desk.open({ orders: 100 })
    desk.venue.nemesis.inject({ on: 'orders', fault: 'subset', share: 0.5, times: 1 })
    const request = Array.from({ length: 20 }, () => desk.order())
    const { codes } = desk.post('/v5/order/create-batch', { category: 'linear', request })

    const booked = codes.filter((code) => code === 0).length
    assert.ok(booked > 0 && booked < 20, `${booked} are booked`)
    assert.equal(desk.venue.accounts[0]!.open.size, booked)
    assert.ok(codes.every((code) => code === 0 || code === 10016))
  })
})

describe('the books of the local Bybit', () => {
  it('count their deltas one by one, add up to its book, and begin anew when the service does', async () => {
    const desk = await Desk.open()
    const stream = new Listener(desk)
    stream.subscribe('orderbook.50.BTCUSDT')
    await desk.pass(180 * SECOND)
    const [first, ...deltas] = stream.books
    const whole = desk.get('/v5/market/orderbook', {
      category: 'linear',
      symbol: 'BTCUSDT',
      limit: '50',
    })

    assert.equal(first?.type, 'snapshot')
    assert.ok(deltas.length > 20 && deltas.every(({ type }) => type === 'delta'))
    const counts = stream.books.map(({ data }) => data.u)
    assert.deepEqual(
      counts,
      counts.map((_, i) => counts[0]! + i),
    )
    assert.deepEqual(
      stream.sideOf('b'),
      Object.fromEntries(whole.result['b'] as [string, string][]),
    )
    assert.deepEqual(
      stream.sideOf('a'),
      Object.fromEntries(whole.result['a'] as [string, string][]),
    )
    desk.venue.nemesis.inject({ on: 'market', fault: 'restart' })
    await desk.pass(1)
    const last = stream.books.at(-1)
    assert.deepEqual([last?.type, last?.data.u], ['snapshot', 1])
  })

  it('of depth 1 are whole each time, and come again after three silent seconds', async () => {
    const desk = await Desk.open()
    await desk.pass(60 * SECOND)
    const stream = new Listener(desk)
    stream.subscribe('orderbook.1.ETHUSDT')
    for (let seconds = 0; seconds < 30; seconds++) await desk.pass(SECOND)

    const counts = stream.books.map(({ data }) => data.u)
    const steps = counts.slice(1).map((u, i) => u - counts[i]!)
    assert.ok(stream.books.every(({ type }) => type === 'snapshot'))
    assert.ok(steps.includes(1) && steps.includes(0), steps.join(' '))
    assert.ok(steps.every((step) => step === 0 || step === 1))
  })

  it('takes no more topics than fit, and no topic that it does not have', async () => {
    const desk = await Desk.open()
    const spot = await Desk.open({}, { category: 'spot' })
    const many = Array.from(
      { length: 11 },
      (_, i) => `kline.${[1, 3, 5, 15, 30][i % 5]}.${i % 2 === 0 ? 'BTC' : 'ETH'}USDT`,
    )

    assert.match(new Listener(desk).subscribe('orderbook.7.BTCUSDT'), /handler not found/)
    assert.match(new Listener(desk).subscribe(...many), /"success":true/)
    assert.match(new Listener(spot, 'spot').subscribe(...many), /args size >10/)
  })
})

interface BookMessage {
  readonly type: string
  readonly data: {
    readonly u: number
    readonly b: readonly [string, string][]
    readonly a: readonly [string, string][]
  }
}

class Listener {
  readonly books: BookMessage[] = []
  readonly #session: ReturnType<Desk['front']['connect']>
  #last = ''

  constructor(desk: Desk, category = 'linear') {
    this.#session = desk.front.connect(
      { path: `/v5/public/${category}`, headers: {} },
      { waitingBytes: 0, send: (text) => this.#hear(String(text)), close() {}, cut() {} },
    )
  }

  /** What the venue answers. */
  subscribe(...args: readonly string[]): string {
    this.#last = ''
    this.#session.receive(JSON.stringify({ op: 'subscribe', args, req_id: '1' }))
    return this.#last
  }

  /** The side that all messages add up to. */
  sideOf(side: 'a' | 'b'): Readonly<Record<string, string>> {
    const levels = new Map<string, string>()
    for (const { type, data } of this.books) {
      if (type === 'snapshot') levels.clear()
      for (const [price, size] of data[side]) {
        if (size === '0') levels.delete(price)
        else levels.set(price, size)
      }
    }
    return Object.fromEntries(levels)
  }

  #hear(text: string): void {
    const message = JSON.parse(text) as BookMessage & { readonly topic?: string }
    if (message.topic === undefined) this.#last = text
    else this.books.push(message)
  }
}
