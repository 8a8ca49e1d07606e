import assert from 'node:assert/strict'
import { test } from 'node:test'
import { calendarOf } from '../core/calendar.ts'
import { DAY, plus } from '../core/time.ts'
import { utc } from '../testing/builders.ts'
import { Drawdown, DRAWDOWN_DEFAULTS, type DrawdownState } from './drawdown.ts'

/** The levels after each equity of one day; the first is the peak. */
function levels(...equities: readonly number[]): string[] {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  return equities.map((equity) => drawdown.update(DAY, equity))
}

const ladder: readonly (readonly [string, readonly number[], string])[] = [
  ['stays normal above the first threshold', [100, 97.01], 'normal'],
  ['warns at 3 %', [100, 97], 'warning'],
  ['halts at 5 %', [100, 95], 'halt'],
  ['calls an emergency at 10 %', [100, 90], 'emergency'],
  ['keeps the warning at 2 %', [100, 97, 98], 'warning'],
  ['ends the warning below 2 %', [100, 97, 98.01], 'normal'],
  ['keeps the halt at 4 %', [100, 95, 96], 'halt'],
  ['comes down from halt to warning below 4 %', [100, 95, 96.01], 'warning'],
  ['keeps the emergency at 8 %', [100, 90, 92], 'emergency'],
  ['comes down from emergency to halt below 8 %', [100, 90, 92.01], 'halt'],
  ['goes up again from where it came down', [100, 97, 98.5, 96.9], 'warning'],
  ['counts from a new peak', [100, 200, 194], 'warning'],
]
for (const [name, equities, expected] of ladder) {
  test(name, () => {
    assert.equal(levels(...equities).at(-1), expected)
  })
}

test('comes down one level at a time', () => {
  assert.deepEqual(levels(100, 85, 100, 100, 100, 100).slice(1), [
    'emergency',
    'halt',
    'warning',
    'normal',
    'normal',
  ])
})

for (const equity of [NaN, Infinity, -Infinity]) {
  test(`halts at an equity of ${equity}, and comes down step by step`, () => {
    assert.deepEqual(levels(100, equity, 100, 100), ['normal', 'halt', 'warning', 'normal'])
  })
}

test('halts where there never was anything to lose', () => {
  assert.deepEqual(levels(0), ['halt'])
  assert.deepEqual(levels(-5), ['halt'])
})

test('keeps an emergency though equity is not known', () => {
  assert.deepEqual(levels(100, 80, NaN), ['normal', 'emergency', 'emergency'])
})

test('calls an emergency when all is lost', () => {
  assert.deepEqual(levels(100, 0).at(-1), 'emergency')
  assert.deepEqual(levels(100, -50).at(-1), 'emergency')
})

test('leaves of a size what the level allows', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  const scales = [100, 97, 95, 90].map((equity) => {
    drawdown.update(DAY, equity)
    return drawdown.scale
  })
  assert.deepEqual(scales, [1, 0.5, 0, 0])
})

test('tells the drawdown, and NaN where it cannot', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  drawdown.update(DAY, 200)
  drawdown.update(DAY, 150)
  assert.equal(drawdown.drawdown, 0.25)
  drawdown.update(DAY, NaN)
  assert.ok(Number.isNaN(drawdown.drawdown))
})

test('remembers a peak for 20 days, today included', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  drawdown.update(0, 100)
  for (let day = 1; day < 20; day++) {
    drawdown.update(day * DAY, 97)
    assert.equal(drawdown.drawdown, 0.03, `day ${day}`)
  }
  drawdown.update(20 * DAY, 97)
  assert.equal(drawdown.drawdown, 0)
})

test('forgets a peak by the calendar, though nothing was traded since', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  drawdown.update(0, 100)
  drawdown.update(60 * DAY, 50)
  assert.deepEqual([drawdown.level, drawdown.drawdown], ['normal', 0])
})

for (const change of ['2026-03-08 17:00', '2026-11-01 17:00']) {
  test(`counts 20 days over the clock change of ${change.slice(0, 10)}`, () => {
    const calendar = calendarOf('us-equity')
    const day = (i: number): number => calendar.dayStart(plus(utc(change), i * DAY))
    const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
    drawdown.update(day(-10), 100)
    drawdown.update(day(9), 97)
    assert.equal(drawdown.drawdown, 0.03)
    drawdown.update(day(10), 97)
    assert.equal(drawdown.drawdown, 0)
  })
}

test('keeps no more days than it needs', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  for (let day = 0; day < 1_000; day++) drawdown.update(day * DAY, 100)
  assert.equal(drawdown.capture().peaks.length, 20)
})

test('goes on after a restart at any moment as if there had been none', () => {
  const equities = [100, 96, NaN, 97.5, 99, 85, 99, 99, 99, 101, 97]
  for (let cut = 0; cut < equities.length; cut++) {
    const running = new Drawdown(DRAWDOWN_DEFAULTS)
    equities.slice(0, cut).forEach((equity, i) => running.update(i * 5 * DAY, equity))
    const restarted = new Drawdown(DRAWDOWN_DEFAULTS)
    restarted.restore(JSON.parse(JSON.stringify(running.capture())) as DrawdownState)
    assert.deepEqual([restarted.drawdown, restarted.level], [running.drawdown, running.level])
    equities.slice(cut).forEach((equity, i) => {
      for (const one of [running, restarted]) one.update((cut + i) * 5 * DAY, equity)
      assert.deepEqual(restarted.capture(), running.capture())
    })
  }
})

for (const limits of [{ warning: NaN }, { halt: -0.1 }, { days: 0 }, { warningScale: NaN }]) {
  test(`refuses limits with ${JSON.stringify(limits)}`, () => {
    assert.throws(() => new Drawdown({ ...DRAWDOWN_DEFAULTS, ...limits }), /assertion failed/)
  })
}

test('moves with money that was not traded, and only in proportion', () => {
  const drawdown = new Drawdown(DRAWDOWN_DEFAULTS)
  drawdown.update(0, 110)
  drawdown.update(DAY, 100)
  const before = drawdown.drawdown
  for (const factor of [0.25, 8]) drawdown.rescale(factor)
  drawdown.update(DAY, 200)
  assert.ok(Math.abs(drawdown.drawdown - before) < 1e-12)
  for (const none of [0, -1, NaN, Infinity]) drawdown.rescale(none)
  drawdown.update(DAY, 200)
  assert.ok(Math.abs(drawdown.drawdown - before) < 1e-12)
})
