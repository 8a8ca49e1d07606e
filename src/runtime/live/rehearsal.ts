/*
 * Rehearsal: orders that go nowhere, before the first that does. V8 reads a function as text until it has been called some
 * hundred times, and compiles it then beside the loop, or in its place where few processors are free. An order's way is
 * gone once for each order: of the first thousand, each thirtieth waited for that, 0.3 to 2 ms. So the way is gone
 * before anything waits for it: by an engine, a journal in memory and a gateway of their own, for the first instrument
 * of the run, at a venue that takes and fills everything. Nothing of the run is touched.
 */
import { fillId, type Ms, type Qty } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import type { Input } from '../../core/input.ts'
import { type Instrument, money } from '../../core/instrument.ts'
import { ok } from '../../core/result.ts'
import { ms } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import type { Broker, Limits } from '../../core/venue.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { openJournal } from '../../store/index.ts'
import { type Context, defineStrategy, z } from '../../strategy/index.ts'
import { Gateway } from './gateway.ts'
import type { FeedKind, LiveSetup } from './options.ts'
import { liveSession } from './session.ts'

/** V8 compiles what was called 400 times or so. */
export const REHEARSED_TURNS = 1_500
/** Turns between two breaths: some milliseconds. */
const BREATH = 100
const PRICE = 100
const CASH = money(1e9)

export interface RehearsalOptions {
  readonly setup: LiveSetup
  readonly limits: Limits
  readonly kinds: readonly FeedKind[]
  readonly now: Ms
  /** Lets the event loop turn. */
  readonly breathe: () => Promise<unknown>
}

/** Gives how many orders the venue would have had: one in each turn, where the instrument is one that it takes orders of. */
export async function rehearse(options: RehearsalOptions): Promise<number> {
  const { setup, limits, kinds, now, breathe } = options
  const [first] = setup.universe.all
  if (first === undefined) return 0
  const { venue, spec } = first
  const universe = new Universe([spec])
  const on = universe.all.map(({ id }) => id)
  const uses = [{ name: 'rehearsal', strategy: TRADER, params: {}, on }]
  const { engine } = liveSession({ ...setup, universe, uses, risk: RISK }, limits, kinds)
  const journal = openJournal(':memory:')
  let at = now
  let orders = 0
  let heard: Input[] = []
  const broker: Broker = {
    execute: async ({ commands }) => commands.map(() => ok({ venueId: `rehearsal-${++orders}` })),
    report: () => Promise.reject(new Error('nobody reconciles a rehearsal')),
  }
  const sink = (input: Input): void => void heard.push(input)
  const gateway = new Gateway({ brokers: new Map([[venue, broker]]), now: () => at, sink })
  sink({ type: 'account', at, venue, equity: CASH, cash: CASH, buyingPower: CASH })
  for (let n = 1; n <= REHEARSED_TURNS; n++) {
    at = ms(at + 1)
    for (const symbol of on)
      sink({ type: 'trade', at, trade: { symbol, ts: at, price: PRICE, size: 1 } })
    const turn = engine.turn(at, heard)
    heard = []
    journal.append(turn)
    gateway.send(turn)
    await gateway.idle()
    heard.push(...fillsOf(turn))
    if (n % BREATH === 0) await breathe()
  }
  journal.close()
  return orders
}

function* fillsOf({ at, batches }: Turn): Iterable<Input> {
  for (const { commands } of batches) {
    for (const command of commands) {
      if (command.type !== 'submit') continue
      const { id, qty } = command.order
      const fill = { fill: fillId(id), qty, price: PRICE, fee: money(0) }
      yield { type: 'order.filled', at, id, ...fill, ts: at }
    }
  }
}

/** None that would end it before its last turn. */
const RISK = {
  ...RISK_DEFAULTS,
  tradingHours: 'always',
  maxPositionFraction: 1,
  maxTradesPerDay: Infinity,
  ordersPerMinute: Infinity,
} as const

/** Buys and sells in turn. */
const TRADER = defineStrategy({
  name: 'rehearsal',
  params: z.strictObject({}),
  needs: () => ({ trades: true, warmup: 0 }),
  symbol: (context: Context) => ({
    onTrade: () => {
      const { position, instrument } = context
      if (position.isFlat) context.buy({ qty: leastOf(instrument) })
      else context.sell({ qty: position.qty })
    },
  }),
})

/** What is worth enough for its venue. */
const leastOf = (instrument: Instrument): Qty => {
  const { lotSize, spec } = instrument
  const value = instrument.notional(lotSize, PRICE)
  return instrument.qty(lotSize * Math.max(1, spec.minNotional / value), 'up')
}
