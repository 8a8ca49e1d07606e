// Faults that only a comparison with the venue finds: what others did, what does not add up, what a page leaves out.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { isLive } from '../../src/core/order.ts'
import { Wishes } from '../../src/runtime/live/wishes.ts'
import { HEADERS } from '../alpaca/local.ts'
import { HOSTS } from '../alpaca/virtual.ts'
import { temporary } from '../cli/skein.ts'
import { Bench } from './bench.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

/** An order that a person places with the same key. */
async function person(bench: Bench, order: object): Promise<void> {
  const { http } = bench.world.node('person')
  const terms = { symbol: 'AAPL', side: 'buy', type: 'limit', time_in_force: 'day' }
  const url = `${HOSTS.trading}/v2/orders`
  const body = JSON.stringify({ ...terms, ...order })
  const request = { method: 'POST', url, headers: HEADERS, body, timeoutMs: SECOND } as const
  const answer = await bench.world.settled(http.request(request))
  assert.ok(answer.ok && answer.value.status === 200)
  await bench.run(200)
}

test('F024 more than was ordered is booked whole, stops new risk, and a person hears of it', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))

  bench.inject({ on: 'orders', fault: 'execution', symbol: 'AAPL', qty: 5 })
  await bench.run(200)
  assert.equal(bench.position(), 15)
  const reports = bench.live.statistics.reports
  await bench.does((context) => context.buy({ qty: 1 }))
  await bench.run(6 * SECOND)

  assert.deepEqual(bench.phases, ['filled 15/10'])
  assert.ok(bench.has(/safe mode: order s-r-1 filled 15 of 10/))
  assert.match(bench.denials.join(), /^safe-mode: /)
  assert.equal(bench.live.statistics.reports, reports + 1, 'the venue is asked at once')
  bench.check()
})

test('F025 an order of somebody else is adopted as external and counts in risk', async (t) => {
  const bench = await Bench.start(t, { risk: { maxPositionNotional: 1_000 } })

  await person(bench, { qty: '7', limit_price: '99' })
  assert.ok(bench.has(/^EXTERNAL order .* in AAPL is not ours: buy 7, filled 0/))
  await bench.does((context) => context.buy({ qty: 5 }))
  assert.match(bench.denials.join(), /^max-position-notional/, 'it counts while it is open')
  bench.inject({ on: 'orders', fault: 'execution', symbol: 'AAPL', type: 'limit', qty: 7 })
  await bench.run(200)
  assert.equal(bench.position(), 7)
  await bench.does((context) => context.buy({ qty: 5 }))
  await bench.does((context) => context.buy({ qty: 2 }))
  await bench.run(3 * MINUTE)

  assert.equal(bench.denials.length, 2, 'it counts when it has filled')
  assert.deepEqual(bench.submitted.slice(1), ['s-r-1'])
  assert.equal(bench.position(), 9)
  assert.equal(bench.live.engine.lanes[0]!.position.qty, 2, 'it belongs to no lane')
  bench.check()
  await bench.restart()
  bench.check()
})

test('F025 what somebody else trades while we are away is asked for', async (t) => {
  const bench = await Bench.start(t)
  await person(bench, { qty: '7', limit_price: '99' })
  bench.inject({ on: 'trading', fault: 'drop', for: '3s' })
  bench.inject({ on: 'orders', fault: 'execution', symbol: 'AAPL', type: 'limit', qty: 4 })
  await bench.run(2 * MINUTE)

  assert.equal(bench.position(), 4)
  assert.deepEqual(bench.halts, [])
})

test('F580 what somebody else sells of what a strategy holds is not sold again by its exit', async (t) => {
  const bench = await Bench.start(t)
  const foreign = { on: 'orders', fault: 'foreign', symbol: 'AAPL' } as const
  await bench.does((context) => context.buy({ qty: 10 }))

  // Four are the seller's own.
  bench.inject({ ...foreign, side: 'buy', qty: 4 })
  await bench.run(SECOND)
  bench.inject({ ...foreign, side: 'sell', qty: 14 })
  await bench.run(SECOND)
  await bench.does((context) => context.close())
  await bench.run(3 * MINUTE)

  assert.equal(bench.held(), 0, 'nothing was sold short')
  assert.deepEqual(bench.submitted, ['s-r-1'])
  assert.match(bench.denials.join(), /^symbol-halted: AAPL is halted: order .* is not ours/)
  assert.deepEqual(bench.halts, ['position'])
  assert.ok(bench.has(/^AAPL is 10 here and 0 at alpaca$/))
  await bench.restart()
  await bench.run(2 * MINUTE)
  assert.deepEqual([bench.held(), bench.halts], [0, ['position']])
})

test('F580 a position that its seller buys back is held as before', async (t) => {
  const bench = await Bench.start(t)
  const foreign = { on: 'orders', fault: 'foreign', symbol: 'AAPL' } as const
  await bench.does((context) => context.buy({ qty: 10 }))

  bench.inject({ ...foreign, side: 'sell', qty: 10 })
  await bench.run(5 * SECOND)
  bench.inject({ ...foreign, side: 'buy', qty: 10 })
  await bench.run(2 * MINUTE)

  assert.equal(bench.position(), 10)
  bench.check()
  await bench.does((context) => context.close())
  assert.equal(bench.held(), 0)
  bench.check()
})

test('F592 a report that was asked for before a person sold does not lift the halt for it', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  const { reports } = bench.live.statistics
  const asked = bench.requests('GET', '/v2/positions').length
  bench.inject({ on: 'rest', path: '/v2/positions', fault: 'slow', by: '3s', times: 1 })

  await bench.until(() => bench.requests('GET', '/v2/positions').length > asked)
  bench.inject({ on: 'orders', fault: 'foreign', symbol: 'AAPL', side: 'sell', qty: 10 })
  await bench.run(1_200)
  assert.deepEqual(bench.halts, ['position'])
  await bench.until(() => bench.live.statistics.reports > reports)
  await bench.does((context) => context.close())
  await bench.run(3 * MINUTE)

  assert.equal(bench.held(), 0, 'nothing was sold short')
  assert.deepEqual(bench.submitted, ['s-r-1'])
  assert.deepEqual(bench.halts, ['position'])
})

/** A fifth of the account. */
const FOREIGN = { on: 'orders', fault: 'foreign', symbol: 'AAPL', qty: 200 } as const

/** A run whose account a person trades while nobody hears of it. */
async function meddled(t: TestContext) {
  const wishes = new Wishes(join(temporary(t), 'journal.db'))
  const bench = await Bench.start(t, { live: { wishes } })
  const unheard = async (side: 'buy' | 'sell'): Promise<void> => {
    bench.inject({ on: 'trading', fault: 'refuse', for: '15s' })
    bench.inject({ on: 'trading', fault: 'cut-off' })
    bench.inject({ ...FOREIGN, side })
    await bench.run(80 * SECOND)
  }
  return { bench, wishes, unheard }
}

test('F581 what a person trades unheard is no profit and no loss: nothing is closed for it', async (t) => {
  const { bench, wishes, unheard } = await meddled(t)
  const levels = (): string[] => bench.told.filter((text) => text.startsWith('the drawdown'))
  const adopt = async (): Promise<void> => {
    wishes.put({ want: 'adopt', why: '', by: 'test', symbol: 'AAPL' })
    await bench.run(70 * SECOND)
  }
  await bench.does((context) => context.buy({ qty: 100 }), 'MSFT')
  await bench.run(MINUTE)

  await unheard('buy')
  assert.deepEqual(bench.halts, ['position'])
  await adopt()
  await unheard('sell')
  assert.deepEqual(bench.halts, ['position'])
  // Bought back: it agrees by itself.
  await unheard('buy')
  assert.deepEqual([bench.halts, bench.position()], [[], 200])
  bench.kill()
  bench.inject({ ...FOREIGN, side: 'sell' })
  await bench.run(SECOND)
  await bench.start({ wishes })
  await bench.run(70 * SECOND)
  assert.deepEqual(bench.halts, ['position'])
  await adopt()

  assert.deepEqual(levels(), [])
  assert.equal(bench.held('MSFT'), 100, 'nothing was closed')
  bench.check()
})

test('F588 a difference that was gone and comes again is told again', async (t) => {
  const bench = await Bench.start(t)
  const times = (words: RegExp): number => bench.told.filter((text) => words.test(text)).length
  await bench.does((context) => context.buy({ qty: 10 }))

  for (const qty of [17, 10, 17]) {
    bench.inject({ on: 'orders', fault: 'position', symbol: 'AAPL', qty })
    await bench.run(75 * SECOND)
  }
  assert.equal(times(/^AAPL is 10 here and 17 at alpaca$/), 2)
  for (let outage = 0; outage < 2; outage++) {
    bench.inject({ on: 'rest', path: '/v2/positions', fault: 'status', status: 503, for: '70s' })
    await bench.run(140 * SECOND)
  }

  assert.equal(times(/^alpaca gave no report: GET \/v2\/positions: answered 503/), 2)
  assert.equal(times(/^AAPL is 10 here and 17 at alpaca$/), 2)
})

/** What came or left without a trade cannot be read; fills can. */
function withholdTransfers(bench: Bench): void {
  const path = '/v2/account/activities'
  bench.alpaca.onRequest = (request) => {
    if (request.path.includes('activity_types='))
      bench.inject({ on: 'rest', path, fault: 'status', status: 503, times: 1 })
  }
}

test('F590 what a person trades unheard and takes back is no loss, though the cash of it is sure later', async (t) => {
  const { bench, wishes, unheard } = await meddled(t)
  await bench.does((context) => context.buy({ qty: 100 }), 'MSFT')
  await unheard('buy')
  wishes.put({ want: 'adopt', why: '', by: 'test', symbol: 'AAPL' })
  await bench.run(70 * SECOND)
  assert.deepEqual([bench.position(), bench.halts], [200, []])

  await unheard('sell')
  assert.deepEqual(bench.halts, ['position'])
  const { cash } = bench.live.engine.ours
  withholdTransfers(bench)
  await unheard('buy')
  await bench.run(4 * MINUTE)

  assert.deepEqual([bench.position(), bench.halts], [200, []])
  assert.ok(bench.live.engine.ours.cash < cash - 19_000)
  assert.deepEqual(
    bench.told.filter((text) => text.startsWith('the drawdown')),
    [],
  )
  assert.equal(bench.held('MSFT'), 100, 'nothing was closed')
  bench.check()
})

test('F591 what a person bought unheard is adopted when its cash is sure, and is no loss', async (t) => {
  const wishes = new Wishes(join(temporary(t), 'journal.db'))
  const bench = await Bench.start(t, { live: { wishes } })
  await bench.does((context) => context.buy({ qty: 100 }), 'MSFT')
  const adopt = async (): Promise<string | undefined> => {
    const name = wishes.put({ want: 'adopt', why: '', by: 'test', symbol: 'AAPL' })
    await bench.until(() => !wishes.isWaiting(name))
    return wishes.refusal(name)
  }
  withholdTransfers(bench)

  bench.inject({ on: 'trading', fault: 'refuse', for: '15s' })
  bench.inject({ on: 'trading', fault: 'cut-off' })
  bench.inject({ ...FOREIGN, side: 'buy' })
  await bench.until(() => bench.halts.length > 0)
  assert.match((await adopt())!, /^AAPL: its cash is not sure yet/)
  await bench.run(MINUTE)
  assert.equal(await adopt(), undefined)
  await bench.run(5 * MINUTE)

  assert.deepEqual([bench.position(), bench.halts], [200, []])
  assert.ok(bench.live.engine.ours.cash < 76_000)
  assert.deepEqual(
    bench.told.filter((text) => text.startsWith('the drawdown')),
    [],
  )
  assert.equal(bench.held('MSFT'), 100, 'nothing was closed')
  bench.check()
})

test('F484 a part of a share that a person holds is none of our position', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))

  await person(bench, { qty: '0.6', type: 'market' })
  await bench.run(3 * MINUTE)

  assert.equal(bench.held(), 10.6)
  assert.deepEqual([bench.position(), bench.halts], [10, []])
  await bench.does((context) => context.sell({ qty: 10 }))
  await bench.run(3 * MINUTE)
  assert.equal(bench.held(), 0.6)
  assert.deepEqual([bench.position(), bench.halts], [0, []])
})

test('F028 a position that differs halts its symbol, names both numbers and is never traded away', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  bench.inject({ on: 'orders', fault: 'position', symbol: 'AAPL', qty: 17 })

  await bench.run(3 * MINUTE)
  await bench.does((context) => context.buy({ qty: 1 }))
  await bench.does((context) => context.buy({ qty: 1 }), 'MSFT')
  assert.ok(bench.has(/^AAPL is 10 here and 17 at alpaca$/))
  assert.deepEqual(bench.halts, ['position'])
  assert.match(bench.denials.join(), /^symbol-halted: AAPL/)
  assert.equal(bench.submitted.length, 2)
  bench.inject({ on: 'orders', fault: 'position', symbol: 'AAPL', qty: 10 })
  await bench.run(2 * MINUTE)

  bench.check()
})

test('F029 an empty list with a 200 is not believed before it comes twice', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  const empty = { on: 'rest', method: 'GET', fault: 'status', status: 200, body: '[]' } as const

  bench.inject({ ...empty, path: '/v2/positions', times: 1 })
  bench.inject({ ...empty, path: '/v2/orders', times: 2 })
  await bench.run(2 * MINUTE)
  assert.equal(bench.alpaca.venue.audit.counts()['status'], 3)
  const halts = bench.inputs('control').filter(({ control }) => control.do === 'halt-symbol')
  assert.deepEqual(halts, [])
  assert.deepEqual(bench.phases, ['filled 10/10', 'open 0/10'])
  bench.check()
  bench.inject({ ...empty, path: '/v2/positions', for: '3m' })
  await bench.run(3 * MINUTE)

  assert.deepEqual(bench.halts, ['position'])
  assert.ok(bench.has(/^AAPL is 10 here and 0 at alpaca$/))
  assert.equal(bench.position(), 10)
  assert.equal(bench.submitted.length, 2)
})

test('F030 no order is lost where others come and go between the pages of the list', async (t) => {
  const bench = await Bench.start(t)
  const { venue } = bench.alpaca
  const instrument = venue.universe.find('MSFT')!
  const terms = { side: 'buy', type: 'limit', tif: 'gtc', class: 'simple', legs: [] } as const
  const place = (): void => {
    const clientId = venue.ids.next()
    const draft = { ...terms, instrument, clientId, qty: 1, limit: 10, extendedHours: false }
    assert.ok(bench.account.place(draft, bench.world.now).ok)
  }
  for (let i = 0; i < 510; i++) place()
  await bench.does((context) => context.buy({ qty: 10, limit: 95 }))
  let pages = 0
  bench.alpaca.onRequest = ({ method, path }) => {
    if (method !== 'GET' || !path.includes('after_order_id=')) return
    // What the page before ended with is gone when the next one is asked for, and younger ones are there.
    pages++
    const id = /after_order_id=([^&]+)/.exec(path)![1]!
    bench.account.cancel(bench.account.find(id)!, bench.world.now)
    for (let i = 0; i < 5; i++) place()
  }

  const report = await bench.world.settled(bench.adapter.broker.report())
  assert.ok(report.ok)

  const told = new Set(report.value.orders.map(({ venueId }) => venueId))
  const first = bench.account.orders.slice(0, 511)
  assert.ok(pages >= 2, `${pages} pages`)
  assert.deepEqual(
    first.filter(({ id }) => !told.has(id)),
    [],
  )
  assert.ok(bench.orders.every((order) => !isLive(order) || told.has(order.venueId!)))
})

test('F421 a position that differs halts its symbol, though an order moves there in every report', async (t) => {
  const bench = await Bench.start(t)
  bench.inject({ on: 'rest', method: 'GET', fault: 'slow', by: '2s' })
  bench.inject({ on: 'orders', fault: 'position', symbol: 'AAPL', qty: 7 })

  for (let i = 0; i < 150 && bench.halts.length === 0; i++) {
    await bench.does((context) => {
      for (const { id } of context.orders) context.cancel(id)
      context.buy({ qty: 1, limit: 90 + (i % 20) / 10 })
    })
  }

  assert.ok(bench.has(/^AAPL is 0 here and 7 at alpaca$/))
  assert.deepEqual(bench.halts, ['position'])
  await bench.does((context) => context.buy({ qty: 1, limit: 90 }))
  assert.match(bench.denials.join(), /^symbol-halted: AAPL/)
})

test('F560 what fills unheard while a report is read does not change the cash of the account', async (t) => {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10, limit: 99 }))
  const before = bench.inputs('account').length
  const { reports } = bench.live.statistics
  const asked = bench.requests('GET', '/v2/positions').length
  bench.inject({ on: 'trading', fault: 'drop' })
  bench.inject({ on: 'rest', path: '/v2/positions', fault: 'slow', by: '3s', times: 1 })

  await bench.until(() => bench.requests('GET', '/v2/positions').length > asked)
  await bench.print(98)
  assert.equal(bench.held(), 10)
  await bench.until(() => bench.live.statistics.reports > reports)
  const { cash } = bench.live.engine.ours
  await bench.run(2 * MINUTE)

  assert.deepEqual([cash, bench.inputs('account').length], [100_000, before])
  assert.deepEqual(bench.phases, ['filled 10/10'])
  bench.check()
})
