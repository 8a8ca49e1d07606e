// Quoting on the wire of Bybit: calls are counted at the venue, and what rests there is what is wanted.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type WireOptions, WireStand } from './quoting/wire.ts'

const FOUR: WireOptions = { symbols: 4, policy: { amends: false } }

async function standOf(t: TestContext, options: WireOptions): Promise<WireStand> {
  const stand = await WireStand.start(t, options)
  await stand.price(10_000)
  assert.deepEqual(stand.resting, stand.wantedAt(10_000))
  return stand
}

/** All quotes of all symbols are to stand elsewhere: the calls that it takes. */
async function requote(t: TestContext, options: WireOptions): Promise<readonly string[]> {
  const stand = await standOf(t, options)
  const calls = await stand.price(10_006)
  assert.deepEqual(stand.resting, stand.wantedAt(10_006))
  await stand.end()
  return calls
}

test('four symbols that move ten quotes each take at most 8 requests, and 80 with the switch off', async (t) => {
  const on = await requote(t, FOUR)
  assert.ok(on.length <= 8, `${on.length} requests`)
  assert.deepEqual(new Set(on), new Set(['/v5/order/cancel-batch', '/v5/order/create-batch']))

  const off = await requote(t, { ...FOUR, batching: { enabled: false, tickDeadlineMs: 60_000 } })
  assert.equal(off.length, 80)
  assert.deepEqual(new Set(off), new Set(['/v5/order/cancel', '/v5/order/create']))
})

test('over the trade socket they are as many frames, and no requests', async (t) => {
  const orderEntry = 'socket'
  const on = await requote(t, { ...FOUR, orderEntry })
  assert.ok(on.length <= 8, `${on.length} frames`)
  assert.deepEqual(new Set(on), new Set(['order.cancel-batch', 'order.create-batch']))

  const amended = await requote(t, { symbols: 4, policy: { amendBps: 10 }, orderEntry })
  assert.ok(amended.length <= 4, `${amended.length} frames`)
  assert.ok(amended.includes('order.amend-batch') && amended.every((op) => op.startsWith('order.')))
})

test("the dead man's switch is set before the first quote, and shown", async (t) => {
  const stand = await standOf(t, { symbols: 2, deadManS: 40 })
  const posts = stand.local.venue.audit.requests.filter(({ method }) => method === 'POST')
  const windows = stand.local.venue.accounts.map(({ deadMan }) => deadMan.infos[0]?.['timeWindow'])

  assert.equal(posts[0]?.path, '/v5/order/disconnected-cancel-all')
  assert.equal(posts.filter(({ path }) => path === posts[0]!.path).length, 1)
  assert.deepEqual(windows, ['40'])
  assert.match(stand.live.health.deadMan ?? '', /cancels all orders 40 s after/)
  await stand.end()
})

test('with amends the same change takes at most 4 requests', async (t) => {
  const calls = await requote(t, { symbols: 4, policy: { amendBps: 10 } })
  assert.ok(calls.length <= 4, `${calls.length} requests`)
  assert.ok(calls.includes('/v5/order/amend-batch'))
})

test('twelve symbols are all quoted where ten may be at once', async (t) => {
  const stand = await standOf(t, { symbols: 12, batching: { maxParallelSymbols: 10 } })
  await stand.end()
})

test('three runs of one seed send the same orders, hash for hash', async (t) => {
  const hashes = new Set<string>()
  for (let run = 0; run < 3; run++) {
    const stand = await standOf(t, { symbols: 4 })
    for (let i = 0; i < 5; i++) await stand.price(10_000 + ((i * 7) % 5) * 3)
    hashes.add(`${stand.live.engine.intents} ${stand.calls.join()}`)
    await stand.end()
  }
  assert.equal(hashes.size, 1)
})

test('the switch, flipped 100 times while quotes move, leaves exactly what is wanted at the venue each time', async (t) => {
  const stand = await standOf(t, { symbols: 3, batching: { tickDeadlineMs: 60_000 } })
  const flips = [
    { enabled: false },
    { enabled: true },
    { coalesceCancel: false },
    { coalescePlace: false, maxParallelSymbols: 1 },
    { coalesceCancel: true, coalescePlace: true, maxBatchSize: 3 },
    { maxBatchSize: 20, maxParallelSymbols: 10 },
  ]
  for (let i = 0; i < 100; i++) {
    const price = 10_000 + ((i * 7) % 11) * 2
    // The flip comes while the quotes of the price before are still under way.
    await stand.price(price, 3)
    stand.switch(flips[i % flips.length]!)
    await stand.world.run(250)
    assert.deepEqual(stand.resting, stand.wantedAt(price), `after flip ${i}`)
  }
  await stand.end()
})
