/*
 * Log file: the write-ahead log of a SQLite file, synced by us. SQLite would sync the file with all that is known of it,
 * its time of change too, and would let it grow with each transaction: then a sync waits until the file system has
 * written its own journal, and in that all that others have written to the disk. Here the log has its room from the
 * beginning and only its data are synced, so an order does not wait for what a backfill writes beside it. Measured on
 * ext4 beside 4 MB/s of bulk writes, one block at a time: p99 22 to 65 ms growing, 6 to 12 ms in room that is there.
 *
 * What lies behind the last valid frame is nothing to SQLite (https://www.sqlite.org/fileformat2.html#the_write_ahead_log),
 * so the room may be of zeros. After a checkpoint SQLite writes the log again from its beginning.
 */
import { closeSync, existsSync, fdatasyncSync, fstatSync, openSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import { guarded } from './store-error.ts'

/** A checkpoint comes after 1,000 pages of 4 KB, with the transaction that reaches them. */
const ROOM_BYTES = 1_100 * (4_096 + 24) + 32

export class LogFile {
  readonly #file: number

  /**
   * Undefined where the database has no such log: SQLite falls back to another one on some drives. Throws StoreError where
   * its room cannot be written.
   */
  static of(path: string): LogFile | undefined {
    // SQLite has its place as it was when it opened the file.
    const log = `${resolve(path)}-wal`
    if (!existsSync(log)) return undefined
    return guarded(log, () => new LogFile(log), 'writing the room of the log')
  }

  private constructor(log: string) {
    // Added at its end, wherever that is by then: another process may write to it that had it a moment before.
    this.#file = openSync(log, 'a')
    try {
      const { size } = fstatSync(this.#file)
      // Of which a disk that is nearly full may take a part: what is missing meets the same end when SQLite needs it.
      if (size < ROOM_BYTES) writeSync(this.#file, Buffer.alloc(ROOM_BYTES - size))
      this.sync()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Returns when the disk has all that was committed before. */
  sync(): void {
    fdatasyncSync(this.#file)
  }

  close(): void {
    closeSync(this.#file)
  }
}
