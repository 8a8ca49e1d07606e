/*
 * Splits: what a provider knows of the corporate actions of all symbols that are kept, once a day. Providers tell them late
 * and correct them, so the last weeks are asked for again, and what was known of them gives way.
 */
import type { Ms } from '../core/brand.ts'
import type { BarSource, JobStore } from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { bucketStart, DAY, ms } from '../core/time.ts'
import type { Meter } from './metered.ts'

/** Asked for again: what was told late, or corrected. */
const AGAIN_MS = 30 * DAY

export interface SplitsOptions {
  readonly store: JobStore
  readonly source: BarSource
  readonly meter?: Meter
  readonly now: number
}

/** Asks for what was not asked for today; gives how many splits were told. */
export async function fetchSplits(options: SplitsOptions): Promise<Result<number>> {
  const { store, source, meter, now } = options
  const { splits } = source
  if (splits === undefined) return ok(0)
  const to = ms(bucketStart(now, DAY) + DAY)
  let count = 0
  for (const { from, symbols } of await lacking(options, to)) {
    for (let i = 0; i < symbols.length; i += source.limits.symbols) {
      const part = symbols.slice(i, i + source.limits.symbols)
      meter?.about({ timeframe: '1d', symbols: part.length })
      const told = await splits({ symbols: part, from, to })
      if (!told.ok) return failed(told.fault)
      const id = meter?.last
      if (id !== undefined) await store.answered({ id, status: 200, at: now })
      const { provider } = source
      await store.putSplits({ provider, symbols: part, from, to, splits: told.value, at: now })
      count += told.value.length
    }
  }
  return ok(count)
}

/** Symbols by the time from which on they were not asked for. */
async function lacking({ store, source }: SplitsOptions, to: Ms) {
  const wanted = new Map<string, Ms>()
  for (const { isEnabled, provider, assetClass, symbols, from } of await store.definitions()) {
    if (!isEnabled || provider !== source.provider || assetClass !== 'stock') continue
    for (const symbol of symbols) {
      const known = wanted.get(symbol)
      if (known === undefined || from < known) wanted.set(symbol, from)
    }
  }
  const refused = new Set((await store.quarantined(source.provider)).map(({ symbol }) => symbol))
  const asked = new Map((await store.splitsAsked(source.provider)).map((one) => [one.symbol, one]))
  const parts = [...wanted].flatMap(([symbol, from]) => {
    const known = asked.get(symbol)
    if (refused.has(symbol)) return []
    if (known === undefined || known.from > from) return [{ symbol, from }]
    return known.to >= to ? [] : [{ symbol, from: ms(Math.max(from, known.to - AGAIN_MS)) }]
  })
  return [...Map.groupBy(parts, ({ from }) => from)].map(([from, list]) => ({
    from,
    symbols: list.map(({ symbol }) => symbol).toSorted(),
  }))
}
