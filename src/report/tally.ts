// Tally: what round trips and fills of one group (a symbol, a strategy, everything) add up to.
import { money } from '../core/instrument.ts'
import { add, ZERO, valueOf } from '../core/sum.ts'
import type { RoundTrip } from './trips.ts'

/** Results of one group. Money is in the account's currency; a trip wins where its net profit is > 0. */
export interface Results {
  readonly trips: number
  readonly wins: number
  readonly losses: number
  readonly breakEven: number
  /** wins / trips, 0 to 1; null without trips. */
  readonly winRate: number | null
  /** Sum of what winning trips made, after fees. */
  readonly grossProfit: number
  /** Sum of what losing trips lost, after fees, ≥ 0. */
  readonly grossLoss: number
  /** grossProfit / grossLoss; null where nothing was lost. */
  readonly profitFactor: number | null
  /** Mean net profit of a trip; null without trips. */
  readonly expectancy: number | null
  readonly averageWin: number | null
  /** ≤ 0. */
  readonly averageLoss: number | null
  readonly largestWin: number | null
  /** ≤ 0. */
  readonly largestLoss: number | null
  readonly longestWinStreak: number
  readonly longestLossStreak: number
  readonly averageHeldMs: number | null
  readonly fills: number
  /** Value of all fills. */
  readonly traded: number
  /** Profit that fills realised, before fees; what open trips have realised is included. */
  readonly realised: number
  readonly fees: number
  /** realised − fees. */
  readonly net: number
}

export class Tally {
  #wins = 0
  #losses = 0
  #breakEven = 0
  #won = ZERO
  #lost = ZERO
  #largestWin = 0
  #largestLoss = 0
  #streak = 0
  #longestWins = 0
  #longestLosses = 0
  #heldMs = 0
  #fills = 0
  #traded = ZERO
  #realised = ZERO
  #fees = ZERO

  addFill(fill: {
    readonly profit: number
    readonly fee: number
    readonly notional: number
  }): void {
    this.#fills++
    this.#traded = add(this.#traded, fill.notional)
    this.#realised = add(this.#realised, fill.profit)
    this.#fees = add(this.#fees, fill.fee)
  }

  addTrip({ net, heldMs }: RoundTrip): void {
    this.#heldMs += heldMs
    if (net > 0) this.#win(net)
    else if (net < 0) this.#lose(net)
    else this.#breakEven++
  }

  results(): Results {
    const trips = this.#wins + this.#losses + this.#breakEven
    const won = valueOf(this.#won)
    const lost = valueOf(this.#lost)
    const mean = (sum: number, count: number) => (count === 0 ? null : money(sum / count))
    return {
      trips,
      wins: this.#wins,
      losses: this.#losses,
      breakEven: this.#breakEven,
      winRate: mean(this.#wins, trips),
      grossProfit: money(won),
      grossLoss: money(lost),
      profitFactor: this.#losses === 0 || money(lost) === 0 ? null : money(won / lost),
      expectancy: mean(won - lost, trips),
      averageWin: mean(won, this.#wins),
      averageLoss: mean(-lost, this.#losses),
      largestWin: this.#wins === 0 ? null : money(this.#largestWin),
      largestLoss: this.#losses === 0 ? null : money(this.#largestLoss),
      longestWinStreak: this.#longestWins,
      longestLossStreak: this.#longestLosses,
      averageHeldMs: trips === 0 ? null : Math.round(this.#heldMs / trips),
      fills: this.#fills,
      traded: money(valueOf(this.#traded)),
      realised: money(valueOf(this.#realised)),
      fees: money(valueOf(this.#fees)),
      net: money(valueOf(this.#realised) - valueOf(this.#fees)),
    }
  }

  #win(net: number): void {
    this.#wins++
    this.#won = add(this.#won, net)
    this.#largestWin = Math.max(this.#largestWin, net)
    this.#streak = Math.max(this.#streak, 0) + 1
    this.#longestWins = Math.max(this.#longestWins, this.#streak)
  }

  #lose(net: number): void {
    this.#losses++
    this.#lost = add(this.#lost, -net)
    this.#largestLoss = Math.min(this.#largestLoss, net)
    this.#streak = Math.min(this.#streak, 0) - 1
    this.#longestLosses = Math.max(this.#longestLosses, -this.#streak)
  }
}
