// Bybit: what the configuration says of it becomes the options of its venue.
import type { Fault } from '../../core/fault.ts'
import type { Limits } from '../../core/venue.ts'
import { MACHINE_MS } from '../../io/scaled.ts'
import type { CategoryName } from '../../venues/bybit/category.ts'
import { bybitLimits, type BybitOptions, type Hosts, hostsOf } from '../../venues/bybit/venue.ts'
import type { Config } from '../config/config.ts'
import { keysOf, settingsOf } from '../config/venue-keys.ts'
import { advice } from './advice.ts'

export type BybitTerms = Pick<
  BybitOptions,
  | 'keys'
  | 'environment'
  | 'limits'
  | 'patience'
  | 'ordersPerSecond'
  | 'orderEntry'
  | 'deadManS'
  | 'category'
  | 'coin'
> & {
  readonly hosts: Hosts
}

/** Throws BadInput where the configuration has no Bybit, or no usable keys. */
export function bybitTermsOf(config: Config): BybitTerms {
  const settings = settingsOf(config, 'bybit')
  const { environment, hosts, local, ordersPerSecond, orderEntry, deadManS, category } = settings
  return {
    keys: keysOf('bybit', settings, config),
    environment,
    ordersPerSecond,
    orderEntry,
    ...(deadManS !== 'off' && { deadManS }),
    category,
    coin: config.account.currency,
    hosts: {
      ...hostsOf(environment, category),
      ...hosts,
      ...(local && localHostsOf(local.port, category)),
    },
    limits: bybitLimitsOf(config),
    ...(local && local.speed > 1 && { patience: patienceAt(local.speed) }),
  }
}

const localHostsOf = (port: number, category: CategoryName): Hosts => {
  const host = `127.0.0.1:${port}`
  const stream = `ws://${host}/v5`
  return {
    rest: `http://${host}`,
    market: `${stream}/public/${category}`,
    account: `${stream}/private`,
    trade: `${stream}/trade`,
  }
}

/** A venue that is faster than the machine may take the time of the machine; never less than usual. */
function patienceAt(speed: number): NonNullable<BybitOptions['patience']> {
  const least = (usualMs: number): number => Math.max(usualMs, MACHINE_MS * speed)
  return {
    answerMs: least(10_000),
    recvWindowMs: least(5_000),
    liveness: { pongWithinMs: least(6_000) },
  }
}

/** What the venue can bear, as the configuration has it; keys are not needed. */
export function bybitLimitsOf({ venues }: Config): Limits {
  const { ordersPerSecond, subscribe, category } = venues?.bybit ?? {}
  return { ...bybitLimits(ordersPerSecond, category), ...(subscribe && { subscribe }) }
}

/** What a person does about a fault of Bybit. */
export const adviceOf = (told: Fault): string =>
  advice(told, {
    unauthorized:
      'check key and secret, and the environment they are for; a key may be bound to an address',
    rateLimited:
      'too many requests, maybe by another program of this machine; stop all for ten minutes',
    notFound: 'write symbols as Bybit does: BTCUSDT',
  })
