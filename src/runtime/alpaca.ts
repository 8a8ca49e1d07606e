/*
 * Alpaca: what the configuration says of it becomes the options of its venue.
 *
 * Keys come from variables of the environment, or from a file of two lines that is read when they are needed:
 *
 *   key: PK...
 *   secret: ...
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { unreachable } from '../core/assert.ts'
import { BadInput } from '../core/bad-input.ts'
import type { Fault } from '../core/fault.ts'
import type { Limits } from '../core/venue.ts'
import { MACHINE_MS } from '../io/scaled.ts'
import { errorOf } from '../venues/alpaca/faults.ts'
import type { Keys } from '../venues/alpaca/rest.ts'
import { ALPACA_LIMITS, type AlpacaOptions, type Hosts, hostsOf } from '../venues/alpaca/venue.ts'
import type { Config } from './config.ts'
import type { AlpacaSettings } from './config-schema.ts'
import { isPlaceholder } from './secret.ts'

export type AlpacaTerms = Pick<
  AlpacaOptions,
  'keys' | 'isLive' | 'feed' | 'codec' | 'limits' | 'patience'
> & {
  readonly hosts: Hosts
}

/** Keys of the local venue where none are configured: its own, which open nothing else. */
const LOCAL_KEYS: Keys = { key: 'local', secret: 'local' }

/** Throws BadInput where the configuration has no Alpaca, or no usable keys. */
export function alpacaTermsOf(config: Config): AlpacaTerms {
  const settings = settingsOf(config)
  const { paper, feed, codec, hosts, subscribe, local } = settings
  return {
    keys: keysOf(settings, config),
    isLive: !paper,
    feed,
    codec,
    hosts: { ...hostsOf(!paper), ...hosts, ...(local && localHostsOf(local.port)) },
    limits: { subscribe },
    ...(local && local.speed > 1 && { patience: patienceAt(local.speed) }),
  }
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

/** The file of the keys; undefined where they come from the environment. */
export function keyFileOf(config: Config): string | undefined {
  const keyFile = config.venues?.alpaca?.keyFile
  return keyFile === undefined ? undefined : resolve(config.source.folder, keyFile)
}

function settingsOf({ venues, source }: Config): AlpacaSettings {
  if (venues?.alpaca !== undefined) return venues.alpaca
  const allowed = 'venues: { alpaca: { key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET} } }'
  throw new BadInput(source.place(['venues', 'alpaca']), 'is missing', undefined, allowed)
}

function keysOf({ key, secret, local }: AlpacaSettings, config: Config): Keys {
  const file = keyFileOf(config)
  if (file !== undefined) return keysIn(file)
  if (key !== undefined && secret !== undefined)
    return { key: key.reveal(), secret: secret.reveal() }
  if (local !== undefined && key === undefined && secret === undefined) return LOCAL_KEYS
  const name = key === undefined ? 'key' : 'secret'
  const place = config.source.place(['venues', 'alpaca', name])
  const allowed = `\${ALPACA_${name.toUpperCase()}} from the environment, or keyFile`
  throw new BadInput(place, 'is missing', undefined, allowed)
}

const FORM = 'two lines, "key: ..." and "secret: ..."'

function keysIn(file: string): Keys {
  const found = new Map<string, string>()
  for (const [i, line] of textOf(file).split('\n').entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    // Nothing of the line is shown: it may be the secret.
    const match = /^\s*(key|secret)\s*[:=]\s*(\S+)\s*$/.exec(line)
    const place = { file, line: i + 1 }
    if (match === null) throw new BadInput(place, 'is no line of keys', undefined, FORM)
    const [, name = '', value = ''] = match
    const field = { ...place, field: name }
    if (isPlaceholder(value))
      throw new BadInput(field, 'is a placeholder', undefined, 'the real one')
    if (found.has(name)) throw new BadInput(field, 'is there twice', undefined, FORM)
    found.set(name, value)
  }
  const [key, secret] = [found.get('key'), found.get('secret')]
  if (key !== undefined && secret !== undefined) return { key, secret }
  const field = key === undefined ? 'key' : 'secret'
  throw new BadInput({ file, field }, 'is missing', undefined, FORM)
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw new BadInput({ file }, `cannot be read (${why})`, undefined, `a file of ${FORM}`)
  }
}

/** What a person does about a fault of Alpaca. */
export function adviceOf(told: Fault): string {
  switch (told.code) {
    case 'unauthorized':
      return errorOf(told)?.status === 403
        ? 'the data plan does not hold this: choose feed iex, or a range that ends 15 minutes ago'
        : 'check key and secret; paper keys go with "paper: true", live keys with "paper: false"'
    case 'rate-limited':
      return 'the limit of requests is used up, maybe by another program with this key; try again in a minute'
    case 'network':
    case 'timeout':
    case 'venue-unavailable':
      return 'check the network and the hosts of the configuration, or try again later'
    case 'not-found':
      return 'write symbols as Alpaca does: AAPL, BRK.B, BTC/USD'
    case 'corrupt-data':
      return 'nothing of this answer was used; if it stays so, report it with this message'
    case 'bad-request':
    case 'unsupported':
    case 'outcome-unknown':
      return 'ask for something else'
    default:
      return unreachable(told.code)
  }
}
