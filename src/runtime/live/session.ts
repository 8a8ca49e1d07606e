// Live session: the engine of a run at a venue as it is done again from its journal.
import type { Turn } from '../../core/command.ts'
import type { Limits } from '../../core/venue.ts'
import type { Engine } from '../../engine/engine.ts'
import type { EngineState } from '../../engine/engine-state.ts'
import { buildEngine } from '../session/build.ts'
import type { FeedKind, LiveSetup } from './options.ts'
import type { Redoable } from '../session/recover.ts'

/** The engine alone: its venue is real. */
export class LiveSession implements Redoable<{ readonly engine: EngineState }> {
  readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  capture(): { readonly engine: EngineState } {
    return { engine: this.engine.capture() }
  }

  restore(state: { readonly engine: EngineState }): void {
    this.engine.restore(state.engine)
  }

  redo(recorded: Turn): { readonly turn: Turn } {
    const turn = this.engine.turn(recorded.at, recorded.inputs)
    if (turn.notices.length > 0) this.engine.notices.deliver(turn.notices)
    return { turn }
  }
}

/**
 * A fresh session. A run begins and goes on within a minute, of whose trades it sees a part only: where the feed tells
 * bars, its bars hold, and trades make none.
 */
export function liveSession(
  setup: LiveSetup,
  limits: Limits,
  kinds: readonly FeedKind[],
): LiveSession {
  const barsFrom = kinds.includes('bars') ? 'outside' : 'trades'
  return new LiveSession(buildEngine({ ...setup, bars: { ...setup.bars, barsFrom } }, limits))
}
