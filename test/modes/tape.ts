// The tape and the setup of the mode tests: the same for the parent and for the child that is killed.
import { ms } from '../../src/core/time.ts'
import type { Tape } from '../../src/core/tape.ts'
import { defineConfig } from '../../src/runtime/config/config.ts'
import type { Setup } from '../../src/runtime/session/build.ts'
import { prepare } from '../../src/runtime/tape/prepare.ts'
import { generateTape } from '../../src/simulators/market.ts'

const SYMBOLS = ['AAPL', 'MSFT', 'NVDA', 'SPY', 'QQQ', 'TLT', 'GLD', 'USO', 'RTX', 'BA']

export type Kind = 'bars' | 'trades'

export const tapeOf = (kind: Kind): Tape =>
  generateTape({
    seed: 23,
    symbols: SYMBOLS,
    start: ms(Date.UTC(2026, 2, 23)),
    // Trades make a turn each, bars one for each minute: both give some thousand turns.
    ...(kind === 'bars' ? { sessions: 6 } : { minutes: 200 }),
    kind,
    tradesPerMinute: 2,
  })

const config = defineConfig({
  risk: { maxTradesPerDay: 'off', maxPositions: 'off' },
  strategies: [
    { use: 'sma-cross', params: { minConfidence: 0 } },
    {
      use: 'sma-cross',
      as: 'trailing',
      on: ['SPY', 'QQQ', 'AAPL'],
      params: {
        exits: 'percent',
        stop: 0.004,
        target: 0.01,
        trailing: true,
        trailActivate: 0.002,
        trailDistance: 0.002,
      },
    },
  ],
  sim: { participation: 0.01, queue: 'through' },
})

export const setupOf = (tape: Tape): Promise<Setup> => prepare(config, tape, 'modes')
