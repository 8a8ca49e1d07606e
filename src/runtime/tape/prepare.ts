// Prepare: a configuration and a tape become the setup of a run.
import { BadInput } from '../../core/bad-input.ts'
import { venueId } from '../../core/brand.ts'
import type { Tape } from '../../core/tape.ts'
import { Universe } from '../../core/universe.ts'
import { baseOf, type Setup } from '../session/build.ts'
import {
  type Config,
  toInstrumentSpec,
  toBatching,
  toRiskLimits,
  toSimOptions,
} from '../config/config.ts'
import { badInput } from '../config/problems.ts'
import { loadUses } from '../config/uses.ts'

/** The venue of backtests and paper runs. */
export const SIM = venueId('sim')

/**
 * The universe is the tape's symbols, in its order, or those of them that the configuration lists.
 *
 * Throws BadInput for a listed symbol that the tape does not have, and for all that `loadUses` refuses.
 */
export async function prepare(config: Config, tape: Tape, run: string): Promise<Setup> {
  const symbols = symbolsOf(config, tape)
  const universe = new Universe(symbols.map((symbol) => toInstrumentSpec(config, symbol, SIM)))
  const uses = await loadUses(config, universe)
  const { latenessMs, maxFill } = config.bars
  return {
    universe,
    uses,
    risk: toRiskLimits(config),
    batching: toBatching(config),
    sim: toSimOptions(config),
    run,
    currency: config.account.currency,
    base: baseOf(tape, universe, uses),
    bars: { latenessMs, maxFill },
  }
}

function symbolsOf(config: Config, tape: Tape): readonly string[] {
  const onTape = [...new Set(tape.series.map(({ symbol }) => symbol))]
  if (onTape.length === 0) {
    throw new BadInput(
      { file: tape.name },
      'has no market data',
      undefined,
      'bars, trades or quotes',
    )
  }
  if (config.universe === 'all') return onTape
  const wanted = config.universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  for (const [i, symbol] of wanted.entries()) {
    if (onTape.includes(symbol)) continue
    const allowed = `symbols of ${tape.name}: ${onTape.slice(0, 12).join(', ')}`
    const path = ['universe', i]
    throw badInput([{ path, what: 'is not on the tape', value: symbol, allowed }], config.source)
  }
  return wanted
}
