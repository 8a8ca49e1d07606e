// Tape sources: what the configuration says of history in files, and of a simulated market, as sources of bars.
import { resolve } from 'node:path'
import { BadInput } from '../../core/bad-input.ts'
import { ms } from '../../core/time.ts'
import { openTape } from '../../formats/index.ts'
import { TapeSource } from '../../jobs/tape-source.ts'
import { generateTape } from '../../simulators/market.ts'
import type { Config } from '../config/config.ts'

/** The sources of `history.providers` that need no venue, in their order. */
export async function tapeSourcesOf(config: Config): Promise<readonly TapeSource[]> {
  const sources: TapeSource[] = []
  for (const provider of config.history.providers) {
    if (provider === 'files') sources.push(new TapeSource(provider, await filesOf(config)))
    if (provider === 'sim') sources.push(new TapeSource(provider, marketOf(config)))
  }
  return sources
}

async function filesOf({ history, source }: Config) {
  if (history.files !== undefined)
    return openTape(resolve(source.folder, history.files), { kind: 'bars' })
  const place = source.place(['history', 'files'])
  throw new BadInput(place, 'is missing', undefined, 'a folder of csv or Lean files')
}

function marketOf({ history }: Config) {
  const { seed, symbols, start, sessions } = history.sim
  return generateTape({ seed, symbols, sessions, start: ms(Date.parse(start)), kind: 'bars' })
}
