/*
 * Screen: lines of text in place of what the terminal shows, drawn again without flicker.
 *
 * It has the terminal's second page to itself, so what was there comes back when it closes; it closes also where the
 * process exits by itself. Only lines that have changed are written, all of them as one synchronized update, and a
 * line that is too long is cut by the terminal.
 *
 * A terminal may take nothing for minutes (Ctrl-S, a network that hangs under ssh), and Node waits for it: whatever else the
 * process does would stand still. So what is drawn goes by a way of its own that never waits, and while the terminal has
 * not taken all of it, nothing more is drawn.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'

/** A stream that may be a terminal. */
export interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

/** A way to a terminal that does not wait. */
export interface Taker {
  /** Gives how many of the bytes were taken, from the first on. */
  take(bytes: Uint8Array): number
  close(): void
}

/** Opens the terminal of this process once more, to write without waiting; undefined where that cannot be. */
export function takerOf(path = '/dev/stderr'): Taker | undefined {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants
  let fd: number
  try {
    fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOCTTY)
  } catch {
    return undefined
  }
  const take = (bytes: Uint8Array): number => {
    try {
      return writeSync(fd, bytes)
    } catch (error) {
      // Of a terminal that is gone nothing is wanted any more.
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : bytes.length
    }
  }
  return { take, close: () => closeSync(fd) }
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

type Environment = Readonly<Record<string, string | undefined>>

/** False for files, pipes and terminals that only print. */
export const canDraw = (terminal: Pick<Terminal, 'isTTY'>, environment: Environment): boolean =>
  terminal.isTTY === true && environment['TERM'] !== 'dumb'

/** False where there is no terminal, and where NO_COLOR is set (no-color.org). */
export const hasColour = (terminal: Pick<Terminal, 'isTTY'>, environment: Environment): boolean =>
  canDraw(terminal, environment) && !environment['NO_COLOR']

const OPEN = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const CLOSE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const BEGIN = '\u001b[?2026h'
const END = '\u001b[?2026l'
const CLEAR = '\u001b[2J'
const NOTHING = new Uint8Array(0)

export class Screen {
  readonly #terminal: Terminal
  readonly #compose: (size: Size) => readonly string[]
  readonly #openTaker: () => Taker | undefined
  #taker: Taker | undefined
  /** What the terminal has not taken yet. */
  #rest: Uint8Array = NOTHING
  #shown: readonly string[] = []
  #isOpen = false
  #isClean = false
  readonly #onResize = (): void => {
    this.#isClean = false
    this.draw()
  }
  readonly #onExit = (): void => this.close()

  /** @param openTaker Where not told, or where it gives none, the terminal is waited for. */
  constructor(
    terminal: Terminal,
    compose: (size: Size) => readonly string[],
    openTaker: () => Taker | undefined = () => undefined,
  ) {
    this.#terminal = terminal
    this.#compose = compose
    this.#openTaker = openTaker
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#isClean = false
    this.#terminal.write(OPEN)
    this.#taker = this.#openTaker()
    this.#terminal.on('resize', this.#onResize)
    process.on('exit', this.#onExit)
    // Back in the foreground, the terminal shows what others have left.
    process.on('SIGCONT', this.#onResize)
    this.draw()
  }

  draw(): void {
    if (!this.#isOpen || !this.#hasTaken()) return
    const { columns = 80, rows = 24 } = this.#terminal
    // The last column stays free: what erases the rest of a line would erase what stands there.
    const lines = this.#compose({ columns: columns - 1, rows }).slice(0, rows)
    const text = this.#isClean ? changes(this.#shown, lines) : CLEAR + changes([], lines)
    this.#shown = lines
    this.#isClean = true
    if (text === '') return
    if (this.#taker === undefined) this.#terminal.write(BEGIN + text + END)
    else this.#rest = Buffer.from(BEGIN + text + END)
    this.#hasTaken()
  }

  /** True where nothing waits for the terminal. */
  #hasTaken(): boolean {
    while (this.#rest.length > 0) {
      const taken = this.#taker!.take(this.#rest)
      if (taken === 0) return false
      this.#rest = this.#rest.subarray(taken)
    }
    return true
  }

  /** What was there before comes back. Calling it again does nothing. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#terminal.off('resize', this.#onResize)
    process.off('exit', this.#onExit)
    process.off('SIGCONT', this.#onResize)
    this.#taker?.close()
    this.#terminal.write(Buffer.from(this.#rest).toString() + CLOSE)
    this.#rest = NOTHING
  }
}

/** What makes the lines on the screen the new ones. */
function changes(before: readonly string[], after: readonly string[]): string {
  let text = ''
  for (let i = 0; i < Math.max(before.length, after.length); i++) {
    const line = after[i] ?? ''
    if (line !== (before[i] ?? '')) text += `\u001b[${i + 1};1H${line}\u001b[0m\u001b[K`
  }
  return text
}
