// What is written goes from the WAL to the file beside the writing, and nothing of it is lost or left.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { barColumns } from '../core/columns.ts'
import { BarInserts } from './bar-inserts.ts'
import { BarTable } from './bar-table.ts'
import { Checkpoints } from './checkpoints.ts'
import { openDatabase } from './database.ts'
import { ARCHIVE_SCHEMA } from './migrations.ts'
import { PagePacker } from './packed-pages.ts'

const PAGES = 64
const PAGE_BYTES = 4_096
/** About 20 pages of the WAL. */
const ROWS = 1_000

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-checkpoints-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

function barsFrom(first: number) {
  const bars = barColumns(ROWS)
  for (let i = 0; i < ROWS; i++) bars.start[i] = (first + i) * 60_000
  for (const column of [bars.open, bars.high, bars.low, bars.close]) column.fill(100.25)
  return bars
}

/** Writes so many pieces, and gives the most pages that the WAL had. */
function writeTo(path: string, db: DatabaseSync, after: () => void): number {
  db.exec('pragma synchronous = normal')
  const inserts = new BarInserts('bars', db)
  let most = 0
  for (let n = 0; n < 60; n++) {
    db.exec('begin immediate')
    inserts.write(1, 60_000, barsFrom(n * ROWS), 2)
    db.exec('commit')
    after()
    most = Math.max(most, statSync(`${path}-wal`).size / PAGE_BYTES)
  }
  return most
}

const countOf = (db: DatabaseSync): unknown =>
  Object.values(db.prepare('select count(*) from bars').get() ?? {})[0]

test('a WAL is copied and begun anew before the writer has to do it', (t) => {
  const path = join(folderFor(t), 'a.db')
  const db = openDatabase(path, { schema: ARCHIVE_SCHEMA })
  const checkpoints = new Checkpoints(path, db, PAGES)

  const most = writeTo(path, db, () => {
    checkpoints.look()
    checkpoints.wait()
  })

  checkpoints.close()
  assert.equal(countOf(db), 60 * ROWS)
  db.close()
  // It is more than is asked for by what comes until the thread is done; the writer would let it be 256.
  assert.ok(most >= PAGES && most < 3 * PAGES, `the WAL had up to ${most} pages`)
})

test('a thread that does not keep up leaves the copy to the writer', (t) => {
  const path = join(folderFor(t), 'a.db')
  const db = openDatabase(path, { schema: ARCHIVE_SCHEMA })
  const checkpoints = new Checkpoints(path, db, PAGES)

  const most = writeTo(path, db, () => {})

  checkpoints.close()
  db.close()
  assert.ok(most >= 4 * PAGES && most < 6 * PAGES, `the WAL had up to ${most} pages`)
})

test('a file that is closed while it is copied has nothing beside it, and all that was written', (t) => {
  const folder = folderFor(t)
  const path = join(folder, 'a.db')
  const packer = new PagePacker()
  for (let n = 0; n < 5; n++) {
    const table = new BarTable(path, { checkpointPages: 8 })
    const packed = packer.pack([{ symbol: 'A', bars: barsFrom(n * ROWS) }])
    table.merge({ timeframe: '1m', adjustment: 'raw', rank: 'final', packed })
    table.close()

    assert.deepEqual(readdirSync(folder), ['a.db'])
  }
  const again = new BarTable(path)
  assert.deepEqual(
    again.series().map(({ bars }) => bars),
    [5 * ROWS],
  )
  again.close()
})
