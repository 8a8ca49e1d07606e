// Hours that are made from quarters instead of requested.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barColumns, type BarColumns } from '../../src/core/columns.ts'
import { MINUTE } from '../../src/core/time.ts'
import { differenceOf } from '../../src/jobs/derive.ts'
import { Wire } from './wire.ts'

const TERMS = { count: 6, days: 40, timeframes: ['15m', '1h', '4h'], isDeriving: true } as const

test('hours that follow from quarters are made, equal to the provider’s own, and cost a sample each', async (t) => {
  const wire = await Wire.open(t, TERMS)

  await wire.work()

  for (const timeframe of TERMS.timeframes) assert.deepEqual(await wire.wrong(timeframe), [])
  const hours = wire.asked.filter(({ query }) => /timeframe=[14]Hour/.test(query))
  assert.ok(hours.length > 0 && hours.every(({ symbols }) => symbols.length === 1))
  const [hour] = await wire.store.coverage({ timeframe: '1h' })
  assert.equal(hour?.lastProvider, 'derived from 15m')
})

test('a provider whose hours are made otherwise is found out, and none of them is kept', async (t) => {
  const wire = await Wire.open(t, {
    ...TERMS,
    spoil: ({ body }, _n, { query }) =>
      query.includes('timeframe=1Hour')
        ? { body: body.replace(/"v":(\d+)/, (_all, v: string) => `"v":${Number(v) + 1}`) }
        : undefined,
  })

  await wire.work()

  const [failed] = await wire.store.runs({ status: ['failed'], limit: 1 })
  assert.equal(failed?.errorCode, 'DERIVED_DIFFERS')
  assert.match(failed.errorMessage ?? '', /AAA 1h does not follow from 15m: volume at 2025-/)
  assert.deepEqual(await wire.storedOf('AAA', '1h'), [])
  assert.deepEqual(await wire.wrong('4h'), [])
})

test('volumes of an hour differ by what rounding explains, where a provider adjusts them', () => {
  const hoursOf = (stepMs: number, volumes: readonly number[]): BarColumns => {
    const bars = barColumns(volumes.length)
    for (const [i, volume] of volumes.entries()) {
      bars.start[i] = Date.UTC(2026, 0, 5, 15) + i * stepMs
      for (const name of ['open', 'high', 'low', 'close'] as const) bars[name][i] = 100
      bars.volume[i] = volume
    }
    return bars
  }
  const apart = (adjustment: 'raw' | 'split', quarters: readonly number[], hour: number) =>
    differenceOf(hoursOf(15 * MINUTE, quarters), hoursOf(60 * MINUTE, [hour]), {
      timeframe: '1h',
      adjustment,
    })

  // One share a quarter and 3:2 are 1.5, told as 2; their hour is 4 × 1.5.
  assert.equal(apart('split', [2, 2, 2, 2], 6), undefined)
  assert.match(apart('split', [2, 2, 2, 2], 5) ?? '', /volume at .* is 5, and 8 was made/)
  assert.match(apart('split', [2, 2], 6) ?? '', /volume at .* is 6, and 4 was made/)
  assert.match(apart('raw', [2, 2, 2, 2], 7) ?? '', /volume at .* is 7, and 8 was made/)
})
