// Peer: another symbol of the run as a lane sees it, read from the engine when it is looked at, and never kept.
import type { Instrument } from '../core/instrument.ts'
import type { Quote } from '../core/market.ts'
import type { Holding, Peer } from '../strategy/context.ts'
import { type Lane, type LaneDesk, LaneHolding } from './lanes.ts'

/** Of a strategy that is not on the symbol. */
const NOTHING = new LaneHolding()

export interface PeerDesk extends Pick<LaneDesk, 'price' | 'quote'> {
  laneOf(strategy: string, symbol: Lane['symbol']): Lane | undefined
}

export class LanePeer implements Peer {
  readonly instrument: Instrument
  readonly #desk: PeerDesk
  readonly #strategy: string

  constructor(desk: PeerDesk, strategy: string, instrument: Instrument) {
    this.#desk = desk
    this.#strategy = strategy
    this.instrument = instrument
  }

  get price(): number | undefined {
    const price = this.#desk.price(this.instrument.id)
    return Number.isNaN(price) ? undefined : price
  }

  get quote(): Quote | undefined {
    return this.#desk.quote(this.instrument.id)
  }

  get position(): Holding {
    return this.#desk.laneOf(this.#strategy, this.instrument.id)?.position ?? NOTHING
  }
}
