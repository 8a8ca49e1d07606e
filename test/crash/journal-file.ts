// Journal file: what a run has written down, read as rows of SQLite and JSON, without the code that wrote it.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync } from 'node:zlib'

export interface Submitted {
  readonly id: string
  readonly symbol: number
  readonly side: string
  readonly qty: number
  readonly legs: readonly string[]
}

export interface Booked {
  readonly order: string
  readonly qty: number
  readonly price: number
}

export interface SnapshotBook {
  readonly cash: number
  /** By symbol id, those that are not flat. */
  readonly positions: ReadonlyMap<number, number>
  readonly orders: ReadonlyMap<string, { readonly phase: string; readonly filled: number }>
  /** Symbols that take no new risk, and why. */
  readonly halts: readonly string[]
}

export interface JournalFile {
  /** Of the run, from its first on. */
  readonly turns: number
  /** Those that are no longer in the journal, but in a copy. */
  readonly dropped: number
  /** Submits in the order in which they were decided. */
  readonly submits: readonly Submitted[]
  /** By id of the fill. */
  readonly fills: ReadonlyMap<string, Booked>
  /** Orders that were accepted, and those that are over, by the venue's word as it came. */
  readonly accepted: ReadonlySet<string>
  readonly over: ReadonlySet<string>
  readonly book: SnapshotBook | undefined
  /** What no journal may hold. */
  readonly problems: readonly string[]
}

interface Row {
  readonly n: number
  readonly inputs: string
  readonly batches: string
}

const ENDS = ['order.canceled', 'order.expired', 'order.rejected']

/** Where a run keeps its journal, and the folder of what it has dropped from it. */
interface Places {
  readonly journal: string
  readonly past: string
}

/** The journal of a run that goes on. */
export function readJournal({ journal, past }: Places): JournalFile {
  const db = new DatabaseSync(journal, { readOnly: true })
  try {
    return read(db, past)
  } finally {
    db.close()
  }
}

/** The journal of a run that is dead, from a copy: reading it would mend it, which is for the run to do. */
export function readDeadJournal({ journal: path, past }: Places): JournalFile | undefined {
  if (!existsSync(path)) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'skein-crash-copy-'))
  try {
    const copy = join(folder, basename(path))
    for (const end of ['', '-wal', '-journal']) {
      if (existsSync(`${path}${end}`)) cpSync(`${path}${end}`, `${copy}${end}`)
    }
    const db = new DatabaseSync(copy)
    try {
      const tables = db.prepare(`select name from sqlite_master where name = 'snapshots'`).all()
      return tables.length === 0 ? undefined : read(db, past)
    } finally {
      db.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function read(db: DatabaseSync, past: string): JournalFile {
  const problems: string[] = []
  const submits: Submitted[] = []
  const ids = new Set<string>()
  const fills = new Map<string, Booked>()
  const accepted = new Set<string>()
  const over = new Set<string>()
  let turns = 0
  const integrity = String(Object.values(db.prepare('pragma integrity_check').get() ?? {})[0])
  if (integrity !== 'ok') problems.push(`the journal's integrity check says ${integrity}`)
  const query = 'select n, inputs, batches from turns order by n'
  const kept = db.prepare(query).all() as unknown as Row[]
  const dropped = droppedBefore(kept, past, problems)
  for (const row of [...dropped, ...kept]) {
    turns++
    if (row.n !== turns) problems.push(`turn ${turns} is followed by ${row.n}`)
    turns = row.n
    for (const input of JSON.parse(row.inputs)) {
      if (input.type === 'order.accepted') accepted.add(input.id)
      if (ENDS.includes(input.type)) over.add(input.id)
      if (input.type !== 'order.filled') continue
      const fill = { order: input.id, qty: input.qty, price: input.price }
      const before = fills.get(input.fill)
      // The stream and a report may tell the same fill; it is one, if it is the same.
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(fill))
        problems.push(`fill ${input.fill} came twice and differs`)
      fills.set(input.fill, fill)
    }
    for (const { commands } of JSON.parse(row.batches)) {
      for (const command of commands) {
        // What is sent again is the same order under the same id.
        if (command.type !== 'submit' || command.isAgain === true) continue
        const { id, symbol, side, qty } = command.order
        const legs = (command.legs ?? []).map((leg: { id: string }) => leg.id)
        for (const one of [id, ...legs]) {
          if (ids.has(one)) problems.push(`order ${one} was decided twice`)
          ids.add(one)
        }
        submits.push({ id, symbol, side, qty, legs })
      }
    }
  }
  const book = bookOf(db)
  return { turns, dropped: dropped.length, submits, fills, accepted, over, book, problems }
}

/** Turns that only copies have. What a copy and the journal both have is the same, as is what two copies have. */
function droppedBefore(kept: readonly Row[], past: string, problems: string[]): Row[] {
  const rows = new Map(kept.map((row) => [row.n, row]))
  const dropped: Row[] = []
  const names = existsSync(past) ? readdirSync(past) : []
  for (const name of names.filter((one) => one.endsWith('.gz'))) {
    for (const line of linesOf(join(past, name), problems)) {
      const { n, inputs, batches } = JSON.parse(line)
      const row = { n, inputs: JSON.stringify(inputs), batches: JSON.stringify(batches) }
      const other = rows.get(n)
      if (other === undefined) dropped.push(row)
      else if (other.inputs !== row.inputs || other.batches !== row.batches)
        problems.push(`turn ${n} is another in ${name}`)
      rows.set(n, row)
    }
  }
  return dropped.toSorted((a, b) => a.n - b.n)
}

function linesOf(path: string, problems: string[]): string[] {
  try {
    return gunzipSync(readFileSync(path)).toString().trimEnd().split('\n')
  } catch (error) {
    problems.push(`${path} cannot be read: ${String(error)}`)
    return []
  }
}

function bookOf(db: DatabaseSync): SnapshotBook | undefined {
  const row = db.prepare('select state from snapshots order by n desc limit 1').get()
  if (row === undefined) return undefined
  const { engine } = JSON.parse(String(row['state'])).state
  const { cash } = engine.portfolio.account
  const held = engine.portfolio.positions.filter(
    ([, { qty }]: [number, { qty: number }]) => qty !== 0,
  )
  return {
    cash: cash.high + cash.low,
    positions: new Map(held.map(([id, { qty }]: [number, { qty: number }]) => [id, qty])),
    orders: new Map(
      engine.orders.entries.map(
        ({ order }: { order: { id: string; phase: string; filled: number } }) => [order.id, order],
      ),
    ),
    halts: engine.risk.halts.map((halt: unknown) => JSON.stringify(halt)),
  }
}
