// Faults of bars: told twice, late, forming, corrected, missed or never made. Rows F046 to F051, F489, F570.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { iso, MINUTE, ms } from '../../src/core/time.ts'
import { historyOf } from '../alpaca/pages.ts'
import { barAt, feedOf, NAMES, NIGHT, push, settled, told, venueOf } from '../alpaca/scripted.ts'
import { bar, MONDAY_10 } from '../../src/testing/builders.ts'
import { scenario, Stage } from '../../src/testing/scenario.ts'
import { Desk } from './desk.ts'

/** A feed of the bars of one symbol; `start` is the minute in which it came up. */
async function barsOfOne(startAt = NIGHT) {
  const venue = venueOf({ startAt })
  const made = feedOf(venue, { names: NAMES.slice(0, 1) })
  await settled(venue.world, made.feed.subscribe('bars', made.ids))
  const start = Math.floor(venue.world.now / MINUTE) * MINUTE
  const at = (minute: number): number => start + minute * MINUTE
  /** Lets time pass until so long after the begin of the minute. */
  const until = (minute: number, afterMs = 0): Promise<void> =>
    venue.world.run(at(minute) + afterMs - venue.world.now)
  const bars = (): readonly string[] => told(made.inputs).filter((line) => line.startsWith('bar'))
  const desk = new Desk(made.universe)
  return { ...made, venue, desk, at, until, bars }
}

test('F046 a bar that comes twice or out of order is given once, and in order', async () => {
  const { venue, at, until, bars, desk, inputs, feed } = await barsOfOne()
  await until(4)
  const [first, second, third] = [1, 2, 3].map((minute) => barAt('S00', at(minute)))
  push(venue, second!, second!, first!, second!, third!, first!, third!)
  await venue.world.run(100)
  desk.take(inputs)

  assert.deepEqual(bars(), ['bar S00 02:02', 'bar S00 02:03'])
  assert.deepEqual(desk.bars, ['S00 02:02 11', 'S00 02:03 11'])
  assert.equal(feed.counts.stale, 5)
})

test('F047 a bar that is corrected later is told as a revision, and what was decided upon stays', async () => {
  const { venue, at, until, desk, inputs, revisions } = await barsOfOne()
  await until(1)
  push(venue, barAt('S00', at(0)))
  await until(2)
  push(venue, barAt('S00', at(1)), barAt('S00', at(0), 'u', { c: 11.5, v: 150 }))
  await venue.world.run(100)
  desk.take(inputs)
  const [revision] = revisions as {
    type: string
    at: number
    bar: { close: number; start: number }
  }[]

  assert.deepEqual(desk.bars, ['S00 02:00 11', 'S00 02:01 11'])
  assert.equal(revisions.length, 1)
  assert.deepEqual([revision?.type, revision?.bar.close, revision?.bar.start], ['bar', 11.5, at(0)])
  assert.ok(revision!.at >= at(2))
})

test('F048 a stream that stalls at any moment of a minute never makes a bar of what still forms', async () => {
  for (const stallMs of [0, 1_000, 30_000, 59_900]) {
    const { venue, at, until, bars } = await barsOfOne()
    // A history that gives the minute that still forms, whatever end it is asked for.
    venue.state.isGreedy = true
    await until(1, 100)
    push(venue, barAt('S00', at(0)))
    await until(1, 200 + stallMs)
    venue.sockets.at(-1)!.abort()
    venue.world.link('engine', 'stream.test').partition()
    await until(3, 20_000)
    venue.rest.set('S00', [
      barAt('S00', at(1)),
      barAt('S00', at(2)),
      barAt('S00', at(3), 'b', { c: 9.5 }),
    ])
    venue.world.link('engine', 'stream.test').heal()
    await until(3, 59_000)
    const before = bars()
    await until(4, 30_000)
    push(venue, barAt('S00', at(3), 'b', { c: 12 }))
    await venue.world.run(100)

    assert.deepEqual(before, ['bar S00 02:00', 'bar S00 02:01', 'bar S00 02:02'], `${stallMs} ms`)
    assert.deepEqual(bars().at(-1), 'bar S00 02:03')
  }
})

test('F049 a bar that closes at any moment of a backfill comes once, and in order', async () => {
  for (let cutMs = -3_000; cutMs <= 1_500; cutMs += 500) {
    const { venue, at, until, bars } = await barsOfOne()
    venue.state.delayMs = 700
    await until(1, cutMs)
    const dead = venue.sockets.at(-1)!
    dead.abort()
    // The stream tells the bar right after its end, to whoever listens then; the history has it five seconds later.
    await until(1, Math.max(cutMs, 200))
    if (venue.sockets.at(-1) !== dead) push(venue, barAt('S00', at(0)))
    await until(1, 5_000)
    venue.rest.set('S00', [barAt('S00', at(0))])
    await until(2, 200)
    push(venue, barAt('S00', at(1)))
    await venue.world.run(100)

    assert.deepEqual(bars(), ['bar S00 02:00', 'bar S00 02:01'], `cut at ${cutMs} ms`)
  }
})

test('F050 the last bar of a history is left out while it is still open', async () => {
  const { read, world } = historyOf()
  const [early, late] = [await read(), await world.run(30_000).then(() => read())]

  // 30 minutes of five symbols; the last of them ends half a minute from now.
  assert.deepEqual([early.faults, early.bars.length], [[], 5 * 29])
  assert.deepEqual([late.faults, late.bars.length], [[], 5 * 30])
})

test('F051 minutes without a trade are filled and marked, a long silence is told, and a night is neither', async () => {
  const day = await barsOfOne(ms(Date.UTC(2026, 2, 9, 14)))
  const { desk } = day
  const gaps = (): number => desk.notices.filter(({ type }) => type === 'bar.gap').length
  /** Bars of these minutes, each right after its end; gives what the strategy saw. */
  const minutes = async (
    { venue, at, until, inputs }: typeof day,
    ...list: readonly number[]
  ): Promise<readonly string[]> => {
    for (const minute of list) {
      await until(minute + 1)
      push(venue, barAt('S00', at(minute)))
      await venue.world.run(100)
    }
    desk.take(inputs.splice(0))
    return desk.bars.splice(0)
  }
  const short = await minutes(day, 0, 3)
  const [long, told] = [await minutes(day, 20), gaps()]
  // The last minute of the extended hours and the first of the next day's: a feed for each, one engine.
  const evening = await minutes(await barsOfOne(ms(Date.UTC(2026, 2, 9, 23, 59))), 0)
  const since = gaps()
  const morning = await minutes(await barsOfOne(ms(Date.UTC(2026, 2, 10, 8))), 0)

  assert.deepEqual(short, ['S00 14:00 11', 'S00 14:01 ~11', 'S00 14:02 ~11', 'S00 14:03 11'])
  assert.deepEqual([long, told], [['S00 14:20 11'], 1])
  assert.deepEqual([evening, morning], [['S00 23:59 11'], ['S00 08:00 11']])
  assert.equal(gaps(), since)
})

test('F489 a longer bar whose last minute never comes is known when the next minute is decided upon', () => {
  const hearing = (barsFrom: 'trades' | 'outside'): readonly string[] => {
    const heard: string[] = []
    const hears = {
      needs: { bars: ['1m', '5m', '1d'] },
      hooks: () => ({
        onBar: ({ timeframe, start }: { timeframe: string; start: number }) =>
          void heard.push(`${timeframe} ${iso(start).slice(8, 16)}`),
      }),
    } as const
    const { engine } = new Stage({ actors: { s: hears }, options: { barsFrom } })
    // The first minutes of five, and the same time of the next day.
    for (const minute of [0, 1, 24 * 60]) {
      const start = ms(MONDAY_10 + minute * MINUTE)
      const at = ms(start + MINUTE + 700)
      while (engine.nextAt < at) engine.turn(ms(engine.nextAt), [])
      engine.turn(at, [{ type: 'bar', at, source: 'venue', bar: bar({ start }) }])
    }
    return heard
  }

  const minutes = ['1m 09T14:00', '1m 09T14:01']
  assert.deepEqual(hearing('outside'), [...minutes, '5m 09T14:00', '1d 09T04:00', '1m 10T14:00'])
  assert.deepEqual(hearing('outside'), hearing('trades'))
})

test('F570 the last bar of before a silence, which comes when a gap is filled, is no price of now', () => {
  const options = { options: { barsFrom: 'outside' as const }, risk: { staleAfterMs: 300_000 } }
  const late = (stage: Stage, minutesAgo: number): void => {
    const { now } = stage.engine
    const missed = bar({ start: ms(now - (minutesAgo + 1) * MINUTE), close: 100 })
    stage.engine.turn(now, [{ type: 'bar', at: now, bar: missed, source: 'venue' }])
  }

  const stage = scenario(
    `10:00:00  trade AAPL 110
     10:20:00  s buy 1            ! denied stale-price`,
    options,
  )
  late(stage, 6)
  stage.play(`10:20:01  s buy 1   ! denied stale-price`)
  late(stage, 1)
  stage.play(`10:20:02  s buy 1   > submit #1 buy 1 market`)

  // Nor does it take the place of a price that is newer.
  stage.play(`10:20:03  trade AAPL 110`)
  late(stage, 1)
  assert.equal(stage.lane('s').price, 110)
})
