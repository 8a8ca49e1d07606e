// Room: what a database takes of its disk, and what is left for it.
import { statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Room } from '../core/store.ts'

/** A file that is not there takes nothing. Throws the error of the system where its folder is gone. */
export function roomOf(path: string): Room {
  const sizeOf = (tail: string): number =>
    statSync(path + tail, { throwIfNoEntry: false })?.size ?? 0
  return { bytes: sizeOf('') + sizeOf('-wal'), freeBytes: freeBytesOf(dirname(path)) }
}

/** What a user without special rights may still write. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}
