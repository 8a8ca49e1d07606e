// Virtual: the local Alpaca as a host of a virtual world.
import type { VirtualWorld } from '../../src/io/virtual.ts'
import { AlpacaFront } from '../../src/simulators/alpaca/front.ts'
import { type AlpacaOptions, AlpacaVenue } from '../../src/simulators/alpaca/venue.ts'
import { VirtualFront, type VirtualOptions } from '../simulators/virtual-front.ts'

export const HOST = 'alpaca.test'
/** Where an adapter finds it. */
export const HOSTS = {
  trading: `https://${HOST}`,
  data: `https://${HOST}`,
  stream: `wss://${HOST}`,
  orders: `wss://${HOST}/stream`,
}

export class VirtualAlpaca extends VirtualFront {
  readonly venue: AlpacaVenue

  private constructor(world: VirtualWorld, options: VirtualOptions, venue: AlpacaVenue) {
    super(world, options)
    this.venue = venue
  }

  static serve(
    world: VirtualWorld,
    options: Omit<AlpacaOptions, 'timers' | 'speed'>,
    paceMs?: number,
  ): Promise<VirtualAlpaca> {
    const node = world.node('venue')
    const venue = new AlpacaVenue({ ...options, speed: 0, timers: node })
    const front = new AlpacaFront(venue)
    const pace = paceMs === undefined ? {} : { paceMs }
    return new VirtualAlpaca(world, { host: HOST, venue, front, node, ...pace }, venue).start()
  }
}
