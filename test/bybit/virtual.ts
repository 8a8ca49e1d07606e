// Virtual: the local Bybit as a host of a virtual world.
import type { VirtualWorld } from '../../src/io/virtual.ts'
import { BybitFront } from '../../src/simulators/bybit/front.ts'
import { type BybitOptions, BybitVenue } from '../../src/simulators/bybit/venue.ts'
import { VirtualFront, type VirtualOptions } from '../simulators/virtual-front.ts'

export const HOST = 'bybit.test'
/** Where an adapter finds it. */
export const HOSTS = {
  rest: `https://${HOST}`,
  market: `wss://${HOST}/v5/public/linear`,
  account: `wss://${HOST}/v5/private`,
  trade: `wss://${HOST}/v5/trade`,
}

export class VirtualBybit extends VirtualFront {
  readonly venue: BybitVenue

  private constructor(world: VirtualWorld, options: VirtualOptions, venue: BybitVenue) {
    super(world, options)
    this.venue = venue
  }

  static serve(
    world: VirtualWorld,
    options: Omit<BybitOptions, 'timers' | 'speed'>,
    paceMs?: number,
  ): Promise<VirtualBybit> {
    const node = world.node('venue')
    const venue = new BybitVenue({ ...options, speed: 0, timers: node })
    const front = new BybitFront(venue)
    const pace = paceMs === undefined ? {} : { paceMs }
    return new VirtualBybit(world, { host: HOST, venue, front, node, ...pace }, venue).start()
  }
}
