// Show: a run at a venue on the screen of a terminal, or as plain lines where there is none.
import type { Turn } from '../core/command.ts'
import { integer } from '../report/format.ts'
import { Board, type BoardOptions } from './board.ts'
import type { Moment } from './moment.ts'
import { canDraw, hasColour, Screen, takerOf, type Terminal } from './screen.ts'

/** Four times a second: faster than figures are read, slower than a terminal is busy with. */
const DRAW_MS = 250
/** Of plain lines: a log file should not grow with nothing. */
const SUMMARY_MS = 10_000

export class Show {
  readonly #terminal: Terminal
  readonly #board: Board
  readonly #screen: Screen | undefined
  readonly #timer: NodeJS.Timeout
  #look: (() => Moment) | undefined

  constructor(
    options: Omit<BoardOptions, 'isColoured' | 'onLine'>,
    terminal: Terminal = process.stderr,
    environment = process.env,
  ) {
    this.#terminal = terminal
    const isDrawn = canDraw(terminal, environment)
    this.#board = new Board({
      ...options,
      isColoured: hasColour(terminal, environment),
      ...(isDrawn ? {} : { onLine: (line) => terminal.write(`${line}\n`) }),
    })
    this.#screen = isDrawn
      ? new Screen(
          terminal,
          (size) => this.#board.lines(this.#look?.(), size),
          terminal === process.stderr ? takerOf : undefined,
        )
      : undefined
    if (!isDrawn) terminal.write(`${options.title}\n`)
    this.#screen?.open()
    const everyMs = isDrawn ? DRAW_MS : SUMMARY_MS
    this.#timer = setInterval(() => this.#refresh(), everyMs).unref()
  }

  say(text: string): void {
    this.#board.say(text, this.#look?.().at)
    this.#screen?.draw()
  }

  take(turn: Turn): void {
    this.#board.take(turn)
  }

  /** From now on there are figures to show. */
  watch(look: () => Moment): void {
    this.#look = look
    const { warmUp } = this.#board
    if (warmUp > 0) this.say(`warmed up with ${integer(warmUp)} bars of the time before`)
    this.#screen?.draw()
  }

  /** Leaves the screen; what has happened stays on the terminal as lines. Calling it again does nothing. */
  end(): void {
    clearInterval(this.#timer)
    const look = this.#look
    this.#look = undefined
    if (look === undefined && this.#screen === undefined) return
    const summary = look === undefined ? [] : [this.#board.summary(look())]
    if (this.#screen === undefined) {
      for (const line of summary) this.#terminal.write(`${line}\n`)
      return
    }
    this.#screen.close()
    for (const line of [...this.#board.log, ...summary]) this.#terminal.write(`${line}\n`)
  }

  #refresh(): void {
    if (this.#screen !== undefined) this.#screen.draw()
    else if (this.#look !== undefined)
      this.#terminal.write(`${this.#board.summary(this.#look())}\n`)
  }
}
