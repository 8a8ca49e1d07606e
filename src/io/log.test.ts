import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLog, type LogOptions } from './log.ts'
import { redactor } from './redact.ts'
import { VirtualWorld } from './virtual.ts'

function logOf(changes: Partial<LogOptions> = {}) {
  const world = new VirtualWorld({ seed: 1 })
  const lines: string[] = []
  const io = world.node('engine')
  const log = openLog({ io, sink: (line) => void lines.push(line), ...changes })
  return { world, lines, log }
}

test('writes one line of JSON per fact', () => {
  const { lines, log } = logOf()
  log.of('feed').warn('reconnects', { waitMs: 2_000, at: 'never' })
  log.debug('not written')

  assert.deepEqual(lines, [
    '{"at":"2026-03-09T14:00:00.000Z","level":"warn","area":"feed","text":"reconnects","waitMs":2000}',
  ])
})

test('writes what repeats once in a while, and says how often it was held back', async () => {
  const { world, lines, log } = logOf()
  for (let i = 0; i < 5; i++) log.warn('queue is full', { depth: i })
  await world.run(10_000)
  log.warn('queue is full', { depth: 9 })
  log.warn('queue is full')
  log.flush()

  assert.deepEqual(
    lines.map((line) => {
      const { depth, repeated } = JSON.parse(line) as Record<string, unknown>
      return { depth, repeated }
    }),
    [
      { depth: 0, repeated: undefined },
      { depth: 9, repeated: 4 },
      { depth: undefined, repeated: 1 },
    ],
  )
  const all = logOf({ repeatMs: 0 })
  for (let i = 0; i < 5; i++) all.log.warn('queue is full')
  assert.equal(all.lines.length, 5)
})

test('remembers a bounded number of kinds, and loses no count', () => {
  const { lines, log } = logOf()
  log.info('the first')
  log.info('the first')
  for (let i = 0; i < 1_000; i++) log.info(`kind ${i}`)

  assert.equal(lines.length, 1_002)
  assert.match(lines.join(), /"text":"the first","repeated":1/)
})

test('a sink that throws stops nothing', () => {
  const { log } = logOf({
    sink: () => {
      throw new Error('disk full')
    },
  })
  log.error('something')

  assert.equal(log.lost, 1)
})

test('shows no secret, wherever it turns up', () => {
  const secret = 's3cr3t+/value"x'
  const leaks = [
    { text: `failed with ${secret}` },
    { text: 'x', fields: { url: `https://v.test/?a=1&signature=abcd1234&b=2` } },
    { text: 'x', fields: { headers: { 'APCA-API-SECRET-KEY': 'abcd1234' } } },
    { text: 'x', fields: { headers: { Authorization: 'Bearer abcd1234' } } },
    { text: 'sent {"action":"auth","key":"abcd1234","secret":"abcd1234"}' },
    { text: `Authorization: Bearer abcd1234`, fields: { cause: new Error(secret) } },
    { text: 'x', fields: { deep: [{ list: [encodeURIComponent(secret)] }] } },
    { text: 'x', fields: { body: Buffer.from(secret).toString('base64') } },
    { text: 'x', fields: { raw: Buffer.from(secret), json: JSON.stringify({ a: secret }) } },
  ]
  const shown = (redact = redactor([secret])): string => {
    const { lines, log } = logOf({ redact, repeatMs: 0 })
    for (const { text, fields } of leaks) log.info(text, fields)
    return lines.join('\n')
  }
  const isLeaking = (text: string): boolean => /s3cr3t|abcd1234|czNjcjN0/.test(text)

  assert.equal(isLeaking(shown()), false)
  assert.equal(isLeaking(shown({ text: (text) => text, data: (value) => value })), true)
})

test('keeps what is no secret', () => {
  const { text, data } = redactor(['abc', 'longer-secret'])

  assert.equal(text('order sma-7 of AAPL is unknown: abc'), 'order sma-7 of AAPL is unknown: abc')
  assert.deepEqual(data({ symbol: 'AAPL', qty: 3, next_page_token: 'p2', none: undefined }), {
    symbol: 'AAPL',
    qty: 3,
    next_page_token: 'p2',
    none: undefined,
  })
})
