// History in the archive lies in chunks: what is written among their bars, and what is damaged.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test, type TestContext } from 'node:test'
import { joinedBars, sliceBars } from '../../src/core/columns.ts'
import { openArchive } from '../../src/store/index.ts'
import { read, rowsOf, SPY, told } from '../../src/testing/made-bars.ts'
import { temporary } from '../cli/skein.ts'

/** A hundred minutes of history, but for the thirtieth. */
const withHole = () => joinedBars([told(0, 30), sliceBars(told(0, 100), 31, 100)])

async function archiveOf(t: TestContext) {
  const path = join(temporary(t), 'archive.db')
  const archive = await openArchive(path)
  t.after(() => archive.close())
  await archive.putBars('SPY', '1m', withHole())
  const db = new DatabaseSync(path)
  t.after(() => db.close())
  const [chunks] = db.prepare('select count(*) as n from bar_chunks').all()
  assert.equal(chunks?.['n'], 1)
  return { archive, db }
}

test('F405 a bar that is heard where history has a hole is among its bars, once', async (t) => {
  const { archive } = await archiveOf(t)

  await archive.putBars('SPY', '1m', told(29, 3, 5), { rank: 'closed' })

  const rows = await read(archive.bars(SPY))
  const [history, heard] = [rowsOf(withHole()), rowsOf(told(29, 3, 5))]
  assert.deepEqual(rows, [...history.slice(0, 30), heard[1], ...history.slice(30)])
})

test('F406 history whose bytes have changed is told as a damaged file, and not as other bars', async (t) => {
  const { archive, db } = await archiveOf(t)
  db.exec(`update bar_chunks set rows = replace(rows, '10004,', '90004,')`)

  const damaged = { name: 'StoreError', code: 'corrupt', message: /restore a backup/ }
  await assert.rejects(read(archive.bars(SPY)), damaged)
  await assert.rejects(archive.putBars('SPY', '1m', told(30, 1)), damaged)
})
