// WAL: how much of the log of a SQLite file is not in the file yet (https://www.sqlite.org/pragma.html#pragma_wal_checkpoint).
import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Before 3.51, nobody says how much there is to copy without copying it. */
export const HAS_WAL_LOOK = Number(process.versions.sqlite?.split('.')[1]) >= 51

export interface WalPages {
  /** Of the log, and those of them that are in the file. */
  readonly log: number
  readonly checkpointed: number
}

/** Looks at the log of a connection, where `HAS_WAL_LOOK`. Copies nothing. */
export function walLook(db: DatabaseSync): () => WalPages {
  const look: StatementSync = db.prepare('pragma wal_checkpoint(noop)')
  return () => {
    const row = look.get()
    return { log: Number(row?.['log'] ?? 0), checkpointed: Number(row?.['checkpointed'] ?? 0) }
  }
}
