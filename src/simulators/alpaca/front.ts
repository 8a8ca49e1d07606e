// Front: the local Alpaca as whatever carries its bytes sees it: REST, and the two streams by their paths.
import type { Answer, Request } from '../answer.ts'
import type { Front, Session } from '../loopback.ts'
import type { Timers } from '../stage.ts'
import type { Handshake, Peer } from '../wire.ts'
import { DataStream } from './data-stream.ts'
import { Rest } from './rest.ts'
import { TradingStream } from './trading-stream.ts'
import type { AlpacaVenue } from './venue.ts'

export class AlpacaFront implements Front {
  readonly #venue: AlpacaVenue
  readonly #rest: Rest
  readonly #data: DataStream
  readonly #trading: TradingStream

  constructor(venue: AlpacaVenue) {
    this.#venue = venue
    this.#rest = new Rest(venue)
    this.#data = new DataStream(venue)
    this.#trading = new TradingStream(venue)
  }

  get timers(): Timers {
    return this.#venue.timers
  }

  answer(request: Request): Answer {
    return this.#rest.answer(request)
  }

  refusalOf(path: string): number | undefined {
    const isTrading = TradingStream.serves(path)
    if (!isTrading && !DataStream.serves(path)) return 404
    return this.#venue.nemesis.onStream('refuse', isTrading ? 'trading' : 'data')?.status
  }

  connect(handshake: Handshake, peer: Peer): Session {
    const stream = TradingStream.serves(handshake.path) ? this.#trading : this.#data
    return stream.connect(handshake, peer)
  }
}
