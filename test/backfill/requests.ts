// Requests that a venue has seen, for whoever judges workers by them.
import type { Audit } from '../../src/simulators/audit.ts'

const MINUTE = 60_000

/** Requests for bars that workers sent, in order. */
export const barRequests = ({ requests }: Audit) =>
  requests.filter(({ path, account }) => path.endsWith('/bars') && account === 'local')

/** The most requests in any minute; times rise. */
export function busiestMinute(times: readonly number[]): number {
  let first = 0
  let most = 0
  for (const [i, at] of times.entries()) {
    while (times[first]! <= at - MINUTE) first++
    most = Math.max(most, i - first + 1)
  }
  return most
}

/** Requests whose query had been sent before. */
export const repeats = (asked: readonly { readonly query: string }[]): number =>
  asked.length - new Set(asked.map(({ query }) => query)).size
