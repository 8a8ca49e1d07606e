// Symbol marks: a set of symbols that is filled and emptied in every turn. A Set would make a new table each time.
import type { SymbolId } from './brand.ts'

export class SymbolMarks {
  readonly #marked: SymbolId[] = []
  readonly #isMarked: boolean[] = []
  #count = 0

  add(symbol: SymbolId): void {
    if (this.#isMarked[symbol] === true) return
    this.#isMarked[symbol] = true
    this.#marked[this.#count++] = symbol
  }

  /** Each symbol once, in the order of the marks, and those that are marked meanwhile; none is marked afterwards. */
  sweep(each: (symbol: SymbolId) => void): void {
    for (let i = 0; i < this.#count; i++) each(this.#marked[i]!)
    for (let i = 0; i < this.#count; i++) this.#isMarked[this.#marked[i]!] = false
    this.#count = 0
  }
}
