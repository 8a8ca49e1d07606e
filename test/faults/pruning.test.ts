// Pruning: a journal that dies while its first turns are dropped, or is damaged where they were.
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { openJournal } from '../../src/store/index.ts'
import { dropAll, filled, kept, numbers, range } from '../../src/testing/pruned-journal.ts'

/** Gives a new path at each call. */
function pathsOf(t: TestContext): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-pruning-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  let files = 0
  return () => join(folder, `${++files}.db`)
}

/** Runs SQL on a journal that is closed. */
function meddle(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

test('F393 is whole after a crash at any write of a pruning: the old beginning, or the new one', (t) => {
  const freshPath = pathsOf(t)
  const path = freshPath()
  const journal = filled(openJournal(path))
  // All that the pruning writes is in the log alone, so that each of its pages can be the last.
  journal.close()
  const pruned = openJournal(path)
  const log = `${path}-wal`
  const usedOf = (): number => readFileSync(log).findLastIndex((byte) => byte !== 0) + 1
  const from = usedOf()
  pruned.past.begin(kept(200))
  dropAll(pruned)
  const to = usedOf()
  assert.ok(to - from > 15 * 4_096, `${to - from} bytes`)

  const begins = new Set<number>()
  for (let bytes = Math.max(from, 32); bytes <= to + 512; bytes += 1_373) {
    const copy = freshPath()
    copyFileSync(path, copy)
    copyFileSync(log, `${copy}-wal`)
    truncateSync(`${copy}-wal`, Math.min(bytes, to))
    const torn = openJournal(copy)
    assert.doesNotThrow(() => torn.verify())
    const beginning = torn.past.beginning?.n ?? 0
    begins.add(beginning)
    assert.deepEqual(numbers(torn, beginning), range(beginning + 1, 700))
    assert.equal(torn.latest()?.state, '{"state":700}')
    // The next process goes on with it.
    if (beginning === 0) torn.past.begin(kept(200))
    dropAll(torn)
    torn.verify()
    assert.deepEqual(numbers(torn, 200), range(201, 700))
    torn.close()
    for (const tail of ['', '-wal', '-shm']) rmSync(copy + tail, { force: true })
  }
  pruned.close()
  assert.deepEqual([...begins], [0, 200])
})

test('F394 tells a journal whose beginning is missing from one that was pruned', (t) => {
  const freshPath = pathsOf(t)
  const whole = (meddled: string): string => {
    const path = freshPath()
    const journal = filled(openJournal(path))
    journal.past.begin(kept(200))
    dropAll(journal)
    journal.close()
    meddle(path, meddled)
    const again = openJournal(path)
    try {
      again.verify()
      return 'whole'
    } catch (error) {
      return error instanceof Error ? error.message.replace(/^.* is damaged: /, '') : ''
    } finally {
      again.close()
    }
  }

  assert.equal(whole(''), 'whole')
  assert.match(whole('delete from turns where n <= 210'), /^turns 201 to 210 are missing; restore/)
  assert.match(whole(`delete from meta where key = 'beginning'`), /^turns 1 to 200 are missing;/)
  assert.match(whole('delete from snapshots where n = 200'), /^the snapshot of turn 200, where/)
  assert.match(whole('delete from turns; delete from snapshots'), /^turn 201 is missing, with all/)
  assert.match(whole(`update meta set value = '{"n":150}' where key = 'beginning'`), /checksum/)
})
