/*
 * Journal: every turn that the engine took, in a SQLite file of its own, in the engine's thread.
 *
 * A turn without batches promised nothing to anybody, so it waits in memory (at most 1,024 turns or 1 MB of
 * text, then written in one transaction that a power cut may take). A turn with batches is written together
 * with all that waits in one transaction, and `append` returns when the disk has it (log-file.ts says how).
 * So that it need not write what a quiet hour has left, nor SQLite move its log into the file before the order leaves, both are
 * done as `catchUp`, in moments in which nothing waits.
 * What is in the file is therefore always the first turns, whole: a torn tail does not exist.
 *
 * Each row carries a checksum of its content, because a disk that gives back other bytes than it was given does not say
 * so. A row that is damaged is an error that names it, and is never used.
 *
 * What is dropped from its beginning, and when, is `journal-past.ts`.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { assert } from '../core/assert.ts'
import type { Turn } from '../core/command.ts'
import type { Journal, Room, SeenBar } from '../core/store.ts'
import { ms } from '../core/time.ts'
import { numberOf, openDatabase, textOf } from './database.ts'
import { JournalPast } from './journal-past.ts'
import { LogFile } from './log-file.ts'
import { JOURNAL_SCHEMA } from './migrations.ts'
import { roomOf } from './room.ts'
import { guarded, StoreError } from './store-error.ts'
import { HAS_WAL_LOOK, walLook, type WalPages } from './wal.ts'

const WAITING_TURNS_MAX = 1_024
const WAITING_CHARACTERS_MAX = 1_000_000
/** What is caught up with: fewer turns, and less text, are not worth a transaction that no order asked for. */
const CAUGHT_UP_TURNS = 32
const CAUGHT_UP_CHARACTERS = 16_384
/**
 * Pages of the log that are moved into the file; SQLite itself waits for 1,000. Much sooner would be no better: it takes
 * as long as two syncs, in which the loop stands still.
 */
const CHECKPOINT_PAGES = 900
const SNAPSHOTS_KEPT = 3
const PAGE = 256
const TODO = 'restore a backup, or begin a new journal and adopt what the venue holds'

/** The columns of a row. */
type Content = readonly (SQLOutputValue | undefined)[]

interface Row {
  readonly n: number
  readonly at: number
  readonly inputs: string
  readonly batches: string
  readonly sum: number
}

/** Opens or creates a journal. Throws StoreError: locked, not a database, newer than this Skein. */
export const openJournal = (path: string): SqliteJournal => new SqliteJournal(path)

export class SqliteJournal implements Journal {
  readonly past: JournalPast
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #logged: () => WalPages
  readonly #checkpoint: StatementSync
  readonly #insertTurn: StatementSync
  readonly #turnsAfter: StatementSync
  readonly #insertSnapshot: StatementSync
  readonly #dropSnapshots: StatementSync
  readonly #snapshotOf: StatementSync
  readonly #readMeta: StatementSync
  readonly #writeMeta: StatementSync
  #waiting: Row[] = []
  #waitingCharacters = 0
  /** n of the last turn that was appended, in the file, and in the file for certain; -1 before the first. */
  #appended: number
  #written: number
  #durable: number
  /** The log that is synced here; where there is none, SQLite syncs each transaction. */
  readonly #log: LogFile | undefined
  /** What was committed and not synced may be lost for ever, whatever a later sync says: nothing is durable after it. */
  #lost: unknown
  /** The log, since it was last looked at. */
  #hasGrown = false
  /** The first turn that has a checksum: of those before, an older Skein wrote none. */
  readonly #summedFrom: number

  constructor(path: string) {
    this.#path = path
    this.#db = openDatabase(path, { schema: JOURNAL_SCHEMA })
    // On macOS a plain fsync leaves data in the disk's cache; elsewhere fullfsync changes nothing.
    this.#db.exec('pragma synchronous = normal; pragma fullfsync = on')
    const prepare = (sql: string) => guarded(path, () => this.#db.prepare(sql))
    this.#logged = guarded(path, () => walLook(this.#db))
    this.#checkpoint = prepare('pragma wal_checkpoint(passive)')
    this.#insertTurn = prepare(
      'insert into turns (n, at, inputs, batches, sum) values (?, ?, ?, ?, ?)',
    )
    this.#turnsAfter = prepare(
      'select n, at, inputs, batches, sum from turns where n > ? order by n limit ?',
    )
    this.#insertSnapshot = prepare(
      'insert or replace into snapshots (n, state, sum) values (?, ?, ?)',
    )
    this.#dropSnapshots = prepare(
      `delete from snapshots where n not in
       (select n from snapshots order by n desc limit ${SNAPSHOTS_KEPT})
       and n not in (select value from json_each(?))`,
    )
    this.#snapshotOf = prepare(
      'select n, state, sum from snapshots where n <= ? order by n desc limit 1',
    )
    this.#readMeta = prepare('select value, sum from meta where key = ?')
    this.#writeMeta = prepare('insert or replace into meta (key, value, sum) values (?, ?, ?)')
    const counted = (sql: string): number => {
      const row = guarded(path, () => prepare(sql).get())
      if (typeof row?.n === 'number') return row.n
      throw new StoreError('corrupt', `${path} is damaged: "${sql}" gives no number; ${TODO}`)
    }
    this.#summedFrom = counted('select from_n as n from summed')
    try {
      this.#log = LogFile.of(path)
    } catch (error) {
      this.#db.close()
      throw error
    }
    if (this.#log === undefined) this.#db.exec('pragma synchronous = full')
    const last = counted('select coalesce(max(n), -1) as n from turns')
    this.#appended = this.#written = this.#durable = last
    this.past = new JournalPast({
      path,
      db: this.#db,
      meta: (key) => this.meta(key),
      setMeta: (key, value) => this.setMeta(key, value),
      stateAt: (n) => this.#snapshotAt(n, { isExact: true })?.state,
      write: (work) => this.#write(this.#waiting, { isDurable: false }, work),
    })
  }

  /** Turns come with increasing n. Throws before anything is kept where a number is not finite. */
  append(turn: Turn): void {
    const { n, batches } = turn
    assert(Number.isSafeInteger(n) && n > this.#appended, `turn ${n} is after ${this.#appended}`)
    const row = rowOf(turn)
    if (batches.length > 0) {
      this.#write([...this.#waiting, row], { isDurable: true })
      return
    }
    this.#waiting.push(row)
    this.#waitingCharacters += row.inputs.length
    this.#appended = n
    if (
      this.#waiting.length >= WAITING_TURNS_MAX ||
      this.#waitingCharacters >= WAITING_CHARACTERS_MAX
    ) {
      this.#write(this.#waiting, { isDurable: false })
    }
  }

  flush(): void {
    if (this.#durable < this.#appended) this.#write(this.#waiting, { isDurable: true })
  }

  /** Writes turns that wait, and moves the log into the file before SQLite does so with an order. */
  catchUp(): void {
    const { length } = this.#waiting
    if (length >= CAUGHT_UP_TURNS || this.#waitingCharacters >= CAUGHT_UP_CHARACTERS)
      this.#write(this.#waiting, { isDurable: false })
    if (!HAS_WAL_LOOK || !this.#hasGrown) return
    this.#hasGrown = false
    guarded(this.#path, () => {
      const { log, checkpointed } = this.#logged()
      if (log >= CHECKPOINT_PAGES && log !== checkpointed) this.#checkpoint.get()
    })
  }

  /** Keeps the state after turn `n`, durably, with all turns before it; the last three are kept, and those that stay. */
  snapshot(n: number, state: string, bars: readonly SeenBar[] = []): void {
    assert(Number.isSafeInteger(n), `a snapshot is taken after a turn, not after ${n}`)
    const staying = JSON.stringify(this.past.staying)
    this.#write(this.#waiting, { isDurable: true }, () => {
      this.past.insert(bars)
      this.#insertSnapshot.run(n, state, sumOf([n, state]))
      this.#dropSnapshots.run(staying)
    })
  }

  latest(): { readonly n: number; readonly state: string } | undefined {
    return this.#snapshotAt(Number.MAX_SAFE_INTEGER, { isExact: false })
  }

  /** The snapshot of turn `n`, or else the last one before it. */
  #snapshotAt(
    n: number,
    { isExact }: { readonly isExact: boolean },
  ): { readonly n: number; readonly state: string } | undefined {
    const row = guarded(this.#path, () => this.#snapshotOf.get(n))
    if (row === undefined || (isExact && row.n !== n)) return undefined
    const what = `the snapshot of turn ${String(row.n)}`
    this.#check(row.sum, { what, content: [row.n, row.state], since: Number(row.n) })
    return { n: numberOf(row.n), state: textOf(row.state) }
  }

  /** The turns after turn `n`, in order, without their notices, which are derived anew by a replay. */
  *since(n: number): Iterable<Turn> {
    this.flush()
    let last = n
    for (;;) {
      const rows = guarded(this.#path, () => this.#turnsAfter.all(last, PAGE))
      this.#mustHave(last + 1)
      for (const row of rows) {
        const content = [row.n, row.at, row.inputs, row.batches]
        const what = `turn ${String(row.n)}`
        this.#check(row.sum, { what, content, since: Number(row.n) })
        if (last > 0 && row.n !== last + 1) {
          const what = `${this.#path} is damaged: turn ${last} is followed by ${String(row.n)}`
          throw new StoreError('corrupt', `${what}; ${TODO}`)
        }
        last = numberOf(row.n)
        const inputs: Turn['inputs'] = this.#parse(last, textOf(row.inputs))
        const batches: Turn['batches'] = this.#parse(last, textOf(row.batches))
        yield { n: last, at: ms(numberOf(row.at)), inputs, notices: [], batches }
      }
      if (rows.length < PAGE) return
    }
  }

  /** Asked after they were read: another process may drop turns meanwhile. */
  #mustHave(n: number): void {
    const { beginning } = this.past
    if (beginning === undefined || n > beginning.n) return
    const what = `${this.#path} begins with turn ${beginning.n + 1}: those before it were dropped`
    throw new StoreError(
      'pruned',
      `${what} (store.keepDays); begin there, or with a copy of before`,
    )
  }

  /**
   * Throws StoreError where the file is damaged as a database, or lacks turns: those before its snapshot, or its first
   * ones without having been pruned.
   */
  verify(): void {
    const rows = guarded(this.#path, () => this.#db.prepare('pragma quick_check(1)').all())
    const [found] = Object.values(rows[0] ?? {})
    const flaw = found === 'ok' ? this.#missing() : String(found)
    if (flaw !== undefined)
      throw new StoreError('corrupt', `${this.#path} is damaged: ${flaw}; ${TODO}`)
  }

  #missing(): string | undefined {
    if ((this.latest()?.n ?? -1) > this.#written)
      return `it ends with turn ${this.#written}, before its snapshot`
    const { beginning } = this.past
    const from = (beginning?.n ?? 0) + 1
    const [row] = guarded(this.#path, () => this.#turnsAfter.all(-1, 1))
    const first = row === undefined ? undefined : numberOf(row.n)
    if (first !== undefined && first > from) return `turns ${from} to ${first - 1} are missing`
    if (beginning === undefined) return undefined
    if (first === undefined) return `turn ${from} is missing, with all after it`
    return this.past.stateAt(beginning.n) === undefined
      ? `the snapshot of turn ${beginning.n}, where it begins, is missing`
      : undefined
  }

  /** n of the last turn that would survive a power cut now; undefined before the first. */
  lastTurn(): number | undefined {
    return this.#durable < 0 ? undefined : this.#durable
  }

  /** Undefined where the system does not say. */
  get room(): Room | undefined {
    try {
      return roomOf(this.#path)
    } catch {
      return undefined
    }
  }

  meta(key: string): string | undefined {
    const row = guarded(this.#path, () => this.#readMeta.get(key))
    if (row === undefined) return undefined
    this.#check(row.sum, { what: `the entry "${key}"`, content: [key, row.value], since: 0 })
    return textOf(row.value)
  }

  setMeta(key: string, value: string): void {
    this.#write(this.#waiting, { isDurable: true }, () =>
      this.#writeMeta.run(key, value, sumOf([key, value])),
    )
  }

  close(): void {
    if (!this.#db.isOpen) return
    try {
      this.flush()
    } finally {
      this.#log?.close()
      this.#db.close()
    }
  }

  /** One transaction of turns and `more`. After an error the turns that waited still wait. */
  #write(rows: readonly Row[], { isDurable }: { isDurable: boolean }, more?: () => unknown): void {
    if (this.#lost !== undefined) throw this.#lost
    guarded(this.#path, () => {
      this.#db.exec('begin immediate')
      try {
        for (const { n, at, inputs, batches, sum } of rows)
          this.#insertTurn.run(n, at, inputs, batches, sum)
        more?.()
        this.#db.exec('commit')
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('rollback')
        throw error
      }
    })
    this.#hasGrown = true
    this.#written = rows.at(-1)?.n ?? this.#written
    this.#appended = this.#written
    this.#waiting = []
    this.#waitingCharacters = 0
    if (isDurable) this.#sync()
  }

  #sync(): void {
    try {
      this.#log?.sync()
    } catch (error) {
      const what = `${this.#path} cannot be synced; check the disk, and start the run again`
      this.#lost = new StoreError('input-output', what, { cause: error })
      throw this.#lost
    }
    this.#durable = this.#written
  }

  /** @param row What it is, its content, and as of which turn: of an older Skein's it need have no checksum. */
  #check(
    sum: SQLOutputValue | undefined,
    row: {
      readonly what: string
      readonly content: Content
      readonly since: number
    },
  ): void {
    const isOld = sum === null && row.since < this.#summedFrom
    if (isOld || sum === sumOf(row.content)) return
    const what = `${row.what} of ${this.#path} is damaged: its checksum is another`
    throw new StoreError('corrupt', `${what}; ${TODO}`)
  }

  #parse(n: number, text: string) {
    try {
      return JSON.parse(text)
    } catch (error) {
      const what = `turn ${n} of ${this.#path} is not JSON; restore a backup of the journal`
      throw new StoreError('corrupt', what, { cause: error })
    }
  }
}

/** Made when the turn is appended: where it waits, no order waits for it. */
function rowOf({ n, at, inputs, batches }: Turn): Row {
  const texts = [exactJson(inputs, n), exactJson(batches, n)] as const
  return { n, at: ms(at), inputs: texts[0], batches: texts[1], sum: sumOf([n, at, ...texts]) }
}

/** Of what a row holds. A blank between the parts: ("1", "23") is not ("12", "3"). */
const sumOf = (content: Content): number => crc32(content.join(' '))

/** JSON that gives back every double. JSON would write NaN and infinity as null, so they are refused. */
function exactJson(value: unknown, n: number): string {
  const text = JSON.stringify(value)
  // The check calls back for each member, so it runs only for text that could hold such a null.
  if (text.includes('null')) {
    JSON.stringify(value, (key, member: unknown) => {
      assert(
        typeof member !== 'number' || Number.isFinite(member),
        `numbers of turn ${n} are finite, not ${String(member)} in ${key}`,
      )
      return member
    })
  }
  return text
}
