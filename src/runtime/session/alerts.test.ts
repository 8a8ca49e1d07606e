import assert from 'node:assert/strict'
import { test } from 'node:test'
import { universeOf } from '../../testing/builders.ts'
import { alertOf } from './alerts.ts'

test('tells each level of the drawdown, with the drawdown', () => {
  const told = (['normal', 'warning', 'halt', 'emergency'] as const).map((level) =>
    alertOf({ type: 'drawdown', level, drawdown: 0.0512 }, universeOf('A')),
  )

  assert.deepEqual(told, [
    { level: 'warn', text: 'the drawdown is 5.12 %: level normal, nothing is held back' },
    { level: 'warn', text: 'the drawdown is 5.12 %: level warning, sizes are scaled down' },
    { level: 'error', text: 'the drawdown is 5.12 %: level halt, no new risk is taken' },
    { level: 'error', text: 'the drawdown is 5.12 %: level emergency, everything is closed' },
  ])
})

test('tells of a drawdown that cannot be computed', () => {
  const told = alertOf({ type: 'drawdown', level: 'halt', drawdown: NaN }, universeOf('A'))

  assert.equal(told?.text, 'the drawdown is not known: level halt, no new risk is taken')
})
