// What may happen to the deltas of an order book on their way here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId } from '../../src/core/brand.ts'
import { type BookFrame, OrderBook } from '../../src/core/order-book.ts'
import { integer, seeded } from '../../src/core/random.ts'
import { ms } from '../../src/core/time.ts'

/** A venue that keeps a book, tells its changes and gives a snapshot when asked. Sizes are its checksum. */
class Exchange {
  readonly #random: () => number
  readonly #bids = new Map<number, number>()
  readonly #asks = new Map<number, number>()
  #last: number

  constructor(random: () => number, last = 100) {
    this.#random = random
    this.#last = last
    for (let i = 0; i < 10; i++) {
      this.#bids.set(100 - i, 5)
      this.#asks.set(101 + i, 5)
    }
  }

  change(): BookFrame {
    const isBid = this.#random() < 0.5
    const side = isBid ? this.#bids : this.#asks
    // The best stays, so that neither side is ever empty.
    const away = integer(this.#random, 1, 9)
    const price = isBid ? 100 - away : 101 + away
    const size = integer(this.#random, 0, 9)
    if (size === 0) side.delete(price)
    else side.set(price, size)
    const last = ++this.#last
    const [bids, asks] = isBid ? [[price, size], []] : [[], [price, size]]
    const checksum = this.checksum
    return { type: 'delta', first: last, last, bids, asks, ts: ms(last), checksum }
  }

  snapshot(): BookFrame {
    const [bids, asks] = [[...this.#bids].flat(), [...this.#asks].flat()]
    const last = this.#last
    const checksum = this.checksum
    return { type: 'snapshot', first: last, last, bids, asks, ts: ms(last), checksum }
  }

  /** The service starts again: the count does too. */
  restart(): BookFrame {
    this.#last = 1
    return { ...this.snapshot(), type: 'delta' }
  }

  get checksum(): number {
    const sum = (side: ReadonlyMap<number, number>): number =>
      [...side].reduce((total, [price, size]) => total + price * size, 0)
    return sum(this.#bids) * 1_000_003 + sum(this.#asks)
  }
}

const checksum = ({ bids, asks }: OrderBook): number => {
  const sum = (side: OrderBook['bids']): number => {
    let total = 0
    for (let i = 0; i < side.size; i++) total += side.priceAt(i) * side.sizeAt(i)
    return total
  }
  return sum(bids) * 1_000_003 + sum(asks)
}

const bookOf = (checks?: (book: OrderBook) => number): OrderBook =>
  new OrderBook({ symbol: symbolId(0), ...(checks === undefined ? {} : { checksum: checks }) })

test('F052 an order book whose deltas are lost or come out of order shows no price until it is whole', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = seeded(seed)
    const exchange = new Exchange(random)
    const book = bookOf()
    let shown = 0
    let behind: { readonly frame: BookFrame; readonly truth: number } | undefined
    for (let i = 0; i < 500; i++) {
      const frame = exchange.change()
      const fate = random()
      // The first deltas come before any snapshot; later ones are lost, or overtaken by the next.
      if (fate < 0.03) continue
      if (fate < 0.06 && behind === undefined) {
        behind = { frame, truth: exchange.checksum }
        continue
      }
      book.apply(frame)
      if (book.quote !== undefined) {
        shown++
        assert.equal(checksum(book), exchange.checksum, `seed ${seed}: what it shows is the book`)
      }
      if (behind !== undefined) {
        book.apply(behind.frame)
        behind = undefined
      }
      if (book.wantsSnapshot && random() < 0.3) book.apply(exchange.snapshot())
    }
    const { faults, snapshots } = book.statistics
    assert.ok(shown > 100 && faults.gap > 0 && snapshots > 1, `seed ${seed} loses and finds again`)
  }
  // What no count tells: a level that never went, and a checksum that is another one.
  const exchange = new Exchange(seeded(1))
  const crossed = bookOf()
  crossed.apply(exchange.snapshot())
  crossed.apply({ ...exchange.change(), bids: [105, 1], asks: [] })
  assert.deepEqual([crossed.quote, crossed.fault], [undefined, 'crossed'])
  const summed = bookOf(checksum)
  summed.apply(exchange.snapshot())
  summed.apply({ ...exchange.change(), bids: [99, 77], asks: [] })
  assert.deepEqual([summed.quote, summed.fault], [undefined, 'checksum'])
})

test('F053 an order book whose count begins again at 1 is a new book, and goes on from there', () => {
  const exchange = new Exchange(seeded(3))
  const book = bookOf()
  book.apply(exchange.snapshot())
  for (let i = 0; i < 20; i++) book.apply(exchange.change())
  const lost = Array.from({ length: 7 }, () => exchange.change())
  assert.equal(lost.length, 7)

  book.apply(exchange.restart())

  assert.ok(book.isGood)
  assert.equal(checksum(book), exchange.checksum)
  for (let i = 0; i < 20; i++) book.apply(exchange.change())
  assert.equal(checksum(book), exchange.checksum)
  assert.deepEqual(Object.values(book.statistics.faults), [0, 0, 0, 0, 0])
})
