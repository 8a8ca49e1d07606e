/*
 * Reconcile: what we believe, and what the venue reports, become the inputs that close the gap. Pure.
 *
 * The promises:
 *   1. After the inputs, quantities and fills of every order that both know are the venue's.
 *   2. Each missing fill is an input with the venue's fill id. What the venue counts as filled and no fill explains,
 *      in two agreeing reports, becomes one with an id made of the order and the quantities: twice is once. The real
 *      one takes its place when it comes, by a stream or a report (concluded.ts).
 *   3. Orders at the venue that we never sent are told as external, as they are now.
 *   4. A live order without a trace, in two reports that lie the venue's visibility window apart and with nothing heard
 *      of it between them, is sent again under the same id, once and while it is worth it; then it is rejected as not
 *      found, or canceled where the venue had it once. A late fill for it is still booked, because the order is
 *      remembered. Until the verdict its symbol takes no new risk.
 *   5. Twice changes nothing.
 *
 * A report is older than what the streams have told since it was asked for, so orders that have changed since are
 * left to the next one. Where one changed in the very millisecond of the question, nothing may have been told of it
 * since (a restart in no time, a clock that went back): the next one is wanted soon. One strange answer proves nothing:
 * an absent order, an unexplained quantity and a position that differs need two agreeing reports. `Memory` is what one
 * report leaves for the next.
 *
 * A position that differs although all fills are booked halts its symbol until the two numbers agree again: nothing
 * here trades to make them so. Where the venue has less than we believe, no exit leaves either: it could turn the
 * venue's position round. Reports agree where the difference is the same, whatever was traded between them. Nothing
 * silences this for ever:
 *   - Where an order is absent or a quantity unexplained, the position waits for the verdict, which has its window.
 *   - More filled here than there is no excuse: what was taken back unheard is found by the position that lacks it.
 *   - Where orders have changed since the question, a fill may have crossed the report. A venue's number between ours at
 *     the question and ours at the answer is such a one and says nothing. Any other may be a fill that is not heard of
 *     yet: the same difference in five such reports, but for what moved while they were made, is none.
 * Of coins the venue may have parts of lots beyond our positions, which fees have left: so much as it calls dust, and
 * what of it two reports have agreed on before (five, where orders move). That adds up with each purchase, is no position
 * and no difference, and is written down, so that it is known after a restart.
 * Cash is the venue's at once where nothing moves; else after five reports in which it differed by more than had moved
 * meanwhile, and none that agreed. What crosses the last of them is small, and found by the next. What of it came or
 * left without a trade goes with it, as far as the venue tells; where it was asked and has not told, five reports are
 * waited for too, because what is taken before then counts as lost. What it tells for the first time may have come
 * after the cash was read, so cash waits for the next report. Of a trade that nobody heard of, cash and position are
 * two halves: its cash is taken while the symbol is halted, neither before the halt nor with its end, and counts as no
 * profit and no loss there. So a symbol that agrees again stays halted while cash is waited for.
 */
import type { OrderId, SymbolId } from '../core/brand.ts'
import type { HaltCause, Input, OrderFact } from '../core/input.ts'
import type { VenueReport } from '../core/venue.ts'
import { OrderComparison } from './reconcile-orders.ts'
import {
  type Asked,
  CASH_SLACK,
  type Difference,
  type Differing,
  type Dust,
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
  readonly #differing = new Map<SymbolId, Differing>()
  readonly #dust = new Map<SymbolId, Dust>()
  readonly #dustInputs: Input[] = []
  /** Those of them of which the venue has less than we believe. */
  readonly #less = new Set<SymbolId>()
  #cashReports = 0
  /** The venue's cash is another one, and is taken when it is sure. */
  #cashWaits = false

  constructor(ours: Ours, report: VenueReport, memory: Memory, asked: Asked) {
    this.#ours = ours
    this.#report = report
    this.#memory = memory
    this.#asked = asked
    this.#orders = new OrderComparison(ours, report, memory, asked).compare()
  }

  result(): Reconciled {
    const { facts, externals, differences, absent, unexplained, unsure } = this.#orders
    const differ = this.#comparePositions()
    const account = this.#account(differ)
    // Cash goes while the halt is on: the next report lifts it.
    const agree = account.length > 0 || this.#cashWaits ? this.#haltedPositions : NONE
    const halts = [
      ...this.#haltUnknown(),
      ...this.#haltsOf('position', new Map([...agree, ...differ])),
    ]
    const inputs = [...halts, ...this.#dustInputs, ...endsLast(facts), ...externals, ...account]
    const [differing, cashReports] = [this.#differing, this.#cashReports]
    return {
      inputs,
      differences: [...differences, ...this.#differences],
      memory: { absent, unexplained, differing, dust: this.#dust, cashReports },
      open:
        absent.size +
        unexplained.size +
        new Set([...differing.keys(), ...agree.keys()]).size +
        unsure,
      cashWaits: this.#cashWaits,
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

  /** Symbols whose positions surely differ, and how. */
  #comparePositions(): ReadonlyMap<SymbolId, string> {
    const { universe, venue } = this.#asked
    const theirs = new Map<SymbolId, number>()
    const dust = new Map<SymbolId, number>()
    for (const { symbol, qty, dust: most = 0 } of this.#report.positions) {
      theirs.set(symbol, qty)
      dust.set(symbol, most)
    }
    const ours = this.#withAdded(this.#ours.positions)
    const before = this.#withAdded(this.#asked.before.positions)
    const differing = new Map<SymbolId, string>()
    const agreed = this.#ours.dust
    for (const symbol of new Set([...theirs.keys(), ...ours.keys(), ...agreed.keys()])) {
      const instrument = universe.at(symbol)
      if (instrument.venue !== venue) continue
      const here = instrument.qty(ours.get(symbol) ?? 0)
      const there = instrument.qty(theirs.get(symbol) ?? 0)
      const more = instrument.qty(there - here)
      const known = agreed.get(symbol) ?? 0
      if (more >= 0 && more <= known + (dust.get(symbol) ?? 0)) {
        this.#noteDust(symbol, more, known)
        continue
      }
      const seen = this.#memory.differing.get(symbol)
      const isMoving = this.#isUnderWay(symbol)
      const asked = instrument.qty(before.get(symbol) ?? 0)
      const hasCrossed = Math.min(asked, here) <= there && there <= Math.max(asked, here)
      if (this.#orders.unclear.has(symbol) || (isMoving && hasCrossed)) {
        if (seen !== undefined) this.#differing.set(symbol, { ...seen, isMoving })
        continue
      }
      const by = instrument.qty(there - here)
      const moved = isMoving ? Math.abs(here - asked) : 0
      const isSame =
        seen !== undefined && Math.abs(by - seen.by) <= (isMoving ? moved + seen.moved : 0)
      const reports = isSame ? seen.reports + 1 : 1
      this.#differing.set(symbol, { by, moved, reports, isMoving })
      if (there * Math.sign(here) < Math.abs(here)) this.#less.add(symbol)
      const isSure = reports >= (isMoving ? REPORTS_WHERE_MOVING : REPORTS)
      if (!isSure && !this.#isHalted(symbol)) continue
      const text = `${instrument.symbol} is ${here} here and ${there} at ${venue}`
      differing.set(symbol, text)
      this.#tell('position', symbol, text)
    }
    // Where nothing can be said now, what was halted stays so; also what was halted after the question.
    const earlier = this.#asked.before.halts.filter(({ cause }) => cause === 'position')
    for (const { symbol, cause, why } of this.#ours.halts) {
      if (cause !== 'position' || differing.has(symbol)) continue
      const isNew = !earlier.some((halt) => halt.symbol === symbol)
      if (isNew || this.#isUnderWay(symbol)) differing.set(symbol, why)
    }
    return differing
  }

  /** What is agreed on is known from then on, and the next report's dust comes on top of it. */
  #noteDust(symbol: SymbolId, more: number, known: number): void {
    if (more === known) return
    const seen = this.#memory.dust.get(symbol)
    if (this.#orders.unclear.has(symbol)) {
      if (seen !== undefined) this.#dust.set(symbol, seen)
      return
    }
    const least = Math.min(more, seen?.least ?? Infinity)
    const reports = (seen?.reports ?? 0) + 1
    const hasMoved = this.#orders.moving.has(symbol) || seen?.hasMoved === true
    if (reports < (hasMoved ? REPORTS_WHERE_MOVING : REPORTS)) {
      this.#dust.set(symbol, { least, reports, hasMoved })
      return
    }
    if (least === known) return
    const control = { do: 'dust', symbol, qty: least } as const
    this.#dustInputs.push({ type: 'control', at: this.#asked.at, control, by: 'reconcile' })
  }

  get #haltedPositions(): ReadonlyMap<SymbolId, string> {
    const { universe, venue } = this.#asked
    const halted = this.#ours.halts.filter(
      ({ symbol, cause }) => cause === 'position' && universe.at(symbol).venue === venue,
    )
    return new Map(halted.map(({ symbol, why }) => [symbol, why]))
  }

  /** Positions, with what the facts of this report add to them. */
  #withAdded(positions: Ours['positions']): ReadonlyMap<SymbolId, number> {
    const quantities = new Map(
      positions.map(({ symbol, qty }): [SymbolId, number] => [symbol, qty]),
    )
    for (const [symbol, added] of this.#orders.added)
      quantities.set(symbol, (quantities.get(symbol) ?? 0) + added)
    return quantities
  }

  #isHalted(symbol: SymbolId): boolean {
    return this.#ours.halts.some((halt) => halt.cause === 'position' && halt.symbol === symbol)
  }

  #isUnderWay(symbol: SymbolId): boolean {
    return this.#orders.moving.has(symbol) || this.#orders.unclear.has(symbol)
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
      const isUnderWay = cause === 'unknown-order' && this.#isUnderWay(halt.symbol)
      if (!wanted.has(halt.symbol) && !isUnderWay) {
        inputs.push(control(halt.symbol, false, 'the report and we agree'))
      }
    }
    for (const [symbol, why] of wanted) {
      if (current.get(symbol) !== why) inputs.push(control(symbol, true, why))
    }
    return inputs
  }

  /** The venue's word for the account, where nothing is on its way that would explain another one, or none does for long. */
  #account(differ: ReadonlyMap<SymbolId, string>): Input[] {
    const { at, venue, transfers = [] } = this.#asked
    const { cash, equity, buyingPower } = this.#report.account
    const { facts, haveOthersTraded, moving, unclear } = this.#orders
    const difference = Math.abs(cash - this.#ours.cash)
    if (difference < CASH_SLACK) return []
    const isNews = transfers === 'news'
    if (facts.length > 0 || haveOthersTraded || unclear.size > 0 || isNews) {
      this.#cashReports = this.#memory.cashReports
      this.#cashWaits = true
      return []
    }
    // A trade that nobody heard of moved both: cash waits until the position is sure.
    const isHalf = [...this.#differing.keys()].some((one) => !differ.has(one))
    const isUnsure = isHalf || transfers === 'untold'
    // A run that is new has no cash yet.
    if (moving.size > 0 || (isUnsure && this.#ours.cash !== 0)) {
      const moved = Math.abs(this.#ours.cash - this.#asked.before.cash)
      this.#cashReports = this.#memory.cashReports + (difference > moved + CASH_SLACK ? 1 : 0)
      if (this.#cashReports < REPORTS_WHERE_MOVING) {
        this.#cashWaits = this.#cashReports > 0
        return []
      }
      this.#cashReports = 0
    }
    const account = { type: 'account', at, venue, equity, cash, buyingPower } as const
    return [transfers.length === 0 || transfers === 'untold' ? account : { ...account, transfers }]
  }

  #tell(kind: Difference['kind'], symbol: SymbolId, text: string): void {
    this.#differences.push({ kind, symbol, text })
  }
}

/** The end of one exit leaves nothing unprotected where the fill of the other has been heard. */
const endsLast = (facts: readonly OrderFact[]): readonly OrderFact[] => [
  ...facts.filter(({ type }) => !ENDS.has(type)),
  ...facts.filter(({ type }) => ENDS.has(type)),
]

const NONE: ReadonlyMap<SymbolId, string> = new Map()
const ENDS: ReadonlySet<OrderFact['type']> = new Set([
  'order.canceled',
  'order.expired',
  'order.rejected',
])
/** So many reports must differ in the same way; one alone may be an accident. */
const REPORTS = 2
/** Where orders move: if one in ten comes while a fill does, five that look the same are one in a hundred thousand. */
const REPORTS_WHERE_MOVING = 5
