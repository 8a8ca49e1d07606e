// Server: the local Alpaca on sockets. One port on 127.0.0.1 serves REST, market data and order events by path.
import type { Audit } from '../audit.ts'
import { Loopback, systemTimers } from '../loopback.ts'
import type { Nemesis } from '../nemesis.ts'
import type { Timers } from '../stage.ts'
import { AlpacaFront } from './front.ts'
import { type AlpacaOptions, AlpacaVenue } from './venue.ts'

export interface ServerOptions extends Omit<AlpacaOptions, 'timers'> {
  /** 0 takes any free one. */
  readonly port: number
  /** The system's where not given. */
  readonly timers?: Timers
}

/** What to point a client at. */
export interface Urls {
  /** Trading REST and market-data REST alike. */
  readonly rest: string
  readonly tradingStream: string
  /** Followed by the feed, such as `/v2/iex`. */
  readonly dataStream: string
}

/** @example const server = await AlpacaServer.start({ port: 0, speed: 1, tape, startAt, keys: [{ key: 'k', secret: 's' }] }) */
export class AlpacaServer {
  readonly venue: AlpacaVenue
  readonly urls: Urls
  readonly #loopback: Loopback

  private constructor(venue: AlpacaVenue, loopback: Loopback) {
    this.venue = venue
    this.#loopback = loopback
    const { host } = loopback
    this.urls = {
      rest: `http://${host}`,
      tradingStream: `ws://${host}/stream`,
      dataStream: `ws://${host}`,
    }
  }

  get audit(): Audit {
    return this.venue.audit
  }

  get nemesis(): Nemesis {
    return this.venue.nemesis
  }

  /** Reads the history, binds the port, and starts the venue's clock. */
  static async start(options: ServerOptions): Promise<AlpacaServer> {
    const venue = new AlpacaVenue({ ...options, timers: options.timers ?? systemTimers })
    await venue.open()
    try {
      return new AlpacaServer(venue, await Loopback.listen(new AlpacaFront(venue), options.port))
    } catch (error) {
      await venue.close()
      throw error
    }
  }

  /** Moves the venue's time on, where it has no speed. */
  advance(byMs: number): Promise<void> {
    return this.venue.advance(byMs)
  }

  /** Ends the clock, then every connection, then the port. */
  async stop(): Promise<void> {
    await this.venue.close()
    await this.#loopback.stop()
  }
}
