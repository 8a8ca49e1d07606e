/*
 * Crash loop: a run that dies soon after each start, and is started by something that does not look, would send orders in
 * each of its lives. Its journal remembers when it was started; one start too many in too short a time begins in safe
 * mode, until a person clears that. An end in order forgets them.
 */
import { z } from 'zod'
import type { Restarts } from '../config/config.ts'

const STARTS = 'starts'
/** Starts that are remembered. */
const STARTS_MAX = 1_000
const form = z.array(z.number())

export interface StartLog {
  meta(key: string): string | undefined
  setMeta(key: string, value: string): void
}

/** Notes a start, durably. Gives why the run should begin in safe mode. */
export function noteStart(
  journal: StartLog,
  now: number,
  { max, withinMs }: Restarts,
): string | undefined {
  const before = startsIn(journal)
  // A clock that was moved makes none older than it is.
  const recent = before.filter((at) => Math.abs(now - at) < withinMs)
  const starts = [...recent, now].slice(-Math.min(max + 1, STARTS_MAX))
  journal.setMeta(STARTS, JSON.stringify(starts))
  if (starts.length <= max) return undefined
  return `${starts.length} starts within ${Math.round(withinMs / 60_000)} min without an end in order`
}

/** The last start came to nothing, because its venue could not be used: that is no crash. */
export function forgetStart(journal: StartLog): void {
  journal.setMeta(STARTS, JSON.stringify(startsIn(journal).slice(0, -1)))
}

const startsIn = (journal: StartLog): readonly number[] =>
  form.parse(JSON.parse(journal.meta(STARTS) ?? '[]'))

/** The run ended in order. */
export function noteEnd(journal: StartLog): void {
  journal.setMeta(STARTS, '[]')
}
