// Quota: what an account may ask for in a second, by endpoint. It counts orders, not requests.

const WINDOW_MS = 1_000

export interface Allowance {
  /** How many of those that were asked for may pass: the leading ones. */
  readonly granted: number
  readonly limit: number
  readonly remaining: number
  /** Until there is room again; 0 where there is. */
  readonly resetMs: number
}

/** What was taken, and when. */
interface Taken {
  readonly at: number
  readonly count: number
}

export class Quota {
  readonly #taken = new Map<string, Taken[]>()

  /** Takes up to `count` of the `limit` that each second of a bucket has. */
  take(bucket: string, ask: { readonly count: number; readonly limit: number }, now: number) {
    const { count, limit } = ask
    const recent = (this.#taken.get(bucket) ?? []).filter(({ at }) => at > now - WINDOW_MS)
    const used = recent.reduce((sum, taken) => sum + taken.count, 0)
    const granted = Math.max(0, Math.min(count, limit - used))
    if (granted > 0) recent.push({ at: now, count: granted })
    this.#taken.set(bucket, recent)
    const remaining = Math.max(0, limit - used - granted)
    const resetMs = remaining > 0 ? 0 : Math.max(0, (recent[0]?.at ?? now) + WINDOW_MS - now)
    return { granted, limit, remaining, resetMs } satisfies Allowance
  }
}
