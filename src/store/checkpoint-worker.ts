// The thread of checkpoints: copies what a WAL has to its file until little is left, each time that it is asked.
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { walLook } from './wal.ts'

/** What the thread is started with. When a piece is done, it sets the state to idle and wakes who waits for that. */
export interface CheckpointStart {
  readonly path: string
  readonly pagesLeft: number
  readonly state: Int32Array
}

/** Of checkpoints.ts, which loads all that a store has. */
const IDLE = 0
/** More comes meanwhile, each time less: but a writer that is as fast as this is not followed for ever. */
const ROUNDS_MAX = 8

/** The file is open no longer than this, so that who closes it last is who writes to it. */
function copy({ path, pagesLeft }: CheckpointStart): void {
  const db = new DatabaseSync(path)
  try {
    db.exec('pragma synchronous = normal')
    const checkpoint = db.prepare('pragma wal_checkpoint(passive)')
    const look = walLook(db)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      checkpoint.get()
      const { log, checkpointed } = look()
      if (log - checkpointed <= pagesLeft) return
    }
  } finally {
    db.close()
  }
}

if (parentPort !== null) {
  const port = parentPort
  const start: CheckpointStart = workerData
  port.on('message', (what: 'copy' | 'end') => {
    if (what === 'end') {
      port.close()
      return
    }
    try {
      copy(start)
    } catch {
      // A disk that is full, for example: the writer meets it too, and tells.
    }
    Atomics.store(start.state, 0, IDLE)
    Atomics.notify(start.state, 0)
  })
}
