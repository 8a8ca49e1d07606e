/*
 * OrderBook: the depth of one symbol from a snapshot and the deltas after it, and whether it can be trusted.
 *
 *   empty ──snapshot──▶ good ──gap · crossed · checksum──▶ broken ──snapshot──▶ good
 *
 *   empty, broken   deltas wait for a snapshot, which the owner asks for (`wantsSnapshot`)
 *   snapshot        replaces the book. Of the deltas that waited, those that it holds already are dropped; the first that
 *                   reaches beyond it may begin before its end (it straddles it) and is applied; where the first one
 *                   begins later than that, the snapshot is too old and another one is wanted
 *   good            each delta continues the last one. One that is held already is dropped, one that leaves a gap breaks
 *                   the book, and so does one that leaves the best bid at or above the best ask
 *   a sequence that begins again at 1 is a snapshot: the venue has restarted
 *
 * A book that is not good shows nothing: no price of it can be traded on. Prices and sizes are columns of numbers, sorted
 * so that the best is last, because that is where most changes are.
 */
import type { BookFault } from './book-fault.ts'
import { BookSide } from './book-side.ts'
import type { Ms, SymbolId } from './brand.ts'
import type { Depth, Quote } from './market.ts'

export interface BookFrame {
  readonly type: 'snapshot' | 'delta'
  /** The updates that it holds, by the venue's count; of a snapshot, `last` is all that counts. */
  readonly first: number
  readonly last: number
  /** The last update before it, where the venue says so; otherwise frames follow each other without a gap. */
  readonly previous?: number
  /** Price, size, price, size …; a size of 0 takes the level away. */
  readonly bids: ArrayLike<number>
  readonly asks: ArrayLike<number>
  readonly ts: Ms
  /** What the book after it comes to, where the venue says so. */
  readonly checksum?: number
}

export interface BookOptions {
  readonly symbol: SymbolId
  /** Levels of a side; what is worse is forgotten. 1,000 where not given. */
  readonly depth?: number
  /** What the venue's checksum of this book would be. Not checked where not given. */
  readonly checksum?: (book: OrderBook) => number
}

export interface BookStatistics {
  readonly frames: number
  readonly snapshots: number
  /** Deltas that were held already. */
  readonly dropped: number
  readonly faults: Readonly<Record<BookFault, number>>
}

/** Deltas that wait for a snapshot. When there are more, all are forgotten: a later snapshot holds them. */
export const WAITING_MAX = 1_000

export class OrderBook {
  readonly symbol: SymbolId
  readonly bids: BookSide
  readonly asks: BookSide
  readonly #checksum: ((book: OrderBook) => number) | undefined
  readonly #waiting: BookFrame[] = []
  readonly #faults: Record<BookFault, number> = {
    gap: 0,
    'old-snapshot': 0,
    crossed: 0,
    checksum: 0,
    overflow: 0,
  }
  #isGood = false
  /** True until the first delta after a snapshot: that one may straddle it. */
  #isFresh = false
  #last = 0
  #ts = 0 as Ms
  #fault: BookFault | undefined
  #frames = 0
  #snapshots = 0
  #dropped = 0

  constructor({ symbol, depth = 1_000, checksum }: BookOptions) {
    this.symbol = symbol
    this.bids = new BookSide(1, depth)
    this.asks = new BookSide(-1, depth)
    this.#checksum = checksum
  }

  /** Gives true where the book is good and its best prices or sizes may have changed. */
  apply(frame: BookFrame): boolean {
    this.#frames++
    if (frame.type === 'snapshot' || frame.last === 1) return this.#replace(frame)
    if (!this.#isGood) {
      this.#wait(frame)
      return false
    }
    return this.#follow(frame, 'gap')
  }

  /** Forgets everything, because the connection was lost: what comes next does not continue it. */
  reset(): void {
    this.#isGood = false
    this.#fault = undefined
    this.#waiting.length = 0
  }

  get isGood(): boolean {
    return this.#isGood
  }

  /** True until a snapshot has come that the deltas continue. */
  get wantsSnapshot(): boolean {
    return !this.#isGood
  }

  /** Why it is broken; undefined where it is good or has not begun. */
  get fault(): BookFault | undefined {
    return this.#isGood ? undefined : this.#fault
  }

  /** The venue's time of the last frame. */
  get ts(): Ms {
    return this.#ts
  }

  /** The last update that it holds. */
  get last(): number {
    return this.#last
  }

  /** True where nothing was heard of it for longer than that, in the venue's time. */
  isStale(now: Ms, ageMsMax: number): boolean {
    return !(now - this.#ts <= ageMsMax)
  }

  /** The top; undefined where the book is not good or a side is empty. */
  get quote(): Quote | undefined {
    const { bids, asks } = this
    if (!this.#isGood || bids.size === 0 || asks.size === 0) return undefined
    return {
      symbol: this.symbol,
      ts: this.#ts,
      bid: bids.priceAt(0),
      bidSize: bids.sizeAt(0),
      ask: asks.priceAt(0),
      askSize: asks.sizeAt(0),
    }
  }

  /** So many of the best levels of each side; none where the book is not good. */
  depth(levels: number): Depth {
    const { symbol, bids, asks, isGood, fault } = this
    const shown = isGood ? levels : 0
    return {
      symbol,
      ts: this.#ts,
      bids: bids.best(shown),
      asks: asks.best(shown),
      isGood,
      ...(fault === undefined ? {} : { fault }),
    }
  }

  get statistics(): BookStatistics {
    return {
      frames: this.#frames,
      snapshots: this.#snapshots,
      dropped: this.#dropped,
      faults: { ...this.#faults },
    }
  }

  #replace(frame: BookFrame): boolean {
    this.#snapshots++
    this.bids.clear()
    this.asks.clear()
    this.#isGood = true
    this.#isFresh = true
    this.#fault = undefined
    this.#last = frame.last
    if (!this.#write(frame)) return false
    const waiting = this.#waiting.splice(0)
    for (const [i, delta] of waiting.entries()) {
      if (delta.last <= frame.last) {
        this.#dropped++
        continue
      }
      this.#follow(delta, 'old-snapshot')
      if (this.#isGood) continue
      // Those after it are still of use for the next snapshot.
      for (const later of waiting.slice(i + 1)) this.#wait(later)
      return false
    }
    return true
  }

  #follow(frame: BookFrame, fault: BookFault): boolean {
    const { first, last, previous } = frame
    if (last <= this.#last) {
      this.#dropped++
      return false
    }
    const continues = previous === undefined ? first === this.#last + 1 : previous === this.#last
    const straddles = this.#isFresh && first <= this.#last + 1
    if (!continues && !straddles) {
      this.#break(fault)
      this.#wait(frame)
      return false
    }
    this.#isFresh = false
    this.#last = last
    return this.#write(frame)
  }

  #write({ bids, asks, ts, checksum }: BookFrame): boolean {
    this.#ts = ts
    const isBid = this.bids.write(bids)
    const isAsk = this.asks.write(asks)
    const isCrossed =
      this.bids.size > 0 && this.asks.size > 0 && this.bids.priceAt(0) >= this.asks.priceAt(0)
    if (isCrossed) this.#break('crossed')
    else if (checksum !== undefined && this.#checksum !== undefined) {
      if (this.#checksum(this) !== checksum) this.#break('checksum')
    }
    return this.#isGood && (isBid || isAsk)
  }

  #break(fault: BookFault): void {
    this.#isGood = false
    this.#fault = fault
    this.#faults[fault]++
  }

  #wait(frame: BookFrame): void {
    if (this.#waiting.length >= WAITING_MAX) {
      this.#faults.overflow++
      this.#waiting.length = 0
    }
    this.#waiting.push(frame)
  }
}
