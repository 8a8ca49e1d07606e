import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpClient, type Answer, type HttpClientOptions } from './http.ts'
import { Budget } from './rate.ts'
import { redactor } from './redact.ts'
import type { Result } from '../core/result.ts'
import type { ServedAnswer, ServedRequest } from './virtual-host.ts'
import { VirtualWorld } from './virtual.ts'

const SECRET = 'abcd-secret-1234'

function clientOf(
  answers: readonly (ServedAnswer | 'never')[],
  changes: Partial<HttpClientOptions> = {},
) {
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const asked: (ServedRequest & { readonly at: number })[] = []
  world.serveHttp('venue.test', (request) => {
    asked.push({ ...request, at: world.timeline.now })
    const answer = answers[Math.min(asked.length, answers.length) - 1]!
    return answer === 'never' ? new Promise(() => {}) : answer
  })
  const client = new HttpClient(io, {
    baseUrl: 'https://venue.test/v2',
    headers: { 'APCA-API-SECRET-KEY': SECRET },
    timeoutMs: 1_000,
    redact: redactor([SECRET]),
    ...changes,
  })
  const settle = (promise: Promise<Result<Answer>>) => world.settled(promise)
  const read = (path = '/orders') => settle(client.read({ path, query: { a: 1, none: undefined } }))
  const write = (method: 'POST' | 'DELETE' = 'POST') =>
    settle(client.write({ method, path: '/orders', body: { qty: 1 } }))
  return { world, io, client, asked, read, write, settle }
}

const codeOf = (result: Result<Answer>): string => (result.ok ? 'ok' : result.fault.code)

test('sends JSON with its headers, and parses the answer', async () => {
  const { asked, write, read } = clientOf([{ status: 200, body: '{"id":"x"}' }, { status: 204 }])

  const written = await write()
  const empty = await read()

  assert.deepEqual(written.ok && written.value.body, { id: 'x' })
  assert.deepEqual(empty.ok && [empty.value.status, empty.value.body], [204, undefined])
  assert.equal(Buffer.from(asked[0]!.body).toString(), '{"qty":1}')
  assert.equal(asked[0]!.headers['content-type'], 'application/json')
  assert.equal(asked[0]!.headers['apca-api-secret-key'], SECRET)
  assert.equal(asked[1]!.path, '/v2/orders?a=1')
})

test('a read is tried again after a 5xx, a timeout and a reset, with growing pauses', async () => {
  const { world, asked, read } = clientOf([{ status: 503 }, 'never', { status: 200, body: '[]' }])

  const result = await read()

  assert.equal(codeOf(result), 'ok')
  assert.equal(asked.length, 3)
  const [first, second] = [asked[1]!.at - asked[0]!.at, asked[2]!.at - asked[1]!.at - 1_000]
  assert.ok(first >= 250 && first <= 510 && second >= 500 && second <= 1_010)
  assert.equal(world.node('engine').usage().timers, 0)
})

test('a read is tried so many times and no more, and a definite answer not again', async () => {
  const down = clientOf([{ status: 503 }])
  const unknown = clientOf([{ status: 404 }])
  const garbled = clientOf([{ status: 200, body: '{"a":' }])

  assert.equal(codeOf(await down.read()), 'venue-unavailable')
  assert.equal(codeOf(await unknown.read()), 'not-found')
  assert.equal(codeOf(await garbled.read()), 'corrupt-data')
  assert.deepEqual([down.asked.length, unknown.asked.length, garbled.asked.length], [4, 1, 1])
})

test('a read waits as long as Retry-After says, and gives up where that is too long', async () => {
  const limited = (seconds: string): ServedAnswer => ({
    status: 429,
    headers: { 'Retry-After': seconds },
  })
  const short = clientOf([limited('5'), { status: 200 }])
  const long = clientOf([limited('3600'), { status: 200 }])

  assert.equal(codeOf(await short.read()), 'ok')
  assert.ok(short.asked[1]!.at - short.asked[0]!.at >= 5_000)
  assert.equal(codeOf(await long.read()), 'rate-limited')
  assert.equal(long.asked.length, 1)
})

test('a write is one attempt, whatever happens to it', async () => {
  for (const answer of [{ status: 503 }, { status: 429 }, { status: 307 }, 'never'] as const) {
    const { asked, write } = clientOf([answer])
    await write()
    assert.equal(asked.length, 1)
  }
})

test('a write is accepted, rejected or unknown', async () => {
  const outcomeOf = async (answer: ServedAnswer | 'never'): Promise<string> =>
    codeOf(await clientOf([answer]).write())

  assert.equal(await outcomeOf({ status: 201, body: '{}' }), 'ok')
  assert.equal(await outcomeOf({ status: 422, body: '{"code":40010001}' }), 'bad-request')
  assert.equal(await outcomeOf({ status: 403 }), 'unauthorized')
  assert.equal(await outcomeOf({ status: 429 }), 'rate-limited')
  for (const status of [307, 408, 500, 502, 503, 504]) {
    assert.equal(await outcomeOf({ status }), 'outcome-unknown', String(status))
  }
  assert.equal(await outcomeOf({ status: 200, body: '{"id":' }), 'outcome-unknown')
  assert.equal(await outcomeOf('never'), 'outcome-unknown')
})

test('a write whose connection is refused was not sent; one that is cut at any byte may have been', async () => {
  const refused = clientOf([{ status: 200 }])
  refused.world.link('engine', 'venue.test').isRefusing = true
  assert.equal(codeOf(await refused.write()), 'network')

  for (const bytes of [2, 50, 100, 130]) {
    const cut = clientOf([{ status: 200 }])
    cut.world.link('engine', 'venue.test').resetAfter(bytes, 'up')
    const result = await cut.write()
    assert.equal(codeOf(result), 'outcome-unknown')
    assert.equal(!result.ok && result.fault.retry, 'ask')
    assert.equal(cut.asked.length, 0)
  }
})

test('no fault shows a secret', async () => {
  const body = `{"message":"bad key ${SECRET}","headers":{"Authorization":"Bearer zyxw9876"}}`
  const shown = async (changes: Partial<HttpClientOptions> = {}): Promise<string> => {
    const { client, settle } = clientOf([{ status: 401, body }], changes)
    const path = `/x?signature=zyxw9876`
    return JSON.stringify(await settle(client.write({ method: 'POST', path })))
  }
  const isLeaking = (text: string): boolean => text.includes(SECRET) || text.includes('zyxw9876')
  const none = { text: (text: string) => text, data: (value: unknown) => value }

  assert.equal(isLeaking(await shown()), false)
  assert.equal(isLeaking(await shown({ redact: none })), true)
})

test('each attempt takes from the budget, and what the answer says goes back into it', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const budget = new Budget(io, { name: 'key', limit: 200, windowMs: 60_000 })
  world.serveHttp('venue.test', () => ({
    status: 503,
    headers: { 'X-RateLimit-Remaining': '100' },
  }))
  const client = new HttpClient(io, { baseUrl: 'https://venue.test', budget })
  await world.settled(client.read({ path: '/' }))

  assert.equal(budget.stats().granted, 4)
  // 100 after the first answer, and the three attempts after it.
  assert.equal(budget.stats().used, 103)
})

test('where the budget refuses, nothing is sent and nothing tried again', async () => {
  const { io, asked, client, settle } = clientOf([{ status: 200 }])
  const budget = new Budget(io, { name: 'key', limit: 2, windowMs: 60_000, reserve: 1 })
  const poor = new HttpClient(io, { baseUrl: 'https://venue.test', budget })

  const result = await settle(poor.read({ path: '/', cost: 2 }))
  const canceled = await settle(client.read({ path: '/', signal: AbortSignal.abort() }))

  assert.ok(!result.ok && !canceled.ok)
  assert.deepEqual([result.fault.code, result.fault.context?.['sent']], ['rate-limited', 'no'])
  assert.equal(asked.length, 0)
})
