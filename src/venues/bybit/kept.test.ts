import assert from 'node:assert/strict'
import { test } from 'node:test'
import { venueId } from '../../core/brand.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import { Universe } from '../../core/universe.ts'
import { categoryOf, type CategoryName } from './category.ts'
import { Kept } from './kept.ts'
import { parseExecution, specOf } from './wire.ts'

/** `{"execFee":"0.0243","feeCurrency":"MNT", … }` */
const EXECUTION = {
  symbol: 'BTCUSDT',
  orderId: 'o',
  execId: 'e',
  execType: 'Trade',
  execQty: '1',
  execPrice: '100',
  execFee: '0.5',
  execTime: '1672282722429',
}

test('counts a fee where it is paid in our money, in derivatives as in spot', () => {
  const netOf = (name: CategoryName, feeCurrency: string) => {
    const execution = parseExecution({ ...EXECUTION, feeCurrency })!
    return new Kept().net(execution, new Universe().add(specIn(name)))
  }

  for (const name of ['linear', 'spot'] as const) {
    assert.deepEqual(netOf(name, 'USDT'), { qty: 1, fee: 0.5 }, name)
    assert.deepEqual(netOf(name, 'MNT'), { qty: 1, fee: 0 }, name)
    // Where nothing is said, it is the coin of the run.
    assert.deepEqual(netOf(name, ''), { qty: 1, fee: 0.5 }, name)
  }
  assert.deepEqual(netOf('spot', 'BTC'), { qty: 0.5, fee: 50 })
})

function specIn(name: CategoryName): InstrumentSpec {
  const lotSizeFilter = { qtyStep: '0.001', basePrecision: '0.001' }
  const coins = { settleCoin: 'USDT', quoteCoin: 'USDT' }
  const row = { symbol: 'BTCUSDT', ...coins, priceFilter: { tickSize: '0.5' }, lotSizeFilter }
  return specOf(row, venueId('bybit'), categoryOf(name))!
}
