// Resolution: what a wish that is no control by itself comes to, in a run as it is now.
import { unreachable } from '../../core/assert.ts'
import { fault } from '../../core/fault.ts'
import type { Instrument } from '../../core/instrument.ts'
import { failed, ok } from '../../core/result.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Agreement } from './agreement.ts'
import type { Resolved, Unresolved } from './operator.ts'
import type { Reload } from './reload.ts'
import { FOLLOWING } from './standby.ts'

export interface Resolving {
  readonly engine: Pick<Engine, 'inForce' | 'lanes' | 'universe'>
  readonly agreement: Pick<Agreement, 'adoption'>
  readonly reload: Pick<Reload, 'consider'> | undefined
  /** True where another engine trades the account. */
  readonly isFollowing: boolean
}

export async function resolve(wanted: Unresolved, run: Resolving): Promise<Resolved> {
  const { engine, reload } = run
  switch (wanted.type) {
    case 'reload':
      return reload === undefined
        ? failed(fault('unsupported', 'this run has no configuration that could be read again'))
        : reload.consider(engine.inForce, wanted.confirm)
    case 'adopt': {
      if (run.isFollowing) return refused(FOLLOWING)
      const instrument = engine.universe.find(wanted.symbol)
      if (instrument === undefined) return refused(`${wanted.symbol} is no symbol of this run`)
      return await run.agreement.adoption(instrument, wanted.lane)
    }
    case 'release': {
      const { symbol, lane } = wanted
      const instrument = symbol === undefined ? undefined : engine.universe.find(symbol)
      if (symbol !== undefined && instrument === undefined)
        return refused(`${symbol} is no symbol of this run`)
      return release(engine, lane, instrument)
    }
    default:
      return unreachable(wanted)
  }
}

/** What would change nothing is refused, with what there is: a name may be mistyped. */
function release({ lanes }: Pick<Engine, 'lanes'>, strategy: string, on?: Instrument): Resolved {
  const halted = lanes.filter((lane) => lane.halted !== undefined)
  const isMeant = halted.some(
    (lane) => lane.strategy === strategy && (on === undefined || lane.symbol === on.id),
  )
  if (isMeant) return ok({ do: 'release', strategy, ...(on && { symbol: on.id }) })
  const names = halted.map((lane) => `${lane.strategy} on ${lane.instrument.symbol}`)
  const where = on === undefined ? '' : ` on ${on.symbol}`
  const others = names.length === 0 ? 'none is' : `${names.slice(0, 10).join(', ')} is`
  return refused(`${strategy}${where} is not halted by an error; ${others}`)
}

const refused = (why: string): Resolved => failed(fault('bad-request', why))
