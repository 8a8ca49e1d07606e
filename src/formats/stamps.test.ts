import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { iso } from '../core/time.ts'
import { isZone, parseStamp, WallClock } from './stamps.ts'

describe('stamps', () => {
  for (const [text, kind, expected] of [
    ['2026-03-23 13:30:00+00:00', 'instant', '2026-03-23T13:30:00.000Z'],
    ['2026-03-23T09:30:00-04:00', 'instant', '2026-03-23T13:30:00.000Z'],
    ['2026-03-23T09:30-0400', 'instant', '2026-03-23T13:30:00.000Z'],
    ['2026-03-23T13:30:00.123456789Z', 'instant', '2026-03-23T13:30:00.123Z'],
    ['1774272600', 'instant', '2026-03-23T13:30:00.000Z'],
    ['1774272600000', 'instant', '2026-03-23T13:30:00.000Z'],
    ['2026-03-23 09:30:00', 'wall', '2026-03-23T09:30:00.000Z'],
    ['2021-12-31 23:01:00.000000', 'wall', '2021-12-31T23:01:00.000Z'],
    ['2026.02.01 18:00', 'wall', '2026-02-01T18:00:00.000Z'],
    ['20131007 00:00', 'wall', '2013-10-07T00:00:00.000Z'],
    ['2026-03-23', 'date', '2026-03-23T00:00:00.000Z'],
    ['20260323', 'date', '2026-03-23T00:00:00.000Z'],
  ] as const) {
    it(`reads ${text}`, () => {
      const stamp = parseStamp(text)
      assert.equal(stamp?.kind, kind)
      assert.equal(iso(stamp.at), expected)
    })
  }

  for (const text of [
    '',
    '5',
    '2026-13-01',
    '2026-02-29',
    '2026-3-1',
    '2026-03/01',
    '24:00',
    '2026-03-01T24:00Z',
    '2026-03-01 10:60',
    '2026-03-01T10:00+99:00',
    '03/01/2026',
    '99999999999999',
  ]) {
    it(`does not read "${text}"`, () => assert.equal(parseStamp(text), undefined))
  }

  it('turns wall clocks into instants on both sides of a clock change', () => {
    const clock = new WallClock('America/New_York')
    const at = (text: string) => iso(clock.utcOf(parseStamp(text)?.at ?? NaN) ?? NaN)

    assert.equal(at('2023-03-10 09:30:00'), '2023-03-10T14:30:00.000Z')
    assert.equal(at('2023-03-12 01:59:00'), '2023-03-12T06:59:00.000Z')
    assert.equal(at('2023-03-12 03:00:00'), '2023-03-12T07:00:00.000Z')
    assert.equal(at('2023-03-13 09:30:00'), '2023-03-13T13:30:00.000Z')
  })

  it('refuses a time that the clock skipped', () => {
    const clock = new WallClock('America/New_York')
    assert.equal(clock.utcOf(Date.UTC(2023, 2, 12, 2, 30)), undefined)
  })

  it('takes the second showing of a time for the second row', () => {
    const clock = new WallClock('America/New_York')
    const times = [
      Date.UTC(2025, 10, 2, 1, 0),
      Date.UTC(2025, 10, 2, 1, 59),
      Date.UTC(2025, 10, 2, 1, 0),
      Date.UTC(2025, 10, 2, 1, 59),
      Date.UTC(2025, 10, 2, 2, 0),
    ]
    assert.deepEqual(
      times.map((time) => iso(clock.utcOf(time) ?? NaN).slice(11, 16)),
      ['05:00', '05:59', '06:00', '06:59', '07:00'],
    )
  })

  it('knows zones', () => {
    assert.equal(isZone('Europe/Stockholm'), true)
    assert.equal(isZone('Mars/Olympus'), false)
  })
})
