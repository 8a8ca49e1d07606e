// Observer: watches a run and makes its report.
import type { Instrument } from '../../core/instrument.ts'
import { iso } from '../../core/time.ts'
import type { Notice } from '../../core/notice.ts'
import type { Tape } from '../../core/tape.ts'
import { type Chart, ChartBars } from '../../report/chart-bars.ts'
import { ClosedDays } from '../../report/closed-days.ts'
import { type Json, makeReport, type Manifest, type Report } from '../../report/report.ts'
import { Splits } from '../../report/splits.ts'
import { Statistics } from '../../report/statistics.ts'
import type { FillNotice } from '../../report/trips.ts'
import { changeText, transferText } from '../session/alerts.ts'
import type { Watch } from '../tape/backtest.ts'
import type { Setup } from '../session/build.ts'
import type { Config } from '../config/config.ts'
import { VERSIONS } from '../session/version.ts'

const TYPES: readonly Notice['type'][] = [
  'fill',
  'quote.marked',
  'order.placed',
  'order.changed',
  'order.denied',
  'bar.gap',
  'trade.late',
  'safe-mode',
  'kill-switch',
  'limits.changed',
  'transferred',
  'strategy.halted',
  'bar.closed',
]

/** Changes that a report lists, the last ones. */
const CHANGES_MAX = 50

/** What a run tells of itself when it is over. */
export interface Ended {
  readonly mode: Manifest['mode']
  /** The command line, as a person would type it. */
  readonly command: string
  readonly elapsedMs: number
  readonly turns: number
  /** Rows of the tape. */
  readonly rows: number
  readonly hash: string
  readonly intents: string
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly warnings?: readonly string[]
}

export interface Observed {
  readonly setup: Omit<Setup, 'sim'>
  readonly config: Config
  readonly tape: Pick<Tape, 'name' | 'series' | 'notes'>
  readonly progress?: Watch['progress']
  /** Equity at the start; the configured cash where not told. */
  readonly equity?: number
  /** Whose fills they are; simulated where not told. */
  readonly venue?: string
}

export class Observer {
  readonly watch: Watch
  readonly #setup: Observed['setup']
  readonly #config: Config
  readonly #venue: string | undefined
  readonly #tape: Pick<Tape, 'name' | 'series' | 'notes'>
  readonly #statistics: Statistics
  readonly #charts: ChartBars
  readonly #splits: Splits
  readonly #closedDays: ClosedDays
  /** Costs that simulated fills have not, of what was held. */
  readonly #leftOut = new Set<string>()
  /** What came to the account without a trade; the report's equity is without it. */
  #transferred = 0
  /** Limits that were changed while it ran, and money that came or left, in words. */
  readonly #changes: string[] = []
  /** The first error of a notice: whoever delivers notices counts errors and goes on. */
  #failure: Error | undefined

  constructor({ setup, config, tape, progress, equity, venue }: Observed) {
    this.#setup = setup
    this.#venue = venue
    this.#config = config
    this.#tape = tape
    this.#statistics = new Statistics({
      universe: setup.universe,
      equity: equity ?? config.account.cash,
      traded: setup.uses.flatMap(({ on }) => on),
    })
    this.#charts = new ChartBars(setup.universe)
    this.#splits = new Splits(setup.universe)
    this.#closedDays = new ClosedDays(setup.universe)
    this.watch = {
      notices: { types: TYPES, handle: (notice) => this.#take(notice) },
      sample: (at, equity, exposure) =>
        this.#statistics.sample(at, equity - this.#transferred, exposure),
      ...(progress === undefined ? {} : { progress }),
    }
  }

  get charts(): readonly Chart[] {
    return this.#charts.charts()
  }

  /** Throws what a notice met: a report that lacks one would look fine and be wrong. */
  report(ended: Ended): Report {
    if (this.#failure !== undefined) {
      throw new Error(`the report lacks what happened: ${this.#failure.message}`, {
        cause: this.#failure,
      })
    }
    const { universe, uses, base } = this.#setup
    const { sim, risk, account } = this.#config
    const isSimulated = this.#venue === undefined
    const kinds = [...new Set(this.#tape.series.map(({ kind }) => kind))]
    const summary = this.#statistics.summary()
    const isShut = base === '1d' && (summary.denied['market-closed'] ?? 0) > 0
    return makeReport({
      manifest: {
        mode: ended.mode,
        command: ended.command,
        currency: account.currency,
        strategies: uses.map(({ name, params, on }) => ({
          name,
          symbols: on.map((id) => universe.at(id).symbol),
          params: params as Json,
        })),
        universe: universe.all.map(({ symbol }) => symbol),
        data: {
          source: this.#tape.name,
          kind: kinds.length === 1 ? kinds[0]! : 'mixed',
          timeframe: base,
          fromAt: ended.from ?? null,
          toAt: ended.to ?? null,
        },
        versions: VERSIONS,
        hashes: { state: ended.hash, intents: ended.intents },
        seeds: isSimulated && sim.seed !== undefined ? { sim: sim.seed } : {},
        costs: isSimulated ? sim : null,
        risk,
        work: { elapsedMs: ended.elapsedMs, turns: ended.turns, inputs: ended.rows },
      },
      summary,
      warnings: [
        isSimulated
          ? `Fills are simulated: ${costsOf(this.#config)}; an order takes at most ${percent(sim.participation)} of the traded volume.`
          : `Fills are those of ${FILLS_OF[this.#venue ?? ''] ?? `${this.#venue}, with its fees`}.`,
        ...this.#leftOut,
        ...(this.#tape.notes ?? []),
        ...this.#splits.warnings(),
        ...this.#closedDays.warnings(),
        ...(isShut ? [DAYS_END_SHUT] : []),
        ...this.#changes.slice(-CHANGES_MAX),
        ...(ended.warnings ?? []),
      ],
    })
  }

  #take(notice: Notice): void {
    try {
      this.#onNotice(notice)
    } catch (error) {
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
    }
  }

  #onNotice(notice: Notice): void {
    if (notice.type === 'limits.changed') {
      const texts = notice.changes.map((change) => changeText(change))
      this.#changes.push(...texts.map((text) => `Since ${iso(notice.at)} ${text}.`))
    }
    if (notice.type === 'transferred') {
      this.#transferred += notice.amount
      this.#changes.push(
        `At ${iso(notice.at)} ${transferText(notice)}: equity here is as if it had not.`,
      )
    }
    if (notice.type === 'fill') this.#onFill(notice)
    if (notice.type !== 'bar.closed') {
      this.#statistics.onNotice(notice)
      return
    }
    this.#splits.push(notice.bar)
    this.#closedDays.push(notice.bar)
    if (notice.bar.timeframe === this.#setup.base) this.#charts.push(notice.bar)
  }

  #onFill({ order, position }: FillNotice): void {
    this.#splits.traded(order.symbol)
    if (this.#venue !== undefined) return
    const text = leftOutOf(this.#setup.universe.at(order.symbol), position)
    if (text !== undefined) this.#leftOut.add(text)
  }
}

const DAYS_END_SHUT =
  'A daily bar is told when its day is over, and the market shut: with "risk: { tradingHours: always }" its orders wait for the next open.'

/** What holding costs, and the simulated venue does not take. */
function leftOutOf({ kind }: Instrument, position: number): string | undefined {
  if (kind === 'perpetual' && position !== 0)
    return 'Funding is not simulated: a real perpetual takes or pays it several times a day.'
  if (kind === 'equity' && position < 0)
    return 'Borrowing is not simulated: real shares that are sold short cost a fee, and may not be had.'
  return undefined
}

/** What there is to know of the fills of a venue. */
const FILLS_OF: Readonly<Record<string, string>> = {
  alpaca: "alpaca's paper account, which fills orders of any size and takes no fees",
}

/** What fills cost, in words: a report without costs is too good to be true. */
function costsOf({ sim: { fees, slippage } }: Config): string {
  const isFree = fees.type === 'none'
  const isExact = slippage.type === 'none'
  if (isFree && isExact) return 'without fees and without slippage, so that real ones cost more'
  return `${isFree ? 'without' : 'with'} fees and ${isExact ? 'without' : 'with'} slippage`
}

const percent = (fraction: number): string => `${Number((fraction * 100).toPrecision(3))} %`
