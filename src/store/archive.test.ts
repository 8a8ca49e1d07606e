import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { MINUTE, ms } from '../core/time.ts'
import { minutes, read, rowsOf, SPY, T0, told } from '../testing/made-bars.ts'
import { openArchive } from './archive.ts'
import { BarInserts } from './bar-inserts.ts'
import { openDatabase } from './database.ts'
import { ARCHIVE_SCHEMA } from './migrations.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-archive-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}.db`)

const RAW_MINUTES = { timeframe: '1m', adjustment: 'raw' } as const

/** What the view says of each bar of a file. */
function statusesIn(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const sql = `select symbol || ' ' || data_status as told from intraday_bars order by symbol, ts`
    return db
      .prepare(sql)
      .all()
      .map(({ told }) => String(told))
  } finally {
    db.close()
  }
}

describe('archive', () => {
  it('keeps a bar that forms for the view alone, until it closes', async () => {
    const path = freshPath()
    const archive = await openArchive(path)
    const seen = async () => ({
      bars: await read(archive.bars(SPY)),
      latest: (await archive.latest({ ...SPY, limit: 9 })).length,
      series: (await archive.series()).map(({ symbol, bars, last }) => [symbol, bars, last - T0]),
      coverage: await archive.coverage('SPY', '1m'),
      lasts: await archive.jobs.lasts({ ...RAW_MINUTES, symbols: ['SPY', 'QQQ'] }),
    })
    await archive.putBars('SPY', '1m', minutes(0, 3), { rank: 'closed' })
    const before = await seen()

    await archive.putBars('SPY', '1m', minutes(3, 1, 5), { rank: 'forming' })
    await archive.putBars('QQQ', '1m', minutes(3, 1, 5), { rank: 'forming' })
    const during = await seen()
    const shown = statusesIn(path)
    await archive.putBars('SPY', '1m', minutes(3, 1, 6), { rank: 'closed' })
    await archive.putBars('SPY', '1m', minutes(3, 1, 5), { rank: 'forming' })

    assert.deepEqual(before.series, [['SPY', 3, 2 * MINUTE]])
    assert.deepEqual(during, before)
    assert.deepEqual(shown, [
      'QQQ provisional',
      'SPY live',
      'SPY live',
      'SPY live',
      'SPY provisional',
    ])
    assert.deepEqual((await seen()).bars.slice(3), rowsOf(minutes(3, 1, 6)))
    // What formed was no bar yet, so nothing has been revised.
    assert.deepEqual(await archive.jobs.revised({}), [])
    await archive.close()
  })

  it('reads the rows of an older version, and lets history take their place', async () => {
    const path = freshPath()
    const older = { ...ARCHIVE_SCHEMA, migrations: ARCHIVE_SCHEMA.migrations.slice(0, 5) }
    const db = openDatabase(path, { schema: older })
    db.exec(`insert into symbols values (1, 'SPY')`)
    new BarInserts('bars', db).write(1, MINUTE, told(0, 100), 2)
    db.close()

    const archive = await openArchive(path)
    const before = await read(archive.bars(SPY))
    await archive.putBars('SPY', '1m', told(0, 200, 1))

    assert.deepEqual(before, rowsOf(told(0, 100)))
    assert.deepEqual(await read(archive.bars(SPY)), rowsOf(told(0, 200, 1)))
    assert.equal(statusesIn(path).length, 200)
    assert.deepEqual(await archive.jobs.revised({}), [
      { symbol: 'SPY', timeframe: '1m', adjustment: 'raw', bars: 100 },
    ])
    await archive.close()
  })

  it('keeps revisions beside the bars, each once, and the bars as they were', async () => {
    const archive = await openArchive(freshPath())
    await archive.putBars('SPY', '1m', minutes(0, 3))
    const before = await read(archive.bars(SPY))
    const values = { open: 1, high: 3, low: 1, close: 2, volume: 10, trades: 4 }
    const told = { ...SPY, ...values, start: ms(T0), seenAt: ms(T0 + 5), source: 'a venue' }
    await archive.putRevision(told)
    await archive.putRevision({ ...told, seenAt: ms(T0 + 9) })
    await archive.putRevision({ ...told, close: 1.5, seenAt: ms(T0 + 7) })
    await archive.putRevision({ ...told, symbol: 'QQQ' })

    assert.deepEqual(await read(archive.bars(SPY)), before)
    assert.deepEqual(await archive.revisions(SPY), [told, { ...told, close: 1.5, seenAt: T0 + 7 }])
    assert.deepEqual(await archive.revisions({ ...SPY, from: ms(T0 + 1) }), [])
    await archive.close()
  })

  it('keeps nothing of a write that meets a full disk', async () => {
    const archive = await openArchive(freshPath(), { maxBytes: 300_000 })
    await archive.putBars('SPY', '1m', minutes(0, 100))

    await assert.rejects(archive.putBars('SPY', '1m', minutes(0, 100_000, 3)), {
      name: 'StoreError',
      code: 'disk-full',
      message: /no room left.*free space/,
    })

    assert.deepEqual(await read(archive.bars(SPY)), rowsOf(minutes(0, 100)))
    await archive.putBars('SPY', '1m', minutes(100, 1))
    assert.equal((await read(archive.bars(SPY))).length, 101)
    await archive.close()
  })

  it('says that a file is locked, and works again when it is not', async () => {
    const path = freshPath()
    const archive = await openArchive(path, { busyMs: 10 })
    const other = new DatabaseSync(path)
    other.exec('begin immediate')

    await assert.rejects(archive.putBars('SPY', '1m', minutes(0, 5)), {
      code: 'locked',
      message: /is locked by another process; close it, or try again later/,
    })

    other.exec('rollback')
    other.close()
    await archive.putBars('SPY', '1m', minutes(0, 5))
    assert.equal((await read(archive.bars(SPY))).length, 5)
    await archive.close()
  })

  it('refuses a file that is no database, and leaves it alone', async () => {
    const path = freshPath()
    writeFileSync(path, 'Datetime,Open,High,Low,Close\n'.repeat(100))

    await assert.rejects(openArchive(path), {
      code: 'not-a-database',
      message: /is not a database of ours; name another file/,
    })

    assert.match(readFileSync(path, 'utf8'), /^Datetime/)
  })

  it('refuses a path in a folder that is not there', async () => {
    await assert.rejects(openArchive(join(folder, 'no', 'such.db')), {
      code: 'cannot-open',
      message: /check that its folder exists/,
    })
  })

  it('reads what was committed while a transaction is open, and waits with other writes', async () => {
    const archive = await openArchive(freshPath())
    await archive.putBars('SPY', '1m', minutes(0, 5))
    const writing = await archive.begin()
    await writing.write('SPY', '1m', minutes(5, 5))
    const later = archive.putBars('SPY', '1m', minutes(0, 1, 9))

    assert.equal((await read(archive.bars(SPY))).length, 5)

    await writing.rollback()
    await later
    const rows = await read(archive.bars(SPY))
    assert.equal(rows.length, 5)
    assert.deepEqual(rows[0], rowsOf(minutes(0, 1, 9))[0])
    await archive.close()
  })

  it('forgets symbols with the transaction that brought them', async () => {
    const archive = await openArchive(freshPath())
    const writing = await archive.begin()
    await writing.write('NEW', '1m', minutes(0, 5))
    await writing.rollback()

    await archive.putBars('OTHER', '1m', minutes(0, 2))
    await archive.putBars('NEW', '1m', minutes(0, 1))

    assert.deepEqual(
      (await archive.series()).map(({ symbol, bars }) => [symbol, bars]),
      [
        ['NEW', 1],
        ['OTHER', 2],
      ],
    )
    await archive.close()
  })

  it('answers many requests at once and refuses more than it can hold', async () => {
    const archive = await openArchive(freshPath())
    await archive.putBars('SPY', '1m', minutes(0, 5))

    const answers = await Promise.allSettled(
      Array.from({ length: 1_100 }, () => archive.latest({ ...SPY, limit: 1 })),
    )

    const refused = answers.filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 1_100 - 1_024 - 8)
    assert.match(String((refused[0] as PromiseRejectedResult).reason), /1024 requests waiting/)
    await archive.close()
  })

  it('lets a reader leave early', async () => {
    const archive = await openArchive(freshPath())
    await archive.putBars('SPY', '1m', minutes(0, 500))

    for await (const page of archive.bars({ ...SPY, pageSize: 10 })) {
      assert.equal(page.length, 10)
      break
    }

    await archive.close()
    await archive.close()
    await assert.rejects(archive.series(), { code: 'closed', message: /is closed; open it again/ })
  })

  it('ends what waits when it is closed, and keeps nothing of an open transaction', async () => {
    const path = freshPath()
    const archive = await openArchive(path)
    const writing = await archive.begin()
    await writing.write('SPY', '1m', minutes(0, 5))
    const waiting = archive.putBars('QQQ', '1m', minutes(0, 5))
    const refused = assert.rejects(waiting, { code: 'closed' })

    await archive.close()

    await refused
    await assert.rejects(writing.commit(), { code: 'closed' })
    const again = await openArchive(path)
    assert.deepEqual(await again.series(), [])
    await again.close()
  })

  it('keeps its bars when opened again', async () => {
    const path = freshPath()
    const first = await openArchive(path)
    await first.putBars('SPY', '1m', minutes(0, 100))
    await first.close()

    const second = await openArchive(path)

    assert.deepEqual(await read(second.bars(SPY)), rowsOf(minutes(0, 100)))
    await second.close()
    const own = readdirSync(folder).filter((name) => join(folder, name).startsWith(path))
    assert.deepEqual(
      own.map((name) => join(folder, name)),
      [path],
    )
  })
})
