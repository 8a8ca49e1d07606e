// The gap of a stream of an account: what is heard, in which order, and what becomes of what cannot be heard.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fault } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { ms } from '../core/time.ts'
import { Gap } from './gap.ts'
import { VirtualWorld } from './virtual.ts'

const SECOND = 1_000
const START = ms(1_767_600_000_000)

function gapOf(missed: (hear: (what: string) => void) => Result<readonly (() => void)[]>) {
  const world = new VirtualWorld({ seed: 1, startAt: START })
  const said: string[] = []
  const since: number[] = []
  const hear = (what: string): void => {
    said.push(what)
  }
  const gap = new Gap<string>({
    io: world.node('engine'),
    of: 'updates',
    hear,
    missed: (from) => {
      since.push(from)
      return Promise.resolve(missed(hear))
    },
    tell: (type, why) => said.push(why === undefined ? type : `${type}: ${why}`),
    onTrouble: (why) => said.push(`trouble: ${why}`),
  })
  return { world, gap, said, since }
}

test('what was missed is heard first, then what came meanwhile, and then it is up', async () => {
  const { world, gap, said, since } = gapOf((hear) => ok([() => hear('missed')]))
  gap.hear('before')
  gap.down('cut')
  await world.run(10 * SECOND)
  gap.up(true)
  gap.hear('meanwhile')
  await world.run(SECOND)
  gap.hear('after')

  assert.deepEqual(said, ['before', 'venue.down: cut', 'missed', 'meanwhile', 'venue.up', 'after'])
  assert.deepEqual(since, [START - 300 * SECOND])
})

test('what comes is heard where the first connection fails and the second holds', async () => {
  const { world, gap, said } = gapOf((hear) => ok([() => hear('missed')]))
  gap.down('refused')
  gap.up(false)
  await world.run(SECOND)
  gap.hear('after')

  assert.deepEqual(said, ['venue.down: refused', 'missed', 'venue.up', 'after'])
})

test('many are heard in slices, with room between them', async () => {
  const heardAt = new Set<number>()
  let count = 0
  const { world, gap, said } = gapOf(() =>
    ok(
      Array.from({ length: 1_000 }, () => () => {
        heardAt.add(world.now)
        count++
      }),
    ),
  )
  gap.down('cut')
  gap.up(true)
  await world.run(SECOND)

  assert.equal(count, 1_000)
  assert.equal(heardAt.size, 4)
  assert.equal(said.at(-1), 'venue.up')
})

test('what cannot be heard is told, and the gap is filled anew', async () => {
  let tries = 0
  const { world, gap, said } = gapOf((hear) =>
    ok([
      () => {
        if (++tries === 1) throw new Error('the inbox is full')
        hear('missed')
      },
    ]),
  )
  gap.down('cut')
  gap.up(true)
  gap.hear('meanwhile')
  await world.run(5 * SECOND)

  const trouble = 'the gap in updates was not filled, which is tried again: the inbox is full'
  assert.deepEqual(said, [
    'venue.down: cut',
    `trouble: ${trouble}`,
    'missed',
    'meanwhile',
    'venue.up',
  ])
})

test('a venue that cannot be asked is asked again: what comes meanwhile is heard, and it is up after the answer', async () => {
  let isAway = true
  const { world, gap, said } = gapOf((hear) =>
    isAway ? failed(fault('network', 'away')) : ok([() => hear('missed')]),
  )
  gap.down('cut')
  gap.up(true)
  gap.hear('meanwhile')
  await world.run(5 * SECOND)
  gap.hear('at once')
  const before = [...said]
  isAway = false
  await world.run(2 * SECOND)

  assert.deepEqual(before.slice(1), [
    'trouble: the gap in updates is not filled yet: away',
    'meanwhile',
    'at once',
  ])
  assert.deepEqual(said.slice(before.length), ['missed', 'venue.up'])
})

test('a fill that the next cut overtakes is not finished', async () => {
  const { world, gap, said } = gapOf((hear) => ok([() => hear('missed')]))
  gap.down('cut')
  gap.up(true)
  gap.down('cut again')
  await world.run(SECOND)

  assert.deepEqual(said, ['venue.down: cut', 'venue.down: cut again'])
})
