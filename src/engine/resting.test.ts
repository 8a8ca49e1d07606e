// Declared quotes: what leaves for what is wanted, what waits, and what never does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context, Hooks } from '../strategy/index.ts'
import { coin } from '../testing/builders.ts'
import { scenario, type ScenarioOptions, Stage } from '../testing/scenario.ts'

const ON_COINS: ScenarioOptions = { symbols: [coin('BTC', { tickSize: 0.1, lotSize: 0.001 })] }
const quoting = (story: string, options: ScenarioOptions = {}): Stage =>
  scenario(story, { ...ON_COINS, ...options })

/** Two bids and two asks that the venue has taken; the price is 10000, of which a basis point is 1. */
const QUOTED = `
  10:00:00  trade BTC 10000
  10:00:00  s rest 1 @ 9999 1 @ 9998 | 1 @ 10001 1 @ 10002   > submit #1 buy 1 limit 9999 gtc post-only
                                                             > submit #2 buy 1 limit 9998 gtc post-only
                                                             > submit #3 sell 1 limit 10001 gtc post-only
                                                             > submit #4 sell 1 limit 10002 gtc post-only
  10:00:00  accepted #1
            accepted #2
            accepted #3
            accepted #4                                      = live #1 #2 #3 #4
`
const LOOSE: ScenarioOptions = {
  risk: { maxPositionFraction: 10, maxExposureFraction: 10, leverage: 10 },
}

test('places what is wanted and does not rest', () => {
  quoting(QUOTED, LOOSE)
})

test('leaves alone what is near enough', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 1.1 @ 9999.4 1 @ 9998 | 1 @ 10001 1 @ 10002   = live #1 #2 #3 #4
  `,
    LOOSE,
  )
})

test('moves an order by an amend where it moves little', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002     > amend #1 qty 1 limit 9999.8
    10:00:10  amended #1 limit 9999.8
    10:00:20  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002     = live #1 #2 #3 #4
  `,
    LOOSE,
  )
})

test('cancels and places where it moves far, cancels first', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 1 @ 9995 1 @ 9994 | 1 @ 10001 1 @ 10002       > cancel #1
                                                                   > cancel #2
                                                                   > submit #5 buy 1 limit 9995 gtc post-only
                                                                   > submit #6 buy 1 limit 9994 gtc post-only
  `,
    LOOSE,
  )
})

test('does not move an order that is young, and moves it when it no longer is', () => {
  quoting(
    `${QUOTED}
    10:00:00.100  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002
    10:00:00.499  wait
    10:00:00.500  wait                                             > amend #1 qty 1 limit 9999.8
  `,
    LOOSE,
  )
})

test('cancels a young order at once where it is too aggressive or no longer wanted', () => {
  quoting(
    `${QUOTED}
    10:00:00.100  s rest 1 @ 9990 1 @ 9989 | 1 @ 10001             > cancel #1
                                                                   > cancel #2
                                                                   > cancel #4
                                                                   > submit #5 buy 1 limit 9990 gtc post-only
    10:00:00.200  s rest |                                         > cancel #5
                                                                   > cancel #3
  `,
    LOOSE,
  )
})

test('withdraws all quotes of a lane that throws', () => {
  const hooks = () => ({
    onTrade: ({ price }: { readonly price: number }) => {
      if (price === 13) throw new Error('thirteen')
    },
  })
  const stage = new Stage({
    ...ON_COINS,
    ...LOOSE,
    actors: { s: { hooks, needs: { trades: true } } },
  })
  stage.play(`${QUOTED}
    10:00:01  trade BTC 13                                         ! halted s Error: thirteen
                                                                   > cancel #1
                                                                   > cancel #2
                                                                   > cancel #3
                                                                   > cancel #4
  `)
})

test('a fill ends the declaration: what it took is not placed again by itself', () => {
  quoting(
    `${QUOTED}
    10:00:00.100  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002
    10:00:00.200  filled #1 1 @ 9999
    10:00:05      wait                                             = live #2 #3 #4
    10:00:06      s rest 1 @ 9999 1 @ 9998 | 1 @ 10001 1 @ 10002   > submit #5 buy 1 limit 9999 gtc post-only
  `,
    LOOSE,
  )
})

test('waits a while after a quote was refused, with places and not with cancels', () => {
  quoting(
    `${QUOTED}
    10:00:10      s rest 1 @ 9995 1 @ 9994 | 1 @ 10001 1 @ 10002   > cancel #1
                                                                   > cancel #2
                                                                   > submit #5 buy 1 limit 9995 gtc post-only
                                                                   > submit #6 buy 1 limit 9994 gtc post-only
    10:00:10.100  rejected #5 it would take
                  canceled #1
                  canceled #2
                  accepted #6
    10:00:10.200  s rest 1 @ 9996 1 @ 9994 | 1 @ 10001             > cancel #4
    10:00:11.599  wait
    10:00:11.600  wait                                             > submit #7 buy 1 limit 9996 gtc post-only
  `,
    LOOSE,
  )
})

test('cancels an order whose amend is refused, because it stands where it should not', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002     > amend #1 qty 1 limit 9999.8
    10:00:11  refused #1 too late                                  > cancel #1
  `,
    LOOSE,
  )
})

test('gives an order up whose amend is never answered', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002     > amend #1 qty 1 limit 9999.8
    10:00:12  s rest 1 @ 9999 1 @ 9998 | 1 @ 10001 1 @ 10002
    10:00:15  wait                                                 > cancel #1
                                                                   > submit #5 buy 1 limit 9999 gtc post-only
  `,
    LOOSE,
  )
})

test('moves no more quotes in a second than allowed, and the rest when it is', () => {
  const policy = { amends: false, placesPerSecond: 4, cancelsPerSecond: 1 }
  const stage = new Stage({ ...ON_COINS, ...LOOSE })
  stage.play(QUOTED)
  const [lane] = stage.engine.lanes
  lane!.rest(
    {
      bids: [
        { price: 9_996, qty: 1 },
        { price: 9_995, qty: 1 },
      ],
      asks: [
        { price: 10_004, qty: 1 },
        { price: 10_005, qty: 1 },
      ],
    },
    { ...policy, urgentBps: 100 },
  )
  stage.play(`
    10:00:10  wait                                                 > cancel #1
                                                                   > submit #5 buy 1 limit 9996 gtc post-only
    10:00:11  wait                                                 > cancel #2
                                                                   > submit #6 buy 1 limit 9995 gtc post-only
  `)
})

for (const [off, on] of [
  ['pause', 'resume'],
  ['safe-mode on', 'safe-mode off'],
  ['venue down feed', 'venue up feed'],
  ['venue down orders', 'venue up orders'],
] as const) {
  test(`withdraws all quotes at "${off}", and quotes again when it is declared after "${on}"`, () => {
    const told = off.startsWith('safe') ? '! safe-mode' : ''
    quoting(
      `${QUOTED}
    10:00:01  ${off}                                               > cancel #1
                                                                   > cancel #2
                                                                   > cancel #3
                                                                   > cancel #4
                                                                   ${told}
    10:00:02  s rest 1 @ 9999 |
    10:00:03  ${on}                                                ${told}
    10:00:04  s rest 1 @ 9999 |                                    > submit #5 buy 1 limit 9999 gtc post-only
    `,
      LOOSE,
    )
  })
}

test('withdraws all quotes when it is stopped', () => {
  quoting(
    `${QUOTED}
    10:00:01  stop                                                 > cancel #1
                                                                   > cancel #2
                                                                   > cancel #3
                                                                   > cancel #4
    10:00:02  s rest 1 @ 9999 |
  `,
    LOOSE,
  )
})

test('says of a level that is no number that it is missing, and rests the others', () => {
  quoting(
    `
    10:00:00  trade BTC 10000
    10:00:01  s rest 1 @ NaN 1 @ 9999 |                            ! denied missing-data: a level is 1 at NaN
                                                                   > submit #1 buy 1 limit 9999 gtc post-only
  `,
    LOOSE,
  )
})

test('counts an order that is to become larger as larger, until the venue has said otherwise', () => {
  quoting(
    `
    10:00:00  trade BTC 10000
    10:00:00  s rest 1 @ 9999 |                                    > submit #1 buy 1 limit 9999 gtc post-only
    10:00:00  accepted #1
    10:00:10  s rest 1.2 @ 9999.8 |                                > amend #1 qty 1.2 limit 9999.8
    10:00:11  s buy 0.9 limit 9990                                 ! denied max-position-notional
    10:00:12  amended #1 qty 1.2 limit 9999.8
    10:00:13  s buy 0.7 limit 9990                                 > submit #2 buy 0.7 limit 9990 gtc
  `,
    { risk: { maxPositionFraction: 0.2, maxExposureFraction: 10, leverage: 10 } },
  )
})

test('keeps two strategies on one symbol apart', () => {
  quoting(
    `
    10:00:00  trade BTC 10000
    10:00:00  s rest 1 @ 9999 |                                    > submit #1 s buy 1 limit 9999 gtc post-only
    10:00:00  t rest 1 @ 9999 |                                    > submit #2 t buy 1 limit 9999 gtc post-only
    10:00:00  accepted #1
              accepted #2
    10:00:01  s rest |                                             > cancel #1
    10:00:02  t rest 1 @ 9999 |                                    = live #1 #2
  `,
    { ...LOOSE, actors: { s: {}, t: {} } },
  )
})

test('a cap that is switched off is so after a restart too', () => {
  const uncapped = {
    placesPerSecond: Infinity,
    cancelsPerSecond: Infinity,
    cancelsPerMinute: Infinity,
  }
  const hooks = (ctx: Context): Hooks => ({
    onQuote: ({ bid }) =>
      ctx.rest({ bids: [{ price: bid, qty: 1 }], asks: [] }, { ...uncapped, amends: false }),
  })
  const before = quoting(
    `
    10:00:00      quote BTC 9999 x 10001    > submit #1 buy 1 limit 9999 gtc post-only
    10:00:00.100  accepted #1
    10:00:00.200  quote BTC 10000 x 10001
  `,
    { ...LOOSE, actors: { s: { needs: {}, hooks } } },
  )
  const story = `
    10:00:01  wait   > cancel #1
                     > submit #2 buy 1 limit 10000 gtc post-only
  `

  before.restored().play(story)
  before.play(story)
})

test('goes on after a restart as if there had been none', () => {
  const before = quoting(
    `${QUOTED}
    10:00:00.100  s rest 1 @ 9999.8 1 @ 9998 | 1 @ 10001 1 @ 10002
  `,
    LOOSE,
  )
  const after = before.restored()
  assert.equal(after.engine.hash(), before.engine.hash())
  for (const stage of [before, after]) {
    stage.play(`
    10:00:00.500  wait                                             > amend #1 qty 1 limit 9999.8
    `)
  }
  assert.equal(after.engine.hash(), before.engine.hash())
})

test('makes a cancel and an order near it on the same side one amend of the first', () => {
  quoting(
    `
    10:00:00  trade BTC 10000
    10:00:00  s buy 1 limit 9990                                   > submit #1 buy 1 limit 9990 gtc
    10:00:00  accepted #1
    10:00:01  s cancel #1
              s buy 1.1 limit 9990.5                               > amend #1 qty 1.1 limit 9990.5
    10:00:01  amended #1 qty 1.1 limit 9990.5
    10:00:02  s cancel #1
              s buy 1.1 limit 9980                                 > cancel #1
                                                                   > submit #2 buy 1.1 limit 9980 gtc
  `,
    LOOSE,
  )
})

test('makes no amend of what is too young, too far, of another size or of another strategy', () => {
  quoting(
    `
    10:00:00  trade BTC 10000
    10:00:00  s buy 1 limit 9990                                   > submit #1 s buy 1 limit 9990 gtc
    10:00:00  accepted #1
    10:00:00.499  s cancel #1
                  s buy 1 limit 9990.5                             > cancel #1
                                                                   > submit #2 s buy 1 limit 9990.5 gtc
    10:00:00.499  accepted #2
    10:00:10  s cancel #2
              s buy 1.3 limit 9990.6                               > cancel #2
                                                                   > submit #3 s buy 1.3 limit 9990.6 gtc
    10:00:10  accepted #3
    10:00:20  s cancel #3
              t buy 1.3 limit 9990.7                               > cancel #3
                                                                   > submit #4 t buy 1.3 limit 9990.7 gtc
  `,
    { ...LOOSE, actors: { s: {}, t: {} } },
  )
})

test('lets an order of another size take the price of the one that goes', () => {
  quoting(
    `${QUOTED}
    10:00:10  s rest 2 @ 9999 1 @ 9998 | 1 @ 10001 1 @ 10002       > cancel #1
                                                                   > submit #5 buy 2 limit 9999 gtc post-only
  `,
    LOOSE,
  )
})

test('asks again for the cancel of what nobody stands behind, where it was refused or has no answer', () => {
  const stage = quoting(
    `
    10:00:00  trade BTC 10000
    10:00:00  s rest 1 @ 9999 | 1 @ 10001                          > submit #1 buy 1 limit 9999 gtc post-only
                                                                   > submit #2 sell 1 limit 10001 gtc post-only
    10:00:00  accepted #1
              accepted #2
    10:00:10  pause                                                > cancel #1    > cancel #2
    10:00:11  refused #1 too many requests                         = live #1 #2
  `,
    LOOSE,
  )
  assert.equal(stage.engine.nextAt, Date.UTC(2026, 2, 9, 14, 0, 15))
  stage.play(`
    10:00:15  wait                                                 > cancel #1    > cancel #2
    10:00:16  canceled #1
              canceled #2                                          = live none
    10:00:20  wait
  `)
})

test('bids and asks together are no more orders than may be', () => {
  const stage = quoting('10:00:00  trade BTC 10000', LOOSE)
  const levels = (side: -1 | 1) => [1, 2].map((i) => ({ price: 10_000 + side * i, qty: 1 }))

  stage.lane('s').rest({ bids: levels(-1), asks: levels(1) }, { ordersMax: 3 })
  stage.play(`
    10:00:01  wait                                                 > submit #1 buy 1 limit 9999 gtc post-only
                                                                   > submit #2 buy 1 limit 9998 gtc post-only
                                                                   > submit #3 sell 1 limit 10001 gtc post-only
  `)
})
