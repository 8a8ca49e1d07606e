/*
 * Journal: every turn that the engine took, in a SQLite file of its own, in the engine's thread.
 *
 * A turn without batches promised nothing to anybody, so it waits in memory (at most 1,024 turns or 1 MB of
 * text, then written in one transaction that a power cut may take). A turn with batches is written together
 * with all that waits in one transaction with synchronous=FULL, and `append` returns when the disk has it.
 * What is in the file is therefore always the first turns, whole: a torn tail does not exist.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assert } from '../core/assert.ts'
import type { Turn } from '../core/command.ts'
import type { Journal } from '../core/store.ts'
import { ms } from '../core/time.ts'
import { numberOf, openDatabase, textOf } from './database.ts'
import { JOURNAL_SCHEMA } from './migrations.ts'
import { guarded, StoreError } from './store-error.ts'

const WAITING_TURNS_MAX = 1_024
const WAITING_CHARACTERS_MAX = 1_000_000
const SNAPSHOTS_KEPT = 3
const PAGE = 256

interface Row {
  readonly n: number
  readonly at: number
  readonly inputs: string
  readonly batches: string
}

/** Opens or creates a journal. Throws StoreError: locked, not a database, newer than this Skein. */
export const openJournal = (path: string): SqliteJournal => new SqliteJournal(path)

export class SqliteJournal implements Journal {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #insertTurn: StatementSync
  readonly #turnsAfter: StatementSync
  readonly #insertSnapshot: StatementSync
  readonly #dropSnapshots: StatementSync
  readonly #latestSnapshot: StatementSync
  readonly #readMeta: StatementSync
  readonly #writeMeta: StatementSync
  #waiting: Row[] = []
  #waitingCharacters = 0
  /** n of the last turn that was appended, in the file, and in the file for certain; -1 before the first. */
  #appended: number
  #written: number
  #durable: number
  #isFull = false

  constructor(path: string) {
    this.#path = path
    this.#db = openDatabase(path, { schema: JOURNAL_SCHEMA })
    // On macOS a plain fsync leaves data in the disk's cache; elsewhere fullfsync changes nothing.
    this.#db.exec('pragma synchronous = normal; pragma fullfsync = on')
    const prepare = (sql: string) => this.#db.prepare(sql)
    this.#insertTurn = prepare('insert into turns (n, at, inputs, batches) values (?, ?, ?, ?)')
    this.#turnsAfter = prepare(
      'select n, at, inputs, batches from turns where n > ? order by n limit ?',
    )
    this.#insertSnapshot = prepare('insert or replace into snapshots (n, state) values (?, ?)')
    this.#dropSnapshots = prepare(
      `delete from snapshots where n not in
       (select n from snapshots order by n desc limit ${SNAPSHOTS_KEPT})`,
    )
    this.#latestSnapshot = prepare('select n, state from snapshots order by n desc limit 1')
    this.#readMeta = prepare('select value from meta where key = ?')
    this.#writeMeta = prepare('insert or replace into meta (key, value) values (?, ?)')
    const last = prepare('select coalesce(max(n), -1) as n from turns').get()
    this.#appended = this.#written = this.#durable = numberOf(last?.n)
  }

  /** Turns come with increasing n. Throws before anything is kept where a number is not finite. */
  append(turn: Turn): void {
    const { n, at, inputs, batches } = turn
    assert(Number.isSafeInteger(n) && n > this.#appended, `turn ${n} is after ${this.#appended}`)
    const row = { n, at: ms(at), inputs: exactJson(inputs, n), batches: exactJson(batches, n) }
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

  /** Keeps the state after turn `n`, durably, with all turns before it; the last three are kept. */
  snapshot(n: number, state: string): void {
    assert(Number.isSafeInteger(n), `a snapshot is taken after a turn, not after ${n}`)
    this.#write(this.#waiting, { isDurable: true }, () => {
      this.#insertSnapshot.run(n, state)
      this.#dropSnapshots.run()
    })
  }

  latest(): { readonly n: number; readonly state: string } | undefined {
    const row = guarded(this.#path, () => this.#latestSnapshot.get())
    return row === undefined ? undefined : { n: numberOf(row.n), state: textOf(row.state) }
  }

  /** The turns after turn `n`, in order, without their notices, which are derived anew by a replay. */
  *since(n: number): Iterable<Turn> {
    this.flush()
    let last = n
    for (;;) {
      const rows = guarded(this.#path, () => this.#turnsAfter.all(last, PAGE))
      for (const row of rows) {
        last = numberOf(row.n)
        const inputs: Turn['inputs'] = this.#parse(last, textOf(row.inputs))
        const batches: Turn['batches'] = this.#parse(last, textOf(row.batches))
        yield { n: last, at: ms(numberOf(row.at)), inputs, notices: [], batches }
      }
      if (rows.length < PAGE) return
    }
  }

  /** n of the last turn that would survive a power cut now; undefined before the first. */
  lastTurn(): number | undefined {
    return this.#durable < 0 ? undefined : this.#durable
  }

  meta(key: string): string | undefined {
    const row = guarded(this.#path, () => this.#readMeta.get(key))
    return row === undefined ? undefined : textOf(row.value)
  }

  setMeta(key: string, value: string): void {
    this.#write(this.#waiting, { isDurable: true }, () => this.#writeMeta.run(key, value))
  }

  close(): void {
    if (!this.#db.isOpen) return
    try {
      this.flush()
    } finally {
      this.#db.close()
    }
  }

  /** One transaction of turns and `more`. After an error the turns that waited still wait. */
  #write(rows: readonly Row[], { isDurable }: { isDurable: boolean }, more?: () => unknown): void {
    guarded(this.#path, () => {
      if (this.#isFull !== isDurable) {
        this.#db.exec(`pragma synchronous = ${isDurable ? 'full' : 'normal'}`)
        this.#isFull = isDurable
      }
      this.#db.exec('begin immediate')
      try {
        for (const { n, at, inputs, batches } of rows) this.#insertTurn.run(n, at, inputs, batches)
        more?.()
        // A transaction without a change would not reach the disk, nor take an earlier one with it.
        if (rows.length === 0 && more === undefined)
          this.#writeMeta.run('flushed', String(this.#written))
        this.#db.exec('commit')
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('rollback')
        throw error
      }
    })
    this.#written = rows.at(-1)?.n ?? this.#written
    this.#appended = this.#written
    if (isDurable) this.#durable = this.#written
    this.#waiting = []
    this.#waitingCharacters = 0
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
