import assert from 'node:assert/strict'
import { it } from 'node:test'
import { scaledIo } from './scaled.ts'
import { VirtualWorld } from './virtual.ts'

function sixty() {
  const world = new VirtualWorld({ seed: 1 })
  return { world, io: scaledIo(world.node('a'), { speed: 60, at: 1_000_000 }) }
}

it('shows what it was set to, and a minute more after a second', async () => {
  const { world, io } = sixty()

  const before = [io.now(), io.monotonic()]
  await world.run(1_000)

  assert.deepEqual(before, [1_000_000, 0])
  assert.deepEqual([io.now(), io.monotonic()], [1_060_000, 60_000])
})

it('a timer of a minute fires after a second, and one that was canceled never', async () => {
  const { world, io } = sixty()
  const fired: number[] = []
  io.after(60_000, () => fired.push(io.now()))
  io.after(30_000, () => fired.push(io.now()))()

  await world.run(999)
  const early = fired.length
  await world.run(10_000)

  assert.equal(early, 0)
  assert.deepEqual(fired, [1_060_000])
})

it('a timer that waits for a moment finds it reached', async () => {
  const { world, io } = sixty()
  const at: number[] = []
  for (const delayMs of [1, 7, 59, 61, 1_001]) {
    const due = io.now() + delayMs
    io.after(delayMs, () => at.push(io.now() - due))
  }

  await world.run(1_000)

  assert.equal(at.length, 5)
  assert.ok(
    at.every((lateMs) => lateMs >= 0),
    String(at),
  )
})

it('a request may take as long as the machine needs, and no longer', async () => {
  const { world, io } = sixty()
  world.serveHttp('venue.test', () => new Promise(() => {}))
  const took = async (timeoutMs: number): Promise<number> => {
    const began = world.timeline.now
    const request = { method: 'GET', url: 'https://venue.test/', timeoutMs } as const
    const answer = await world.settled(io.http.request(request))
    assert.equal(answer.ok, false)
    return Math.round(world.timeline.now - began)
  }

  assert.equal(await took(10_000), 5_000)
  assert.equal(await took(360_000), 6_000)
  assert.equal(await took(1_000), 1_000)
})
