// Placing: what a strategy that no compiler has checked may wish for, and what is said of it.
import { test } from 'node:test'
import { scenario } from '../testing/scenario.ts'
import type { Context } from '../strategy/index.ts'

/** A strategy that asks once, at the first trade. */
const asks = (ask: (ctx: Context) => unknown) => ({
  actors: { s: { hooks: (ctx: Context) => ({ onTrade: () => void ask(ctx) }) } },
})

/** A wish as a file of JavaScript may have it. */
const loose = (wish: object): never => wish as never

const denied: readonly (readonly [string, object, string])[] = [
  ['whose limit is misspelt', { qty: 10, limt: 90 }, 'bad-request: an order has no limt: it takes'],
  ['whose quantity is misspelt', { quantity: 10 }, 'bad-request: an order has no quantity'],
  ['with a time in force that nobody has', { qty: 10, tif: 'GTC' }, 'not-taken'],
  ['whose limit is null', { qty: 10, limit: null }, 'bad-request'],
]
for (const [name, wish, code] of denied) {
  test(`an order ${name} is denied`, () => {
    scenario(
      `
      10:00:00  trade AAPL 100    ! denied ${code}
      `,
      asks((ctx) => ctx.buy(loose(wish))),
    )
  })
}

test('an order that is said not to be post-only or reduce-only is neither', () => {
  scenario(
    `
    10:00:00  trade AAPL 100    > submit #1 buy 10 limit 99
    `,
    asks((ctx) => ctx.buy(loose({ qty: 10, limit: 99, postOnly: false, reduceOnly: false }))),
  )
})

for (const side of ['long', 'BUY', undefined]) {
  test(`a bracket whose side is ${side} is denied, whatever its prices`, () => {
    const up = { side, qty: 10, stop: 99, target: 102 }
    const down = { side, qty: 10, stop: 101, target: 98 }
    scenario(
      `
      10:00:00  trade AAPL 100    ! denied bad-request
                                  ! denied bad-request: the side is ${side}, neither buy nor sell
      `,
      asks((ctx) => [ctx.bracket(loose(up)), ctx.bracket(loose(down))]),
    )
  })
}

test('a bracket whose target is misspelt does not begin without one', () => {
  scenario(
    `
    10:00:00  trade AAPL 100    ! denied bad-request: a bracket has no take: it takes side, qty
    `,
    asks((ctx) => ctx.bracket(loose({ side: 'buy', qty: 10, stop: 99, take: 102 }))),
  )
})
