/*
 * Inbox: everything the engine learns waits here, in order of arrival, until the next turn takes it.
 *
 * Market data wait in a ring of typed columns (about 70 bytes each, nothing for the garbage collector). When
 * the ring is full, quotes make room first: of each symbol the last one stays, because an older one is no news.
 * Where that is not enough the oldest trade or quote is dropped and counted; when one is older than the age limit
 * at the moment of taking, it is thrown away and counted. Not so a bar: what strategies derive would be wrong for
 * ever without it. A bar that is too old is taken as one of the past, which is seen and cannot be traded on, and it
 * is dropped only where nothing but bars waits.
 *
 * All other inputs (fills, operator, venue status, the depth of a tape; that of a venue never waits, because the pump
 * looks at the book when it makes a turn) wait as objects in a queue of their own: they are never dropped,
 * and more of them than the limit is an error of the program. A sequence number keeps the two in one order.
 */
import { assert, unreachable } from '../core/assert.ts'
import { type Ms, symbolId } from '../core/brand.ts'
import { type Input, isMarket, type RowInput } from '../core/input.ts'
import {
  BAR,
  inputOf,
  type MarketRows,
  QUOTE,
  TRADE,
  tradeInput,
  WIDTH,
} from '../core/market-rows.ts'
import { TIMEFRAMES } from '../core/time.ts'

export interface InboxOptions {
  /** Most market inputs that wait; the same number limits the other inputs. */
  readonly capacity: number
  /** A trade or quote older than this when its turn comes is thrown away, in milliseconds; a bar becomes a past one. */
  readonly maxAgeMs: number
}

export const INBOX_DEFAULTS: InboxOptions = { capacity: 10_000, maxAgeMs: 60_000 }

export interface InboxStatistics {
  readonly pushed: number
  readonly taken: number
  /** Market inputs that had to make room. */
  readonly dropped: number
  /** Quotes that made room because a later one of their symbol waited. */
  readonly conflated: number
  /** Trades and quotes that were too old when their turn came. */
  readonly expired: number
  /** Bars that were too old when their turn came, and were taken as past ones. */
  readonly pastBars: number
  readonly waiting: number
  /** Waiting market inputs as a share of the capacity, 0 to 1. */
  readonly utilisation: number
  /** The highest utilisation so far. */
  readonly peak: number
}

/** The kind is in the low two bits. */
const KIND = 3
/** Of a bar: history, on which nobody trades. */
const PAST = 4
const FILLED = 8
/** A bar's timeframe is above this bit. */
const TIMEFRAME = 4

interface Fact {
  readonly sequence: number
  readonly input: Input
}

export class Inbox {
  readonly #capacity: number
  readonly #maxAgeMs: number
  readonly #sequences: Float64Array
  readonly #ats: Float64Array
  /** In the kinds of bars, source, filled flag and timeframe as well. */
  readonly #rows: MarketRows
  /** Of trades whose id is more than digits. */
  readonly #ids: (string | undefined)[] = []
  #head = 0
  #waiting = 0
  #facts: Fact[] = []
  #factHead = 0
  #sequence = 0
  #taken = 0
  #dropped = 0
  #conflated = 0
  /** Quotes that came since quotes last made room. */
  #newQuotes = 0
  #expired = 0
  #pastBars = 0
  #peak = 0

  constructor(options: InboxOptions = INBOX_DEFAULTS) {
    const { capacity, maxAgeMs } = options
    assert(Number.isSafeInteger(capacity) && capacity > 0, `capacity is > 0, not ${capacity}`)
    assert(maxAgeMs >= 0, `the age limit is >= 0 ms, not ${maxAgeMs}`)
    this.#capacity = capacity
    this.#maxAgeMs = maxAgeMs
    this.#sequences = new Float64Array(capacity)
    this.#ats = new Float64Array(capacity)
    this.#rows = {
      kind: new Uint8Array(capacity),
      symbol: new Uint32Array(capacity),
      ts: new Float64Array(capacity),
      values: new Float64Array(capacity * WIDTH),
    }
  }

  push(input: Input): void {
    if (!isMarket(input) || input.type === 'depth') {
      this.#pushFact(input)
      return
    }
    this.#write(this.#next(input.at), input)
  }

  /** A trade or a quote that lies in columns; they are copied. */
  pushRow(rows: MarketRows, row: number, at: Ms): void {
    const its = rows.kind[row]!
    assert(its === TRADE || its === QUOTE, 'a bar comes as an input')
    const { kind, symbol, ts, values } = this.#rows
    const slot = this.#next(at)
    const to = slot * WIDTH
    const from = row * WIDTH
    if (its === QUOTE) this.#newQuotes++
    kind[slot] = its
    symbol[slot] = rows.symbol[row]!
    ts[slot] = rows.ts[row]!
    values[to] = rows.values[from]!
    values[to + 1] = rows.values[from + 1]!
    values[to + 2] = rows.values[from + 2]!
    values[to + 3] = rows.values[from + 3]!
  }

  /** The slot of the next market input, where room is made where none is. */
  #next(at: Ms): number {
    const sequence = this.#sequence++
    // To look through the ring for fewer than that would cost more than it frees.
    if (this.#waiting === this.#capacity && this.#newQuotes * 8 >= this.#capacity) this.#conflate()
    if (this.#waiting === this.#capacity) this.#makeRoom()
    const slot = (this.#head + this.#waiting) % this.#capacity
    this.#sequences[slot] = sequence
    this.#ats[slot] = at
    this.#waiting++
    if (this.#waiting > this.#peak) this.#peak = this.#waiting
    return slot
  }

  // Apart, so that no market input makes room for what the message of a fact would need.
  #pushFact(input: Input): void {
    const waiting = this.#facts.length - this.#factHead
    assert(
      waiting < this.#capacity,
      () => `at most ${this.#capacity} facts wait, the next: ${input.type}`,
    )
    this.#facts.push({ sequence: this.#sequence++, input })
  }

  /**
   * The inputs of one turn: the oldest that waits and all after it with the same `at`, in order of arrival.
   * Empty where nothing waits.
   *
   * @param now Engine time against which age is measured.
   * @param limit Most inputs for one turn.
   */
  takeTurn(now: number, limit = 1_024): Input[] {
    assert(limit > 0, () => `a turn takes at least one input, not ${limit}`)
    const inputs: Input[] = []
    this.#expire(now)
    const at = this.nextAt
    if (at === Infinity) return inputs
    while (inputs.length < limit && this.nextAt === at) {
      inputs.push(this.#takeOne())
      this.#expire(now)
    }
    this.#taken += inputs.length
    return inputs
  }

  /** `at` of the next input in order of arrival; Infinity where nothing waits. */
  get nextAt(): number {
    const fact = this.#facts[this.#factHead]
    if (this.#waiting === 0) return fact === undefined ? Infinity : fact.input.at
    const market = this.#sequences[this.#head]!
    return fact !== undefined && fact.sequence < market ? fact.input.at : this.#ats[this.#head]!
  }

  get statistics(): InboxStatistics {
    return {
      pushed: this.#sequence,
      taken: this.#taken,
      dropped: this.#dropped,
      conflated: this.#conflated,
      expired: this.#expired,
      pastBars: this.#pastBars,
      waiting: this.#waiting + this.#facts.length - this.#factHead,
      utilisation: this.#waiting / this.#capacity,
      peak: this.#peak / this.#capacity,
    }
  }

  #takeOne(): Input {
    const fact = this.#facts[this.#factHead]
    if (
      fact !== undefined &&
      (this.#waiting === 0 || fact.sequence < this.#sequences[this.#head]!)
    ) {
      this.#factHead++
      // What was taken is let go, also where the queue never runs empty.
      if (this.#factHead === this.#facts.length || this.#factHead === this.#capacity) {
        this.#facts = this.#facts.slice(this.#factHead)
        this.#factHead = 0
      }
      return fact.input
    }
    const input = this.#read(this.#head)
    this.#drop()
    return input
  }

  #expire(now: number): void {
    while (this.#waiting > 0 && now - this.#ats[this.#head]! > this.#maxAgeMs) {
      const { kind } = this.#rows
      const its = kind[this.#head]!
      if ((its & KIND) === BAR) {
        if ((its & PAST) === 0) this.#pastBars++
        kind[this.#head] = its | PAST
        return
      }
      this.#drop()
      this.#expired++
    }
  }

  #makeRoom(): void {
    if (this.#kindAt(this.#head) === BAR) this.#dropBehindBars()
    else {
      this.#drop()
      this.#dropped++
    }
  }

  /** Lets go of the oldest trades and quotes that wait behind a bar: many, because it looks through the ring. */
  #dropBehindBars(): void {
    let left = Math.ceil(this.#capacity / 8)
    const gone = this.#keep((slot) => this.#kindAt(slot) === BAR || left-- <= 0)
    this.#dropped += gone
    if (gone > 0) return
    this.#drop()
    this.#dropped++
  }

  #kindAt(slot: number): number {
    return this.#rows.kind[slot]! & KIND
  }

  #drop(): void {
    this.#ids[this.#head] = undefined
    this.#head = (this.#head + 1) % this.#capacity
    this.#waiting--
  }

  /** Lets go of each quote that is followed by another one of its symbol. */
  #conflate(): void {
    const capacity = this.#capacity
    const { symbol } = this.#rows
    const isFollowed = new Uint8Array(capacity)
    const seen = new Set<number>()
    for (let i = this.#waiting - 1; i >= 0; i--) {
      const slot = (this.#head + i) % capacity
      if (this.#kindAt(slot) !== QUOTE) continue
      if (seen.has(symbol[slot]!)) isFollowed[slot] = 1
      else seen.add(symbol[slot]!)
    }
    this.#conflated += this.#keep((slot) => isFollowed[slot] === 0)
    this.#newQuotes = 0
  }

  /** Lets go of all that is not to be kept; the rest keeps its order. Gives how many went. */
  #keep(isKept: (slot: number) => boolean): number {
    const capacity = this.#capacity
    let kept = 0
    for (let i = 0; i < this.#waiting; i++) {
      const slot = (this.#head + i) % capacity
      if (isKept(slot)) this.#move(slot, (this.#head + kept++) % capacity)
      else this.#ids[slot] = undefined
    }
    const gone = this.#waiting - kept
    this.#waiting = kept
    return gone
  }

  #move(from: number, to: number): void {
    if (from === to) return
    this.#sequences[to] = this.#sequences[from]!
    this.#ats[to] = this.#ats[from]!
    const { kind, symbol, ts, values } = this.#rows
    kind[to] = kind[from]!
    symbol[to] = symbol[from]!
    ts[to] = ts[from]!
    values.copyWithin(to * WIDTH, from * WIDTH, (from + 1) * WIDTH)
    this.#ids[to] = this.#ids[from]
    this.#ids[from] = undefined
  }

  #write(slot: number, input: RowInput): void {
    const { kind, symbol, ts, values } = this.#rows
    const at = slot * WIDTH
    switch (input.type) {
      case 'trade':
        kind[slot] = TRADE
        symbol[slot] = input.trade.symbol
        ts[slot] = input.trade.ts
        values[at] = input.trade.price
        values[at + 1] = input.trade.size
        values[at + 2] = -1
        if (input.trade.id !== undefined) this.#ids[slot] = input.trade.id
        return
      case 'quote':
        kind[slot] = QUOTE
        this.#newQuotes++
        symbol[slot] = input.quote.symbol
        ts[slot] = input.quote.ts
        values[at] = input.quote.bid
        values[at + 1] = input.quote.bidSize
        values[at + 2] = input.quote.ask
        values[at + 3] = input.quote.askSize
        return
      case 'bar': {
        const { bar } = input
        const source = input.source === 'warmup' ? PAST : 0
        const filled = bar.filled === true ? FILLED : 0
        kind[slot] = BAR | source | filled | (TIMEFRAMES.indexOf(bar.timeframe) << TIMEFRAME)
        symbol[slot] = bar.symbol
        ts[slot] = bar.start
        values[at] = bar.open
        values[at + 1] = bar.high
        values[at + 2] = bar.low
        values[at + 3] = bar.close
        values[at + 4] = bar.volume
        values[at + 5] = bar.trades
        return
      }
      default:
        unreachable(input)
    }
  }

  #read(slot: number): RowInput {
    const at = this.#ats[slot]! as Ms
    const rows = this.#rows
    if (this.#kindAt(slot) === BAR) return this.#readBar(slot, at)
    const id = this.#ids[slot]
    return id === undefined ? inputOf(rows, slot, at) : tradeInput(rows, slot, at, id)
  }

  #readBar(slot: number, at: Ms): RowInput {
    const { kind, symbol, ts, values } = this.#rows
    const its = kind[slot]!
    const v = slot * WIDTH
    const bar = {
      symbol: symbolId(symbol[slot]!),
      timeframe: TIMEFRAMES[its >> TIMEFRAME]!,
      start: ts[slot]! as Ms,
      open: values[v]!,
      high: values[v + 1]!,
      low: values[v + 2]!,
      close: values[v + 3]!,
      volume: values[v + 4]!,
      trades: values[v + 5]!,
    }
    const source = (its & PAST) === 0 ? 'venue' : 'warmup'
    return { type: 'bar', at, bar: (its & FILLED) === 0 ? bar : { ...bar, filled: true }, source }
  }
}
