// RateLimit: requests per minute and account, as Alpaca counts and shows them.

interface Window {
  startedAt: number
  used: number
}

const WINDOW_MS = 60_000

export interface Allowance {
  readonly isAllowed: boolean
  readonly limit: number
  readonly remaining: number
  /** Until the window ends. */
  readonly leftMs: number
}

export class RateLimit {
  readonly #perMinute: number
  readonly #windows = new Map<string, Window>()

  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Counts a request at `now`; a refused one counts no further. */
  take(account: string, now: number): Allowance {
    let window = this.#windows.get(account)
    if (window === undefined || now >= window.startedAt + WINDOW_MS) {
      window = { startedAt: now, used: 0 }
      this.#windows.set(account, window)
    }
    const isAllowed = window.used < this.#perMinute
    if (isAllowed) window.used++
    const remaining = this.#perMinute - window.used
    return {
      isAllowed,
      limit: this.#perMinute,
      remaining,
      leftMs: window.startedAt + WINDOW_MS - now,
    }
  }
}
