// Journal file: what a run has written down, read as rows of SQLite and JSON, without the code that wrote it.
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

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
  readonly turns: number
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

/** The journal of a run that goes on. */
export function readJournal(path: string): JournalFile {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return read(db)
  } finally {
    db.close()
  }
}

/** The journal of a run that is dead, from a copy: reading it would mend it, which is for the run to do. */
export function readDeadJournal(path: string): JournalFile | undefined {
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
      return tables.length === 0 ? undefined : read(db)
    } finally {
      db.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function read(db: DatabaseSync): JournalFile {
  const problems: string[] = []
  const submits: Submitted[] = []
  const ids = new Set<string>()
  const fills = new Map<string, Booked>()
  const accepted = new Set<string>()
  const over = new Set<string>()
  let turns = 0
  const integrity = String(Object.values(db.prepare('pragma integrity_check').get() ?? {})[0])
  if (integrity !== 'ok') problems.push(`the journal's integrity check says ${integrity}`)
  const rows = db.prepare('select n, inputs, batches from turns order by n').all()
  for (const row of rows as unknown as Row[]) {
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
  return { turns, submits, fills, accepted, over, book: bookOf(db), problems }
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
