// Transfer: money that an account's owner has brought or taken.
export interface Transfer {
  readonly id: string
  /** Milliseconds since 1970, by the venue. */
  readonly ts: number
  /** > 0 came, < 0 left. */
  readonly amount: number
  /** Alpaca's kind of the activity. */
  readonly kind?: string
}
