// Writing bars to the archive, page by page.
import { openArchive } from '../src/store/archive.ts'
import { contentOf, insertBare, marketOf, openBare, rowsOf, symbolOf } from './archive.ts'
import { withArchiveFile } from './archive.ts'
import { type Bench, perSecond } from './bench.ts'

export const bench: Bench = {
  name: 'archive-insert',
  unit: 'bars/s',
  goal: { ratioAtLeast: 0.8 },
  run: {
    skein: (size) => {
      const market = marketOf(size)
      return perSecond(rowsOf(market), (time) =>
        withArchiveFile(async (path) => {
          const archive = await openArchive(path)
          await time(async () => {
            for (const [i, pages] of market.entries()) {
              for (const page of pages) await archive.putBars(symbolOf(i), '1m', page)
            }
          })
          await archive.close()
          return contentOf(path)
        }),
      )
    },
    reference: (size) => {
      const market = marketOf(size)
      return perSecond(rowsOf(market), (time) =>
        withArchiveFile(async (path) => {
          const db = openBare(path)
          await time(() => insertBare(db, market))
          db.close()
          return contentOf(path)
        }),
      )
    },
  },
}
