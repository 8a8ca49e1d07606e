// Latency market: what the venue and the clients of order-latency agree upon.
import type { Ms } from '../src/core/brand.ts'
import { ms } from '../src/core/time.ts'

export const SYMBOLS = Array.from({ length: 31 }, (_, i) => `S${String(i).padStart(2, '0')}`)
/** The size of a trade that asks for an order. */
export const ASKING = 777

/**
 * Half a minute past 10:00 in New York when the process began: the market is open, whenever the bench runs, and the last
 * minute is so long over that no warm-up waits for its bar.
 */
export const timeOf = (): Ms => ms(Date.UTC(2026, 0, 7, 15, 0, 30) + Math.floor(performance.now()))
