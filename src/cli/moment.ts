// Moment: the figures of a run at a venue, as they are now.
import type { Live } from '../runtime/live/live.ts'
import type { Venue } from '../core/venue.ts'

export interface Moment {
  /** Time of the run. */
  readonly at: number
  /** Time of the run per time of the machine. */
  readonly speed: number
  /** Of the machine, since the run began. */
  readonly elapsedMs: number
  readonly equity: number
  readonly equityStart: number
  readonly held: Live['engine']['held']
  readonly orders: number
  readonly live: number
  readonly inbox: number
  readonly slowestMs: number
  readonly reports: number
  /** Differences to the venue that are not explained yet. */
  readonly open: number
  readonly requests: number
  readonly saved: number
  readonly gaps: number
  readonly gapBars: number
}

export function momentOf(
  live: Live,
  venue: Venue,
  about: Pick<Moment, 'speed' | 'elapsedMs' | 'equityStart'>,
): Moment {
  const { engine, pump, inbox, reports, open } = live.statistics
  const { requests = 0, saved = 0, gaps = 0, gapBars = 0 } = venue.statistics ?? {}
  return {
    ...about,
    at: live.pump.now(),
    equity: live.engine.equity,
    held: live.engine.held,
    orders: engine.orders.created,
    live: engine.orders.live,
    inbox: inbox.utilisation,
    slowestMs: pump.slowestMs / about.speed,
    reports,
    open,
    requests,
    saved,
    gaps,
    gapBars,
  }
}
