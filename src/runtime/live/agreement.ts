/*
 * Agreement: the venue is asked what it has, every minute, and sooner while something is open; what we believe is held
 * against its report, and the gap becomes inputs. One report is under way at a time. While the kill switch is on, each
 * report is followed by another cancel of what may add risk.
 */
import type { Ms, SymbolId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { Control, Input, Transfer } from '../../core/input.ts'
import type { Instrument } from '../../core/instrument.ts'
import { isRisk } from '../../core/order.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { DAY, ms } from '../../core/time.ts'
import type { VenueReport } from '../../core/venue.ts'
import { reconcile } from '../../engine/reconcile.ts'
import {
  CASH_SLACK,
  type Difference,
  type DifferenceKind,
  type Memory,
  NO_MEMORY,
} from '../../engine/reconcile-terms.ts'
import { pause } from '../../io/clock.ts'
import type { Told } from '../session/alerts.ts'
import { aheadOf, aheadText } from './health.ts'
import type { LiveParts } from './options.ts'

export interface Differing {
  readonly before: number
  readonly qty: number
  readonly avgPrice: number
}

export interface Different {
  readonly instrument: Instrument
  readonly found: Differing
}

/** Between two reports, while orders are open that may explain what differs. */
const SETTLE_MS = 250

export class Agreement {
  readonly #parts: LiveParts
  #memory: Memory = NO_MEMORY
  /** What the last report left open, for the next one to tell. */
  #open = 0
  #doubts = 0
  #reports = 0
  /** Differences that reports found, by kind. */
  readonly #found = new Map<DifferenceKind, number>()
  #reportedAt: Ms | undefined
  /** Positions that differed in the last report: ours as it was then, and the venue's. */
  #differing = new Map<SymbolId, Differing>()
  #asking: Promise<Fault | undefined> | undefined
  /** Whom the report that is under way tells that no position is in doubt. */
  #onSure: (() => void)[] = []
  #cancelNext: (() => void) | undefined
  #nextAt = Infinity
  #isResting = false
  /** The last report told of cash that was not sure. */
  #cashWaits = false
  /** What the last reports found, in words, and that there was none. */
  #texts: ReadonlyMap<string, SymbolId> = new Map()
  #noReport = ''
  /** Reports in a row that the venue has refused to these keys. */
  #refusals = 0
  /** Ids of the transfers that the venue told last, and whether cash waits because some of them were news. */
  #transfers: ReadonlySet<string> = new Set()
  #isCashOpen = false
  /** What was told of a clock that is off. */
  #clockText = ''

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /**
   * Asks the venue and closes the gap; not while it rests. Gives why the venue could not be asked.
   *
   * @param onSure Told before what the report says is taken, where no position is in doubt.
   */
  ask(onSure?: () => void): Promise<Fault | undefined> {
    const { pump } = this.#parts
    if (this.#isResting) return Promise.resolve(undefined)
    if (onSure !== undefined) this.#onSure.push(onSure)
    this.#asking ??= this.askOnce((inputs) => {
      if (this.#doubts === 0) for (const tell of this.#onSure) tell()
      for (const input of inputs) pump.push(input)
    }).finally(() => {
      this.#onSure = []
      this.#asking = undefined
      this.askNext()
    })
    return this.#asking
  }

  /** As `ask`, by a report that is asked for from now on. */
  async askAfresh(onSure?: () => void): Promise<Fault | undefined> {
    await this.#asking
    return await this.ask(onSure)
  }

  /** The next report comes when one is due. */
  askNext(): void {
    const { engine, timing } = this.#parts
    const isOpen =
      this.#open > 0 ||
      this.#isCashOpen ||
      engine.ours.halts.some(({ cause }) => cause === 'unknown-order') ||
      this.#isLeftToCancel
    this.askIn(isOpen ? timing.lookupEveryMs : timing.reconcileEveryMs)
  }

  /** The next report comes in `delayMs`, or sooner where it was due sooner. */
  askIn(delayMs: number): void {
    const { options, pump } = this.#parts
    if (pump.isStopped || this.#isResting) return
    const { io } = options
    const when = io.now() + delayMs
    if (this.#cancelNext !== undefined && this.#nextAt <= when) return
    this.#cancelNext?.()
    this.#nextAt = when
    this.#cancelNext = io.after(delayMs, () => {
      this.#cancelNext = undefined
      void this.ask()
    })
  }

  /**
   * Asks the venue, and gives the control that takes over its position in a symbol. Nothing may be able to trade there
   * meanwhile: a fill that is on its way would count twice.
   */
  async adoption(
    instrument: Instrument,
    strategy: string | undefined,
  ): Promise<Result<Extract<Control, { do: 'adopt' }>>> {
    const { engine } = this.#parts
    const { id, symbol } = instrument
    const refused = (why: string) =>
      failed<Extract<Control, { do: 'adopt' }>>(fault('bad-request', `${symbol}: ${why}`))
    const trouble = await this.ask()
    if (trouble !== undefined) return failed(trouble)
    const found = this.#differing.get(id)
    if (found === undefined)
      return refused('the last report finds no difference that could be adopted')
    // Taken after the halt, it would count as lost or won, and close everything.
    if (this.#cashWaits) return refused('its cash is not sure yet; ask again in half a minute')
    const open = [...engine.liveOrders, ...engine.ours.externals.filter(({ open }) => open)].filter(
      (order) => order.symbol === id,
    )
    if (open.length > 0) return refused(`${open.length} orders are open there; cancel them first`)
    const lanes = engine.lanes.filter((lane) => lane.symbol === id)
    if (strategy !== undefined && !lanes.some((lane) => lane.strategy === strategy)) {
      const names = lanes.map((lane) => lane.strategy).join(', ')
      return refused(`no strategy ${strategy} is on it, but ${names}`)
    }
    const held = lanes.reduce((sum, { position }) => sum + position.qty, 0)
    const left = found.qty - held
    if (strategy === undefined && held !== 0 && left !== 0 && Math.sign(left) !== Math.sign(held))
      return refused(
        `strategies hold ${held}, more than the venue's ${found.qty}; name one (--lane)`,
      )
    const whose = strategy === undefined ? {} : { strategy }
    return ok({ do: 'adopt', symbol: id, ...whose, ...found })
  }

  /**
   * Positions that differ, for whoever takes the account over and may have traded it before: asked for until two reports
   * say the same, and leave nothing else open, nor the cash. Undefined where the run stops meanwhile.
   */
  async differences(): Promise<readonly Different[] | undefined> {
    const { options, pump, until } = this.#parts
    let seen: string | undefined
    for (;;) {
      const trouble = await this.askAfresh()
      // What the report said of orders changes what is compared.
      await until(() => pump.isStopped || pump.inbox.nextAt === Infinity)
      if (pump.isStopped) return undefined
      const isClear = trouble === undefined && this.#open === this.#differing.size
      const found = isClear ? JSON.stringify([...this.#differing]) : undefined
      if (found !== undefined && found === seen && !this.#cashWaits) break
      seen = found
      if (!isClear || this.#cashWaits) await pause(options.io, SETTLE_MS)
    }
    const { universe } = options.setup
    return [...this.#differing].map(([id, found]) => ({ instrument: universe.at(id), found }))
  }

  /** The venue is asked again. */
  wake(): void {
    this.#isResting = false
  }

  /** No report is asked for any more: what the account has is another's, or nobody wants it now. */
  rest(): void {
    this.#isResting = true
    this.#cancelNext?.()
  }

  /** What the account is worth and no more: for who follows another engine, whose orders and positions those are. */
  async worth(): Promise<Result<Input>> {
    const answer = await this.#report()
    if (!answer.ok) return answer
    const { options, pump } = this.#parts
    const transfers = await this.#transfersWhereCashDiffers(answer.value)
    const { account } = answer.value
    const told = transfers === 'untold' ? {} : { transfers }
    return ok({ type: 'account', at: pump.now(), venue: options.venue.id, ...account, ...told })
  }

  /** One report, whose inputs go to whom is told. */
  async askOnce(take: (inputs: readonly Input[]) => void): Promise<Fault | undefined> {
    const { options, timing, broker, engine, gateway, pump, tell, forget } = this.#parts
    const { venue, setup } = options
    const askedAt = pump.now()
    const { positions, cash, halts } = engine.ours
    const underWayBefore = gateway.underWay
    const answer = await this.#report()
    if (pump.isStopped) return undefined
    if (!answer.ok) {
      this.#noReport = `${venue.id} gave no report: ${answer.fault.message}`
      tell('warn', this.#noReport)
      if (answer.fault.code === 'unauthorized') this.#onRefused(answer.fault)
      return answer.fault
    }
    this.#refusals = 0
    forget(this.#noReport)
    const told = await this.#transfersWhereCashDiffers(answer.value)
    if (pump.isStopped) return undefined
    this.#isCashOpen = this.#hasNews(told) && engine.ours.cash !== 0
    const transfers = this.#isCashOpen ? 'news' : told
    this.#reports++
    this.#reportedAt = pump.now()
    this.#tellClock()
    gateway.onReport(askedAt)
    const { inputs, differences, memory, open, cashWaits } = reconcile(
      engine.ours,
      answer.value,
      this.#memory,
      {
        venue: venue.id,
        universe: setup.universe,
        askedAt,
        at: pump.now(),
        before: { positions, cash, halts },
        visibilityMs: timing.visibilityMs,
        resendAgeMsMax: this.#resendAgeMsMax,
        underWay: new Set([...underWayBefore, ...gateway.underWay]),
        transfers,
      },
    )
    this.#memory = memory
    this.#open = open
    this.#cashWaits = cashWaits
    this.#doubts = this.#doubtsIn(memory, inputs) + (this.#isCashOpen ? 1 : 0)
    this.#noteDiffering(answer.value)
    this.#tellDifferences(differences)
    take([...inputs, ...this.#cancels()])
    // What was agreed on is not asked for again, or the reports of a run that lasts would grow until none can be had.
    if (open === 0) broker.reportFrom?.(ms(askedAt - DAY))
    return undefined
  }

  /** Until it is mended once, however far it is off. */
  #tellClock(): void {
    const { options, timing, tell, forget } = this.#parts
    const { id, statistics } = options.venue
    const aheadMs = aheadOf(statistics?.clockOffsetMs, timing.gapMsMax)
    if (aheadMs === undefined) {
      forget(this.#clockText)
      this.#clockText = ''
    } else if (this.#clockText === '') {
      this.#clockText = aheadText(aheadMs, id)
      tell('error', this.#clockText)
    }
  }

  #tellDifferences(differences: readonly Difference[]): void {
    const { tell, forget } = this.#parts
    const now = new Map(differences.map(({ text, symbol }) => [text, symbol]))
    for (const [text, symbol] of this.#texts) {
      if (now.has(text)) continue
      // A report that could not tell has not taken it back.
      if (this.#memory.differing.has(symbol)) now.set(text, symbol)
      else forget(text)
    }
    this.#texts = now
    for (const difference of differences) {
      const { kind, text } = difference
      this.#found.set(kind, (this.#found.get(kind) ?? 0) + 1)
      tell(levelOf(difference), text)
    }
  }

  /** Keys that are refused again are gone: what they would send is refused too, and a person must see to them. */
  #onRefused({ message }: Fault): void {
    const { options, timing, engine, control } = this.#parts
    if (++this.#refusals === 1) this.askIn(timing.lookupEveryMs)
    else if (engine.safety.safeMode === undefined) {
      const why = `${options.venue.id} refuses the keys: ${message}`
      control({ do: 'safe-mode', on: true, why }, 'reconcile')
    }
  }

  /** Symbols whose positions differed in the last report for the first time, and cash that waits: another one tells. */
  get doubts(): number {
    return this.#doubts
  }

  #doubtsIn({ differing }: Memory, inputs: readonly Input[]): number {
    const halted = new Set<SymbolId>()
    for (const { symbol, cause } of this.#parts.engine.ours.halts)
      if (cause === 'position') halted.add(symbol)
    for (const input of inputs) {
      if (input.type !== 'control' || input.control.do !== 'halt-symbol') continue
      if (input.control.cause === 'position') halted.add(input.control.symbol)
    }
    return [...differing.keys()].filter((symbol) => !halted.has(symbol)).length
  }

  /** True where the kill switch is on, and an order that may add risk may still be open. */
  get #isLeftToCancel(): boolean {
    const { engine } = this.#parts
    if (engine.killSwitch === undefined) return false
    return engine.liveOrders.some((order) => isRisk(order))
  }

  /** A cancel may be refused because its order was not there yet: it is asked for until none is left. */
  #cancels(): readonly Input[] {
    if (!this.#isLeftToCancel) return []
    const at = this.#parts.pump.now()
    return [{ type: 'control', at, control: { do: 'cancel-risk' }, by: 'kill-switch' }]
  }

  /** When the venue last told all that it has, and the gap was closed. */
  get reportedAt(): Ms | undefined {
    return this.#reportedAt
  }

  get statistics(): {
    readonly reports: number
    readonly open: number
    readonly found: ReadonlyMap<DifferenceKind, number>
  } {
    const { absent, unexplained, differing } = this.#memory
    const open = absent.size + unexplained.size + differing.size
    return { reports: this.#reports, open, found: this.#found }
  }

  #noteDiffering({ positions }: VenueReport): void {
    const { engine } = this.#parts
    this.#differing.clear()
    for (const [symbol, { isMoving }] of this.#memory.differing) {
      // What was read while orders changed is nothing to take over.
      if (isMoving) continue
      const before = engine.ours.positions.find((one) => one.symbol === symbol)?.qty ?? 0
      const theirs = positions.find((one) => one.symbol === symbol)
      this.#differing.set(symbol, {
        before,
        qty: theirs?.qty ?? 0,
        avgPrice: theirs?.avgPrice ?? 0,
      })
    }
  }

  async #report(): Promise<Result<VenueReport>> {
    const { options, broker } = this.#parts
    try {
      return await broker.report()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return failed(fault('venue-unavailable', `${options.venue.id}: ${why}`))
    }
  }

  /** What a venue never tells counts as lost or won, and so does, after a while, what it could not tell. */
  async #transfersWhereCashDiffers({
    account,
  }: VenueReport): Promise<readonly Transfer[] | 'untold'> {
    const { options, broker, engine, tell } = this.#parts
    if (Math.abs(account.cash - engine.ours.cash) < CASH_SLACK) return []
    const answer = (await broker.transfers?.()) ?? ok([])
    if (answer.ok) return answer.value
    tell('warn', `${options.venue.id} does not tell its transfers: ${answer.fault.message}`)
    return 'untold'
  }

  /** What is told for the first time may have come after the cash was read: the next report surely has it. */
  #hasNews(told: readonly Transfer[] | 'untold'): boolean {
    if (told === 'untold') return false
    const known = this.#transfers
    if (told.length > 0) this.#transfers = new Set(told.map(({ id }) => id))
    return told.some(({ id }) => !known.has(id))
  }

  /** What is on its way out sends nothing twice. */
  get #resendAgeMsMax(): number {
    const { engine, timing } = this.#parts
    const isQuiet = engine.isStopping || engine.killSwitch !== undefined
    return isQuiet ? 0 : timing.orderAgeMsMax
  }
}

const levelOf = ({ kind }: Difference): Told['level'] =>
  kind === 'missed-fill' || kind === 'missed-end' ? 'warn' : 'error'
