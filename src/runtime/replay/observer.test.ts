// Observer: a report that lacks something is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillId } from '../../core/brand.ts'
import { money } from '../../core/instrument.ts'
import { ms } from '../../core/time.ts'
import { coin, order, request, universeOf } from '../../testing/builders.ts'
import { defineConfig, toRiskLimits, toSimOptions } from '../config/config.ts'
import { Observer } from './observer.ts'

const ENDED = {
  mode: 'backtest',
  command: '',
  elapsedMs: 0,
  turns: 0,
  rows: 0,
  hash: '',
  intents: '',
} as const

function observer(base: '1m' | '1d' = '1m'): Observer {
  const config = defineConfig({})
  const setup = {
    universe: universeOf('SPY', coin('BTC', { kind: 'perpetual' })),
    uses: [],
    risk: toRiskLimits(config),
    sim: toSimOptions(config),
    run: 'test',
    currency: 'USD',
    base,
    bars: { latenessMs: 0, maxFill: 2 },
  } as const
  return new Observer({ setup, config, tape: { name: 'none', series: [] }, equity: 100_000 })
}

test('counts what its owner brings or takes as no profit and no loss, and says so', () => {
  const it = observer()
  const { notices, sample } = it.watch
  sample!(ms(0), 100_000, 0)
  notices!.handle({ type: 'transferred', at: ms(1), amount: -60_000 })
  sample!(ms(1), 40_100, 0)

  const { summary, warnings } = it.report(ENDED)

  assert.deepEqual([summary.equityEnd, summary.change], [100_100, 100])
  assert.match(warnings.join(), /60000 left the account without a trade: equity here is as if/)
})

test('warns of what holding costs that simulated fills do not', () => {
  const warningsOf = (symbol: number, position: number): string => {
    const it = observer()
    const held = order({ symbol: symbol })
    const fill = { id: fillId('f1'), qty: held.qty, price: 1, fee: money(0), ts: ms(0) }
    it.watch.notices!.handle({ type: 'fill', at: ms(0), order: held, fill, profit: 0, position })
    return it.report(ENDED).warnings.join()
  }

  assert.match(warningsOf(1, 1), /Funding is not simulated/)
  assert.match(warningsOf(0, -1), /Borrowing is not simulated/)
  assert.doesNotMatch(warningsOf(0, 1), /not simulated/)
})

test('says why daily bars are denied', () => {
  const denial = { code: 'market-closed', detail: 'no session' } as const
  const warningsOf = (base: '1m' | '1d'): string => {
    const it = observer(base)
    const denied = { strategy: 's', request: request(), denial }
    it.watch.notices!.handle({ type: 'order.denied', ...denied })
    return it.report(ENDED).warnings.join()
  }

  assert.match(warningsOf('1d'), /A daily bar is told when its day is over/)
  assert.doesNotMatch(warningsOf('1m'), /A daily bar/)
})

test('gives no report where a notice could not be taken', () => {
  const it = observer()
  const stranger = order({ symbol: 7 })
  const { qty } = stranger
  const fill = { id: fillId('f1'), qty, price: 1, fee: money(0), ts: ms(0) }

  const { handle } = it.watch.notices!
  handle({ type: 'fill', at: ms(0), order: stranger, fill, profit: 0, position: 1 })

  assert.throws(() => it.report(ENDED), /the report lacks what happened: /)
})
