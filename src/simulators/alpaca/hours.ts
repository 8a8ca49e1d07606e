// Hours: when the orders of a simulated venue may work, and when they end.
import { calendarOf } from '../../core/calendar.ts'
import { DAY, MINUTE, ms } from '../../core/time.ts'
import type { Instrument } from '../../core/instrument.ts'
import { isOver, type VenueOrder, type VenueTif } from './order.ts'

/** Orders for the close reach the matcher so long before it. */
export const CLOSING_MS = MINUTE
/** An order for the open must be there so long before it. */
const OPENING_MS = 2 * MINUTE
/** How long an order that is good till canceled lives. */
const GTC_DAYS = 90

export class Hours {
  readonly #isAlwaysOpen: boolean

  constructor(isAlwaysOpen: boolean) {
    this.#isAlwaysOpen = isAlwaysOpen
  }

  isOpen(instrument: Instrument, at: number): boolean {
    if (this.#isAlwaysOpen || instrument.kind === 'crypto') return true
    return calendarOf('us-equity').sessionAt(ms(at)) !== undefined
  }

  /** May the order be at the matcher now? */
  mayWork(order: VenueOrder, at: number): boolean {
    if (isOver(order) || at >= order.expiresAt) return false
    if (this.#isAlwaysOpen || order.instrument.kind === 'crypto') return true
    const calendar = calendarOf('us-equity')
    const session = calendar.sessionAt(ms(at))
    if (order.tif === 'cls') return session !== undefined && at >= session.close - CLOSING_MS
    if (order.tif === 'opg') {
      return session !== undefined && at >= session.open && order.createdAt < session.open
    }
    return session !== undefined || (order.extendedHours && this.#extended(at) !== undefined)
  }

  /** The first moment after `at` when `mayWork` may change for reasons of the session. */
  nextChange(at: number): number {
    if (this.#isAlwaysOpen) return Infinity
    const calendar = calendarOf('us-equity')
    const now = ms(at)
    const regular = calendar.sessionAt(now) ?? calendar.nextSession(now)
    const extended = calendar.sessionAt(now, 'extended') ?? calendar.nextSession(now, 'extended')
    const times = [
      regular.open,
      regular.close - CLOSING_MS,
      regular.close,
      extended.open,
      extended.close,
    ]
    return Math.min(...times.filter((time) => time > at))
  }

  /** When an order that comes now ends at the latest. */
  expiry(
    order: { tif: VenueTif; extendedHours: boolean; instrument: Instrument },
    at: number,
  ): number {
    if (order.tif === 'gtc') return at + GTC_DAYS * DAY
    if (this.#isAlwaysOpen || order.instrument.kind === 'crypto') return at - (at % DAY) + DAY
    const calendar = calendarOf('us-equity')
    const now = ms(at)
    const hours = order.extendedHours ? 'extended' : 'regular'
    if (order.tif === 'opg') return calendar.nextSession(now).open + OPENING_MS
    return (calendar.sessionAt(now, hours) ?? calendar.nextSession(now, hours)).close
  }

  #extended(at: number) {
    return calendarOf('us-equity').sessionAt(ms(at), 'extended')
  }
}
