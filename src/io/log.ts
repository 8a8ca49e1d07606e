/*
 * Log: one structured line per fact, as JSON, with secrets redacted. What repeats within a time is counted instead of
 * written: the next line of its kind says how often it was held back, and `flush` says it for those that have no next.
 */
import { iso } from '../core/time.ts'
import type { Io } from './io.ts'
import { redactor, type Redactor } from './redact.ts'

/** error: a person must act. warn: a limit was met. */
export type Level = 'debug' | 'info' | 'warn' | 'error'
export type Fields = Readonly<Record<string, unknown>>

const RANKS: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
/** Most kinds of line that are remembered; past it, the oldest is written out and forgotten. */
const KINDS_MAX = 1_000

export interface LogOptions {
  readonly io: Pick<Io, 'now' | 'monotonic'>
  /** Takes one line, without its end. Where it throws, the line is lost and counted: a log stops nothing. */
  readonly sink: (line: string) => void
  /** Lines below it are not written: info where not told. */
  readonly level?: Level
  /** Lines of the same area, level and text are written once in so long: 10 s where not told, 0 for all. */
  readonly repeatMs?: number
  readonly redact?: Redactor
  /** Which part of the system speaks. */
  readonly area?: string
}

interface Kind {
  readonly level: Level
  readonly area: string
  readonly text: string
  since: number
  held: number
}

/** What speaks for one part of the system. */
export class Log {
  readonly #lines: Lines
  readonly #area: string

  constructor(lines: Lines, area: string) {
    this.#lines = lines
    this.#area = area
  }

  /** The log of another part: same sink, same memory of repeats. */
  of(area: string): Log {
    return new Log(this.#lines, area)
  }

  debug(text: string, fields?: Fields): void {
    this.#lines.add('debug', this.#area, text, fields)
  }

  info(text: string, fields?: Fields): void {
    this.#lines.add('info', this.#area, text, fields)
  }

  warn(text: string, fields?: Fields): void {
    this.#lines.add('warn', this.#area, text, fields)
  }

  error(text: string, fields?: Fields): void {
    this.#lines.add('error', this.#area, text, fields)
  }

  /** Writes how often each line was held back since it was last written. */
  flush(): void {
    this.#lines.flush()
  }

  /** Lines that the sink did not take. */
  get lost(): number {
    return this.#lines.lost
  }
}

/** Makes a log. `text` should be the same for the same fact, and what differs a field: repeats are found by text. */
export const openLog = (options: LogOptions): Log =>
  new Log(new Lines(options), options.area ?? 'skein')

class Lines {
  readonly #options: LogOptions
  readonly #redact: Redactor
  readonly #rank: number
  readonly #repeatMs: number
  readonly #kinds = new Map<string, Kind>()
  lost = 0

  constructor(options: LogOptions) {
    this.#options = options
    this.#redact = options.redact ?? redactor()
    this.#rank = RANKS[options.level ?? 'info']
    this.#repeatMs = options.repeatMs ?? 10_000
  }

  add(level: Level, area: string, text: string, fields?: Fields): void {
    if (RANKS[level] < this.#rank) return
    const now = this.#options.io.monotonic()
    const name = `${level} ${area} ${text}`
    const kind = this.#kinds.get(name)
    if (kind === undefined) {
      this.#remember(name, { level, area, text, since: now, held: 0 })
      this.#write(level, area, text, fields)
      return
    }
    if (now - kind.since < this.#repeatMs) {
      kind.held += 1
      return
    }
    const { held } = kind
    this.#kinds.delete(name)
    this.#remember(name, { level, area, text, since: now, held: 0 })
    this.#write(level, area, text, held === 0 ? fields : { ...fields, repeated: held })
  }

  flush(): void {
    for (const kind of this.#kinds.values()) this.#writeHeld(kind)
    this.#kinds.clear()
  }

  #remember(name: string, kind: Kind): void {
    if (this.#repeatMs === 0) return
    this.#kinds.set(name, kind)
    if (this.#kinds.size <= KINDS_MAX) return
    const [oldest, its] = this.#kinds.entries().next().value!
    this.#kinds.delete(oldest)
    this.#writeHeld(its)
  }

  #writeHeld({ level, area, text, held }: Kind): void {
    if (held > 0) this.#write(level, area, text, { repeated: held })
  }

  #write(level: Level, area: string, text: string, fields: Fields = {}): void {
    const at = iso(this.#options.io.now())
    const line = { at, level, area, text: this.#redact.text(text) }
    try {
      // The line's own members come last in the copy: a field cannot pass for one of them.
      const members = Object.assign({}, line, this.#redact.data(fields), line)
      this.#options.sink(JSON.stringify(members))
    } catch {
      this.lost += 1
    }
  }
}
