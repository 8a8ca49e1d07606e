/*
 * Depths: the books that a venue keeps, told to the engine turn by turn. A book is looked at when a turn is made that
 * concerns its symbol, and becomes an input of that turn where it has changed since: so none waits, none is older than the
 * turn, and the journal holds exactly the levels that strategies could see. Beneath the top a book may change without a turn;
 * strategies see that with the next one of their symbol.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { Input } from '../../core/input.ts'
import type { OrderBook } from '../../core/order-book.ts'
import type { Engine } from '../../engine/engine.ts'

/** What a book was when it was told last. */
interface Told {
  readonly last: number
  readonly ts: number
  readonly isGood: boolean
}

export class Depths {
  readonly #engine: Pick<Engine, 'depthOf' | 'wantsDepth'>
  readonly #bookOf: (symbol: SymbolId) => OrderBook | undefined
  readonly #told = new Map<SymbolId, Told>()

  constructor(
    engine: Pick<Engine, 'depthOf' | 'wantsDepth'>,
    bookOf: (symbol: SymbolId) => OrderBook | undefined,
  ) {
    this.#engine = engine
    this.#bookOf = bookOf
  }

  /** The inputs of a turn with the books that belong to them, which come first. */
  with(at: Ms, inputs: readonly Input[]): readonly Input[] {
    if (!this.#engine.wantsDepth) return inputs
    const symbols = new Set<SymbolId>()
    for (const input of inputs) {
      const symbol = symbolOf(input)
      if (symbol !== undefined && this.#engine.depthOf(symbol) > 0) symbols.add(symbol)
    }
    const depths: Input[] = []
    for (const symbol of symbols) {
      const book = this.#bookOf(symbol)
      if (book === undefined || !this.#isNew(symbol, book)) continue
      depths.push({ type: 'depth', at, depth: book.depth(this.#engine.depthOf(symbol)) })
    }
    return depths.length === 0 ? inputs : [...depths, ...inputs]
  }

  #isNew(symbol: SymbolId, { last, ts, isGood }: OrderBook): boolean {
    const told = this.#told.get(symbol)
    if (told?.last === last && told.ts === ts && told.isGood === isGood) return false
    this.#told.set(symbol, { last, ts, isGood })
    return true
  }
}

/** The symbol whose market an input is about. */
function symbolOf(input: Input): SymbolId | undefined {
  if (input.type === 'trade') return input.trade.symbol
  if (input.type === 'quote') return input.quote.symbol
  if (input.type === 'bar') return input.bar.symbol
  const isHalt = input.type === 'control' && input.control.do === 'halt-symbol'
  return isHalt ? input.control.symbol : undefined
}
