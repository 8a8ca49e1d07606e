// Hours that are made from quarters instead of requested.
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
