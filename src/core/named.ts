// Named: a list in a sentence, of which a text names the first alone.

/** `AAPL, MSFT`, or of more than `most`: `AAPL, MSFT and 12 more`. */
export function named(items: readonly string[], most = 5): string {
  const more = items.length - most
  const first = items.slice(0, most).join(', ')
  return more > 0 ? `${first} and ${more} more` : first
}
