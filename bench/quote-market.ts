// Quote market: what the bench of quoting and its venue must agree on.
export const KEY = { key: 'bench-key', secret: 'bench-secret' }
/** Of the account that asks once between two ticks. */
export const OTHER = { key: 'other-key', secret: 'other-secret' }

export const symbolsOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, i) => `S${i}USDT`)

/** Orders and requests in a second: the quota is not what is measured. */
export const UNLIMITED = 1_000_000
