import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Stage } from './stage.ts'

// Each case rests through one bar, which measures what is reached, before something is changed.

test('a bar reaches what an amend has moved into it', () => {
  const stage = new Stage().bar([100, 101, 99, 100])
  stage.submit({ id: 'a', side: 'sell', stop: 90 }).bar([100, 101, 99, 100])
  stage.bar([100, 101, 99, 100])
  stage.amend('a', { stop: 99.5 }).bar([100, 101, 99.8, 100])
  stage.facts()

  assert.deepEqual(stage.bar([100, 101, 99, 100]).facts(), ['filled a 10 @ 99.5'])
})

test('a bar reaches an order that came to others which rest', () => {
  const stage = new Stage().bar([100, 101, 99, 100])
  stage.submit({ id: 'far', limit: 50 }).bar([100, 101, 99, 100]).bar([100, 101, 99, 100])
  stage.submit({ id: 'near' })
  stage.facts()

  assert.deepEqual(stage.bar([100, 101, 99, 100]).facts(), [
    'accepted near',
    'filled near 10 @ 100',
  ])
})

test('a bar reaches what is left after the order between was canceled', () => {
  const stage = new Stage().bar([100, 101, 99, 100])
  stage.submit({ id: 'a', limit: 98 }).submit({ id: 'b', limit: 97 })
  stage.bar([100, 101, 99, 100]).bar([100, 101, 99, 100])
  stage.cancel('a').bar([100, 101, 99, 100])
  stage.facts()

  assert.deepEqual(stage.bar([100, 101, 97, 100]).facts(), [])
  assert.deepEqual(stage.bar([100, 101, 96, 100]).facts(), ['filled b 10 @ 97'])
})
