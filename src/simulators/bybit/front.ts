// Front: the local Bybit as whatever carries its bytes sees it: REST, and the three streams by their paths.
import type { Answer, Request } from '../answer.ts'
import type { StreamName } from '../fault-script.ts'
import type { Front, Session } from '../loopback.ts'
import type { Timers } from '../stage.ts'
import type { Handshake, Peer } from '../wire.ts'
import { PrivateStream } from './private-stream.ts'
import { PublicStream } from './public-stream.ts'
import { Rest } from './rest.ts'
import { TradeStream } from './trade-stream.ts'
import type { BybitVenue } from './venue.ts'

export class BybitFront implements Front {
  readonly #venue: BybitVenue
  readonly #rest: Rest
  readonly #public: PublicStream
  readonly #private: PrivateStream
  readonly #trade: TradeStream

  constructor(venue: BybitVenue) {
    this.#venue = venue
    this.#rest = new Rest(venue)
    this.#public = new PublicStream(venue, this.#rest.market)
    this.#private = new PrivateStream(venue)
    this.#trade = new TradeStream(venue, this.#rest.orders)
  }

  get timers(): Timers {
    return this.#venue.timers
  }

  answer(request: Request): Answer {
    return this.#rest.answer(request)
  }

  refusalOf(path: string): number | undefined {
    const stream = this.#streamOf(path)
    if (stream === undefined) return 404
    return this.#venue.nemesis.onStream('refuse', stream)?.status
  }

  connect({ path }: Handshake, peer: Peer): Session {
    if (PrivateStream.serves(path)) return this.#private.connect(path, peer)
    if (TradeStream.serves(path)) return this.#trade.connect(path, peer)
    return this.#public.connect(path, peer)
  }

  #streamOf(path: string): StreamName | undefined {
    if (PrivateStream.serves(path)) return 'trading'
    if (TradeStream.serves(path)) return 'entry'
    return this.#public.serves(path) ? 'data' : undefined
  }
}
