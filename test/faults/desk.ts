// Desk: an engine beside a feed. It shows what a strategy gets to see of the feed's inputs, and whether it may buy.
import assert from 'node:assert/strict'
import type { SymbolId } from '../../src/core/brand.ts'
import type { Input } from '../../src/core/input.ts'
import { money } from '../../src/core/instrument.ts'
import type { Bar } from '../../src/core/market.ts'
import type { DenyCode, Notice } from '../../src/core/notice.ts'
import { iso, ms } from '../../src/core/time.ts'
import type { Universe } from '../../src/core/universe.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { buildEngine } from '../../src/runtime/session/build.ts'
import { type Context, defineStrategy, z } from '../../src/strategy/index.ts'
import { limitsOf } from '../../src/testing/builders.ts'

export class Desk {
  readonly engine: Engine
  readonly universe: Universe
  /** Closed bars as the strategy was shown them: `S00 14:01 11`, with `~` where it was filled in. */
  readonly bars: string[] = []
  readonly notices: Notice[] = []
  #asked: SymbolId | undefined
  readonly #account: Input

  constructor(universe: Universe, maxFill = 5) {
    this.universe = universe
    const nameOf = (id: SymbolId): string => universe.at(id).symbol
    const strategy = defineStrategy({
      name: 'desk',
      params: z.strictObject({}),
      needs: () => ({ bars: '1m', every: { ask: '1s' } }),
      symbol: (context: Context) => ({
        onBar: ({ start, close, filled }: Bar) => {
          const time = iso(start).slice(11, 16)
          const mark = filled === true ? '~' : ''
          this.bars.push(`${nameOf(context.symbol)} ${time} ${mark}${close}`)
        },
        onTimer: () => {
          if (context.symbol === this.#asked) context.buy({ qty: 1 })
        },
      }),
    })
    const on = universe.all.map(({ id }) => id)
    this.engine = buildEngine(
      {
        universe,
        uses: [{ name: 'desk', strategy, params: {}, on }],
        risk: { ...RISK_DEFAULTS, tradingHours: 'always', maxPositionFraction: 1 },
        run: 'r',
        currency: 'USD',
        base: '1m',
        bars: { latenessMs: 0, maxFill },
      },
      limitsOf(),
    )
    const { venue } = universe.all[0]!
    const [equity, cash, buyingPower] = [100_000, 100_000, 100_000].map((value) => money(value))
    this.#account = { type: 'account', at: ms(0), venue, equity, cash, buyingPower } as Input
  }

  /** Takes inputs as they came, each in a turn of its own. */
  take(inputs: readonly Input[]): void {
    if (this.engine.turns === 0 && inputs[0] !== undefined)
      this.#turn(inputs[0].at, [{ ...this.#account, at: inputs[0].at }])
    for (const input of inputs) this.#turn(input.at, [input])
  }

  /** What becomes of an order for the symbol in the second after now. */
  buys(symbol: SymbolId): 'sent' | DenyCode {
    this.#asked = symbol
    const { batches, notices } = this.#turn(this.engine.now + 1_000, [])
    this.#asked = undefined
    const denied = notices.find((notice) => notice.type === 'order.denied')
    if (denied !== undefined) return denied.denial.code
    const [command] = batches.flatMap(({ commands }) => commands)
    assert.ok(command?.type === 'submit', 'it neither left nor was denied')
    // The venue takes it back at once: the next one is no duplicate.
    const at = this.engine.now
    this.#turn(at, [{ type: 'order.canceled', at, id: command.order.id, ts: at }])
    return 'sent'
  }

  #turn(at: number, inputs: readonly Input[]) {
    const turn = this.engine.turn(ms(Math.max(at, this.engine.now)), inputs)
    this.notices.push(...turn.notices)
    return turn
  }
}
