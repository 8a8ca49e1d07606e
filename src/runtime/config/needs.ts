// Needs: what a strategy says that it needs, checked. It is code, and no compiler need have seen it.
import { z } from 'zod'
import { parseDuration, TIMEFRAMES } from '../../core/time.ts'
import { DEPTH_MAX } from '../../engine/listeners.ts'
import type { Strategy } from '../../strategy/index.ts'
import { type Problem, problemsOf } from './problems.ts'
import { keyPath } from './source.ts'

/** What the runtime is to supply, as `Needs` has it. */
const NEEDS = z.strictObject({
  bars: z.union([z.enum(TIMEFRAMES), z.array(z.enum(TIMEFRAMES))]).optional(),
  quotes: z.boolean().optional(),
  trades: z.boolean().optional(),
  depth: z.int().min(1).max(DEPTH_MAX).optional().describe('levels of a book'),
  warmup: z.number().min(0).optional().describe('bars'),
  every: z
    .record(
      z.string(),
      z
        .string()
        .refine((text) => (parseDuration(text) ?? 0) > 0, { message: 'a duration such as 5m' }),
    )
    .optional(),
})

/** The first thing that is wrong with what the strategy of that use needs. */
export function needsProblems(
  strategy: Strategy,
  params: Readonly<Record<string, unknown>>,
  use: string,
  i: number,
): Problem[] {
  const path = ['strategies', i, 'use']
  let needed: unknown
  try {
    needed = strategy.needs(params)
  } catch (error) {
    const what = `throws when asked for its needs (${String(error)})`
    return [{ path, what, value: use, allowed: 'needs() that gives what the runtime is to supply' }]
  }
  const parsed = NEEDS.safeParse(needed)
  if (parsed.success) return []
  const [first] = problemsOf(parsed.error, NEEDS, needed)
  const { path: within, what, value, allowed } = first!
  return [{ path, what: `gives needs whose ${keyPath(within) || 'value'} ${what}`, value, allowed }]
}
