/*
 * Consent: real money moves only where a person has said so twice and the venue agrees. Once in the configuration
 * (`paper: false` or `environment: mainnet`, with keys of the live account), once on the command line, by the number of the account. The adapter
 * refuses keys of the other kind, and here those of another account. What is missing denies.
 */
import { BadInput } from '../../core/bad-input.ts'
import type { VenueAccount } from '../../core/venue.ts'
import type { Config } from '../config/config.ts'

/** Dry-run sends nothing; paper is an account without money, or simulated fills; live is real money. */
export type VenueMode = 'dry-run' | 'paper' | 'live'

export interface Consent {
  readonly mode: VenueMode
  /** The number of the account, as a person gave it. */
  readonly account: string | undefined
}

/** What a configuration says of money, and where. */
export interface Money {
  readonly isReal: boolean
  readonly path: readonly [string, string, string]
  /** What stands there where it is real, and where it is not. */
  readonly words: { readonly real: unknown; readonly none: unknown }
}

/** Throws BadInput where the configuration means another kind of run, or a live one lacks its account. */
export function checkConsent(
  { mode, account }: Consent,
  config: Config,
  { isReal, path, words }: Money,
): void {
  const place = config.source.place(path)
  if (mode === 'paper' && isReal) {
    const what = 'is configured for real money, and this is a paper run'
    throw new BadInput(place, what, words.real, `${String(words.none)}, or --mode live`)
  }
  if (mode !== 'live') return
  if (!isReal) {
    const what = 'is no real money, and this is a live run'
    throw new BadInput(place, what, words.none, String(words.real))
  }
  if (account !== undefined) return
  const allowed = 'the number of the account that may trade real money, as the venue shows it'
  throw new BadInput({ file: 'command line', field: '--account' }, 'is missing', undefined, allowed)
}

/** Throws BadInput where the keys of a live run open another account than the one that was named. */
export function checkAccount({ mode, account }: Consent, { number }: VenueAccount): void {
  if (mode !== 'live' || account === number) return
  const place = { file: 'command line', field: '--account' }
  const allowed = `the number of the account, which ends in ${number.slice(-4)}`
  throw new BadInput(place, 'is not the account of the keys', account, allowed)
}
