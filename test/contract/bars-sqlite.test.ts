// The bar store contract, on SQLite.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openArchive } from '../../src/store/index.ts'
import { describeBarStore } from '../../src/testing/index.ts'

describeBarStore({
  name: 'SQLite',
  async make() {
    const folder = mkdtempSync(join(tmpdir(), 'skein-bars-'))
    const store = await openArchive(join(folder, 'archive.db'))
    return { store, remove: async () => rmSync(folder, { recursive: true }) }
  },
})
