// Alpaca: what the configuration says of it becomes the options of its venue.
import type { Hours } from '../../core/calendar.ts'
import type { Fault } from '../../core/fault.ts'
import type { Limits } from '../../core/venue.ts'
import { MACHINE_MS } from '../../io/scaled.ts'
import { PAGE_LIMITS } from '../../venues/alpaca/bar-pages.ts'
import { errorOf } from '../../venues/alpaca/faults.ts'
import {
  ALPACA_LIMITS,
  type AlpacaOptions,
  type Hosts,
  hostsOf,
} from '../../venues/alpaca/venue.ts'
import type { Config } from '../config/config.ts'
import type { AlpacaSettings } from '../config/schema.ts'
import { keysOf, settingsOf } from '../config/venue-keys.ts'
import { advice } from './advice.ts'

export type AlpacaTerms = Pick<
  AlpacaOptions,
  'keys' | 'isLive' | 'feed' | 'codec' | 'limits' | 'patience'
> & {
  readonly hosts: Hosts
  /** Of which its history has bars. */
  readonly hours?: Hours
}

/** Throws BadInput where the configuration has no Alpaca, or no usable keys. */
export function alpacaTermsOf(config: Config): AlpacaTerms {
  const settings = settingsOf(config, 'alpaca')
  const { paper, feed, codec, hosts, subscribe, local } = settings
  return {
    keys: keysOf('alpaca', settings, config),
    isLive: !paper,
    feed,
    codec,
    hosts: { ...hostsOf(!paper), ...hosts, ...(local && localHostsOf(local.port)) },
    limits: { subscribe },
    hours: hoursOf(settings),
    ...(local && local.speed > 1 && { patience: patienceAt(local.speed) }),
  }
}

/** The consolidated feed has bars from 4:00 to 20:00 in New York; IEX alone hardly any outside of the session. */
const hoursOf = ({ feed, local }: AlpacaSettings): Hours =>
  feed === 'sip' && local === undefined ? 'extended' : 'regular'

/** What a query of the configured history can hold, for estimates; keys are not needed. */
export function pageLimitsOf({ history, venues }: Config) {
  const alpaca = history.providers[0] === 'alpaca' ? venues?.alpaca : undefined
  const hours: Hours = alpaca === undefined ? 'regular' : hoursOf(alpaca)
  return { ...PAGE_LIMITS, hours }
}

const localHostsOf = (port: number): Hosts => {
  const host = `127.0.0.1:${port}`
  const [rest, stream] = [`http://${host}`, `ws://${host}`]
  return { trading: rest, data: rest, stream, orders: `${stream}/stream` }
}

/** A venue that is faster than the machine may take the time of the machine; never less than usual. */
function patienceAt(speed: number): NonNullable<AlpacaOptions['patience']> {
  const least = (usualMs: number): number => Math.max(usualMs, MACHINE_MS * speed)
  const liveness = { pongWithinMs: least(6_000), dataWithinMs: least(8_000) }
  return { answerMs: least(10_000), liveness }
}

/** What the venue can bear, as the configuration has it; keys are not needed. */
export const alpacaLimitsOf = ({ venues }: Config): Limits => ({
  ...ALPACA_LIMITS,
  ...(venues?.alpaca && { subscribe: venues.alpaca.subscribe }),
})

/** What a person does about a fault of Alpaca. */
export const adviceOf = (told: Fault): string =>
  advice(told, {
    unauthorized:
      errorOf(told)?.status === 403
        ? 'the data plan does not hold this: choose feed iex, or a range that ends 15 minutes ago'
        : 'check key and secret; paper keys go with "paper: true", live keys with "paper: false"',
    rateLimited:
      'the limit of requests is used up, maybe by another program with this key; try again in a minute',
    notFound: 'write symbols as Alpaca does: AAPL, BRK.B, BTC/USD',
  })
