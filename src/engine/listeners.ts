// Listeners: which lanes are told what. Each kind of fact has its lanes by symbol, in the order in which they were added.
import { assert } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import { type Timeframe, TIMEFRAMES } from '../core/time.ts'
import type { Lane } from './lanes.ts'

type BySymbol = (Lane[] | undefined)[]

/** Levels of a side that a strategy may look at: each of them is in the journal. */
export const DEPTH_MAX = 50

export class Listeners {
  /** By index of the timeframe, then by symbol. */
  readonly bars: readonly BySymbol[] = TIMEFRAMES.map(() => [])
  readonly trades: BySymbol = []
  readonly quotes: BySymbol = []
  readonly turns: BySymbol = []
  /** Levels of the book that lanes ask for. */
  readonly #depthLevels = new Map<SymbolId, number>()

  add(lane: Lane): void {
    const { symbol, hooks, needs } = lane
    if (needs.depth !== undefined) this.#wantDepth(symbol, needs.depth)
    // Also where no hook hears them: its warm-up is counted in bars.
    for (const timeframe of lane.timeframes) push(this.bars[TIMEFRAMES.indexOf(timeframe)]!, lane)
    if (hooks.onTrade !== undefined) push(this.trades, lane)
    if (hooks.onQuote !== undefined) push(this.quotes, lane)
    if (hooks.onTurn !== undefined) push(this.turns, lane)
  }

  /** Those of bars that are told to anybody. */
  get timeframes(): readonly Timeframe[] {
    return TIMEFRAMES.filter((_timeframe, i) => this.bars[i]!.length > 0)
  }

  /** Levels of the book of a symbol that its strategies ask for; 0 where none does. */
  depthOf(symbol: SymbolId): number {
    return this.#depthLevels.get(symbol) ?? 0
  }

  /** False where no strategy asks for depth. */
  get wantsDepth(): boolean {
    return this.#depthLevels.size > 0
  }

  #wantDepth(symbol: SymbolId, levels: number): void {
    const isAllowed = Number.isSafeInteger(levels) && levels > 0 && levels <= DEPTH_MAX
    assert(isAllowed, () => `a strategy looks at 1 to ${DEPTH_MAX} levels of a book, not ${levels}`)
    this.#depthLevels.set(symbol, Math.max(levels, this.depthOf(symbol)))
  }
}

function push(lists: BySymbol, lane: Lane): void {
  const lanes = (lists[lane.symbol] ??= [])
  lanes.push(lane)
}
