// A journal with turns to drop: for tests of what a pruning leaves.
import { venueId } from '../core/brand.ts'
import type { Turn } from '../core/command.ts'
import type { Journal, KeptSnapshot, Past } from '../core/store.ts'
import { ms } from '../core/time.ts'

/** When turn 0 would have been. */
export const T0 = Date.UTC(2026, 2, 23, 13, 30)
const SIM = venueId('sim')
/** Makes a turn as long as a usual one. */
export const WIDE = 'x'.repeat(400)

export function turn(n: number): Turn {
  const at = ms(T0 + n)
  const why = `${n} ${WIDE}`
  const inputs: Turn['inputs'] = [{ type: 'venue.down', at, venue: SIM, stream: 'feed', why }]
  return { n, at, inputs, notices: [], batches: [] }
}

/** The snapshot of turn `n`, as it is set aside. */
export const kept = (n: number, isProven = true): KeptSnapshot => ({ n, at: ms(T0 + n), isProven })

export const numbers = (journal: Pick<Journal, 'since'>, from: number): number[] =>
  Array.from(journal.since(from), ({ n }) => n)

/** Both ends are included. */
export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_none, i) => from + i)

/** Turns 1 to 700, and a snapshot of each hundred; that of 200 stays. */
export function filled<J extends Journal & { readonly past: Past }>(journal: J): J {
  for (let n = 1; n <= 700; n++) {
    journal.append(turn(n))
    if (n % 100 === 0) journal.snapshot(n, `{"state":${n}}`)
    if (n === 200) journal.past.keep([kept(200)])
  }
  journal.flush()
  return journal
}

/** Gives how many turns went. */
export function dropAll({ past }: { readonly past: Pick<Past, 'drop'> }): number {
  let dropped = 0
  for (;;) {
    const more = past.drop()
    if (more === 0) return dropped
    dropped += more
  }
}
