/*
 * Reconcile: what we believe, and what the venue reports, become the inputs that close the gap. Pure.
 *
 * The promises:
 *   1. After the inputs, quantities and fills of every order that both know are the venue's.
 *   2. Each missing fill is an input with the venue's fill id. What the venue counts as filled and no fill explains,
 *      in two agreeing reports, becomes one with an id made of the order and the quantities: twice is once.
 *   3. Orders at the venue that we never sent are told as external, as they are now.
 *   4. A live order without a trace, in two reports that lie the venue's visibility window apart and with nothing heard
 *      of it between them, is sent again under the same id, once and while it is worth it; then it is rejected as not
 *      found, or canceled where the venue had it once. A late fill for it is still booked, because the order is
 *      remembered. Until the verdict its symbol takes no new risk.
 *   5. Twice changes nothing.
 *
 * A report is older than what the streams have told since it was asked for, so orders that have changed since are
 * left to the next one. Where one changed in the very millisecond of the question, nothing may have been told of it
 * since (a restart in no time, a clock that went back): the next one is wanted soon. One strange answer proves nothing: an absent order, an unexplained quantity and a position
 * that differs need two agreeing reports. `Memory` is what one report leaves for the next.
 *
 * A position that differs although all fills are booked halts its symbol until the two numbers agree again: nothing
 * here trades to make them so. Where the venue has less than we believe, no exit leaves either: it could turn the
 * venue's position round.
 */
import type { OrderId, SymbolId } from '../core/brand.ts'
import type { HaltCause, Input } from '../core/input.ts'
import type { VenueReport } from '../core/venue.ts'
import { OrderComparison } from './reconcile-orders.ts'
import {
  type Asked,
  type Difference,
  type Memory,
  type Ours,
  type Reconciled,
} from './reconcile-terms.ts'

export function reconcile(
  ours: Ours,
  report: VenueReport,
  memory: Memory,
  asked: Asked,
): Reconciled {
  return new Reconciliation(ours, report, memory, asked).result()
}

class Reconciliation {
  readonly #ours: Ours
  readonly #report: VenueReport
  readonly #memory: Memory
  readonly #asked: Asked
  readonly #orders: OrderComparison
  readonly #differences: Difference[] = []
  readonly #differing = new Map<SymbolId, string>()
  /** Those of them of which the venue has less than we believe. */
  readonly #less = new Set<SymbolId>()

  constructor(ours: Ours, report: VenueReport, memory: Memory, asked: Asked) {
    this.#ours = ours
    this.#report = report
    this.#memory = memory
    this.#asked = asked
    this.#orders = new OrderComparison(ours, report, memory, asked).compare()
  }

  result(): Reconciled {
    const { facts, externals, differences, absent, unexplained, unsure } = this.#orders
    const halts = [...this.#haltUnknown(), ...this.#comparePositions()]
    return {
      inputs: [...halts, ...facts, ...externals, ...this.#account()],
      differences: [...differences, ...this.#differences],
      memory: { absent, unexplained, differing: this.#differing },
      open: absent.size + unexplained.size + this.#differing.size + unsure,
    }
  }

  /** Symbols with orders whose fate is open are halted until it is known. */
  #haltUnknown(): Input[] {
    const open = new Map(this.#orders.revived)
    const note = (id: OrderId, why: string): void => {
      for (const { order } of this.#ours.orders) if (order.id === id) open.set(order.symbol, why)
    }
    for (const id of this.#orders.absent.keys())
      note(id, `order ${id} is not in the venue's report`)
    for (const id of this.#orders.unexplained.keys())
      note(id, `fills of order ${id} are not known yet`)
    return this.#haltsOf('unknown-order', open)
  }

  #comparePositions(): Input[] {
    const { universe, venue } = this.#asked
    const theirs = new Map<SymbolId, number>()
    const dust = new Map<SymbolId, number>()
    for (const { symbol, qty, dust: most = 0 } of this.#report.positions) {
      theirs.set(symbol, qty)
      dust.set(symbol, most)
    }
    const ours = new Map<SymbolId, number>()
    for (const { symbol, qty } of this.#ours.positions) ours.set(symbol, qty)
    for (const [symbol, added] of this.#orders.added)
      ours.set(symbol, (ours.get(symbol) ?? 0) + added)
    const differing = new Map<SymbolId, string>()
    const isHalted = (symbol: SymbolId): boolean =>
      this.#ours.halts.some((halt) => halt.cause === 'position' && halt.symbol === symbol)
    for (const symbol of new Set([...theirs.keys(), ...ours.keys()])) {
      const instrument = universe.at(symbol)
      if (instrument.venue !== venue) continue
      const here = instrument.qty(ours.get(symbol) ?? 0)
      const there = instrument.qty(theirs.get(symbol) ?? 0)
      if (here === there) continue
      if (there > here && there - here <= (dust.get(symbol) ?? 0)) continue
      const text = `${instrument.symbol} is ${here} here and ${there} at ${venue}`
      if (this.#orders.moving.has(symbol)) {
        // Not judged now; what was halted stays so.
        if (isHalted(symbol)) differing.set(symbol, this.#whyOf(symbol) ?? text)
        continue
      }
      this.#differing.set(symbol, text)
      if (there * Math.sign(here) < Math.abs(here)) this.#less.add(symbol)
      if (this.#memory.differing.get(symbol) !== text && !isHalted(symbol)) continue
      differing.set(symbol, text)
      this.#tell('position', symbol, text)
    }
    for (const { symbol, cause, why } of this.#ours.halts) {
      if (cause === 'position' && this.#orders.moving.has(symbol)) differing.set(symbol, why)
    }
    return this.#haltsOf('position', differing)
  }

  #whyOf(symbol: SymbolId): string | undefined {
    return this.#ours.halts.find((halt) => halt.symbol === symbol && halt.cause === 'position')?.why
  }

  /** The controls that make the halts of a cause those that are wanted. */
  #haltsOf(cause: HaltCause, wanted: ReadonlyMap<SymbolId, string>): Input[] {
    const { at, universe, venue } = this.#asked
    const control = (symbol: SymbolId, on: boolean, why: string): Input => {
      const isLess = on && cause === 'position' && this.#less.has(symbol)
      const halt = { do: 'halt-symbol', symbol, cause, on, why } as const
      return {
        type: 'control',
        at,
        control: isLess ? { ...halt, isLess } : halt,
        by: 'reconcile',
      }
    }
    const inputs: Input[] = []
    const current = new Map<SymbolId, string>()
    for (const halt of this.#ours.halts) {
      if (halt.cause !== cause || universe.at(halt.symbol).venue !== venue) continue
      current.set(halt.symbol, halt.why)
      const isUnderWay = cause === 'unknown-order' && this.#orders.moving.has(halt.symbol)
      if (!wanted.has(halt.symbol) && !isUnderWay) {
        inputs.push(control(halt.symbol, false, 'the report and we agree'))
      }
    }
    for (const [symbol, why] of wanted) {
      if (current.get(symbol) !== why) inputs.push(control(symbol, true, why))
    }
    return inputs
  }

  /** The venue's word for the account, where nothing is on its way that would explain another one. */
  #account(): Input[] {
    const { at, venue } = this.#asked
    const { cash, equity, buyingPower } = this.#report.account
    const isQuiet =
      this.#orders.facts.length === 0 &&
      this.#orders.externals.length === 0 &&
      this.#orders.moving.size === 0
    if (!isQuiet || Math.abs(cash - this.#ours.cash) < CASH_SLACK) return []
    return [{ type: 'account', at, venue, equity, cash, buyingPower }]
  }

  #tell(kind: Difference['kind'], symbol: SymbolId, text: string): void {
    this.#differences.push({ kind, symbol, text })
  }
}

/** Cash that venues round away. */
const CASH_SLACK = 0.005
