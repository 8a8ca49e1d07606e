/*
 * Turn file: turns of a journal as lines of JSON, packed, for whoever must keep what a run drops: `zcat` and `jq` read it.
 * It has its name when the disk has all of it, and not before. Reading and packing wait for each other, so a long journal
 * takes little memory, and nothing here holds the engine's thread up.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Turn } from '../core/command.ts'
import { StoreError } from './store-error.ts'

/** Writes a file anew. Rejects with a StoreError, or with what the turns throw, and leaves none then. */
export async function writeTurns(path: string, turns: AsyncIterable<Turn>): Promise<void> {
  const part = `${path}.part`
  try {
    await mkdir(dirname(path), { recursive: true })
    const lines = Readable.from(linesOf(turns))
    await pipeline(lines, createGzip(), createWriteStream(part, { flush: true }))
    await rename(part, path)
    await syncFolder(dirname(path))
  } catch (error) {
    // What was wrong is told, not that there is nothing to take away.
    await rm(part, { force: true }).catch(() => {})
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    const what = `${path} cannot be written (${error.message}); make room, or mend its folder`
    throw new StoreError('input-output', what, { cause: error })
  }
}

async function* linesOf(turns: AsyncIterable<Turn>): AsyncGenerator<string> {
  for await (const { n, at, inputs, batches } of turns)
    yield `${JSON.stringify({ n, at, inputs, batches })}\n`
}

/** Else a power cut may take the name. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
