/*
 * Screen: lines of text in place of what the terminal shows, drawn again without flicker.
 *
 * It has the terminal's second page to itself, so what was there comes back when it closes; it closes also where the
 * process exits by itself. Only lines that have changed are written, all of them as one synchronized update, and a
 * line that is too long is cut by the terminal.
 */

/** A stream that may be a terminal. */
export interface Terminal {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
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

export class Screen {
  readonly #terminal: Terminal
  readonly #compose: (size: Size) => readonly string[]
  #shown: readonly string[] = []
  #isOpen = false
  #isClean = false
  readonly #onResize = (): void => {
    this.#isClean = false
    this.draw()
  }
  readonly #onExit = (): void => this.close()

  constructor(terminal: Terminal, compose: (size: Size) => readonly string[]) {
    this.#terminal = terminal
    this.#compose = compose
  }

  open(): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#isClean = false
    this.#terminal.write(OPEN)
    this.#terminal.on('resize', this.#onResize)
    process.on('exit', this.#onExit)
    // Back in the foreground, the terminal shows what others have left.
    process.on('SIGCONT', this.#onResize)
    this.draw()
  }

  draw(): void {
    if (!this.#isOpen) return
    const { columns = 80, rows = 24 } = this.#terminal
    // The last column stays free: what erases the rest of a line would erase what stands there.
    const lines = this.#compose({ columns: columns - 1, rows }).slice(0, rows)
    const text = this.#isClean ? changes(this.#shown, lines) : CLEAR + changes([], lines)
    this.#shown = lines
    this.#isClean = true
    if (text !== '') this.#terminal.write(BEGIN + text + END)
  }

  /** What was there before comes back. Calling it again does nothing. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#terminal.off('resize', this.#onResize)
    process.off('exit', this.#onExit)
    process.off('SIGCONT', this.#onResize)
    this.#terminal.write(CLOSE)
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
