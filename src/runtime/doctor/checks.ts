// Doctor's checks that are the same for every venue: where keys come from, and how far the clocks are apart.
import { statSync } from 'node:fs'
import { BadInput } from '../../core/bad-input.ts'
import { redactor } from '../../io/redact.ts'
import type { Config, VenueName } from '../config/config.ts'
import type { Finding } from './finding.ts'
import { keyFileOf, type Keys, settingsOf } from '../config/venue-keys.ts'

/** Bars are cut and orders are stamped by our clock, and compared with the venue's. */
const OFFSET_USUAL_MS = 500
const OFFSET_MAX_MS = 2_000

/** What a venue answers to whoever has its keys, without showing them; where there are none, that alone. */
export async function keyedFindings<T extends { readonly keys: Keys }>(
  config: Config,
  venue: VenueName,
  termsOf: (config: Config) => T,
  ask: (terms: T) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    const terms = termsOf(config)
    const { key, secret } = terms.keys
    const clean = redactor([key, secret]).text
    const found = [keysFinding(config, venue), ...(await ask(terms))]
    return found.map((one) => ({ ...one, text: clean(one.text) }))
  } catch (error) {
    if (!(error instanceof BadInput)) throw error
    const todo = 'get keys from the dashboard of the venue, and set them there'
    return [{ check: 'keys', state: 'fail', text: error.message, todo }]
  }
}

function keysFinding(config: Config, venue: VenueName): Finding {
  const file = keyFileOf(config, venue)
  if (file === undefined) {
    const isLocal = settingsOf(config, venue).key === undefined
    const text = isLocal ? 'none needed: the venue is on this machine' : 'given by the environment'
    return { check: 'keys', state: 'ok', text }
  }
  if ((statSync(file).mode & 0o077) === 0 || process.platform === 'win32')
    return { check: 'keys', state: 'ok', text: `given by ${file}` }
  const text = `${file} may be read by other users of this machine`
  return { check: 'keys', state: 'warn', text, todo: `chmod 600 ${file}` }
}

export function offsetFinding({
  offsetMs,
  roundMs,
}: {
  readonly offsetMs: number
  readonly roundMs: number
}): Finding {
  const check = 'clock'
  const sureMs = Math.max(0, Math.abs(offsetMs) - roundMs / 2)
  const side = offsetMs > 0 ? 'behind' : 'ahead of'
  const text = `${Math.round(Math.abs(offsetMs))} ms ${side} the venue (give or take ${Math.ceil(roundMs / 2)} ms)`
  if (sureMs <= OFFSET_USUAL_MS) return { check, state: 'ok', text }
  const todo = 'let the machine keep time: chrony, ntpd, or "timedatectl set-ntp true"'
  return { check, state: sureMs > OFFSET_MAX_MS ? 'fail' : 'warn', text, todo }
}
