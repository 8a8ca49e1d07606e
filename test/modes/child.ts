// A paper run in a process of its own, to be killed: `node child.ts <kind> <folder>`. Tells each turn.
import { join } from 'node:path'
import { paper } from '../../src/runtime/tape/paper.ts'
import { openArchive, openJournal } from '../../src/store/index.ts'
import { type Kind, setupOf, tapeOf } from './tape.ts'

const [kind, folder] = process.argv.slice(2) as [Kind, string]
const tape = tapeOf(kind)
const journal = openJournal(join(folder, 'journal.db'))
const archive = await openArchive(join(folder, 'archive.db'))
let turns = 0
const result = await paper({
  tape,
  setup: await setupOf(tape),
  journal,
  archive,
  speed: 'max',
  inbox: { capacity: 10_000, maxAgeMs: 60_000 },
  snapshotEvery: 150,
  onStart: ({ from, redone }) => process.send?.({ from, redone }),
  watch: { sample: () => process.send?.({ turn: ++turns }) },
})
await archive.close()
journal.close()
process.send?.({ result })
process.disconnect?.()
