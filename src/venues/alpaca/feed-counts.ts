// Feed counts: what the feed passed on, what it did not, and why.

/** All that the feed did not pass on, and why. Labels are a closed set. */
export interface FeedCounts {
  frames: number
  trades: number
  quotes: number
  bars: number
  /** Bars that came over REST after a gap. */
  filled: number
  revisions: number
  corrections: number
  cancels: number
  halts: number
  strangers: number
  malformed: number
  corrupt: number
  refused: number
  forming: number
  /** Stamped ahead of our clock, and long ago. */
  future: number
  old: number
  stale: number
  overflow: number
  gaps: number
  gapsUnfilled: number
  /** Symbols that were silent for a minute and more of market time, while others were not. */
  quiet: number
}

export const emptyCounts = (): FeedCounts => ({
  frames: 0,
  trades: 0,
  quotes: 0,
  bars: 0,
  filled: 0,
  revisions: 0,
  corrections: 0,
  cancels: 0,
  halts: 0,
  strangers: 0,
  malformed: 0,
  corrupt: 0,
  refused: 0,
  forming: 0,
  future: 0,
  old: 0,
  stale: 0,
  overflow: 0,
  gaps: 0,
  gapsUnfilled: 0,
  quiet: 0,
})
