/*
 * Feed parts: market data that come over several connections, and which symbols have them.
 *
 * A feed is up for the first time when all of its parts are, and down when none is. Where some are cut, it is down for the
 * symbols that they carry, and up for those again when they are back: what the others bring goes on meanwhile.
 */
import type { SymbolId } from '../core/brand.ts'
import type { Input } from '../core/input.ts'

export interface Part {
  /** Those that it carries now. */
  readonly symbols: readonly SymbolId[]
}

/** What of `venue.up` and `venue.down` is about parts. */
export type Told = Omit<
  Extract<Input, { type: 'venue.up' | 'venue.down' }>,
  'at' | 'venue' | 'stream'
>

/** Of a part; it is new until it was up or could not be. */
type State = { readonly type: 'new' | 'up' } | { readonly type: 'down'; readonly why: string }

const NEW: State = { type: 'new' }
const UP: State = { type: 'up' }

export class FeedParts {
  readonly #tell: (told: Told) => void
  readonly #states = new Map<Part, State>()
  /** Those that are down, where it was told that their symbols are. */
  readonly #cut = new Set<Part>()
  /** What was told of all of them together. */
  #isUp = false
  /** Why something is missing, until it is told that they are up. */
  #trouble: string | undefined

  constructor(tell: (told: Told) => void) {
    this.#tell = tell
  }

  add(part: Part): void {
    if (!this.#states.has(part)) this.#states.set(part, NEW)
  }

  up(part: Part, trouble?: string): void {
    this.#states.set(part, UP)
    this.#trouble ??= trouble
    this.#settle()
  }

  down(part: Part, why: string): void {
    this.#states.set(part, { type: 'down', why })
    if (this.#has('up')) {
      this.#settle()
      return
    }
    this.#isUp = false
    this.#cut.clear()
    this.#tell({ type: 'venue.down', why })
  }

  /** A symbol of a part that is cut has no data either. */
  joined(part: Part, symbol: SymbolId): void {
    const state = this.#states.get(part)
    if (state?.type !== 'down' || !this.#cut.has(part)) return
    this.#tell({ type: 'venue.down', symbols: [symbol], why: state.why })
  }

  /** What nobody asks for is not missing. */
  left(part: Part, symbols: readonly SymbolId[]): void {
    if (this.#cut.has(part)) this.#tell({ type: 'venue.up', symbols })
  }

  #has(type: State['type']): boolean {
    return [...this.#states.values()].some((state) => state.type === type)
  }

  /** One is up at least: tells which symbols have their data, and which have them no more. */
  #settle(): void {
    if (!this.#isUp && this.#has('new') && !this.#has('down')) return
    const up = (symbols?: readonly SymbolId[]): void => {
      const why = this.#trouble === undefined ? {} : { why: this.#trouble }
      this.#trouble = undefined
      this.#tell({ type: 'venue.up', ...why, ...(symbols === undefined ? {} : { symbols }) })
    }
    if (!this.#isUp) up()
    this.#isUp = true
    for (const [part, state] of this.#states) {
      const { symbols } = part
      if (state.type === 'up' && this.#cut.delete(part)) up(symbols)
      if (state.type !== 'down' || this.#cut.has(part)) continue
      this.#cut.add(part)
      this.#tell({ type: 'venue.down', why: state.why, symbols })
    }
  }
}
