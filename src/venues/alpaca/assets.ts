/*
 * Assets: whether the symbols may still be traded. Asked at the start, and once an hour after it: symbols are renamed,
 * delisted and made inactive over night, and no stream tells it. A symbol that may not be traded takes no new risk, and
 * a run that is new does not begin with it; an answer that does not come changes nothing.
 */
import type { Ms, VenueId } from '../../core/brand.ts'
import type { Input } from '../../core/input.ts'
import type { Result } from '../../core/result.ts'
import type { Universe } from '../../core/universe.ts'
import type { Io } from '../../io/io.ts'
import type { AlpacaHistory } from './history.ts'
import type { WireAsset } from './wire.ts'

const EVERY_MS = 3_600_000

export interface AssetWatchOptions {
  readonly io: Pick<Io, 'now' | 'after'>
  readonly history: Pick<AlpacaHistory, 'assetsOf'>
  readonly venue: VenueId
  readonly universe: Universe
  readonly symbols: readonly string[]
  readonly sink: (input: Input) => void
}

export class AssetWatch {
  readonly #options: AssetWatchOptions
  readonly #barred = new Set<string>()
  #cancel: () => void = () => {}

  constructor(options: AssetWatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#cancel = this.#options.io.after(EVERY_MS, () => void this.#look())
  }

  close(): void {
    this.#cancel()
    this.#cancel = () => {}
  }

  async #look(): Promise<void> {
    // A close while the venue is asked takes the place of this, and is not undone.
    const cancel = (this.#cancel = () => {})
    const { history, symbols } = this.#options
    for await (const [symbol, asset] of history.assetsOf(symbols)) {
      if (this.#cancel !== cancel) return
      this.judge(symbol, asset)
    }
    this.start()
  }

  /** Halts a symbol that may not be traded, and lifts that. */
  judge(symbol: string, asset: Result<WireAsset>): void {
    if (!asset.ok && !isGone(asset)) return
    const why = whyBarred(symbol, asset)
    if ((why !== undefined) === this.#barred.has(symbol)) return
    if (why === undefined) this.#barred.delete(symbol)
    else this.#barred.add(symbol)
    const { universe, io, sink, venue } = this.#options
    const instrument = universe.find(symbol)
    if (instrument === undefined) return
    const control = {
      do: 'halt-symbol',
      symbol: instrument.id,
      cause: 'not-tradable',
      on: why !== undefined,
      why: why ?? 'it can be traded again',
    } as const
    const at: Ms = io.now()
    sink({ type: 'control', at, control, by: venue })
  }
}

/** Undefined also where nobody can tell, because no answer came. */
export function whyBarred(symbol: string, asset: Result<WireAsset>): string | undefined {
  if (!asset.ok) return isGone(asset) ? 'the venue does not know it any more' : undefined
  if (asset.value.symbol !== symbol) return `its name is ${asset.value.symbol} now`
  return asset.value.isTradable ? undefined : 'the venue says that it cannot be traded'
}

const isGone = (asset: Result<WireAsset>): boolean => !asset.ok && asset.fault.code === 'not-found'
