/*
 * Plan: symbols x timeframes become definitions of up to 50 symbols.
 *
 * A symbol has its batch for ever: it keeps the one that it is in, in whatever timeframe, and a new one goes to the last
 * batch of its asset class that has room, or begins the next. So adding a symbol moves nobody else, and planning the same
 * again gives the same definitions. A range that was planned before only grows.
 */
import type { Adjustment, AssetClass, BatchVersion, JobDefinition } from '../core/jobs.ts'
import type { Ms } from '../core/brand.ts'
import { lengthMs, type Timeframe } from '../core/time.ts'

export const BATCH_SYMBOLS = 50
/** As the provider names stocks and pairs of coins: `AAPL`, `BRK.B`, `BTC/USD`. */
const TICKER = /^[A-Z0-9./]{1,21}$/

export interface Wish {
  readonly symbols: readonly string[]
  readonly timeframes: readonly Timeframe[]
  readonly from: Ms
  /** Undefined: kept complete up to now. */
  readonly to: Ms | undefined
  readonly provider: string
  readonly adjustment: Adjustment
  readonly batchVersion: BatchVersion
  /** Symbols of a definition, 1 to 50. */
  readonly batchSymbols: number
  /** Make hours from finer bars that are fetched anyway, instead of requesting them. */
  readonly isDeriving: boolean
  readonly priority: number
}

export interface Plan {
  /** New ones, and those that change. */
  readonly definitions: readonly JobDefinition[]
  /** All that the wish is about, with those that were there. */
  readonly all: readonly JobDefinition[]
  /** Texts that are no tickers. */
  readonly invalid: readonly string[]
}

export function plan(wish: Wish, known: readonly JobDefinition[]): Plan {
  const symbols = [...new Set(wish.symbols.map((symbol) => symbol.trim().toUpperCase()))]
  const invalid = symbols.filter((symbol) => !TICKER.test(symbol))
  const valid = symbols.filter((symbol) => TICKER.test(symbol))
  const siblings = known.filter(
    ({ batchVersion, adjustment }) =>
      batchVersion === wish.batchVersion && adjustment === wish.adjustment,
  )
  const all = (['stock', 'crypto'] as const).flatMap((assetClass) => {
    const members = valid.filter((symbol) => assetClassOf(symbol) === assetClass)
    const ours = siblings.filter((definition) => definition.assetClass === assetClass)
    return ofClass({ wish, members, known: ours, assetClass })
  })
  const before = new Map(known.map((definition) => [definition.id, definition]))
  const definitions = all.filter((definition) => !isEqual(before.get(definition.id), definition))
  return { definitions, all, invalid }
}

export const assetClassOf = (symbol: string): AssetClass =>
  symbol.includes('/') ? 'crypto' : 'stock'

interface Part {
  readonly wish: Wish
  readonly members: readonly string[]
  readonly known: readonly JobDefinition[]
  readonly assetClass: AssetClass
}

function ofClass({ wish, members, known, assetClass }: Part): JobDefinition[] {
  const batches = membership(wish, members, known)
  const wished = new Set(members)
  const definitions: JobDefinition[] = []
  for (const [i, batch] of batches.entries()) {
    for (const timeframe of wish.timeframes) {
      const label = labelOf(wish, assetClass, i + 1, batch)
      const id = `${label}/${timeframe}/v${wish.batchVersion}`
      const before = known.find((definition) => definition.id === id)
      const symbols = batch.filter(
        (symbol) => wished.has(symbol) || before?.symbols.includes(symbol) === true,
      )
      if (!symbols.some((symbol) => wished.has(symbol))) continue
      definitions.push({
        id,
        label,
        jobType: 'fetch_historical',
        timeframe,
        adjustment: wish.adjustment,
        assetClass,
        provider: wish.provider,
        symbols,
        batchNumber: i + 1,
        totalBatches: batches.length,
        batchVersion: wish.batchVersion,
        from: before === undefined || wish.from < before.from ? wish.from : before.from,
        to: before === undefined ? wish.to : later(before.to, wish.to),
        derivedFrom: sourceOf(timeframe, wish),
        priority: wish.priority,
        isEnabled: before?.isEnabled ?? true,
      })
    }
  }
  return definitions
}

/** The members of each batch, in order of its number: those that were there, then the new ones. */
function membership(
  { batchVersion, batchSymbols }: Wish,
  members: readonly string[],
  known: readonly JobDefinition[],
): string[][] {
  const batches: string[][] = []
  const placed = new Set<string>()
  for (const { batchNumber, symbols } of known) {
    const batch = (batches[batchNumber - 1] ??= [])
    for (const symbol of symbols) {
      if (placed.has(symbol)) continue
      placed.add(symbol)
      batch.push(symbol)
    }
  }
  const size = batchVersion === 1 ? 1 : batchSymbols
  for (const symbol of members) {
    if (placed.has(symbol)) continue
    placed.add(symbol)
    const last = batches.at(-1)
    if (last !== undefined && last.length < size) last.push(symbol)
    else batches.push([symbol])
  }
  return Array.from(batches, (batch) => batch ?? [])
}

/** `BATCH_STOCK_1`, `BATCH_CRYPTO_2_SPLIT`; a single definition is named after its symbol. */
function labelOf(
  { batchVersion, adjustment }: Wish,
  assetClass: AssetClass,
  number: number,
  batch: readonly string[],
): string {
  const suffix = adjustment === 'raw' ? '' : `_${adjustment.toUpperCase()}`
  if (batchVersion === 1) return `${batch[0]}${suffix}`
  return `BATCH_${assetClass.toUpperCase()}_${number}${suffix}`
}

/** Hours follow from the coarsest finer timeframe that is fetched anyway and divides them. Days have their own rules. */
function sourceOf(timeframe: Timeframe, { timeframes, isDeriving }: Wish): Timeframe | undefined {
  if (!isDeriving || (timeframe !== '1h' && timeframe !== '4h')) return undefined
  return timeframes
    .filter(
      (finer) => lengthMs(finer) < lengthMs('1h') && lengthMs(timeframe) % lengthMs(finer) === 0,
    )
    .toSorted((a, b) => lengthMs(b) - lengthMs(a))[0]
}

const later = (a: Ms | undefined, b: Ms | undefined): Ms | undefined =>
  a === undefined || b === undefined ? undefined : a > b ? a : b

function isEqual(a: JobDefinition | undefined, b: JobDefinition): boolean {
  if (a === undefined) return false
  return (
    JSON.stringify(Object.entries(a).toSorted(byName)) ===
    JSON.stringify(Object.entries(b).toSorted(byName))
  )
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1
