import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Budget, heardOf, type Ask, type BudgetOptions, type Lane } from './rate.ts'
import { VirtualWorld } from './virtual.ts'

function budgetOf(changes: Partial<BudgetOptions> = {}) {
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const budget = new Budget(io, {
    name: 'test',
    limit: 10,
    windowMs: 1_000,
    marginMs: 0,
    reserve: 0,
    ...changes,
  })
  const lines: string[] = []
  const settle = async (name: string, ask: Ask): Promise<void> => {
    const result = await budget.take(ask)
    lines.push(`${io.monotonic()} ${name}${result.ok ? '' : ' refused'}`)
  }
  const ask = (name: string, lane: Lane, more: Partial<Ask> = {}): void =>
    void settle(name, { lane, ...more })
  return { world, io, budget, lines, ask }
}

interface Grant {
  readonly at: number
  readonly cost: number
}

/** Most cost in any window [at, at + windowMs). */
const mostIn = (grants: readonly Grant[], windowMs: number): number =>
  Math.max(
    0,
    ...grants.map(({ at }) =>
      grants
        .filter((grant) => grant.at >= at && grant.at < at + windowMs)
        .reduce((sum, { cost }) => sum + cost, 0),
    ),
  )

const plans = fc.array(
  fc.record({
    at: fc.integer({ min: 0, max: 5_000 }),
    lane: fc.constantFrom<Lane>(0, 1, 2, 3),
    cost: fc.integer({ min: 1, max: 4 }),
  }),
  { minLength: 1, maxLength: 60 },
)

test('never grants more than the limit in any sliding window, and in the end grants all', async () => {
  await fc.assert(
    fc.asyncProperty(plans, async (plan) => {
      const { world, io, budget } = budgetOf({ reserve: 3 })
      const grants: Grant[] = []
      for (const { at, lane, cost } of plan) {
        const send = async (): Promise<void> => {
          const result = await budget.take({ lane, cost })
          if (result.ok) grants.push({ at: io.monotonic(), cost })
        }
        io.after(at, () => void send())
      }
      await world.run(60_000)

      assert.ok(mostIn(grants, 1_000) <= 10)
      assert.equal(grants.length, plan.length)
      assert.equal(budget.stats().used, 0)
      assert.equal(io.usage().timers, 0)
    }),
    { numRuns: 60 },
  )
})

test('a bucket that refills evenly breaks the same property', () => {
  // The proof that the property has teeth: ten tokens, ten more in each second, all asked for at once.
  const grants: Grant[] = []
  let tokens = 10
  let last = 0
  for (let at = 0; at < 2_000; at += 10) {
    tokens = Math.min(10, tokens + (at - last) / 100)
    last = at
    for (; tokens >= 1; tokens--) grants.push({ at, cost: 1 })
  }

  assert.ok(mostIn(grants, 1_000) > 15)
})

test('the margin makes the window longer', async () => {
  const { world, lines, ask } = budgetOf({ limit: 1, marginMs: 50 })
  ask('a', 1)
  ask('b', 1)
  await world.run(5_000)

  assert.deepEqual(lines, ['0 a', '1050 b'])
})

test('who is more urgent goes first, and within a lane who came first', async () => {
  const { world, lines, ask } = budgetOf({ limit: 1 })
  ask('blocks', 3)
  for (const lane of [3, 2, 1, 0] as const) {
    ask(`${lane}a`, lane)
    ask(`${lane}b`, lane)
  }
  await world.run(20_000)

  assert.deepEqual(
    lines.map((line) => line.split(' ')[1]),
    ['blocks', '0a', '0b', '1a', '1b', '2a', '2b', '3a', '3b'],
  )
})

test('a large request is not starved by small ones below it', async () => {
  const { world, lines, ask } = budgetOf()
  for (let i = 0; i < 5; i++) ask('first', 2)
  ask('large', 1, { cost: 10 })
  for (let i = 0; i < 5; i++) ask('small', 2)
  await world.run(5_000)

  assert.equal(lines[5], '1000 large')
  assert.equal(lines[6], '2000 small')
})

test('reads and backfill leave the reserve to orders, orders leave theirs to cancels', async () => {
  const { world, lines, ask } = budgetOf({ reserve: 4, cancelReserve: 2 })
  for (let i = 0; i < 10; i++) ask('read', 2)
  await world.run(0)
  assert.equal(lines.length, 6)
  for (let i = 0; i < 5; i++) ask('order', 1)
  await world.run(0)
  assert.equal(lines.length, 8)
  for (let i = 0; i < 5; i++) ask('cancel', 0)
  await world.run(0)

  assert.deepEqual(lines.slice(6), ['0 order', '0 order', '0 cancel', '0 cancel'])
  // Without the reserve the reads take all, and the first order waits for a window.
  const none = budgetOf()
  for (let i = 0; i < 10; i++) none.ask('read', 2)
  none.ask('order', 1)
  await none.world.run(2_000)
  assert.equal(none.lines.at(-1), '1000 order')
})

test('a full queue gives the place of the youngest below, or refuses the newcomer', async () => {
  const { world, budget, lines, ask } = budgetOf({ limit: 1, waitingMax: 2 })
  ask('blocks', 1)
  ask('old', 3)
  ask('young', 3)
  ask('order', 1)
  ask('third', 3)
  await world.run(10_000)

  assert.deepEqual(lines, [
    '0 blocks',
    '0 young refused',
    '0 third refused',
    '1000 order',
    '2000 old',
  ])
  assert.equal(budget.stats().refused, 2)
})

test('what is canceled or too old is refused, and what waited behind it goes on', async () => {
  const { world, io, budget, lines, ask } = budgetOf()
  const controller = new AbortController()
  for (let i = 0; i < 5; i++) ask('first', 1)
  ask('canceled', 0, { cost: 10, signal: controller.signal })
  ask('behind', 1)
  io.after(100, () => controller.abort())
  await world.run(200)
  ask('old', 0, { cost: 10, waitMaxMs: 300 })
  ask('too much', 1, { cost: 11 })
  await world.run(5_000)

  assert.deepEqual(lines.slice(5), [
    '100 canceled refused',
    '100 behind',
    '200 too much refused',
    '500 old refused',
  ])
  assert.equal(io.usage().timers, 0)
  assert.equal(budget.stats().waiting, 0)
})

test('the venue that has less left than we believe is believed', async () => {
  const { world, budget, lines, ask } = budgetOf()
  ask('first', 1)
  budget.heard({ isRefusal: false, remaining: 2, resetMs: 400 })
  for (let i = 0; i < 3; i++) ask('order', 1)
  budget.heard({ isRefusal: false, remaining: 8 })
  await world.run(5_000)

  assert.deepEqual(lines, ['0 first', '0 order', '0 order', '400 order'])
})

test('a lower limit of the venue counts, a higher one does not, and nothing waits for ever', async () => {
  const { world, budget, lines, ask } = budgetOf()
  for (let i = 0; i < 10; i++) ask('first', 1)
  ask('waits', 1, { cost: 8 })
  budget.heard({ isRefusal: false, limit: 5 })
  await world.run(5_000)
  budget.heard({ isRefusal: false, limit: 50 })

  assert.equal(lines.at(-1), '1000 waits refused')
  assert.equal(budget.stats().limit, 10)
})

test('after a refusal all lanes stop as long as the venue asks, and what piled up is no burst', async () => {
  const { world, budget, lines, ask } = budgetOf()
  budget.heard({ isRefusal: true, retryAfterMs: 3_000 })
  for (let i = 0; i < 10; i++) ask('order', i === 0 ? 0 : 1)
  await world.run(2_999)
  assert.equal(lines.length, 0)
  await world.run(5_000)

  assert.deepEqual(
    lines.map((line) => Number(line.split(' ')[0])),
    [3_000, 3_100, 3_200, 3_300, 3_400, 3_500, 3_600, 3_700, 3_800, 3_900],
  )
})

test('refusals that do not say how long stop for longer each time', async () => {
  const stopAfter = async (refusals: number): Promise<string | undefined> => {
    const { world, budget, lines, ask } = budgetOf({ windowMs: 60_000 })
    for (let i = 0; i < refusals; i++) budget.heard({ isRefusal: true })
    ask('order', 1)
    await world.run(100_000)
    return lines[0]
  }

  assert.equal(await stopAfter(1), '1000 order')
  assert.equal(await stopAfter(3), '4000 order')
  assert.equal(await stopAfter(20), '60000 order')
})

test('statistics say what was granted, waited for, refused and saved', async () => {
  const { world, budget, ask } = budgetOf({ limit: 1 })
  ask('a', 1)
  ask('b', 1)
  ask('c', 1, { cost: 2 })
  budget.save(30)
  await world.run(1_500)

  const stats = budget.stats()
  assert.deepEqual(
    [stats.granted, stats.waitedMs, stats.refused, stats.saved, stats.waiting, stats.used],
    [2, 1_000, 1, 30, 0, 1],
  )
})

test('close refuses who waits, and leaves no timer', async () => {
  const { world, io, budget, lines, ask } = budgetOf({ limit: 1 })
  ask('a', 1)
  ask('b', 1, { waitMaxMs: 500 })
  await world.run(0)
  budget.close()
  await world.run(0)

  assert.deepEqual(lines, ['0 a', '0 b refused'])
  assert.equal(io.usage().timers, 0)
})

test('reads the usual headers, with seconds and dates, against the clock of the venue', () => {
  const now = Date.UTC(2026, 0, 5, 15, 4, 0)
  const heard = (headers: Record<string, string>, status = 200) => heardOf({ status, headers }, now)
  const reset = String(now / 1_000 + 30)

  assert.deepEqual(
    heard({
      'x-ratelimit-limit': '200',
      'x-ratelimit-remaining': '199',
      'x-ratelimit-reset': reset,
    }),
    { isRefusal: false, limit: 200, remaining: 199, resetMs: 30_000 },
  )
  assert.deepEqual(heard({ 'retry-after': '7' }, 429), { isRefusal: true, retryAfterMs: 7_000 })
  const date = { 'retry-after': 'Mon, 05 Jan 2026 15:04:07 GMT' }
  assert.equal(heard(date, 429).retryAfterMs, 7_000)
  const venue = { ...date, date: 'Mon, 05 Jan 2026 15:04:05 GMT' }
  assert.equal(heard(venue, 429).retryAfterMs, 2_000)
  assert.deepEqual(heard({ 'retry-after': 'soon', 'x-ratelimit-remaining': '-' }), {
    isRefusal: false,
  })
})
