// Command: what a turn asks of the world. Leaves in batches, answered only by later inputs.
import type { Ms, OrderId, Px, Qty, SymbolId, VenueId } from './brand.ts'
import type { Input } from './input.ts'
import type { Notice } from './notice.ts'
import type { Order } from './order.ts'

export type Command =
  /**
   * `isAgain` where it was sent before and left no trace: the same order under the same id, which the venue takes once.
   * `legs` travel with their entry to a venue with native brackets: held until it fills, sized by what was
   * filled.
   */
  | {
      readonly type: 'submit'
      readonly order: Order
      readonly legs?: readonly Order[]
      readonly isAgain?: true
    }
  | { readonly type: 'cancel'; readonly id: OrderId; readonly symbol: SymbolId }
  | {
      readonly type: 'amend'
      readonly id: OrderId
      readonly symbol: SymbolId
      readonly limit?: Px
      readonly stop?: Px
      readonly qty?: Qty
      /** It moves a quote: late, it is not worth sending. */
      readonly quote?: true
    }

/** One call to one venue: commands of one kind, in order, no longer than the venue allows. */
export interface Batch {
  readonly venue: VenueId
  readonly kind: Command['type']
  readonly commands: readonly Command[]
  /** Quotes leave in waves of symbols, this one after those of lower numbers were answered; 0 where not given. */
  readonly wave?: number
}

/** `at` is the engine's time for the whole turn. Inputs may be empty: that is how timers fire in a quiet market. */
export interface Turn {
  readonly n: number
  readonly at: Ms
  readonly inputs: readonly Input[]
  readonly notices: readonly Notice[]
  readonly batches: readonly Batch[]
}
