/*
 * Batching: how the commands of a turn are put into calls. Switched while a run goes on, it changes which commands
 * share a call, and never which commands leave nor their order, but for quotes that come after the deadline.
 */
import { assert } from './assert.ts'
import type { LimitChange, LimitValue } from './input.ts'

export interface Batching {
  /** Off: each command is a call of its own, one after the other. */
  readonly enabled: boolean
  /**
   * Symbols whose quotes are under way at once. More are quoted in waves, each after the answers to the one before; nobody
   * is left out, but for the deadline. As many as ten calls of twenty orders hold where not told: with ten of them, fifty
   * symbols would be five round trips, and the last of them late.
   */
  readonly maxParallelSymbols: number
  readonly coalesceCancel: boolean
  /** Of submits and of amends. */
  readonly coalescePlace: boolean
  /** Most commands in one call, where the venue takes more. */
  readonly maxBatchSize: number
  /** A quote that has not left so long after its turn began is not placed or moved any more. Cancels always leave. */
  readonly tickDeadlineMs: number
}

export const BATCHING_DEFAULTS: Batching = {
  enabled: true,
  maxParallelSymbols: 100,
  coalesceCancel: true,
  coalescePlace: true,
  maxBatchSize: 20,
  tickDeadlineMs: 200,
}

const PREFIX = 'batching.'
const NAMES = Object.keys(BATCHING_DEFAULTS) as (keyof Batching)[]

export const isOfBatching = ({ limit }: LimitChange): boolean => limit.startsWith(PREFIX)

/** Settings that differ. */
export function batchingChanges(before: Batching, after: Batching): readonly LimitChange[] {
  const told = (value: number | boolean): LimitValue =>
    typeof value === 'number' ? value : value ? 'on' : 'off'
  return NAMES.flatMap((name) =>
    before[name] === after[name]
      ? []
      : [{ limit: `${PREFIX}${name}`, before: told(before[name]), after: told(after[name]) }],
  )
}

/** With the changes made, in their order. */
export function withChanges(batching: Batching, changes: readonly LimitChange[]): Batching {
  const settings: Record<string, number | boolean> = { ...batching }
  for (const { limit, after } of changes) {
    const name = limit.slice(PREFIX.length)
    const value = typeof after === 'number' ? after : after === 'on'
    assert(typeof settings[name] === typeof value, `batching has a setting ${name}, not ${after}`)
    settings[name] = value
  }
  return checkedBatching({ ...batching, ...settings })
}

/** Gives it back where it makes sense. */
export function checkedBatching(batching: Batching): Batching {
  for (const name of ['maxParallelSymbols', 'maxBatchSize', 'tickDeadlineMs'] as const) {
    const value = batching[name]
    assert(
      Number.isSafeInteger(value) && value > 0,
      () => `${name} is an integer > 0, not ${value}`,
    )
  }
  return batching
}
