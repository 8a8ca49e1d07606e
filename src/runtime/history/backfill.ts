/*
 * Backfill: history jobs with what they need of the world: a store, a provider's bars, the shared budget of requests.
 *
 * Of a provider's requests a minute, jobs take four fifths together; the rest is left to live trading, whose own budget has
 * the higher lanes.
 */
import { assert } from '../../core/assert.ts'
import type { BarSource, JobStore } from '../../core/jobs.ts'
import { MINUTE } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Io } from '../../io/io.ts'
import { timely } from '../../io/timely.ts'
import { Budget } from '../../io/rate.ts'
import { MACHINE_MS } from '../../io/scaled.ts'
import { systemIo } from '../../io/system.ts'
import { loop, type LoopOptions } from '../../jobs/loop.ts'
import { Meter } from '../../jobs/metered.ts'
import { Router, type RouterOptions } from '../../jobs/router.ts'
import type { TapeSource } from '../../jobs/tape-source.ts'
import { LEASE_MS } from '../../jobs/worker.ts'
import { AlpacaBarPages } from '../../venues/alpaca/bar-pages.ts'
import { AlpacaHistory } from '../../venues/alpaca/history.ts'
import { Rest } from '../../venues/alpaca/rest.ts'
import { ALPACA_LIMITS } from '../../venues/alpaca/venue.ts'
import type { AlpacaTerms } from '../venues/alpaca.ts'
import type { Config } from '../config/config.ts'
import { onLocalClock } from '../venues/local-clock.ts'

const SHARE = 0.8
const COUNTED = /\/(?:bars|corporate-actions)$/

/** The machine's network and the clock of the configured venue. */
export interface World {
  readonly io: Io
  close(): Promise<void>
}

export async function openWorld(config: Config): Promise<Result<World>> {
  const system = systemIo()
  try {
    const io = await onLocalClock(system, config)
    if (io.ok) return ok({ io: io.value, close: () => system.close() })
    await system.close()
    return io
  } catch (error) {
    await system.close()
    throw error
  }
}

export interface BackfillOptions {
  readonly store: JobStore
  /** Without them, Alpaca is not asked. */
  readonly terms?: AlpacaTerms
  /** Others, by the order of `providers`. */
  readonly tapes?: readonly TapeSource[]
  /** The primary first: Alpaca alone where not told. */
  readonly providers?: readonly string[]
  readonly onParked?: RouterOptions['onParked']
  readonly io: Io
  /** Time of the venue per time of the machine: 1 where not told. */
  readonly speed?: number
  /** Unique among the workers that live. */
  readonly name: string
  /** Rows of a page, 10,000 where not told. */
  readonly pageRows?: number
}

/** A worker's side of its providers. Close it when it has worked. */
export class Backfill {
  readonly source: BarSource
  readonly meter: Meter
  readonly #options: BackfillOptions
  readonly #alpaca: AlpacaSide | undefined

  constructor(options: BackfillOptions) {
    this.#options = options
    const { store, terms, io, name, speed = 1, tapes = [], onParked } = options
    const { perMinute } = terms?.limits?.history ?? ALPACA_LIMITS.history
    const data = terms?.hosts.data
    this.meter = new Meter({
      store,
      io: timely(io, speed),
      provider: 'alpaca',
      worker: name,
      perMinute: Math.max(1, Math.floor(perMinute * SHARE)),
      speed,
      counts: (url) =>
        data !== undefined && url.startsWith(data) && COUNTED.test(new URL(url).pathname),
    })
    this.#alpaca = terms && new AlpacaSide({ ...options, terms }, this.meter.io, perMinute)
    const { providers = ['alpaca'] } = options
    const sources = providers.map((provider) => {
      const found =
        provider === 'alpaca'
          ? this.#alpaca?.source
          : tapes.find((tape) => tape.provider === provider)
      assert(found !== undefined, () => `${provider} is a source of bars`)
      return found
    })
    const parked = onParked === undefined ? {} : { onParked }
    this.source = sources.length === 1 ? sources[0]! : new Router({ store, io, sources, ...parked })
  }

  /** All symbols that the primary provider knows. */
  async universe(): Promise<Result<readonly string[]>> {
    const { provider } = this.source
    const tape = this.#options.tapes?.find((one) => one.provider === provider)
    return tape === undefined ? this.#alpaca!.universe() : ok(tape.symbols)
  }

  /** Works until there is nothing to do, or for ever. */
  async work(
    options: Pick<
      LoopOptions,
      | 'workers'
      | 'untilDone'
      | 'packsMax'
      | 'signal'
      | 'splits'
      | 'onLeft'
      | 'onPack'
      | 'onPage'
      | 'onRefused'
      | 'onTick'
      | 'onTrouble'
      | 'onWait'
    >,
  ): Promise<void> {
    const { store, io, name, speed = 1 } = this.#options
    const { source, meter } = this
    // A venue that is faster than the machine gives a worker the machine's time all the same.
    const leaseMs = Math.max(LEASE_MS, MACHINE_MS * speed)
    await loop({ ...options, store, io, name, source, meter, leaseMs })
  }

  close(): void {
    this.#alpaca?.close()
  }
}

/** What of it speaks to Alpaca. */
class AlpacaSide {
  readonly source: AlpacaBarPages
  readonly #budgets: readonly Budget[]
  readonly #history: AlpacaHistory

  constructor(
    { io, terms, pageRows }: BackfillOptions & { readonly terms: AlpacaTerms },
    metered: Io,
    perMinute: number,
  ) {
    const { keys, hosts, feed = 'iex' } = terms
    const about = { limit: perMinute, windowMs: MINUTE }
    // A 429 stops the requests of all workers in the ledger, where claims are renewed while they wait.
    const dataBudget = new Budget(io, { ...about, name: 'alpaca data', stopMaxMs: 0 })
    const tradingBudget = new Budget(io, { ...about, name: 'alpaca trading' })
    this.#budgets = [dataBudget, tradingBudget]
    const data = new Rest({
      io: metered,
      keys,
      budget: dataBudget,
      baseUrl: hosts.data,
      readMs: 20_000,
    })
    const trading = new Rest({ io, keys, budget: tradingBudget, baseUrl: hosts.trading })
    const rows = pageRows === undefined ? {} : { rows: pageRows }
    const { hours = 'regular' } = terms
    this.source = new AlpacaBarPages({ data, feed, perMinute, hours, ...rows })
    const universe = new Universe()
    this.#history = new AlpacaHistory({ io, data, trading, universe, feed, symbols: 1, rows: 1 })
  }

  async universe(): Promise<Result<readonly string[]>> {
    const assets = await this.#history.assets('us_equity')
    return assets.ok ? ok(assets.value.map(({ symbol }) => symbol).toSorted()) : assets
  }

  close(): void {
    for (const budget of this.#budgets) budget.close()
  }
}
