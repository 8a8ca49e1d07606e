// The scanner of bar pages says what the generic decoder says, or nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { iso } from '../../core/time.ts'
import { parsedBars } from './decode-bars.ts'
import { BarScanner, type ScannedBars } from './scan-bars.ts'

const PATH = '/v2/stocks/bars'

/** As alpaca writes it: members in the order of the alphabet. */
const barAt = (t: string, more: object = {}) => ({
  c: 172.125,
  h: 172.3,
  l: 171.9,
  n: 513,
  o: 172,
  t,
  v: 41254,
  vw: 172.013412,
  ...more,
})

const page = (bars: unknown, token: unknown = null): string =>
  JSON.stringify({ bars, next_page_token: token })

const scanned = (text: string, scanner = new BarScanner()): ScannedBars | undefined =>
  scanner.scan(Buffer.from(text))

/** What the scanner gave is what the generic decoder gives. */
function assertSame(text: string, found: ScannedBars): void {
  const generic = parsedBars(JSON.parse(text), PATH)
  assert.ok(generic.ok, generic.ok ? '' : generic.fault.message)
  assert.deepEqual(found, generic.value)
}

const WHOLE = page(
  {
    AAPL: [barAt('2022-01-03T09:00:00Z'), barAt('2022-01-03T09:15:00Z', { v: 0, n: 0 })],
    'BRK.B': [],
    'BTC/USD': [barAt('2021-12-31T23:59:00.5Z', { o: 1e-8, v: 0.00012345, vw: -1.5 })],
  },
  'QUFQTHxNfDIwMjI=',
)

test('reads a page of several symbols as the generic decoder does', () => {
  const found = scanned(WHOLE)

  assert.ok(found !== undefined)
  assert.deepEqual(
    found.lists.map(({ symbol, bars }) => [symbol, bars.length]),
    [
      ['AAPL', 2],
      ['BRK.B', 0],
      ['BTC/USD', 1],
    ],
  )
  assert.equal(found.token, 'QUFQTHxNfDIwMjI=')
  assertSame(WHOLE, found)
})

test('reads an empty page', () => {
  const found = scanned(page({}))
  assert.deepEqual([found?.lists, found?.token], [[], null])
})

test('reads the next page to the same memory', () => {
  const scanner = new BarScanner()
  const next = page({ MSFT: [barAt('2023-05-05T05:00:00Z', { c: 1, h: 1, l: 1, o: 1 })] })
  const first = scanned(WHOLE, scanner)?.lists[0]?.bars

  const second = scanned(next, scanner)

  assert.ok(first !== undefined && second !== undefined)
  assertSame(next, second)
  assert.equal(second.lists[0]?.bars.close.buffer, first.close.buffer)
})

for (const [what, text] of [
  ['no bars', '{"next_page_token":null}'],
  ['null instead of bars', page(null)],
  ['null instead of a list', page({ AAPL: null })],
  ['a symbol twice', '{"bars":{"A":[],"A":[]},"next_page_token":null}'],
  ['an escaped symbol', '{"bars":{"\\u0041":[]},"next_page_token":null}'],
  ['a symbol that is not ASCII', page({ Ä: [] })],
  ['white space', JSON.stringify({ bars: {}, next_page_token: null }, null, 1)],
  ['another member', '{"bars":{},"currency":"USD","next_page_token":null}'],
  ['no token', '{"bars":{}}'],
  ['a token that is a number', page({}, 5)],
  [
    'stamps out of order',
    page({ A: [barAt('2022-01-03T09:00:00Z'), barAt('2022-01-03T08:00:00Z')] }),
  ],
  ['a stamp twice', page({ A: [barAt('2022-01-03T09:00:00Z'), barAt('2022-01-03T09:00:00Z')] })],
  ['a day that is none', page({ A: [barAt('2022-02-30T09:00:00Z')] })],
  ['text instead of a price', page({ A: [barAt('2022-01-03T09:00:00Z', { o: '172' })] })],
  ['a bar without a close', page({ A: [barAt('2022-01-03T09:00:00Z', { c: undefined })] })],
  ['an unknown member', page({ A: [barAt('2022-01-03T09:00:00Z', { x: 1 })] })],
  ['something behind the end', `${page({})} `],
  ['nothing', ''],
] as const) {
  test(`leaves a page with ${what} to the generic decoder`, () => {
    assert.equal(scanned(text), undefined)
  })
}

test('leaves a page that was cut anywhere to the generic decoder', () => {
  for (let length = 0; length < WHOLE.length; length++) {
    assert.equal(scanned(WHOLE.slice(0, length)), undefined, `cut at ${length}`)
  }
})

test('never reads on behind the end of a frame that shares its buffer', () => {
  const [before, after] = ['{"bars":{"A":[]}', '},"next_page_token":null}']
  const shared = Buffer.from(`${before}${after}`)
  assert.equal(new BarScanner().scan(shared.subarray(0, before.length)), undefined)
})

test('says the same as the generic decoder of every page that it reads, and of hurt ones nothing else', () => {
  const number = fc.oneof(
    fc.integer({ min: -5, max: 1_000_000 }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
    fc.constantFrom(0, -0, 1e21, 5e-324, 2 ** 53, 0.1 + 0.2),
  )
  const members = ['c', 'h', 'l', 'n', 'o', 't', 'v', 'vw']
  const bar = fc.record({
    fields: fc.oneof(
      { weight: 9, arbitrary: fc.shuffledSubarray(members, { minLength: members.length }) },
      { weight: 1, arbitrary: fc.shuffledSubarray(members, { minLength: 6 }) },
    ),
    values: fc.array(number, { minLength: 8, maxLength: 8 }),
    step: fc.oneof({ weight: 19, arbitrary: fc.integer({ min: 1, max: 100_000 }) }, fc.constant(0)),
  })
  const list = fc.array(bar, { maxLength: 4 })
  const made = fc.record({
    lists: fc.dictionary(fc.stringMatching(/^[A-Z][A-Z./]{0,5}$/), list, { maxKeys: 3 }),
    token: fc.option(fc.stringMatching(/^[A-Za-z0-9=]{0,12}$/)),
  })
  const hurt = fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 127 })), { nil: undefined })
  let read = 0
  fc.assert(
    fc.property(made, hurt, ({ lists, token }, damage) => {
      const bars = Object.fromEntries(
        Object.entries(lists).map(([symbol, bars]) => {
          let at = Date.UTC(2022, 0, 3, 9)
          return [
            symbol,
            bars.map(({ fields, values, step }) => {
              at += step * 1_000
              const entries = fields.map((field, i) => [field, field === 't' ? iso(at) : values[i]])
              return Object.fromEntries(entries)
            }),
          ]
        }),
      )
      const bytes = Buffer.from(page(bars, token))
      if (damage !== undefined) bytes[damage[0] % bytes.length] = damage[1]
      const found = new BarScanner().scan(bytes)
      if (found === undefined) return
      // A name that the damage has made a whole number comes first in what JSON.parse gives.
      if (/"\d+":/.test(bytes.toString('utf8'))) return
      read++
      assertSame(bytes.toString('utf8'), found)
    }),
    { numRuns: 3_000 },
  )
  assert.ok(read > 100, `it reads pages: ${read} of 3,000`)
})
