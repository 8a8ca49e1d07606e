/*
 * Bybit in bad weather: batches of submits, amends and cancels at random, while answers are lost before and after they were
 * booked, batches are booked in part, the quota ends, streams are cut and lists lag. At the end, when the weather is good
 * again, the venue, the adapter's answers, its facts and its report must tell one story.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Command } from '../src/core/command.ts'
import type { Order } from '../src/core/order.ts'
import { integer, type Random, seeded } from '../src/core/random.ts'
import { isOpen } from '../src/simulators/bybit/order.ts'
import type { RuleText } from '../src/simulators/fault-script.ts'
import type { Taken } from '../src/venues/bybit/batches.ts'
import { Bench } from './bybit/bench.ts'

const SECOND = 1_000
const STEPS = 25
const ANY = { on: 'rest', method: 'POST', path: '/v5/order', chance: 0.15, for: '120s' } as const

const weather = (): readonly RuleText[] => [
  { ...ANY, fault: 'reset', when: 'after', bytes: 0 },
  { ...ANY, fault: 'reset', when: 'before', bytes: 0, chance: 0.05 },
  { ...ANY, fault: 'silence', when: 'after', chance: 0.05 },
  { ...ANY, fault: 'status', status: 502, when: 'after', chance: 0.05 },
  { ...ANY, fault: 'code', code: 10016, when: 'after', chance: 0.05 },
  { ...ANY, fault: 'code', code: 10006, when: 'before', chance: 0.05 },
  {
    on: 'rest',
    method: 'GET',
    path: '/v5/order',
    fault: 'status',
    status: 503,
    chance: 0.05,
    for: '120s',
  },
  { on: 'orders', fault: 'subset', share: 0.6, chance: 0.3, for: '120s' },
  { on: 'orders', fault: 'hide', by: '300ms', chance: 0.1, for: '120s' },
  { on: 'orders', fault: 'late-reject', chance: 0.05, for: '120s' },
  { on: 'trading', fault: 'cut-off', at: '10s', every: '25s', for: '100s' },
  { on: 'trading', fault: 'duplicate', chance: 0.1, for: '120s' },
]

class Storm {
  readonly sent: Order[] = []
  readonly answers = new Map<string, Taken>()
  readonly #bench: Bench
  readonly #random: Random

  constructor(bench: Bench, seed: number) {
    this.#bench = bench
    this.#random = seeded(seed)
  }

  async step(): Promise<void> {
    const commands = this.#commands()
    const [first] = commands
    if (first === undefined) return
    const taken = await this.#bench.send(commands)
    for (const [i, answer] of taken.entries()) {
      const command = commands[i]!
      if (command.type === 'submit') this.answers.set(command.order.id, answer)
    }
    await this.#bench.run(integer(this.#random, 0, 3) * SECOND)
  }

  #commands(): readonly Command[] {
    const draw = this.#random()
    const count = integer(this.#random, 1, 12)
    if (draw < 0.5 || this.sent.length < 5) {
      const isMarket = this.#random() < 0.15
      const wish = isMarket
        ? ({ type: 'market', tif: 'gtc', limit: undefined } as const)
        : { limit: integer(this.#random, 9_000, 9_900) / 100 }
      const orders = this.#bench.orders(isMarket ? 1 : count, wish as object)
      this.sent.push(...orders)
      return orders.map((order) => ({ type: 'submit', order }))
    }
    const some = new Set(Array.from({ length: count }, () => this.#one()))
    const instrument = this.#bench.universe.all[0]!
    return [...some].map(({ id, symbol }) =>
      draw < 0.75
        ? { type: 'cancel', id, symbol }
        : {
            type: 'amend',
            id,
            symbol,
            limit: instrument.px(integer(this.#random, 9_000, 9_900) / 100),
          },
    )
  }

  #one(): Order {
    return this.sent[integer(this.#random, 0, this.sent.length - 1)]!
  }
}

async function storm(t: TestContext, seed: number): Promise<void> {
  const bench = await Bench.start(t, { local: { faults: { seed, faults: [] } } })
  for (const rule of weather()) bench.inject(rule)
  const weathered = new Storm(bench, seed)
  for (let i = 0; i < STEPS; i++) await weathered.step()
  bench.local.venue.nemesis.clear()
  await bench.run(90 * SECOND)
  const { account } = bench

  const linkIds = account.orders.map(({ linkId }) => linkId)
  assert.equal(new Set(linkIds).size, linkIds.length, 'no order is at the venue twice')
  for (const [id, answer] of weathered.answers) {
    const theirs = account.find({ linkId: id })
    if (answer.ok) assert.equal(theirs?.id, answer.value.venueId, `${id} is there, as was answered`)
    else if (answer.fault.code !== 'outcome-unknown') {
      const isRefused = theirs === undefined || theirs.status === 'Rejected'
      assert.ok(isRefused, `${id} was refused (${answer.fault.message}), and is ${theirs?.status}`)
    }
  }
  const report = await bench.report()
  const told = new Map(report.orders.map((order) => [String(order.id), order]))
  for (const order of account.orders) {
    const one = told.get(order.linkId)
    assert.deepEqual(
      [one?.venueId, one?.open, one?.filled, one?.qty],
      [order.id, isOpen(order), order.filled, order.qty],
      order.linkId,
    )
  }
  assert.equal(told.size, account.orders.length)
  const fills = new Set(
    bench.inputs.flatMap((input) => (input.type === 'order.filled' ? [String(input.fill)] : [])),
  )
  assert.deepEqual([...fills].toSorted(), account.executions.map(({ id }) => id).toSorted())
  const ended = account.orders.filter((order) => !isOpen(order) && order.status !== 'Filled')
  for (const { linkId, status } of ended) {
    const types = bench.said(linkId).map(({ type }) => type)
    const wanted = status === 'Rejected' ? 'order.rejected' : 'order.canceled'
    assert.ok(types.includes(wanted), `${linkId} is ${status}: ${types.join(', ')}`)
  }
  t.diagnostic(`seed ${seed}: ${linkIds.length} orders, ${fills.size} fills, ${ended.length} ended`)
}

for (const seed of [1, 2, 3, 4]) {
  test(`tells one story after bad weather, seed ${seed}`, (t) => storm(t, seed))
}
