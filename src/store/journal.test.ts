import assert from 'node:assert/strict'
import fs, {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { orderId, symbolId, venueId } from '../core/brand.ts'
import type { Turn } from '../core/command.ts'
import { ms } from '../core/time.ts'
import { openJournal } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-journal-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}.db`)

const T0 = Date.UTC(2026, 2, 23, 13, 30)
const SIM = venueId('sim')

/** A turn that hears one thing; with `isLoud` it also cancels an order. */
function turn(n: number, { isLoud = false, why = '0.1 + 0.2' } = {}): Turn {
  const at = ms(T0 + n)
  return {
    n,
    at,
    inputs: [{ type: 'venue.down', at, venue: SIM, stream: 'feed', why }],
    notices: [],
    batches: isLoud
      ? [
          {
            venue: SIM,
            kind: 'cancel',
            commands: [{ type: 'cancel', id: orderId(`a-${n}`), symbol: symbolId(0) }],
          },
        ]
      : [],
  }
}

/** Where the log's last frame ends: behind it there are zeros. */
const usedOf = (log: string): number => readFileSync(log).findLastIndex((byte) => byte !== 0) + 1

const turns = (from: number, to: number): Turn[] =>
  Array.from({ length: to - from }, (_, i) => turn(from + i))

describe('journal', () => {
  it('says what it takes of its disk and what is left, and nothing where its folder is gone', () => {
    const own = mkdtempSync(join(folder, 'own-'))
    const journal = openJournal(join(own, 'journal.db'))
    const before = journal.room!
    // More than its log has room for.
    const why = 'x'.repeat(40_000)
    for (let n = 1; n < 200; n++) journal.append(turn(n, { why }))
    journal.flush()
    const after = journal.room!

    assert.ok(before.bytes > 4_000_000)
    assert.ok(after.bytes > before.bytes + 4_000_000, `${after.bytes} after ${before.bytes}`)
    assert.ok(after.freeBytes > 0)
    rmSync(own, { recursive: true })
    assert.equal(journal.room, undefined)
    journal.close()
  })

  it('gives back the same turns when opened again', () => {
    const path = freshPath()
    const first = openJournal(path)
    for (const one of [turn(1), turn(2, { isLoud: true }), turn(3), turn(4)]) first.append(one)
    first.close()

    const second = openJournal(path)

    const expected = [turn(1), turn(2, { isLoud: true }), turn(3), turn(4)]
    assert.deepEqual([...second.since(-1)], expected)
    assert.deepEqual([...second.since(2)], expected.slice(2))
    assert.equal(second.lastTurn(), 4)
    second.close()
  })

  it('makes a turn with batches durable together with the quiet ones before it', () => {
    const path = freshPath()
    const journal = openJournal(path)
    for (const quiet of turns(0, 5)) journal.append(quiet)
    const reader = openJournal(path)
    assert.equal(journal.lastTurn(), undefined)
    assert.deepEqual([...reader.since(-1)], [])

    journal.append(turn(5, { isLoud: true }))

    assert.equal(journal.lastTurn(), 5)
    assert.deepEqual(
      [...reader.since(-1)].map(({ n }) => n),
      [0, 1, 2, 3, 4, 5],
    )
    reader.close()
    journal.close()
  })

  it('holds at most 1,024 quiet turns', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const reader = openJournal(path)

    for (const quiet of turns(0, 1_030)) journal.append(quiet)

    assert.equal([...reader.since(-1)].length, 1_024)
    assert.equal(journal.lastTurn(), undefined)
    journal.flush()
    assert.equal(journal.lastTurn(), 1_029)
    assert.equal([...reader.since(-1)].length, 1_030)
    reader.close()
    journal.close()
  })

  it('holds at most a megabyte of quiet turns', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const reader = openJournal(path)

    for (let n = 0; n < 12; n++) journal.append(turn(n, { why: 'x'.repeat(100_000) }))

    assert.equal([...reader.since(-1)].length, 10)
    reader.close()
    journal.close()
  })

  it('catches up with quiet turns where there are many, and makes none of them durable', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const reader = openJournal(path)
    for (const quiet of turns(0, 31)) journal.append(quiet)
    journal.catchUp()
    assert.equal([...reader.since(-1)].length, 0)

    journal.append(turn(31))
    journal.catchUp()

    assert.equal([...reader.since(-1)].length, 32)
    assert.equal(journal.lastTurn(), undefined)
    journal.append(turn(32, { why: 'x'.repeat(20_000) }))
    journal.catchUp()
    assert.equal([...reader.since(-1)].length, 33)
    journal.append(turn(33, { isLoud: true }))
    assert.equal(journal.lastTurn(), 33)
    reader.close()
    journal.close()
  })

  it('moves its log into its file when it catches up, and not with an order', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const { size } = statSync(path)
    const why = 'x'.repeat(10_000)
    for (let n = 0; n < 100; n++) journal.append(turn(n, { isLoud: true, why }))
    journal.catchUp()
    assert.equal(statSync(path).size, size)
    for (let n = 100; n < 200; n++) journal.append(turn(n, { isLoud: true, why }))
    assert.equal(statSync(path).size, size)

    journal.catchUp()

    assert.ok(statSync(path).size > size)
    const used = usedOf(`${path}-wal`)
    for (let n = 200; n < 300; n++) journal.append(turn(n, { isLoud: true, why }))
    // Written again from its beginning.
    assert.equal(usedOf(`${path}-wal`), used)
    assert.equal([...journal.since(-1)].length, 300)
    journal.close()
  })

  it('makes quiet turns durable that were written when the buffer was full', () => {
    const journal = openJournal(freshPath())
    for (const quiet of turns(0, 1_024)) journal.append(quiet)
    assert.equal(journal.lastTurn(), undefined)

    journal.flush()

    assert.equal(journal.lastTurn(), 1_023)
    journal.close()
  })

  it('reads buffered turns too, and pages through many', () => {
    const journal = openJournal(freshPath())
    for (const quiet of turns(0, 700)) journal.append(quiet)

    assert.deepEqual([...journal.since(99)], turns(100, 700))
    journal.close()
  })

  it('can be read while turns are appended', () => {
    const journal = openJournal(freshPath())
    for (const quiet of turns(0, 600)) journal.append(quiet)
    const seen: number[] = []

    for (const { n } of journal.since(-1)) {
      if (seen.length === 0) journal.append(turn(600, { isLoud: true }))
      seen.push(n)
    }

    assert.equal(seen.length, 601)
    journal.close()
  })

  it('loses whole turns only when the tail of the file is torn off', () => {
    const path = freshPath()
    const journal = openJournal(path)
    journal.append(turn(0))
    journal.append(turn(1, { isLoud: true }))
    const whole = usedOf(`${path}-wal`)
    journal.append(turn(2))
    journal.append(turn(3, { isLoud: true }))
    const longer = usedOf(`${path}-wal`)
    assert.ok(longer > whole)

    for (let bytes = whole; bytes < longer; bytes += 512) {
      const copy = freshPath()
      copyFileSync(path, copy)
      copyFileSync(`${path}-wal`, `${copy}-wal`)
      truncateSync(`${copy}-wal`, bytes)
      const torn = openJournal(copy)
      assert.deepEqual(
        [...torn.since(-1)].map(({ n }) => n),
        [0, 1],
      )
      torn.close()
    }
    journal.close()
  })

  it('syncs its log in room that is there, so that a sync waits for its own data alone', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const { size } = statSync(`${path}-wal`)

    // Twice as many pages as a checkpoint waits for.
    const why = 'x'.repeat(40_000)
    for (let n = 0; n < 200; n++) journal.append(turn(n, { isLoud: true, why }))

    assert.ok(size > 4_000_000)
    assert.equal(statSync(`${path}-wal`).size, size)
    assert.equal(journal.lastTurn(), 199)
    journal.close()
  })

  it('names its file and what to do where a full disk has no room for its log, and opens when there is some', (t) => {
    const path = freshPath()
    const { mock } = t.mock.method(fs, 'writeSync', () => {
      const full = new Error('ENOSPC: no space left on device, write')
      throw Object.assign(full, { code: 'ENOSPC', syscall: 'write' })
    })
    const restore = (): void => {
      mock.restore()
      syncBuiltinESMExports()
    }
    syncBuiltinESMExports()
    t.after(restore)

    assert.throws(() => openJournal(path), {
      name: 'StoreError',
      code: 'disk-full',
      message: `${path}-wal has no room left: disk full, or its size limit met; free space. Nothing is lost (writing the room of the log: ENOSPC: no space left on device, write)`,
    })
    restore()

    const journal = openJournal(path)
    journal.append(turn(0, { isLoud: true }))
    assert.equal(journal.lastTurn(), 0)
    journal.close()
  })

  it('promises nothing any more after a sync that failed', (t) => {
    const journal = openJournal(freshPath())
    journal.append(turn(0, { isLoud: true }))
    const { mock } = t.mock.method(fs, 'fdatasyncSync', () => {
      throw new Error('EIO: i/o error, fdatasync')
    })
    syncBuiltinESMExports()
    t.after(() => {
      mock.restore()
      syncBuiltinESMExports()
    })

    assert.throws(() => journal.append(turn(1, { isLoud: true })), /cannot be synced/)
    mock.restore()
    syncBuiltinESMExports()

    assert.throws(() => journal.append(turn(2, { isLoud: true })), /cannot be synced/)
    assert.throws(() => journal.flush(), /cannot be synced/)
    assert.equal(journal.lastTurn(), 0)
  })

  it('refuses numbers that JSON cannot hold, and keeps nothing of the turn', () => {
    const journal = openJournal(freshPath())
    const bad = (value: number): Turn => ({
      ...turn(1),
      inputs: [
        {
          type: 'trade',
          at: ms(T0),
          trade: { symbol: symbolId(0), price: value, size: 1, ts: ms(T0) },
        },
      ],
    })

    for (const value of [NaN, Infinity, -Infinity]) {
      assert.throws(
        () => journal.append(bad(value)),
        /numbers of turn 1 are finite, not .* in price/,
      )
    }

    journal.append(bad(0.1 + 0.2))
    assert.deepEqual([...journal.since(-1)], [bad(0.1 + 0.2)])
    journal.close()
  })

  it('takes text that says null for what it is', () => {
    const journal = openJournal(freshPath())
    journal.append(turn(1, { why: 'null' }))
    assert.deepEqual([...journal.since(0)], [turn(1, { why: 'null' })])
    journal.close()
  })

  it('refuses a turn that does not come after the last', () => {
    const journal = openJournal(freshPath())
    journal.append(turn(5, { isLoud: true }))
    assert.throws(() => journal.append(turn(5)), /turn 5 is after 5/)
    assert.throws(() => journal.append(turn(4)), /turn 4 is after 5/)
    journal.close()
  })

  it('keeps the last three snapshots, with the turns before them', () => {
    const path = freshPath()
    const journal = openJournal(path)
    assert.equal(journal.latest(), undefined)

    for (const n of [1, 2, 3, 4]) {
      journal.append(turn(n))
      journal.snapshot(n, `{"state":${n}}`)
    }

    assert.equal(journal.lastTurn(), 4)
    journal.close()
    const again = openJournal(path)
    assert.deepEqual(again.latest(), { n: 4, state: '{"state":4}' })
    again.close()
  })

  it('keeps values by key', () => {
    const path = freshPath()
    const journal = openJournal(path)
    assert.equal(journal.meta('run'), undefined)
    journal.setMeta('run', '6')
    journal.setMeta('run', '7')
    journal.close()
    const again = openJournal(path)
    assert.equal(again.meta('run'), '7')
    again.close()
  })
})
