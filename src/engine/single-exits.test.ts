// Kept brackets at a venue that answers late, fills in parts, refuses cancels, and holds a coin for one sale.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { OrderId } from '../core/brand.ts'
import type { Command } from '../core/command.ts'
import { fault } from '../core/fault.ts'
import type { Input } from '../core/input.ts'
import type { Order } from '../core/order.ts'
import { ms } from '../core/time.ts'
import { coin, filled, MONDAY_10, termsOf, trade } from '../testing/builders.ts'
import { Stage } from '../testing/scenario.ts'

const RESTS = ['gtc', 'ioc'] as const
const OPTIONS = {
  symbols: [coin('BTC', { lotSize: 1 })],
  limits: {
    terms: termsOf({
      takes: { market: RESTS, limit: RESTS, 'stop-limit': RESTS },
      shorts: false,
      exits: 'one',
      stopCollar: 0.05,
      marketRests: true,
    }),
  },
} as const

interface Step {
  readonly price: number
  readonly waitMs: number
  /** Commands that the venue looks at, and answers that are heard. */
  readonly looks: number
  readonly hears: number
  /** How much of what could fill does. */
  readonly part: number
  readonly refusesCancel: boolean
  readonly isRestored: boolean
}

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    price: fc.integer({ min: 90, max: 108 }),
    waitMs: fc.integer({ min: 1, max: 40_000 }),
    looks: fc.integer({ min: 0, max: 3 }),
    hears: fc.integer({ min: 0, max: 4 }),
    part: fc.constantFrom(0, 0.3, 0.5, 1),
    refusesCancel: fc.boolean(),
    isRestored: fc.boolean(),
  }),
  { maxLength: 30 },
)

/** What the venue has, and what is on its way to it and back. */
class Venue {
  held = 0
  price = 100
  readonly commands: Command[] = []
  readonly answers: Input[] = []
  readonly #live = new Map<OrderId, Order>()
  #fills = 0

  get exits(): number {
    let sum = 0
    for (const { side, qty, filled: done } of this.#live.values())
      if (side === 'sell') sum += qty - done
    return sum
  }

  get isIdle(): boolean {
    return this.commands.length === 0 && this.answers.length === 0
  }

  look({ part, refusesCancel }: Pick<Step, 'part' | 'refusesCancel'>): void {
    const command = this.commands.shift()
    if (command === undefined) return
    if (command.type === 'submit') {
      this.#take(command.order, part)
      return
    }
    const { id } = command
    const order = this.#live.get(id)
    const told = { id, at: MONDAY_10, ts: MONDAY_10 }
    if (order === undefined || (command.type === 'cancel' && refusesCancel))
      this.answers.push({ type: 'cancel.rejected', ...told, fault: fault('bad-request', 'no') })
    else if (command.type === 'cancel') this.#end(order)
    else {
      const { qty = order.qty, limit = order.limit, stop = order.stop } = command
      const changed = { ...order, qty, ...(limit && { limit }), ...(stop && { stop }) }
      this.#live.set(id, changed)
      this.#checkFree()
      this.answers.push({ type: 'order.amended', ...told, qty, ...(limit && { limit }) })
      if (qty <= order.filled) this.#live.delete(id)
    }
  }

  /** Fills what rests and can trade at the price of now, in part. */
  trade(price: number, part: number): void {
    this.price = price
    for (const order of Array.from(this.#live.values())) {
      const isStop = order.stop !== undefined
      if (isStop && (price > order.stop || price < order.limit!)) continue
      this.#fill(order, part)
    }
  }

  #take(order: Order, part: number): void {
    this.#live.set(order.id, order)
    this.#checkFree()
    const told = { id: order.id, at: MONDAY_10, ts: MONDAY_10 }
    this.answers.push({ type: 'order.accepted', ...told, venueId: order.id })
    if (order.type === 'market') this.#fill(order, part)
    const left = this.#live.get(order.id)
    if (order.tif === 'ioc' && left !== undefined) this.#end(left)
  }

  #fill(order: Order, part: number): void {
    const left = order.qty - order.filled
    const qty = Math.min(left, Math.ceil(left * part))
    if (qty === 0) return
    const now = { ...order, filled: (order.filled + qty) as Order['filled'] }
    if (now.filled >= now.qty) this.#live.delete(order.id)
    else this.#live.set(order.id, now)
    this.held += order.side === 'buy' ? qty : -qty
    const fill = `x${++this.#fills}`
    this.answers.push(filled(order.id, { fill, qty, price: this.price }))
  }

  #end({ id }: Order): void {
    this.#live.delete(id)
    this.answers.push({ type: 'order.canceled', id, at: MONDAY_10, ts: MONDAY_10 })
  }

  /** What a real venue would refuse is never asked for. */
  #checkFree(): void {
    assert.ok(this.exits <= this.held, `${this.exits} are to be sold of ${this.held}`)
  }
}

test('never asks for a second exit, and leaves nothing without one', () => {
  fc.assert(
    fc.property(steps, (given) => {
      let stage = new Stage(OPTIONS).play(`
        10:00:00  trade BTC 100
        10:00:01  s bracket buy 10 stop 98 target 104   > submit #1 buy 10 market gtc`)
      const venue = new Venue()
      const [entry] = stage.engine.ours.orders
      venue.commands.push({ type: 'submit', order: entry!.order })
      let at = MONDAY_10 + 1_000
      const turn = (inputs: readonly Input[]): void => {
        const now = ms(at)
        const timed = inputs.map((input) => ({ ...input, at: now }))
        for (const { commands } of stage.engine.turn(now, timed).batches)
          venue.commands.push(...commands)
      }
      const pass = (step: Step): void => {
        at += step.waitMs
        if (step.isRestored) stage = stage.restored()
        venue.trade(step.price, step.part)
        turn([{ type: 'trade', at: ms(at), trade: trade({ ts: ms(at), price: step.price }) }])
        for (let i = 0; i < step.looks; i++) venue.look(step)
        for (let i = 0; i < step.hears && venue.answers.length > 0; i++) {
          at++
          turn([venue.answers.shift()!])
        }
      }
      for (const step of given) pass(step)
      const quiet = { price: 100, waitMs: 61_000, looks: 9, hears: 9, part: 1 } as const
      for (let i = 0; i < 60 && !(i > 20 && venue.isIdle); i++)
        pass({ ...quiet, refusesCancel: false, isRestored: false })

      assert.equal(stage.lane('s').position.qty, venue.held)
      assert.equal(venue.exits, venue.held, 'what is held has one exit of its size')
      assert.equal(stage.engine.capture().risk.safeMode, null)
      assert.ok(stage.lane('s').closing === undefined)
    }),
    { numRuns: 500 },
  )
})
