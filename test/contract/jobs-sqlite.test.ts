// The job store contract on SQLite: an archive's file, opened more than once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openArchive } from '../../src/store/index.ts'
import { describeJobStore } from '../../src/testing/index.ts'

describeJobStore({
  name: 'SQLite',
  make: () => {
    const folder = mkdtempSync(join(tmpdir(), 'skein-jobs-'))
    return Promise.resolve({
      open: async () => {
        const archive = await openArchive(join(folder, 'archive.db'))
        return Object.assign(archive.jobs, { close: () => archive.close() })
      },
      remove: () => {
        rmSync(folder, { recursive: true })
        return Promise.resolve()
      },
    })
  },
})
