import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ms, SymbolId } from '../../core/brand.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import { ok } from '../../core/result.ts'
import { DAY, HOUR, MINUTE, type Timeframe } from '../../core/time.ts'
import type { BarQuery, History } from '../../core/venue.ts'
import { Engine } from '../../engine/engine.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { defineStrategy, z } from '../../strategy/index.ts'
import { bar, coin, limitsOf, MONDAY_10, share, SIM, universeOf } from '../../testing/builders.ts'
import { warmUpBars } from './warmup.ts'

interface Needs {
  readonly bars?: Timeframe
  readonly warmup?: number
}

function engineOf(needs: Needs, ...specs: readonly InstrumentSpec[]): Engine {
  const universe = universeOf(...specs)
  const strategy = defineStrategy({
    name: 'listener',
    params: z.strictObject({}),
    needs: () => needs,
    symbol: () => ({ onBar: () => {} }),
  })
  return new Engine({
    universe,
    uses: [{ name: 'l', strategy, params: {}, on: universe.all.map(({ id }) => id) }],
    limits: new Map([[SIM, limitsOf()]]),
    risk: RISK_DEFAULTS,
    run: 'r',
    currency: 'USD',
    calendar: '24/7',
    base: '1m',
    latenessMs: 0,
    maxFill: 2,
  })
}

/** Writes down what it is asked, and answers each query after all that can be under way with it have come. */
class Asked implements History {
  readonly queries: BarQuery[] = []
  most = 0
  #underWay = 0

  async *bars(query: BarQuery) {
    this.queries.push(query)
    this.most = Math.max(this.most, ++this.#underWay)
    await new Promise(setImmediate)
    this.#underWay--
    yield ok({
      bars: query.symbols.map((_none, i) => bar({ symbol: i as SymbolId, start: query.from })),
    })
  }
}

async function asked(engine: Engine, now: Ms = MONDAY_10) {
  const history = new Asked()
  const limits = limitsOf(20, {
    concurrent: 2,
    history: { symbols: 1, rows: 1_000, perMinute: 1_000 },
  })
  const { faults } = await warmUpBars(engine, history, limits, { base: '1m', now })
  assert.deepEqual(faults, [])
  return history
}

const minutesBack = ({ queries }: Asked): number[] =>
  queries.map(({ from, to }) => (to - from) / MINUTE)

test('each symbol is asked for five times the time that its bars take, a few at a time', async () => {
  const engine = engineOf({ bars: '1m', warmup: 50 }, coin('A'), coin('B'), coin('C'))

  const history = await asked(engine)

  assert.deepEqual(minutesBack(history), [255, 255, 255])
  assert.deepEqual(history.queries.map(({ symbols }) => symbols).flat(), ['A', 'B', 'C'])
  assert.equal(history.most, 2)
})

test('a market that was closed is not counted', async () => {
  // 14:00 UTC is half an hour after the opening of Monday: the rest is of Friday, up to 21:00.
  const engine = engineOf({ bars: '1m', warmup: 50 }, share('A'))

  const { queries } = await asked(engine)

  assert.equal(queries[0]!.from, Date.UTC(2026, 2, 6, 21) - (255 - 30) * MINUTE)
})

test('a higher timeframe begins whole, and days are trading days', async () => {
  const hours = await asked(
    engineOf({ bars: '1h', warmup: 3 }, coin('A')),
    (MONDAY_10 + 17 * MINUTE) as Ms,
  )
  const days = await asked(engineOf({ bars: '1d', warmup: 3 }, coin('A')))

  assert.equal(hours.queries[0]!.from, MONDAY_10 - 20 * HOUR)
  assert.equal(days.queries[0]!.from, Date.UTC(2026, 2, 6))
})

test('a strategy that looks at no bars is given the last ones', async () => {
  assert.deepEqual(minutesBack(await asked(engineOf({}, coin('A')))), [5])
})

test('after a restart, what was missed of a day is asked for too', async () => {
  const engine = engineOf({ bars: '1m', warmup: 5 }, coin('A'))
  const seen = bar({ symbol: engine.universe.all[0]!.id, start: (MONDAY_10 - 3 * HOUR) as Ms })
  engine.turn(seen.start, [{ type: 'bar', at: seen.start, bar: seen, source: 'venue' }])
  const old = engineOf({ bars: '1m', warmup: 5 }, coin('A'))
  const before = { ...seen, start: (MONDAY_10 - 3 * DAY) as Ms }
  old.turn(before.start, [{ type: 'bar', at: before.start, bar: before, source: 'venue' }])

  assert.deepEqual(minutesBack(await asked(engine)), [179])
  assert.deepEqual(minutesBack(await asked(old)), [DAY / MINUTE])
})
