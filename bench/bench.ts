/*
 * Bench: what a bench file exports, and how its work is measured.
 *
 * A bench is a file `<name>.bench.ts` in this folder that exports one `bench`. To add the next one, copy a file:
 * inbox-memory.bench.ts is the shortest. Both sides do the same work and say in `check` what came out of it; where
 * the two differ, the bench fails. The reference is code that runs here, never a number from elsewhere.
 */
import assert from 'node:assert/strict'

export type Side = 'skein' | 'reference'
/** Quick sizes are for a smoke test: their values mean nothing. */
export type Size = 'full' | 'quick'

export interface Measured {
  readonly value: number
  /** What was computed, as text that both sides must agree on. */
  readonly check: string
  /** More that was seen, for people. */
  readonly also?: string
}

/** Values of Skein, ratios (Skein by reference) and differences that are good enough; all that are named must hold. */
export interface Goal {
  readonly atLeast?: number
  readonly atMost?: number
  readonly ratioAtLeast?: number
  readonly ratioAtMost?: number
  /** Skein's value less that of the reference. */
  readonly moreAtMost?: number
}

export interface Bench {
  /** That of its file. */
  readonly name: string
  readonly unit: string
  readonly goal: Goal
  /** One round is enough, and one is long: what it measures is no time. */
  readonly isSlow?: true
  /** Called once in a fresh process, with `gc` at hand. */
  readonly run: Readonly<Record<Side, (size: Size) => Measured | Promise<Measured>>>
}

const REPEATS = 3

/** Runs the part that counts; what an attempt does around it is not timed. */
export type Time = <T>(work: () => T | Promise<T>) => Promise<T>

/**
 * Attempts the work once to warm up and then three times; gives `count` by the median of the seconds.
 *
 * @example perSecond(1_000_000, async (time) => String(await time(() => sumOf(prices))))
 */
export async function perSecond(
  count: number,
  attempt: (time: Time) => Promise<string>,
): Promise<Measured> {
  const seconds: number[] = []
  const time: Time = async (work) => {
    collectYoung()
    const began = performance.now()
    const result = await work()
    seconds.push((performance.now() - began) / 1000)
    return result
  }
  const check = await attempt(time)
  for (let i = 0; i < REPEATS; i++) {
    assert.equal(await attempt(time), check, 'every attempt computes the same')
  }
  return { value: count / median(seconds.slice(1)), check }
}

/** What `make` leaves in memory, on the heap and in array buffers, with what it made. */
export function bytesOf<T>(make: () => T): { readonly bytes: number; readonly made: T } {
  const held = () => {
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = held()
  const made = make()
  return { bytes: held() - before, made }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

function collect(): void {
  assert.ok(globalThis.gc, 'a bench runs with --expose-gc')
  globalThis.gc()
}

/**
 * What the attempt before has left behind, as far as it is young. A full collection would also forget the shapes of
 * all objects of which none is alive between two attempts, and with them the code that was compiled for them: each
 * attempt then began by compiling again what the warm-up had compiled.
 */
function collectYoung(): void {
  assert.ok(globalThis.gc, 'a bench runs with --expose-gc')
  globalThis.gc({ type: 'minor' })
}
