// Universe: symbol text ↔ dense SymbolId. Append-only, because ids are indexes into every table of a run.
import { assert } from './assert.ts'
import type { SymbolId } from './brand.ts'
import { Instrument, type InstrumentSpec } from './instrument.ts'

/** Most symbols that one run may know; ids fit 16 bits. */
export const MAX_SYMBOLS = 65_536

export class Universe {
  readonly #all: Instrument[] = []
  readonly #bySymbol = new Map<string, Instrument>()

  constructor(specs: readonly InstrumentSpec[] = []) {
    for (const spec of specs) this.add(spec)
  }

  /** Adds an instrument and gives it the next id. Throws where the symbol is known or the universe full. */
  add(spec: InstrumentSpec): Instrument {
    assert(!this.#bySymbol.has(spec.symbol), `${spec.symbol} is in the universe once`)
    assert(this.#all.length < MAX_SYMBOLS, `a universe holds at most ${MAX_SYMBOLS} symbols`)
    const instrument = new Instrument(this.#all.length as SymbolId, spec)
    this.#all.push(instrument)
    this.#bySymbol.set(spec.symbol, instrument)
    return instrument
  }

  get size(): number {
    return this.#all.length
  }

  get all(): readonly Instrument[] {
    return this.#all
  }

  /** The instrument of an id of this run. Throws on an id that was never given. */
  at(id: SymbolId): Instrument {
    const instrument = this.#all[id]
    return instrument ?? unknown(id, this.size)
  }

  find(symbol: string): Instrument | undefined {
    return this.#bySymbol.get(symbol)
  }
}

// Apart, so that no look into the universe makes a closure for its message.
function unknown(id: SymbolId, size: number): never {
  throw new Error(`assertion failed: symbol id ${id} is one of 0 to ${size - 1}`)
}
