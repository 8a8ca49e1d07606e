// Progress: a line on stderr for work that takes longer than two seconds. stdout stays clean for pipes.

/** Where the line goes: stderr, or a stand-in. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ProgressOptions {
  /** What is done: "backtest". */
  readonly label: string
  /** All there is to do; without it there is no bar and no time left. */
  readonly total?: number
  /** What is counted: "bars". */
  readonly unit: string
  readonly stream?: ProgressStream
  /** A clock that never goes back, in ms. */
  readonly now?: () => number
}

export interface Progress {
  /** Tells how much is done so far. A note that costs something to make is a function: few are drawn. */
  update(done: number, note?: string | (() => string)): void
  /** Removes the bar; where there is no terminal, a last line remains. Calling it again does nothing. */
  end(): void
}

/** Shorter work shows nothing. */
const QUIET_MS = 2_000
/** Ten times a second in a terminal. */
const REDRAW_MS = 100
/** In a log file or a pipe. */
const LINE_MS = 10_000
const BAR_WIDTH = 24

/**
 * Draws on `update` only, so it owns no timer and a process ends when its work does.
 *
 * @example
 * const bar = progress({ label: 'backtest', total: 1_000_000, unit: 'bars' })
 * for (const page of pages) bar.update((done += page.length), page.symbol)
 * bar.end()
 */
export function progress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr
  const now = options.now ?? (() => performance.now())
  const isTerminal = stream.isTTY === true
  const everyMs = isTerminal ? REDRAW_MS : LINE_MS
  const startedAt = now()
  let nextAt = startedAt + QUIET_MS
  let isShown = false
  let hasEnded = false
  let latest: { done: number; note: string | (() => string) } = { done: 0, note: '' }

  const draw = (at: number) => {
    const { done } = latest
    const note = singleLine(typeof latest.note === 'string' ? latest.note : latest.note())
    const text = lineOf(options, { done, note, elapsedMs: at - startedAt })
    isShown = true
    if (!isTerminal) stream.write(`${text}\n`)
    // Back to the first column, the line, and what is left of a longer one before it erased.
    else stream.write(`\r${text.slice(0, Math.max(1, (stream.columns ?? 80) - 1))}\u001b[K`)
  }
  return {
    update(done, note = '') {
      if (hasEnded) return
      latest = { done, note }
      const at = now()
      if (at < nextAt) return
      nextAt = at + everyMs
      draw(at)
    },
    end() {
      if (hasEnded) return
      hasEnded = true
      if (!isShown) return
      if (isTerminal) stream.write('\r\u001b[K')
      else draw(now())
    },
  }
}

interface Moment {
  readonly done: number
  readonly note: string
  readonly elapsedMs: number
}

function lineOf(
  { label, total, unit }: ProgressOptions,
  { done, note, elapsedMs }: Moment,
): string {
  const perSecond = elapsedMs > 0 ? (done / elapsedMs) * 1_000 : 0
  const pace = `${short(done)} ${unit}, ${short(perSecond)}/s`
  const parts =
    total === undefined || !(total > 0)
      ? [label, pace, clockTime(elapsedMs)]
      : [label, share(done, total), pace, timeLeft(done, total, perSecond)]
  return [...parts, note].filter((part) => part !== '').join('  ')
}

function share(done: number, total: number): string {
  const fraction = Math.min(1, Math.max(0, done / total))
  const full = Math.floor(fraction * BAR_WIDTH)
  const percent = `${Math.floor(fraction * 100)}%`.padStart(4)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)} ${percent}`
}

function timeLeft(done: number, total: number, perSecond: number): string {
  if (done >= total) return 'done'
  return perSecond > 0 ? `${clockTime(((total - done) / perSecond) * 1_000)} left` : ''
}

/** 950, 12.3k, 4.56M. */
function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)}G`
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M`
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)}k`
  return value >= 10 ? value.toFixed(0) : String(Number(value.toFixed(1)))
}

/** 0:07, 12:34, 1:02:03. */
function clockTime(lengthMs: number): string {
  const seconds = Math.round(lengthMs / 1_000)
  const two = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  const tail = two(seconds % 60)
  return minutes < 60
    ? `${minutes}:${tail}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`
}

const singleLine = (text: string): string => text.replaceAll(/\p{Cc}+/gu, ' ')
