/*
 * Journal past: how the file of a journal stops growing. Turns are dropped from its beginning, never from its middle:
 *
 *   keep     a snapshot stays although newer ones come, until it is the beginning or is given up
 *   begin    a kept snapshot that was proven becomes the beginning: one durable entry, before anything is dropped
 *   drop     the turns up to it go, the oldest first, a few in a transaction; SQLite writes new ones where they lay
 *
 * A crash anywhere in between leaves either the old beginning with all turns after it, or the new one, and turns of before
 * that nobody asks for: the next `drop` goes on with them. What was dropped, and what is missing because the file is
 * damaged, are told apart by the entry.
 *
 * Bars that lanes have seen stay, because indicators never forget and an archive may be corrected: some 70 bytes each.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Bar } from '../core/market.ts'
import type { KeptSnapshot, Moment, Past, SeenBar } from '../core/store.ts'
import { ms, type Timeframe } from '../core/time.ts'
import { numberOf } from './database.ts'
import { guarded } from './store-error.ts'

/**
 * Of one transaction, whichever comes first; what it takes, an order may wait for. Measured while 200,000 turns of 1 KB
 * went from a file of 400 MB: half a millisecond, and 20 to 45 ms where the checkpoint of SQLite that comes after
 * 1,000 pages falls into it, as it otherwise falls into a turn.
 */
const DROPPED_TURNS_MAX = 256
const DROPPED_BYTES_MAX = 256_000
/** Bars of one read. */
const PAGE = 500
const BEGINNING = 'beginning'
const KEPT = 'kept'

/** What the journal lends of itself. */
export interface PastDesk {
  readonly path: string
  readonly db: DatabaseSync
  meta(key: string): string | undefined
  setMeta(key: string, value: string): void
  stateAt(n: number): string | undefined
  /** One transaction, which a power cut may take. */
  write(work: () => void): void
}

export class JournalPast implements Past {
  readonly #desk: PastDesk
  readonly #insertBar: StatementSync
  readonly #barsAfter: StatementSync
  readonly #oldest: StatementSync
  readonly #dropUpTo: StatementSync

  constructor(desk: PastDesk) {
    this.#desk = desk
    const prepare = (sql: string) => guarded(desk.path, () => desk.db.prepare(sql))
    this.#insertBar = prepare(
      'insert or replace into bars values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    )
    this.#barsAfter = prepare(
      'select * from bars where symbol_id = ? and timeframe = ? and i > ? order by i limit ?',
    )
    this.#oldest = prepare(
      `select n, octet_length(inputs) + octet_length(batches) as bytes from turns
       where n <= ? order by n limit ${DROPPED_TURNS_MAX}`,
    )
    this.#dropUpTo = prepare('delete from turns where n <= ?')
  }

  get beginning(): Moment | undefined {
    const text = this.#desk.meta(BEGINNING)
    return text === undefined ? undefined : (JSON.parse(text) as Moment)
  }

  get kept(): readonly KeptSnapshot[] {
    const kept = JSON.parse(this.#desk.meta(KEPT) ?? '[]') as readonly KeptSnapshot[]
    const from = this.beginning?.n ?? 0
    return kept.filter(({ n }) => n > from)
  }

  keep(snapshots: readonly KeptSnapshot[]): void {
    this.#desk.setMeta(KEPT, JSON.stringify(snapshots))
  }

  /** The snapshots that stay, by their turns. */
  get staying(): readonly number[] {
    const { beginning, kept } = this
    return [...(beginning === undefined ? [] : [beginning.n]), ...kept.map(({ n }) => n)]
  }

  stateAt(n: number): string | undefined {
    return this.#desk.stateAt(n)
  }

  begin({ n, at, isProven }: KeptSnapshot): void {
    assert(isProven, `turn ${n} is a beginning when its snapshot was proven`)
    assert(n > (this.beginning?.n ?? 0), `a beginning moves on, not back to ${n}`)
    assert(this.stateAt(n) !== undefined, `the snapshot of turn ${n} is there`)
    this.#desk.setMeta(BEGINNING, JSON.stringify({ n, at }))
  }

  drop(): number {
    const { beginning } = this
    if (beginning === undefined) return 0
    return guarded(this.#desk.path, () => {
      let dropped = 0
      let bytes = 0
      let last: number | undefined
      for (const row of this.#oldest.all(beginning.n)) {
        if (dropped > 0 && bytes + numberOf(row.bytes) > DROPPED_BYTES_MAX) break
        bytes += numberOf(row.bytes)
        last = numberOf(row.n)
        dropped++
      }
      if (last !== undefined) this.#desk.write(() => this.#dropUpTo.run(last))
      return dropped
    })
  }

  noteBars(bars: readonly SeenBar[]): void {
    if (bars.length > 0) this.#desk.write(() => this.insert(bars))
  }

  /** Within a transaction. */
  insert(bars: readonly SeenBar[]): void {
    for (const { i, bar } of bars) {
      const { symbol, timeframe, start, open, high, low, close, volume, trades } = bar
      const prices = [open, high, low, close]
      const filled = bar.filled === true ? 1 : 0
      this.#insertBar.run(symbol, timeframe, i, start, ...prices, volume, trades, filled)
    }
  }

  *bars(
    { symbol, timeframe }: { readonly symbol: SymbolId; readonly timeframe: Timeframe },
    count: number,
  ): Iterable<readonly Bar[]> {
    for (let seen = 0; seen < count;) {
      const limit = Math.min(PAGE, count - seen)
      const rows = guarded(this.#desk.path, () =>
        this.#barsAfter.all(symbol, timeframe, seen, limit),
      )
      if (rows.length === 0) return
      yield rows.map((row) => barOf(row, symbol, timeframe))
      seen += rows.length
    }
  }
}

function barOf(row: Record<string, SQLOutputValue>, symbol: SymbolId, timeframe: Timeframe): Bar {
  return {
    symbol,
    timeframe,
    start: ms(numberOf(row.start)),
    open: numberOf(row.open),
    high: numberOf(row.high),
    low: numberOf(row.low),
    close: numberOf(row.close),
    volume: numberOf(row.volume),
    trades: numberOf(row.trades),
    ...(row.filled === 1 ? { filled: true } : {}),
  }
}
