/*
 * Keys of a venue: from variables of the environment, or from a file of two lines that is read when they are needed.
 *
 *   key: PK...
 *   secret: ...
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { BadInput } from '../../core/bad-input.ts'
import type { Config, VenueName } from './config.ts'
import type { AlpacaSettings, BybitSettings } from './schema.ts'
import { isPlaceholder } from './secret.ts'

export interface Keys {
  readonly key: string
  readonly secret: string
}

/** What the configuration says of a venue. Throws BadInput where it says nothing. */
export function settingsOf<N extends VenueName>(
  { venues, source }: Config,
  venue: N,
): NonNullable<NonNullable<Config['venues']>[N]> {
  const settings = venues?.[venue]
  if (settings !== undefined) return settings
  const name = venue.toUpperCase()
  const allowed = `venues: { ${venue}: { key: \${${name}_KEY}, secret: \${${name}_SECRET} } }`
  throw new BadInput(source.place(['venues', venue]), 'is missing', undefined, allowed)
}

/** Keys of a local venue where none are configured: its own, which open nothing else. */
const LOCAL_KEYS: Keys = { key: 'local', secret: 'local' }

/** Throws BadInput where there are no usable keys. */
export function keysOf(
  venue: VenueName,
  { key, secret, local }: Pick<AlpacaSettings | BybitSettings, 'key' | 'secret' | 'local'>,
  config: Config,
): Keys {
  const file = keyFileOf(config, venue)
  if (file !== undefined) return keysIn(file)
  if (key !== undefined && secret !== undefined)
    return { key: key.reveal(), secret: secret.reveal() }
  if (local !== undefined && key === undefined && secret === undefined) return LOCAL_KEYS
  const name = key === undefined ? 'key' : 'secret'
  const place = config.source.place(['venues', venue, name])
  const allowed = `\${${venue.toUpperCase()}_${name.toUpperCase()}} from the environment, or keyFile`
  throw new BadInput(place, 'is missing', undefined, allowed)
}

/** The file of the keys; undefined where they come from the environment. */
export function keyFileOf(config: Config, venue: VenueName): string | undefined {
  const keyFile = config.venues?.[venue]?.keyFile
  return keyFile === undefined ? undefined : resolve(config.source.folder, keyFile)
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
