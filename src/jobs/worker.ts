/*
 * Worker: one claim from its first page to its end.
 *
 *   claim    all runs of a pack, or none: another worker was faster
 *   page     bars and the query's cursor become durable together; the lease moves on with them
 *   verify   what is stored, against the calendar
 *   settle   results, coverage and holes together
 *
 * What can go wrong: a fault that may pass gives the runs back, to be tried later from the last cursor; while the
 * provider answers nobody, that is nothing of theirs, and they wait for it, for a day at most; a symbol that the
 * provider refuses is quarantined, and the others go on at once, and where it is not named it is found by halves; a
 * fault that stays ends the runs as failed, with its code. What a stand-in says is its own word alone: what it lacks is
 * a hole that is asked for again when the primary may be back.
 */
import { barColumns, type BarColumns, copyBars, joinedBars } from '../core/columns.ts'
import { expectedStarts } from '../core/expected.ts'
import { type Fault, fault } from '../core/fault.ts'
import type { BarSource, Hole, JobStore, Settlement, StartsQuery } from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { DAY, lengthMs, ms, type Timeframe } from '../core/time.ts'
import type { Io } from '../io/io.ts'
import { Absence } from './absence.ts'
import { refusedOne } from './bisect.ts'
import { derived, differenceOf } from './derive.ts'
import { calendarFor } from './estimate.ts'
import { finerOf } from './finer.ts'
import { type Held, type Meter, nameOnce } from './metered.ts'
import type { Pack } from './pack.ts'
import { beginningOf, PARKED_MS } from './router.ts'
import { tooEarly } from './splits.ts'
import { Told } from './told.ts'
import { looked } from './validate.ts'
import { holesIn, lacksIn, seamBefore } from './verify.ts'

/** A page that is asked for and stored takes far less; while its request waits for the budget, the lease is renewed. */
export const LEASE_MS = 120_000
const BACKOFF_FIRST_MS = 15_000
const BACKOFF_MAX_MS = 10 * 60_000

/** Requests of one claim that look for refused symbols: five or so of 200. */
const PROBES_MAX = 48

export interface PageTold {
  readonly rows: number
  /** That were there with other values, heard by a run or told by the provider before. */
  readonly revised: number
  /** That had rows in it. */
  readonly symbols: number
  readonly pack: Pack
}

export interface WorkerOptions {
  readonly store: JobStore
  readonly source: BarSource
  readonly io: Io
  readonly meter?: Meter
  /** Unique among the workers that live. */
  readonly name: string
  readonly leaseMs?: number
  readonly signal?: AbortSignal
  readonly onPage?: (page: PageTold) => void
  /** The provider refuses a symbol, which nobody asks it for from now on. */
  readonly onRefused?: (refused: Refused) => void
}

export interface Refused {
  readonly symbol: string
  readonly reason: string
}

export type Outcome =
  | { readonly type: 'done'; readonly rows: number; readonly holes: number }
  /** Another worker has the runs. */
  | { readonly type: 'lost' }
  | { readonly type: 'stopped' }
  | { readonly type: 'given-back'; readonly fault: Fault }
  | { readonly type: 'failed'; readonly fault: Fault }

export class Worker {
  readonly #options: WorkerOptions
  /** Where pages of the query began. */
  readonly #seams = new Set<string>()
  /** Who gave pages of the query, but for its own provider. */
  readonly #standIns = new Set<string>()
  /** What of the query was stored, where it was read from its first page to its last by this claim. */
  readonly #told = new Told()
  /** When the first page of the query was asked for, by whomever. */
  #since = 0
  readonly #absence = new Absence()

  constructor(options: WorkerOptions) {
    this.#options = options
  }

  async work(pack: Pack): Promise<Outcome> {
    const { store, io, name, source } = this.#options
    const token = nameOnce(io, name)
    const ids = pack.runs.map(({ id }) => id)
    const at = io.now()
    const claim = { token, pack: pack.runs[0]!.pack ?? token, worker: name, at }
    if (!(await store.claim(ids, { ...claim, leaseUntil: this.#leaseUntil() }))) {
      return { type: 'lost' }
    }
    this.#told.clear()
    const begun = pack.cursor === undefined ? [] : pack.runs.map(({ startedAt = at }) => startedAt)
    this.#since = Math.min(at, ...begun)
    const refused = new Map<string, string>()
    for (const { symbol, reason } of await store.quarantined(source.provider)) {
      if (pack.symbols.includes(symbol)) refused.set(symbol, reason)
    }
    if (pack.derivedFrom !== undefined) {
      const made = await this.#derive(pack, pack.derivedFrom, token, refused)
      if (made !== undefined) return made
    }
    const probes = { left: PROBES_MAX }
    const lacking = new Map<string, string>()
    for (;;) {
      const symbols = pack.symbols.filter((symbol) => !refused.has(symbol) && !lacking.has(symbol))
      const read =
        symbols.length === 0 ? { type: 'read' as const } : await this.#read(pack, token, symbols)
      if (read.type === 'unnamed') {
        const found = await this.#whose(pack, token, symbols, probes)
        if (!found.ok) return this.#ended(pack, token, found.fault)
        if (found.value === undefined) return this.#ended(pack, token, read.fault)
        const reason = `refused alone, while others were not: ${read.fault.message}`
        await this.#leaveOut({ symbol: found.value, reason }, refused)
        continue
      }
      if (read.type === 'refused') {
        await this.#leaveOut(read, refused)
        continue
      }
      if (read.type === 'lacking') {
        lacking.set(read.symbol, read.fault.message)
        // Nobody has said anything of it.
        if (symbols.length === 1) return this.#ended(pack, token, read.fault)
        continue
      }
      if (read.type !== 'read') return read
      const [standIn] = this.#standIns
      const provider = standIn ?? source.provider
      const isWhole = standIn === undefined && lacking.size === 0
      return this.#settle(pack, token, { refused, lacking, provider, isWhole })
    }
  }

  /** From now on nobody asks this provider for the symbol. */
  async #leaveOut({ symbol, reason }: Refused, refused: Map<string, string>): Promise<void> {
    const { store, source, io, onRefused } = this.#options
    refused.set(symbol, reason)
    await store.quarantine([{ symbol, reason, provider: source.provider, since: io.now() }])
    onRefused?.({ symbol, reason })
  }

  /** Reads pages to the end, or to what ends it. */
  async #read(
    pack: Pack,
    token: string,
    symbols: readonly string[],
  ): Promise<
    | Exclude<Outcome, { readonly type: 'done' }>
    | { readonly type: 'read' }
    | ({ readonly type: 'refused' } & Refused)
    | { readonly type: 'lacking'; readonly symbol: string; readonly fault: Fault }
    | { readonly type: 'unnamed'; readonly fault: Fault }
  > {
    const { store, source, io, meter, signal, onPage } = this.#options
    const { timeframe, adjustment } = pack
    this.#seams.clear()
    this.#standIns.clear()
    this.#told.clear()
    let before: string | undefined
    if (pack.cursor === END) return { type: 'read' }
    meter?.about({ timeframe, symbols: symbols.length }, this.#held(token))
    const query = { symbols, timeframe, adjustment, from: pack.from, to: pack.to }
    const pages = source.pages({
      ...query,
      cursor: pack.cursor,
      ...(signal === undefined ? {} : { signal }),
    })
    for await (const page of pages) {
      if (signal?.aborted === true) {
        await this.#giveBack(
          token,
          { code: 'STOPPED', message: 'the worker was stopped' },
          'stopped',
        )
        return { type: 'stopped' }
      }
      if (!page.ok) return this.#failed(pack, token, page.fault, symbols)
      const { cursor, provider } = page.value
      if (provider === undefined) this.#absence.end(io.now())
      else this.#standIns.add(provider)
      const { series, flaws } = looked(page.value.series, pack)
      const rows = series.reduce((sum, { bars }) => sum + bars.length, 0)
      const [first] = series
      if (first !== undefined) {
        this.#seams.add(seamBefore(first.symbol, first.bars.start[0]))
        // Where a page begins with another symbol, the one before may have lost its last rows.
        if (before !== undefined && before !== first.symbol)
          this.#seams.add(seamBefore(before, undefined))
        before = series.at(-1)?.symbol
      }
      // The last request of the ledger is another provider's, and was answered otherwise.
      const request = provider === undefined ? meter?.last : undefined
      const next = request === undefined || cursor === undefined ? undefined : meter?.ask()
      const kept = await store.commitPage({
        token,
        at: io.now(),
        leaseUntil: this.#leaseUntil(),
        timeframe,
        adjustment,
        series,
        flaws,
        // The end of a stand-in is none: who goes on from here must know whose pages they were.
        cursor: cursor ?? (provider === undefined ? END : beginningOf(provider)),
        request,
        next,
      })
      if (kept === undefined) return { type: 'lost' }
      if (next !== undefined && kept.isGranted) meter?.keep(next)
      this.#told.add(series)
      onPage?.({ rows, revised: kept.revised, symbols: series.length, pack })
    }
    return { type: 'read' }
  }

  async #failed(pack: Pack, token: string, fault: Fault, symbols: readonly string[]) {
    const refused = fault.context?.['symbol']
    if (fault.code === 'bad-request' && typeof refused === 'string' && symbols.includes(refused)) {
      return { type: 'refused' as const, symbol: refused, reason: fault.message }
    }
    if (fault.code === 'bad-request' && symbols.length > 1)
      return { type: 'unnamed' as const, fault }
    const lacks = fault.context?.['lacks']
    if (typeof lacks === 'string' && symbols.includes(lacks))
      return { type: 'lacking' as const, symbol: lacks, fault }
    return this.#ended(pack, token, fault)
  }

  /** The symbol that the provider refuses and does not name; undefined where it is none's fault. */
  async #whose(
    pack: Pack,
    token: string,
    symbols: readonly string[],
    probes: { left: number },
  ): Promise<Result<string | undefined>> {
    const { store, source, io, meter } = this.#options
    const { timeframe, adjustment, to } = pack
    // Little is asked for: whether it is answered is what counts.
    const from = ms(Math.max(pack.from, to - DAY))
    const found = await refusedOne(symbols, async (part) => {
      if (probes.left-- <= 0) {
        const text = `${PROBES_MAX} requests did not find which symbols are refused`
        return failed(fault('unsupported', text))
      }
      if (!(await store.renew(token, this.#leaseUntil(), io.now())))
        return failed(fault('unsupported', 'the claim is of another worker'))
      meter?.about({ timeframe, symbols: part.length }, this.#held(token))
      const query = { symbols: part, timeframe, adjustment, from, to, cursor: undefined }
      for await (const page of source.pages(query)) {
        if (!page.ok) return page.fault.code === 'bad-request' ? ok(false) : page
        if (page.value.provider !== undefined) return failed(awayFrom(source.provider))
        const id = meter?.last
        if (id !== undefined) await store.answered({ id, status: 200, at: io.now() })
        break
      }
      return ok(true)
    })
    return found.ok ? ok(found.value?.symbol) : found
  }

  async #ended(pack: Pack, token: string, fault: Fault) {
    const { signal, io } = this.#options
    if (signal?.aborted === true) {
      await this.#giveBack(token, { code: 'STOPPED', message: 'the worker was stopped' }, 'stopped')
      return { type: 'stopped' as const }
    }
    // An answer that makes no sense may have been hurt on its way.
    const mayPass = fault.retry === 'later' || fault.code === 'corrupt-data'
    const attempt = Math.max(...pack.runs.map((run) => run.attempt))
    const leastMs = Number(fault.context?.['waitMs'] ?? 0)
    const isAway = fault.retry === 'later' && this.#absence.covers(pack.runs, io.now())
    const retry = !mayPass ? 'never' : isAway ? 'stopped' : 'later'
    const tryMs = isAway ? this.#absence.nextMs() : BACKOFF_FIRST_MS * 2 ** (attempt - 1)
    const waitMs = Math.max(Math.min(tryMs, BACKOFF_MAX_MS), leastMs)
    const isOurs = await this.#giveBack(token, fault, retry, mayPass ? waitMs : 0)
    if (!isOurs) return { type: 'lost' as const }
    return { type: mayPass ? ('given-back' as const) : ('failed' as const), fault }
  }

  async #giveBack(
    token: string,
    { code, message }: { readonly code: string; readonly message: string },
    retry: 'later' | 'stopped' | 'never',
    waitMs = 0,
  ): Promise<boolean> {
    const { store, io } = this.#options
    const at = io.now()
    const notBefore = waitMs === 0 ? 0 : at + waitMs
    return store.giveBack({ token, at, notBefore, code, message, retry })
  }

  /**
   * Makes the bars from finer ones, when those are there; of one symbol it compares them with the provider's own. Undefined
   * where they cannot be made, or nobody will bring those: then they are fetched like all others.
   */
  async #derive(
    pack: Pack,
    finer: Timeframe,
    token: string,
    refused: ReadonlyMap<string, string>,
  ): Promise<Outcome | undefined> {
    const { store, io, source } = this.#options
    const { timeframe, adjustment, from, to } = pack
    // An hour that the range cuts is the provider's whole one, and not what of it is in the range.
    if ([from, to].some((at) => at % lengthMs(timeframe) !== 0)) return undefined
    const symbols = pack.symbols.filter((symbol) => !refused.has(symbol))
    const { provider } = source
    const query = { ...pack, finer, symbols, provider, now: io.now() }
    const state = await finerOf(store, query)
    if (state === 'never') return undefined
    if (state === 'coming') {
      const message = `waits for ${finer}`
      const at = io.now()
      const back = { token, at, notBefore: at + BACKOFF_FIRST_MS, code: 'WAITING', message }
      await store.giveBack({ ...back, retry: 'stopped' })
      return { type: 'stopped' }
    }
    const series: { readonly symbol: string; readonly bars: BarColumns }[] = []
    let sample: BarColumns | undefined
    for (const symbol of symbols) {
      const bars = await store.bars({ symbol, timeframe: finer, adjustment, from, to })
      series.push({ symbol, bars: derived(bars, timeframe) })
      sample ??= bars
    }
    const told = await this.#ownOf(pack, token, series[0]?.symbol)
    if (!told.ok) return this.#ended(pack, token, told.fault)
    const difference = sample && differenceOf(sample, told.value.bars, pack)
    // Whose hours are made otherwise proves nothing of the primary's.
    if (difference !== undefined && told.value.isStandIn)
      return this.#ended(pack, token, awayFrom(source.provider))
    if (difference !== undefined) {
      const message = `${series[0]!.symbol} ${timeframe} does not follow from ${finer}: ${difference}`
      await this.#giveBack(token, { code: 'DERIVED_DIFFERS', message }, 'never')
      return { type: 'failed', fault: fault('corrupt-data', message) }
    }
    const at = io.now()
    const page = { token, at, leaseUntil: this.#leaseUntil(), timeframe, adjustment, cursor: END }
    const kept = await store.commitPage({ ...page, series, flaws: [], request: undefined })
    return kept !== undefined
      ? this.#settle(pack, token, { refused, provider: `derived from ${finer}`, isWhole: true })
      : { type: 'lost' }
  }

  /** What the provider itself tells of one symbol, or who stands in for it. */
  async #ownOf(
    pack: Pack,
    token: string,
    symbol: string | undefined,
  ): Promise<Result<{ readonly bars: BarColumns; readonly isStandIn: boolean }>> {
    const { source, store, io, meter } = this.#options
    const { timeframe, adjustment, from, to } = pack
    const all: BarColumns[] = []
    let isStandIn = false
    if (symbol === undefined) return ok({ bars: barColumns(0), isStandIn })
    meter?.about({ timeframe, symbols: 1 }, this.#held(token))
    const query = { symbols: [symbol], timeframe, adjustment, from, to, cursor: undefined }
    for await (const page of source.pages(query)) {
      if (!page.ok) return page
      if (page.value.provider === undefined) this.#absence.end(io.now())
      isStandIn ||= page.value.provider !== undefined
      all.push(...page.value.series.map(({ bars }) => copyBars(bars, 0, bars.length)))
      const id = meter?.last
      if (id !== undefined) await store.answered({ id, status: 200, at: io.now() })
    }
    return ok({ bars: joinedBars(all), isStandIn })
  }

  async #settle(
    pack: Pack,
    token: string,
    { refused, lacking, provider, isWhole }: Answered,
  ): Promise<Outcome> {
    const { store, io } = this.#options
    const { timeframe, adjustment, assetClass } = pack
    const now = io.now()
    const results: Settlement['results'][number][] = []
    const covered: Settlement['covered'][number][] = []
    const holes: Hole[] = []
    const span = { from: pack.from, to: pack.to }
    const expected = expectedStarts(calendarFor(assetClass), timeframe, span)
    const look = { timeframe, assetClass, expected, seams: this.#seams, now }
    const isRepair = pack.lane === 'repair'
    const runsOf = (symbol: string) => pack.runs.filter((run) => run.symbols.includes(symbol))
    for (const [symbol, message] of refused) {
      for (const { id } of runsOf(symbol))
        results.push({ run: id, symbol, rows: 0, status: 'quarantined', message })
    }
    let total = 0
    const symbols = pack.symbols.filter((symbol) => !refused.has(symbol))
    const stored = await this.#stored({ ...span, symbols, timeframe, adjustment })
    for (const symbol of symbols) {
      const starts = stored.get(symbol)!
      const message = lacking?.get(symbol)
      const about = message === undefined ? {} : { message }
      for (const { id, from, to } of runsOf(symbol)) {
        const rows = countBefore(starts, to) - countBefore(starts, from)
        results.push({ run: id, symbol, rows, status: rows > 0 ? 'success' : 'no_data', ...about })
      }
      covered.push({ ...span, symbol, rows: starts.length })
      const seen = { ...look, symbol, starts, isRepair }
      holes.push(...(isWhole ? holesIn(seen) : lacksIn(seen, runsOf(symbol))))
      total += starts.length
    }
    const early = await tooEarly(store, {
      ...span,
      symbols: assetClass === 'stock' ? symbols : [],
      timeframe,
      adjustment,
      since: this.#since,
      at: now,
    })
    const seen = new Set(early.map(({ symbol, from }) => `${symbol} ${from}`))
    const others = holes.filter(({ symbol, from }) => !seen.has(`${symbol} ${from}`))
    const about = { token, at: now, provider, timeframe, adjustment }
    const isSettled = await store.settle({
      ...about,
      results,
      covered,
      holes: [...others, ...early],
    })
    if (!isSettled) return { type: 'lost' }
    return { type: 'done', rows: total, holes: holes.length }
  }

  /** Which bars the store has of each symbol. Where it has as many as were told, they are not read back. */
  async #stored({ symbols, ...span }: StartsQuery): Promise<ReadonlyMap<string, Float64Array>> {
    const { store } = this.#options
    const stored = new Map<string, Float64Array>()
    const counts = await store.counted({ ...span, symbols })
    for (const [i, symbol] of symbols.entries()) {
      const starts = this.#told.starts(symbol, counts[i]!)
      if (starts !== undefined) stored.set(symbol, starts)
    }
    const others = symbols.filter((symbol) => !stored.has(symbol))
    if (others.length === 0) return stored
    const read = await store.starts({ ...span, symbols: others })
    for (const [i, symbol] of others.entries()) stored.set(symbol, read[i]!)
    return stored
  }

  /** The claim of a request that may wait for its budget: renewed four times in a lease. */
  #held(token: string): Held {
    const { store, io, signal, leaseMs = LEASE_MS } = this.#options
    let renewAt = io.now() + leaseMs / 4
    const renew = async (): Promise<boolean> => {
      if (io.now() < renewAt) return true
      renewAt = io.now() + leaseMs / 4
      return store.renew(token, this.#leaseUntil(), io.now())
    }
    return { signal, renew }
  }

  #leaseUntil(): number {
    const { io, leaseMs = LEASE_MS } = this.#options
    return io.now() + leaseMs
  }
}

/** What a claim was told, and by whom. */
interface Answered {
  readonly refused: ReadonlyMap<string, string>
  /** Symbols that a stand-in has not. */
  readonly lacking?: ReadonlyMap<string, string>
  readonly provider: string
  /** By the primary, from the first page to the last: what is not there does not exist. */
  readonly isWhole: boolean
}

const awayFrom = (provider: string): Fault =>
  fault('venue-unavailable', `${provider} is away, and only its own word counts`, {
    waitMs: PARKED_MS,
  })

/** The cursor of a query that has been read to its end. */
export const END = 'end'

/** How many are before a time; they are in order. */
function countBefore(starts: Float64Array, at: number): number {
  let [low, high] = [0, starts.length]
  while (low < high) {
    const half = (low + high) >>> 1
    if (starts[half]! < at) low = half + 1
    else high = half
  }
  return low
}
