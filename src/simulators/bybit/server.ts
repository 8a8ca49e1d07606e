// Server: the local Bybit on sockets. One port on 127.0.0.1 serves REST and the three streams by path.
import type { Audit } from '../audit.ts'
import { Loopback, systemTimers } from '../loopback.ts'
import type { Nemesis } from '../nemesis.ts'
import type { Timers } from '../stage.ts'
import { BybitFront } from './front.ts'
import { type BybitOptions, BybitVenue } from './venue.ts'

export interface ServerOptions extends Omit<BybitOptions, 'timers'> {
  /** 0 takes any free one. */
  readonly port: number
  /** The system's where not given. */
  readonly timers?: Timers
}

/** What to point a client at. */
export interface Urls {
  readonly rest: string
  readonly publicStream: string
  readonly privateStream: string
  readonly tradeStream: string
}

/** @example const server = await BybitServer.start({ port: 0, speed: 1, tape, startAt, keys: [{ key: 'k', secret: 's' }] }) */
export class BybitServer {
  readonly venue: BybitVenue
  readonly urls: Urls
  readonly #loopback: Loopback

  private constructor(venue: BybitVenue, loopback: Loopback) {
    this.venue = venue
    this.#loopback = loopback
    const { host } = loopback
    this.urls = {
      rest: `http://${host}`,
      publicStream: `ws://${host}/v5/public/${venue.category}`,
      privateStream: `ws://${host}/v5/private`,
      tradeStream: `ws://${host}/v5/trade`,
    }
  }

  get audit(): Audit {
    return this.venue.audit
  }

  get nemesis(): Nemesis {
    return this.venue.nemesis
  }

  /** Reads the history, binds the port, and starts the venue's clock. */
  static async start(options: ServerOptions): Promise<BybitServer> {
    const venue = new BybitVenue({ ...options, timers: options.timers ?? systemTimers })
    await venue.open()
    try {
      return new BybitServer(venue, await Loopback.listen(new BybitFront(venue), options.port))
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
