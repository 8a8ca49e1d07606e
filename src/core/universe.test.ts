import assert from 'node:assert/strict'
import { test } from 'node:test'
import { symbolId, venueId } from './brand.ts'
import { equitySpec } from './instrument.ts'
import { MAX_SYMBOLS, Universe } from './universe.ts'

const spec = (symbol: string) => equitySpec(symbol, venueId('sim'))

test('gives ids in order of arrival and finds by id and by symbol', () => {
  const universe = new Universe([spec('SPY'), spec('QQQ')])
  const added = universe.add(spec('AAPL'))

  assert.deepEqual(
    universe.all.map(({ id, symbol }) => [id, symbol]),
    [
      [0, 'SPY'],
      [1, 'QQQ'],
      [2, 'AAPL'],
    ],
  )
  assert.equal(universe.at(added.id), added)
  assert.equal(universe.find('AAPL'), added)
  assert.equal(universe.size, 3)
})

test('finds nothing under a symbol that was never added', () => {
  assert.equal(new Universe([spec('SPY')]).find('spy'), undefined)
  assert.equal(new Universe().find('constructor'), undefined)
})

test('refuses a symbol twice and leaves the first as it was', () => {
  const universe = new Universe([spec('SPY')])

  assert.throws(() => universe.add(spec('SPY')), /SPY is in the universe once/)
  assert.equal(universe.size, 1)
})

test('refuses an id that it never gave', () => {
  const universe = new Universe([spec('SPY')])
  for (const id of [1, -1, 0.5, NaN]) {
    assert.throws(() => universe.at(symbolId(id)), /symbol id .* is one of 0 to 0/)
  }
})

test('holds as many symbols as ids have room for, and not one more', () => {
  const universe = new Universe()
  for (let n = 0; n < MAX_SYMBOLS; n++) universe.add(spec(`S${n}`))

  assert.throws(() => universe.add(spec('ONE')), /at most 65536 symbols/)
  assert.equal(universe.find('S65535')?.id, 65_535)
})
