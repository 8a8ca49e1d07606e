// Spans: sets of times as lists of [from, to), in order and apart from each other.
import type { Span } from './jobs.ts'

/** In order, and those that meet or touch are one. Empty ones are left out. */
export function joined(spans: readonly Span[]): Span[] {
  const sorted = spans.filter(({ from, to }) => from < to).toSorted((a, b) => a.from - b.from)
  const result: { from: Span['from']; to: Span['to'] }[] = []
  for (const { from, to } of sorted) {
    const last = result.at(-1)
    if (last === undefined || from > last.to) result.push({ from, to })
    else if (to > last.to) last.to = to
  }
  return result
}

/** What of `span` is in none of `taken`. */
export function without(span: Span, taken: readonly Span[]): Span[] {
  const left: Span[] = []
  let at = span.from
  for (const { from, to } of joined(taken)) {
    if (to <= at) continue
    if (from >= span.to) break
    if (from > at) left.push({ from: at, to: from })
    at = to
  }
  if (at < span.to) left.push({ from: at, to: span.to })
  return left
}

/** What both have in common; undefined where that is nothing. */
export function common(a: Span, b: Span): Span | undefined {
  const from = a.from > b.from ? a.from : b.from
  const to = a.to < b.to ? a.to : b.to
  return from < to ? { from, to } : undefined
}
