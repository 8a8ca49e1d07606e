// Forming bars: what the open minute is made of, when it is over, and how often it is written.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ms, type SymbolId, symbolId } from '../../core/brand.ts'
import type { Input } from '../../core/input.ts'
import type { Merge } from '../../core/jobs.ts'
import type { Bar } from '../../core/market.ts'
import type { Notice } from '../../core/notice.ts'
import { MINUTE, ms } from '../../core/time.ts'
import { VirtualWorld } from '../../io/virtual.ts'
import { SIM, universeOf } from '../../testing/builders.ts'
import { FormingBars } from './forming-bars.ts'

const START = Date.UTC(2026, 2, 23, 13, 30)
const SECOND = 1_000
const EVERY_MS = 5 * SECOND

const barAt = (minute: number, close: number, symbol = 0): Bar => ({
  symbol: symbolId(symbol),
  timeframe: '1m',
  start: ms(START + minute * MINUTE),
  open: 100,
  high: 110,
  low: 90,
  close,
  volume: 10,
  trades: 0,
})

/** A store as what it was told: symbol, minute, open, high, low, close, volume, trades. */
function fixture() {
  const world = new VirtualWorld({ seed: 1, startAt: START as Ms })
  const told: string[] = []
  const writes: (readonly (string | number)[])[][] = []
  const ranks = new Set<string>()
  const store = {
    answer: (): Promise<void> => Promise.resolve(),
    isThere: true,
    merge: async ({ series, rank }: Merge) => {
      await store.answer()
      ranks.add(rank)
      const rows = series.map(({ symbol, bars: b }) => {
        const values = [b.open, b.high, b.low, b.close, b.volume, b.trades].map((one) => one[0]!)
        return [symbol, (b.start[0]! - START) / MINUTE, ...values]
      })
      writes.push(rows)
    },
  }
  const forming = new FormingBars({
    io: world.node('engine'),
    universe: universeOf('A', 'B'),
    everyMs: EVERY_MS,
    store: () => (store.isThere ? store : undefined),
    tell: (text) => told.push(text),
  })
  const turn = (inputs: readonly Input[], notices: readonly Notice[] = []): void =>
    forming.onTurn({ n: 1, at: ms(world.now), inputs, notices, batches: [] })
  const feed = (
    type: 'venue.up' | 'venue.down',
    stream: 'feed' | 'orders' = 'feed',
    symbols?: readonly SymbolId[],
  ): void =>
    turn([
      {
        type,
        at: ms(world.now),
        venue: SIM,
        stream,
        ...(symbols === undefined ? {} : { symbols }),
      },
    ])
  const closed = (bar: Bar): void => turn([], [{ type: 'bar.closed', bar }])
  const trade = (at: number, price: number, size = 1, symbol = 0): void =>
    forming.trade({ symbol: symbolId(symbol), ts: ms(START + at), price, size })
  forming.start()
  return { world, forming, store, writes, ranks, told, feed, closed, trade }
}

test('the open minute of each symbol is built from trades, and written every five seconds where it has changed', async () => {
  const { world, feed, trade, writes, ranks, forming } = fixture()
  feed('venue.up')
  trade(MINUTE, 100, 3)
  trade(MINUTE + 1, 104)
  trade(MINUTE + 2, 98, 2)
  trade(MINUTE + 3, 99)
  trade(MINUTE, 50, 1, 1)
  await world.run(EVERY_MS)
  await world.run(EVERY_MS)
  trade(MINUTE + 10 * SECOND, 101)
  await world.run(EVERY_MS)

  assert.deepEqual(writes, [
    [
      ['A', 1, 100, 104, 98, 99, 7, 4],
      ['B', 1, 50, 50, 50, 50, 1, 1],
    ],
    [['A', 1, 100, 104, 98, 101, 8, 5]],
  ])
  assert.deepEqual([...ranks], ['forming'])
  assert.deepEqual(forming.statistics, { written: 3, skipped: 0, failures: 0 })
})

test('a minute of which a part was not heard is not built: the first of a run, and one with a gap', async () => {
  const { world, feed, trade, writes } = fixture()
  trade(0, 100)
  feed('venue.up', 'orders')
  await world.run(20 * SECOND)
  feed('venue.up')
  trade(30 * SECOND, 100)
  await world.run(40 * SECOND)
  assert.equal(writes.length, 0)
  trade(MINUTE, 101)
  await world.run(10 * SECOND)
  feed('venue.down')
  trade(MINUTE + 20 * SECOND, 102)
  await world.run(10 * SECOND)
  feed('venue.up')
  trade(MINUTE + 30 * SECOND, 103)
  await world.run(30 * SECOND)
  trade(2 * MINUTE, 104)
  await world.run(EVERY_MS)

  assert.deepEqual(
    writes.map(([row]) => row?.slice(0, 3)),
    [
      ['A', 1, 101],
      ['A', 2, 104],
    ],
  )
})

test('a gap of some symbols leaves the minutes of the others whole', async () => {
  const { world, feed, trade, writes } = fixture()
  feed('venue.up')
  await world.run(MINUTE)
  trade(MINUTE, 101)
  trade(MINUTE, 50, 1, 1)
  feed('venue.down', 'feed', [symbolId(0)])
  await world.run(10 * SECOND)
  feed('venue.up', 'feed', [symbolId(0)])
  trade(MINUTE + 15 * SECOND, 103)
  trade(MINUTE + 15 * SECOND, 51, 1, 1)
  await world.run(MINUTE)
  trade(2 * MINUTE, 104)
  await world.run(EVERY_MS)

  const told = writes.map(([row]) => row?.slice(0, 3))
  assert.deepEqual(told, [
    ['B', 1, 50],
    ['B', 1, 50],
    ['A', 2, 104],
  ])
})

test('a minute is over when it closes, and a trade or a bar of it after that is late', async () => {
  const { world, feed, trade, closed, writes, forming } = fixture()
  feed('venue.up')
  await world.run(MINUTE)
  trade(MINUTE, 100)
  closed(barAt(1, 100))
  trade(MINUTE + 59 * SECOND, 101)
  forming.bar(barAt(1, 102))
  forming.bar(barAt(0, 102, 0))
  await world.run(EVERY_MS)
  assert.equal(writes.length, 0)
  trade(2 * MINUTE, 103)
  closed(barAt(1, 100))
  trade(MINUTE + 58 * SECOND, 104)
  await world.run(EVERY_MS)

  assert.deepEqual(writes, [[['A', 2, 103, 103, 103, 103, 1, 1]]])
})

test('a bar that its venue tells while it forms is written as told last', async () => {
  const { world, forming, writes, closed } = fixture()
  forming.bar(barAt(0, 101))
  forming.bar(barAt(0, 102))
  await world.run(EVERY_MS)
  forming.bar(barAt(1, 103))
  // The bar before closes a moment after the next has begun to form.
  closed(barAt(0, 102))
  await world.run(EVERY_MS)

  assert.deepEqual(
    writes.map(([row]) => [row![1], row![5]]),
    [
      [0, 102],
      [1, 103],
    ],
  )
})

test('one write is under way at a time, and a store that is away or fails costs rounds, not memory', async () => {
  const { world, forming, store, writes, told } = fixture()
  const slow = Promise.withResolvers<void>()
  store.answer = () => slow.promise
  for (let i = 0; i < 4; i++) {
    forming.bar(barAt(0, 100 + i))
    await world.run(EVERY_MS)
  }
  assert.equal(writes.length, 0)
  assert.equal(forming.statistics.skipped, 3)
  slow.resolve()
  await world.run(EVERY_MS)
  assert.deepEqual(
    writes.map(([row]) => row![5]),
    [100, 103],
  )
  store.isThere = false
  forming.bar(barAt(0, 104))
  await world.run(EVERY_MS)
  store.isThere = true
  store.answer = () => Promise.reject(new Error('no room'))
  for (let i = 0; i < 3; i++) {
    forming.bar(barAt(0, 105 + i))
    await world.run(EVERY_MS)
  }
  store.answer = () => Promise.resolve()
  forming.bar(barAt(0, 109))
  await world.run(EVERY_MS)

  assert.deepEqual(writes.at(-1)?.[0]?.[5], 109)
  assert.deepEqual(forming.statistics, { written: 3, skipped: 4, failures: 3 })
  assert.deepEqual(told, ['bars that form are not written: no room'])
})

test('nothing is written after the end, which waits for what is under way', async () => {
  const { world, forming, store, writes } = fixture()
  const slow = Promise.withResolvers<void>()
  store.answer = () => slow.promise
  forming.bar(barAt(0, 100))
  await world.run(EVERY_MS)
  let isClosed = false
  const closing = forming.close().then(() => (isClosed = true))
  await world.run(EVERY_MS)
  assert.equal(isClosed, false)
  slow.resolve()
  await closing
  forming.bar(barAt(0, 101))
  await world.run(MINUTE)

  assert.equal(writes.length, 1)
})
