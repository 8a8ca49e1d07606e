import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, it } from 'node:test'
import { openDatabase } from './database.ts'
import { ARCHIVE_SCHEMA, JOURNAL_SCHEMA, migrate, type Schema } from './migrations.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-migrations-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}.db`)

const schemaWith = (...more: readonly string[]): Schema => ({
  name: 'archive',
  applicationId: 77,
  migrations: ['create table notes (text text)', ...more].map((sql, i) => ({
    version: i + 1,
    name: `step ${i + 1}`,
    sql,
  })),
})

/** A file of version 1 that holds one note. */
function oldFile(): string {
  const path = freshPath()
  const db = openDatabase(path, { schema: schemaWith() })
  db.exec(`insert into notes values ('old')`)
  db.close()
  return path
}

const ask = (path: string, sql: string): unknown[] => {
  const db = new DatabaseSync(path)
  const rows = db
    .prepare(sql)
    .all()
    .map((row) => Object.values(row)[0])
  db.close()
  return rows
}

describe('migrations', () => {
  it('makes a new file without a backup', () => {
    const path = freshPath()

    openDatabase(path, { schema: schemaWith('create table more (text text)') }).close()

    assert.deepEqual(ask(path, 'select version from schema_version'), [1, 2])
    assert.equal(existsSync(`${path}.backup-v1`), false)
  })

  it('backs a file up before each step', () => {
    const path = oldFile()
    const schema = schemaWith(
      `alter table notes add column at integer; update notes set text = 'two'`,
      `update notes set text = 'three'`,
    )

    openDatabase(path, { schema }).close()

    assert.deepEqual(ask(path, 'select text from notes'), ['three'])
    assert.deepEqual(ask(`${path}.backup-v1`, 'select text from notes'), ['old'])
    assert.deepEqual(ask(`${path}.backup-v2`, 'select text from notes'), ['two'])
    assert.deepEqual(ask(`${path}.backup-v1`, 'select max(version) from schema_version'), [1])
    assert.equal(existsSync(`${path}.backup-v3`), false)
  })

  it('opens a backup as the file it was', () => {
    const path = oldFile()
    openDatabase(path, { schema: schemaWith(`update notes set text = 'new'`) }).close()

    openDatabase(`${path}.backup-v1`, { schema: schemaWith() }).close()

    assert.deepEqual(ask(`${path}.backup-v1`, 'select text from notes'), ['old'])
  })

  it('leaves the old content when a step fails', () => {
    const path = oldFile()
    const schema = schemaWith(`update notes set text = 'half'; create table notes (text text)`)

    assert.throws(() => openDatabase(path, { schema }), {
      code: 'migration-failed',
      message: /stays at version 1: migration 2 \(step 2\) failed: .*already exists/,
    })

    assert.deepEqual(ask(path, 'select text from notes'), ['old'])
    assert.deepEqual(ask(path, 'select version from schema_version'), [1])
    openDatabase(path, { schema: schemaWith() }).close()
  })

  it('leaves nothing of a backup that cannot be kept', () => {
    const path = oldFile()
    // Its name is taken by a folder.
    mkdirSync(join(`${path}.backup-v1`, 'full'), { recursive: true })
    const schema = schemaWith(`alter table notes add column at integer`)

    assert.throws(() => openDatabase(path, { schema }), /backup-v1/)

    const left = readdirSync(folder).filter((name) => name.endsWith('.partial'))
    assert.deepEqual(left, [])
    assert.deepEqual(ask(path, 'select max(version) from schema_version'), [1])
  })

  it('keeps no backup that another process has made untrue meanwhile', () => {
    const path = oldFile()
    const schema = schemaWith(`update notes set text = 'two'`)
    const db = new DatabaseSync(path)
    // Another process is faster: the file changes before this one copies it.
    const slow = new Proxy(db, {
      get(target, name) {
        if (name === 'prepare')
          return (sql: string) => {
            if (sql.startsWith('vacuum')) openDatabase(path, { schema }).close()
            return target.prepare(sql)
          }
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })

    migrate(slow, path, schema)
    db.close()

    assert.deepEqual(ask(`${path}.backup-v1`, 'select text from notes'), ['old'])
    assert.deepEqual(ask(path, 'select version from schema_version'), [1, 2])
  })

  it('replaces the backup of an attempt that failed', () => {
    const path = oldFile()
    writeFileSync(`${path}.backup-v1`, 'left over')

    openDatabase(path, { schema: schemaWith(`update notes set text = 'new'`) }).close()

    assert.deepEqual(ask(`${path}.backup-v1`, 'select text from notes'), ['old'])
  })

  it('refuses a file from the future and leaves it byte for byte', () => {
    const path = freshPath()
    openDatabase(path, { schema: schemaWith('select 1', 'select 1') }).close()
    const before = readFileSync(path)

    assert.throws(() => openDatabase(path, { schema: schemaWith() }), {
      code: 'newer-schema',
      message: /has version 3 of the archive, but this Skein knows versions up to 1; update Skein/,
    })

    assert.deepEqual(readFileSync(path), before)
  })

  it('refuses a journal where an archive is meant, and the database of another program', () => {
    const journal = freshPath()
    openDatabase(journal, { schema: JOURNAL_SCHEMA }).close()
    const foreign = freshPath()
    const db = new DatabaseSync(foreign)
    db.exec('create table recipes (text text)')
    db.close()

    for (const path of [journal, foreign]) {
      assert.throws(() => openDatabase(path, { schema: ARCHIVE_SCHEMA }), {
        code: 'other-program',
        message: /is a database, but not a Skein archive; name another file/,
      })
    }
    assert.deepEqual(ask(foreign, 'select name from sqlite_master'), ['recipes'])
  })
})
