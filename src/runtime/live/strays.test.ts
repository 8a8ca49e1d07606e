import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineStrategy, type Hooks, z } from '../../strategy/index.ts'
import { Stage } from '../../testing/scenario.ts'
import { owned } from './strays.ts'

const ownedHooks = (hooks: () => object): Hooks => {
  const strategy = defineStrategy({
    name: 's',
    params: z.strictObject({}),
    needs: () => ({ bars: '1m', warmup: 1 }),
    symbol: () => hooks() as Hooks,
  })
  const lane = new Stage({ actors: { s: {} } }).engine.lanes[0]!
  return owned({ name: 's', strategy, params: {}, on: [lane.symbol] }).strategy.symbol(lane, {})
}

test('hooks in a context of their lane are all that were given, also what is none, and those of a class', () => {
  class Own {
    heard = 0
    onTurn(): void {
      this.heard++
    }
  }
  const own = new Own()

  ownedHooks(() => own).onTurn!()

  assert.equal(own.heard, 1)
  assert.deepEqual(Object.keys(ownedHooks(() => ({ onBar: () => {}, onbar: () => {} }))), [
    'onBar',
    'onbar',
  ])
})
