// Observer: a report that lacks something is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillId } from '../core/brand.ts'
import { money } from '../core/instrument.ts'
import { ms } from '../core/time.ts'
import { order, universeOf } from '../testing/builders.ts'
import { defineConfig, toRiskLimits, toSimOptions } from './config.ts'
import { Observer } from './observer.ts'

test('gives no report where a notice could not be taken', () => {
  const config = defineConfig({})
  const setup = {
    universe: universeOf('SPY'),
    uses: [],
    risk: toRiskLimits(config),
    sim: toSimOptions(config),
    run: 'test',
    currency: 'USD',
    base: '1m',
    bars: { latenessMs: 0, maxFill: 2 },
  } as const
  const observer = new Observer({ setup, config, tape: { name: 'none', series: [] } })
  const stranger = order({ symbol: 7 })
  const { qty } = stranger
  const fill = { id: fillId('f1'), qty, price: 1, fee: money(0), ts: ms(0) }

  const { handle } = observer.watch.notices!
  handle({ type: 'fill', at: ms(0), order: stranger, fill, profit: 0, position: 1 })

  const ended = { mode: 'backtest', command: '', elapsedMs: 0, turns: 0, rows: 0 } as const
  assert.throws(
    () => observer.report({ ...ended, hash: '', intents: '' }),
    /the report lacks what happened: /,
  )
})
