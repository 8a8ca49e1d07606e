/*
 * Loop: one worker process. It ticks once a minute and works packs between: lanes take turns by their weights, so that
 * thousands of runs of one kind cannot starve another. Many of these may run beside each other, on one store.
 */
import type { BarSource, JobLane, JobRun, JobStore } from '../core/jobs.ts'
import type { Fault } from '../core/fault.ts'
import { HOUR, MINUTE } from '../core/time.ts'
import { pause } from '../io/clock.ts'
import type { Io } from '../io/io.ts'
import { Estimate } from './estimate.ts'
import type { Meter } from './metered.ts'
import { type Pack, packFirst } from './pack.ts'
import { fetchSplits } from './splits.ts'
import { tick, type TickReport } from './tick.ts'
import { type Outcome, type PageTold, type Refused, Worker } from './worker.ts'

/** Runs of a lane that are looked at when a query is packed. */
const LOOK_RUNS = 2_000
/** Runs that are looked at when one is waited for. */
const RUNNING_MAX = 50_000
/** Between two looks at a queue that has nothing to do now. */
const IDLE_MS = 1_000
/** The same where the end of the last pack is waited for, which another worker has. */
const ENDING_MS = 50
/** Between two looks whether splits were asked for today. */
const SPLITS_MS = HOUR
const WEIGHTS: Readonly<Record<JobLane, number>> = { batch: 4, repair: 1, single: 1 }

export interface LoopOptions {
  readonly store: JobStore
  readonly source: BarSource
  readonly io: Io
  readonly name: string
  readonly meter?: Meter
  readonly leaseMs?: number
  /** How many of them share the queue, as far as it is known: 1 where not told. */
  readonly workers?: number
  /** Ends when nothing of its provider is queued or running any more; goes on for ever where not told. */
  readonly untilDone?: true
  /** Ends after so many packs. */
  readonly packsMax?: number
  readonly signal?: AbortSignal
  /** Asks for corporate actions too, once a day. */
  readonly splits?: true
  /** Nothing can be done now: told once, with a run that is waited for, until something is done again. */
  readonly onWait?: (run: JobRun) => void
  /** It ends, and these stay queued, at most so many as are looked at: they are of providers that it does not ask. */
  readonly onLeft?: (runs: readonly JobRun[]) => void
  readonly onTick?: (report: TickReport) => void
  /** A question beside the runs was not answered; it is asked again. */
  readonly onTrouble?: (fault: Fault) => void
  readonly onPage?: (page: PageTold) => void
  readonly onRefused?: (refused: Refused) => void
  readonly onPack?: (pack: Pack, outcome: Outcome) => void
}

export async function loop(options: LoopOptions): Promise<void> {
  const { store, source, io, name, signal, untilDone, packsMax = Infinity } = options
  const { meter, leaseMs, workers, onPage, onRefused, onTick, onPack } = options
  const worker = new Worker({
    store,
    source,
    io,
    name,
    ...(meter === undefined ? {} : { meter }),
    ...(leaseMs === undefined ? {} : { leaseMs }),
    ...(signal === undefined ? {} : { signal }),
    ...(onPage === undefined ? {} : { onPage }),
    ...(onRefused === undefined ? {} : { onRefused }),
  })
  const asking = {
    store,
    source,
    ...(meter === undefined ? {} : { meter }),
    ...(signal === undefined ? {} : { signal }),
  }
  const estimate = new Estimate(source.limits.hours)
  const turns = new Turns()
  let tickAt = -Infinity
  let splitsAt = options.splits === true ? -Infinity : Infinity
  let packs = 0
  let isWaiting = false
  // What a former life of this worker had is at hand at once, and not when its lease is over.
  await store.requeueStale(io.now(), name)
  const isStopped = (): boolean => signal?.aborted === true
  while (!isStopped() && packs < packsMax) {
    // Not by the time of day: where that is set back, nothing would be queued until it has come there again.
    if (io.monotonic() >= tickAt) {
      const report = await tick(store, io.now())
      onTick?.(report)
      tickAt = io.monotonic() + MINUTE
    }
    if (io.now() >= splitsAt) {
      const told = await fetchSplits({ ...asking, now: io.now() })
      if (!told.ok && !isStopped()) options.onTrouble?.(told.fault)
      splitsAt = io.now() + (told.ok ? SPLITS_MS : MINUTE)
    }
    const queued = await store.queued(io.now(), LOOK_RUNS, source.provider)
    const pack = packFirst(turns.next(queued), source.limits, estimate, workers)
    if (pack !== undefined) {
      packs++
      isWaiting = false
      const outcome = await worker.work(pack)
      onPack?.(pack, outcome)
      continue
    }
    const waits = await waitedFor(store, source.provider)
    if (untilDone === true && waits === undefined) {
      // Holes that the last pack left are due now, not in a minute.
      const last = await tick(store, io.now())
      onTick?.(last)
      if (last.enqueued + last.repairs > 0) continue
      const left = await store.queued(Number.MAX_SAFE_INTEGER, LOOK_RUNS)
      if (left.length > 0) options.onLeft?.(left)
      return
    }
    if (!isWaiting) {
      isWaiting = true
      if (waits !== undefined) options.onWait?.(waits)
    }
    const isEnding = untilDone === true && waits?.status === 'running'
    await pause(io, isEnding ? ENDING_MS : IDLE_MS, signal)
  }
}

/** A run of the provider that another worker holds, or one that is tried again later. */
async function waitedFor(store: JobStore, provider: string): Promise<JobRun | undefined> {
  const running = await store.runs({ status: ['running'], limit: RUNNING_MAX })
  const held = running.find((run) => run.provider === provider)
  return held ?? (await store.queued(Number.MAX_SAFE_INTEGER, 1, provider))[0]
}

/** Smooth weighted round robin: each lane that waits gains its weight, the richest goes and pays for all. */
export class Turns {
  readonly #credit: Record<JobLane, number> = { batch: 0, repair: 0, single: 0 }

  /** The runs of the lane whose turn it is. */
  next(queued: readonly JobRun[]): readonly JobRun[] {
    const byLane = Map.groupBy(queued, ({ lane }) => lane)
    let chosen: JobLane | undefined
    let total = 0
    for (const lane of byLane.keys()) {
      total += WEIGHTS[lane]
      this.#credit[lane] += WEIGHTS[lane]
      if (chosen === undefined || this.#credit[lane] > this.#credit[chosen]) chosen = lane
    }
    if (chosen === undefined) return []
    this.#credit[chosen] -= total
    return byLane.get(chosen) ?? []
  }
}
