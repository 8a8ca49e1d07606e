import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryDelay, feeOf, slippageOf, termsOf } from './models.ts'
import { VENUE } from './stage.ts'

const perShare = { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 } as const

test('a fee per share has its minimum once per order', () => {
  const first = { qty: 100, value: 10_000, isMaker: false, before: { qty: 0, value: 0 } }
  const second = { ...first, before: { qty: 100, value: 10_000 } }
  const third = { ...first, before: { qty: 200, value: 20_000 } }
  assert.deepEqual(
    [first, second, third].map((fill) => feeOf(perShare, fill)),
    [1, 0, 0.5],
  )
})

test('a fee per share is at most its fraction of the value', () => {
  const fill = { qty: 10, value: 20, isMaker: false, before: { qty: 0, value: 0 } }
  assert.equal(feeOf(perShare, fill), 0.2)
})

test('makers and takers pay their own fraction, contracts their number', () => {
  const fill = { qty: 3, value: 600, isMaker: true, before: { qty: 0, value: 0 } }
  const fraction = { type: 'fraction', maker: -0.001, taker: 0.002 } as const
  assert.equal(feeOf(fraction, fill), -0.6)
  assert.equal(feeOf(fraction, { ...fill, isMaker: false }), 1.2)
  assert.equal(feeOf({ type: 'per-contract', perContract: 2.5 }, fill), 7.5)
  assert.equal(feeOf({ type: 'none' }, fill), 0)
})

test('slippage is told in ticks, as a fraction of the price, or as half a spread', () => {
  assert.equal(slippageOf({ type: 'none' }, 200, 0.25), 0)
  assert.equal(slippageOf({ type: 'ticks', ticks: 2 }, 200, 0.25), 0.5)
  assert.equal(slippageOf({ type: 'fraction', fraction: 0.001 }, 200, 0.25), 0.2)
  assert.equal(slippageOf({ type: 'half-spread', spread: 0.5 }, 200, 0.25), 0.25)
})

test('the way in takes the latency and a jitter that the seed decides', () => {
  const latency = { entryMs: 10, responseMs: 1, jitterMs: 5 }
  const delays = (seed: number) => {
    const terms = termsOf({ venue: VENUE, cash: 0, latency, seed })
    return Array.from({ length: 100 }, (_, n) => entryDelay(terms, n))
  }
  assert.deepEqual(delays(1), delays(1))
  assert.notDeepEqual(delays(1), delays(2))
  assert.deepEqual([Math.min(...delays(1)), Math.max(...delays(1))], [10, 15])
})

test('options are refused that cannot be simulated', () => {
  const refused = [
    { latency: { entryMs: 0, responseMs: 1 } },
    { latency: { entryMs: 1, responseMs: 0.5 } },
    { latency: { entryMs: 1, responseMs: 1, jitterMs: -1 } },
    { participation: 0 },
    { participation: 1.1 },
    { batch: 0 },
    { cash: NaN },
  ]
  for (const options of refused) {
    assert.throws(() => termsOf({ venue: VENUE, cash: 0, ...options }), /assertion failed/)
  }
})
