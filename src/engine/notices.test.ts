import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Notice } from '../core/notice.ts'
import { bar } from '../testing/builders.ts'
import { HISTORY_LIMIT, Notices } from './notices.ts'

const closed: Notice = { type: 'bar.closed', bar: bar() }
const switched = (why: string): Notice => ({ type: 'safe-mode', on: true, why })

test('hands a notice to the handlers of its type, in the order of subscription', () => {
  const notices = new Notices()
  const heard: string[] = []
  notices.on('safe-mode', ({ why }) => heard.push(`1 ${why}`))
  notices.on('bar.closed', () => heard.push('bar'))
  notices.on('safe-mode', ({ why }) => heard.push(`2 ${why}`))

  notices.deliver([switched('a'), switched('b')])

  assert.deepEqual(heard, ['1 a', '2 a', '1 b', '2 b'])
})

test('delivers nothing until it is told to', () => {
  const notices = new Notices()
  const heard: Notice[] = []
  notices.on('safe-mode', (notice) => heard.push(notice))
  notices.publish(switched('a'))
  assert.deepEqual(heard, [])
})

test('gives the notices of a turn once', () => {
  const notices = new Notices()
  notices.publish(switched('a'))
  notices.publish(switched('b'))
  assert.deepEqual(notices.take(), [switched('a'), switched('b')])
  assert.deepEqual(notices.take(), [])
})

test('counts a handler that throws, tells of it, and goes on with the others', () => {
  const told: unknown[] = []
  const notices = new Notices((error, notice) => told.push(error, notice))
  const heard: string[] = []
  const fault = new Error('broken')
  notices.on('safe-mode', () => {
    throw fault
  })
  notices.on('safe-mode', ({ why }) => heard.push(why))

  notices.deliver([switched('a'), switched('b')])

  assert.deepEqual(heard, ['a', 'b'])
  assert.deepEqual(told, [fault, switched('a'), fault, switched('b')])
  assert.equal(notices.statistics.failures, 2)
})

test('keeps the last 1,000 notices, oldest first', () => {
  const notices = new Notices()
  for (let i = 0; i < 2 * HISTORY_LIMIT + 5; i++) notices.publish(switched(String(i)))

  const kept = notices.history.map((notice) => (notice.type === 'safe-mode' ? notice.why : ''))
  assert.deepEqual(
    kept,
    Array.from({ length: 1_000 }, (_, i) => String(i + 1_005)),
  )
  assert.equal(notices.statistics.published, 2_005)
})

test('stops telling a handler that has unsubscribed, and only that one', () => {
  const notices = new Notices()
  const heard: string[] = []
  const stop = notices.on('safe-mode', () => heard.push('1'))
  notices.on('safe-mode', () => heard.push('2'))

  stop()
  notices.deliver([switched('a')])

  assert.deepEqual(heard, ['2'])
})

test('ends one subscription of a handler that has two, however often it is stopped', () => {
  const notices = new Notices()
  let heard = 0
  const handler = (): void => void heard++
  const stop = notices.on('safe-mode', handler)
  notices.on('safe-mode', handler)

  stop()
  stop()
  notices.deliver([switched('a')])

  assert.equal(heard, 1)
})

test('tells the next handler though the one before unsubscribes while it is told', () => {
  const notices = new Notices()
  const heard: string[] = []
  const stop = notices.on('safe-mode', () => {
    heard.push('once')
    stop()
  })
  notices.on('safe-mode', () => heard.push('always'))

  notices.deliver([switched('a'), switched('b')])

  assert.deepEqual(heard, ['once', 'always', 'always'])
})

test('wants bars while anybody listens to them', () => {
  const notices = new Notices()
  assert.equal(notices.wantsBars, false)
  notices.on('safe-mode', () => {})
  assert.equal(notices.wantsBars, false)
  const stops = [notices.on('bar.closed', () => {}), notices.on('bar.closed', () => {})]
  assert.equal(notices.wantsBars, true)
  stops[0]!()
  assert.equal(notices.wantsBars, true)
  stops[1]!()
  assert.equal(notices.wantsBars, false)
})

test('takes a notice that nobody listens to', () => {
  const notices = new Notices()
  notices.deliver([closed])
  assert.equal(notices.statistics.failures, 0)
})
