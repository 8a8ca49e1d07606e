// Status file: what another process is told where it cannot be read.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { askStatus, statusPathOf } from './status-file.ts'

test('a status that may not be read is not one that nobody has written', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-status-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const journal = join(folder, 'journal.db')

  assert.equal(askStatus(journal, 0), undefined)
  // No right of a file stops a superuser, who runs tests in containers.
  mkdirSync(statusPathOf(journal))
  assert.throws(() => askStatus(journal, 0), { code: 'EISDIR' })
})
