/*
 * Booked: the requests of a run at a venue, written into the provider's ledger as they leave. They ask nobody and wait for
 * nobody, and a ledger that does not answer stops none of them; but workers of jobs, who share the key, count them and keep
 * what is left. What refuses the run stops the workers too.
 */
import type { JobStore } from '../core/jobs.ts'
import type { Io } from '../io/io.ts'
import { heardOf } from '../io/rate.ts'
import { withRequests } from '../io/with-requests.ts'
import { nameOnce, STOP_MS } from './metered.ts'

type Ledger = Pick<JobStore, 'book' | 'answered' | 'stopRequests'>

export interface BookedOptions {
  readonly provider: string
  /** Who asks, for people. */
  readonly worker: string
  /** Undefined as long as there is none. */
  readonly ledger: () => Ledger | undefined
  readonly counts: (url: string) => boolean
  /** A request that could not be written down: told once. */
  readonly onTrouble: (why: string) => void
}

/** The same world, whose requests are booked. */
export function booked(io: Io, options: BookedOptions): Io {
  const { provider, worker, counts, onTrouble } = options
  let isTold = false
  const write = (work: (ledger: Ledger) => Promise<void>): void => {
    const ledger = options.ledger()
    if (ledger === undefined) return
    work(ledger).catch((error: unknown) => {
      if (isTold) return
      isTold = true
      const why = error instanceof Error ? error.message : String(error)
      onTrouble(
        `requests are not written into the ledger of ${provider}, so a backfill does not see them: ${why}`,
      )
    })
  }
  const request: Io['http']['request'] = async (asked) => {
    if (!counts(asked.url)) return io.http.request(asked)
    const id = nameOnce(io, worker)
    const { searchParams } = new URL(asked.url)
    const symbols = (searchParams.get('symbols') ?? '').split(',').length
    const row = { id, provider, worker, at: io.now(), timeframe: '1m', symbols } as const
    write((ledger) => ledger.book(row))
    const answer = await io.http.request(asked)
    if (!answer.ok) return answer
    const at = io.now()
    const { status } = answer.value
    write((ledger) => ledger.answered({ id, status, at }))
    if (status === 429) {
      const { retryAfterMs, resetMs } = heardOf(answer.value, at)
      write((ledger) => ledger.stopRequests(provider, at + (retryAfterMs ?? resetMs ?? STOP_MS)))
    }
    return answer
  }
  return withRequests(io, request)
}
