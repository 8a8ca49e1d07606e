/*
 * Checkpoints: what was written goes from the WAL to the file beside the writing, in a thread of its own
 * (https://www.sqlite.org/wal.html#ckpt). A checkpoint of 32 MB is 80 ms of waiting for the disk and 40 of work; where the
 * writer makes it, whoever reads or writes waits as long.
 *
 *   the WAL has `pages` that are not in the file    the thread copies them, and what comes meanwhile, until little is left
 *   the thread is done                              the writer copies the rest, and begins the WAL anew
 *   the WAL has four times as many                  the writer copies them by itself: the thread does not keep up, or failed
 */
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import type { CheckpointStart } from './checkpoint-worker.ts'
import { HAS_WAL_LOOK, walLook, type WalPages } from './wal.ts'

/** Of 4 KB: pieces of 32 MB, each with its own syncs. */
const PAGES = 8_192
/** What is left to the writer, which is soon done with it. */
const LEFT_PART = 1 / 16
const BEHIND_MAX = 4
/** A copy that takes longer than this is not waited for when the file is closed: its thread ends with ours. */
const WAIT_MS = 10_000

const IDLE = 0
const BUSY = 1

export class Checkpoints {
  readonly #path: string
  readonly #pages: number
  readonly #writer: DatabaseSync
  readonly #look: () => WalPages
  readonly #state = new Int32Array(new SharedArrayBuffer(4))
  #thread: Worker | undefined
  /** The thread was asked, and the rest is not copied yet. */
  #isAsked = false

  constructor(path: string, writer: DatabaseSync, pages = PAGES) {
    this.#path = path
    this.#pages = pages
    this.#writer = writer
    this.#look = walLook(writer)
    writer.exec(`pragma wal_autocheckpoint = ${HAS_WAL_LOOK ? BEHIND_MAX * pages : pages}`)
  }

  /** To be called after a commit of bars. */
  look(): void {
    if (!HAS_WAL_LOOK || Atomics.load(this.#state, 0) === BUSY) return
    if (this.#isAsked) {
      this.#isAsked = false
      this.#writer.exec('pragma wal_checkpoint(passive)')
    } else if (this.#waiting() >= this.#pages) this.#ask()
  }

  /** Waits for a copy that is under way. */
  wait(): void {
    Atomics.wait(this.#state, 0, BUSY, WAIT_MS)
  }

  /** Before the connections are closed: the last of them empties the WAL, and that is to be ours. */
  close(): void {
    this.wait()
    this.#thread?.postMessage('end', [])
    this.#thread = undefined
  }

  /** Pages of the WAL that are not in the file. */
  #waiting(): number {
    const { log, checkpointed } = this.#look()
    return log - checkpointed
  }

  #ask(): void {
    this.#thread ??= this.#start()
    Atomics.store(this.#state, 0, BUSY)
    this.#isAsked = true
    this.#thread.postMessage('copy', [])
  }

  #start(): Worker {
    const pagesLeft = Math.floor(this.#pages * LEFT_PART)
    const workerData: CheckpointStart = { path: this.#path, pagesLeft, state: this.#state }
    const thread = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), { workerData })
    const onEnd = (): void => {
      if (this.#thread !== thread) return
      // The writer copies by itself then, and the next piece is for a thread that is new.
      this.#thread = undefined
      Atomics.store(this.#state, 0, IDLE)
    }
    thread.on('error', onEnd)
    thread.on('exit', onEnd)
    thread.unref()
    return thread
  }
}
