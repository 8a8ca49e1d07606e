// Tests of decoding: the scanners write what the generic decoder writes, whatever they are given.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode, encodeTimeSpecToTimestamp, ExtData } from '@msgpack/msgpack'
import { symbolId } from '../../core/brand.ts'
import { integer, type Random, seeded } from '../../core/random.ts'
import { type Codec, Decoder } from './decode.ts'
import { decodeGeneric } from './decode-generic.ts'
import { BAR, QUOTE, Rows, SymbolTable, TRADE, tradeId, UPDATED, WIDTH } from './rows.ts'
import { JsonScanner } from './scan-json.ts'
import { MsgpackScanner } from './scan-msgpack.ts'

const SYMBOLS = ['AAPL', 'MSFT', 'BTC/USD', 'BRK.B', 'A', 'ÄPFEL', 'GME']

function tableOf(symbols: readonly string[] = SYMBOLS): SymbolTable {
  const table = new SymbolTable()
  symbols.forEach((symbol, i) => table.add(symbol, symbolId(i)))
  return table
}

/** The rows as plain data, NaN and -0 included. */
function plain(rows: Rows) {
  return {
    malformed: rows.malformed,
    strangers: rows.strangers,
    rows: Array.from({ length: rows.length }, (_, i) => {
      const kind = rows.kind[i]!
      const width = kind === BAR || kind === UPDATED ? 6 : 4
      return [
        kind,
        rows.symbol[i],
        rows.ts[i],
        ...rows.values.subarray(i * WIDTH, i * WIDTH + width),
      ]
    }),
  }
}

// https://docs.alpaca.markets/docs/streaming-market-data
const TRADE_AND_QUOTE =
  '[{"T":"t","S":"AAPL","i":52983525029461,"x":"V","p":187.32,"s":40,"c":["@","I"],"z":"C","t":"2026-01-05T15:04:05.123456789Z"},' +
  '{"T":"q","S":"MSFT","bx":"V","bp":411.1,"bs":200,"ax":"V","ap":411.2,"as":100,"c":["R"],"z":"C","t":"2026-01-05T15:04:05.1234Z"}]'

test('reads a trade and a quote straight from bytes', () => {
  const decoder = new Decoder('json', tableOf())

  const others = decoder.decode(Buffer.from(TRADE_AND_QUOTE))

  assert.deepEqual(others, [])
  assert.equal(decoder.counts.generic, 0)
  const at = Date.UTC(2026, 0, 5, 15, 4, 5, 123)
  assert.deepEqual(plain(decoder.rows).rows, [
    [TRADE, 0, at, 187.32, 40, 5298, 3525029461],
    [QUOTE, 1, at, 411.1, 200, 411.2, 100],
  ])
})

test('reads the same frame as text', () => {
  const decoder = new Decoder('json', tableOf())
  decoder.decode(TRADE_AND_QUOTE)
  assert.equal(decoder.rows.length, 2)
  assert.equal(decoder.counts.generic, 0)
})

test('reads a bar and one that is issued again, in both codecs', () => {
  const fields = { S: 'A', o: 10, h: 11.5, l: 9.99, c: 11, v: 123456, n: 7, vw: 10.512345678901234 }
  const json = JSON.stringify(['b', 'u'].map((T) => ({ T, ...fields, t: '2026-01-05T15:04:00Z' })))
  const t = new ExtData(
    -1,
    encodeTimeSpecToTimestamp({ sec: Date.UTC(2026, 0, 5, 15, 4) / 1000, nsec: 0 }),
  )
  const frames = {
    json: Buffer.from(json),
    msgpack: encode(['b', 'u'].map((T) => ({ T, ...fields, t }))),
  }
  const at = Date.UTC(2026, 0, 5, 15, 4)
  for (const codec of ['json', 'msgpack'] as const) {
    const decoder = new Decoder(codec, tableOf())
    decoder.decode(frames[codec])
    assert.deepEqual(plain(decoder.rows).rows, [
      [BAR, 4, at, 10, 11.5, 9.99, 11, 123456, 7],
      [UPDATED, 4, at, 10, 11.5, 9.99, 11, 123456, 7],
    ])
    assert.equal(decoder.counts.generic, 0)
  }
})

test('keeps every digit of an id past 2^53', () => {
  for (const id of ['0', '7', '9007199254740993', '10000000000', '18446744073709551615']) {
    const decoder = new Decoder('json', tableOf())
    decoder.decode(TRADE_AND_QUOTE.replace('52983525029461', id))
    const [high, low] = decoder.rows.values.subarray(2, 4)
    assert.equal(tradeId(high!, low!), id)
  }
})

test('counts symbols that nobody asked for, and messages that lack a field', () => {
  const decoder = new Decoder('json', tableOf(['MSFT']))
  decoder.decode(TRADE_AND_QUOTE.replace('"bp":411.1,', ''))
  assert.deepEqual(plain(decoder.rows), { malformed: 1, strangers: 1, rows: [] })
})

test('gives control messages to the generic decoder, and corrupt frames to nobody', () => {
  const decoder = new Decoder('json', tableOf())
  assert.deepEqual(decoder.decode('[{"T":"success","msg":"connected"}]'), [
    { T: 'success', msg: 'connected' },
  ])
  for (const frame of ['', '[', 'null', '[1]', '"x"', TRADE_AND_QUOTE.slice(0, -1), '[[]]']) {
    assert.equal(decoder.decode(frame), undefined, frame)
    assert.equal(decoder.rows.length, 0)
  }
})

test('tells symbols of one hash bucket apart', () => {
  const many = Array.from({ length: 3000 }, (_, i) => `S${i.toString(36)}`)
  const table = tableOf(many)
  for (const [i, symbol] of many.entries()) {
    const bytes = Buffer.from(`xx${symbol}yy`)
    assert.equal(table.idOf(bytes, 2, bytes.length - 2), i)
  }
  table.delete('S5')
  assert.equal(table.idOf(Buffer.from('S5'), 0, 2), -1)
})

// Fuzzing: random messages, in random order of keys, with values that a venue should never send.

const pick = <T>(random: Random, from: readonly T[]): T =>
  from[integer(random, 0, from.length - 1)]!

const ODD_NUMBERS = [
  '1e3',
  '1E-2',
  '-0',
  '-12.5',
  '0.1',
  '123456789012345678',
  '1.7976931348623157e308',
  '1e999',
  '4.35',
  '0.000001',
  '99999999999999.99',
  '9007199254740993',
  'null',
  '"5"',
  'true',
  '01',
  '.5',
  '5.',
  '[]',
  '{}',
  '-',
  '1e',
]
const number = (random: Random): string =>
  random() < 0.98
    ? String(Math.round(random() * 1e6) / 10 ** integer(random, 0, 5))
    : pick(random, ODD_NUMBERS)

function stamp(random: Random): string {
  const odd = [
    '2026-02-30T00:00:00Z',
    '2026-01-05T24:00:00Z',
    '2026-01-05T10:04:05-05:00',
    '2026-01-05T10:04:60Z',
    '2026-01-05',
    '1899-01-01T00:00:00Z',
    '2026-01-05T10:04:05.Z',
    '2026-01-05T10:04:05.1234567890Z',
    '2026-01-05 10:04:05Z',
    '2024-02-29T23:59:59.999999999Z',
    '',
  ]
  if (random() < 0.03) return `"${pick(random, odd)}"`
  const second = new Date(
    Date.UTC(2026, integer(random, 0, 11), integer(random, 1, 28), integer(random, 0, 23), 59, 58),
  )
    .toISOString()
    .slice(0, 19)
  const digits = integer(random, 0, 9)
  const fraction =
    digits === 0
      ? ''
      : `.${String(integer(random, 0, 999_999_999))
          .padStart(9, '0')
          .slice(0, digits)}`
  return `"${second}${fraction}Z"`
}

const ODD_SYMBOLS = [
  '"\\u0041APL"',
  '"ÄPFEL"',
  '"A\\"B"',
  '""',
  '"UNKNOWN"',
  'null',
  '5',
  '"A\u0001"',
  '"😀"',
]
const EXTRAS = [
  '"tks":"B"',
  '"x":"V\\n"',
  '"extra":{"a":[1,{"b":2}]}',
  '"c":["@",null]',
  '"z":5',
  '"c":"R"',
  '"__proto__":1',
  '"p":1,"p":2',
  '"long key with spaces":"ü"',
  '"vw":1.23456789012345678',
  '"c":[]',
  '"i":"52"',
  '"\\u0070":3',
  '"n":null',
  '"":""',
  '"bp":"x"',
]

function message(random: Random): string {
  const T =
    random() < 0.9
      ? pick(random, ['t', 'q', 'b', 'u'])
      : pick(random, ['s', 'd', 'error', 'tt', ''])
  const S =
    random() < 0.95
      ? `"${pick(random, ['AAPL', 'MSFT', 'BTC/USD', 'A', 'ZZZ'])}"`
      : pick(random, ODD_SYMBOLS)
  const keys =
    T === 'q'
      ? ['bp', 'bs', 'ap', 'as']
      : T === 't'
        ? ['p', 's']
        : ['o', 'h', 'l', 'c', 'v', 'n', 'vw']
  const members = [
    `"T":"${T}"`,
    `"S":${S}`,
    `"t":${stamp(random)}`,
    ...keys.map((key) => `"${key}":${number(random)}`),
  ]
  if (T === 't')
    members.push(
      `"i":${pick(random, ['1', '52983525029461', '18446744073709551615', '1e3', '-4', '"7"', '007', '123456789012345678901'])}`,
      '"c":["@","I"]',
      '"z":"C"',
      '"x":"V"',
    )
  if (T === 'q') members.push('"bx":"V"', '"ax":"Q"', '"c":["R"]')
  while (random() < 0.1) members.push(pick(random, EXTRAS))
  if (random() < 0.05) members.splice(integer(random, 0, members.length - 1), 1)
  if (random() < 0.5) members.sort(() => random() - 0.5)
  const separator = random() < 0.03 ? ', ' : ','
  return `{${members.join(separator)}}`
}

function jsonFrame(random: Random): Buffer {
  const text = `[${Array.from({ length: integer(random, 0, 4) }, () => message(random)).join(',')}]`
  let bytes = Buffer.from(text)
  const damage = random()
  if (damage < 0.1) bytes = bytes.subarray(0, integer(random, 0, bytes.length))
  else if (damage < 0.2 && bytes.length > 0)
    bytes[integer(random, 0, bytes.length - 1)] = integer(random, 0, 255)
  return bytes
}

const asData = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return 0
  }
}

function msgpackFrame(random: Random): Uint8Array {
  const messages = Array.from({ length: integer(random, 0, 4) }, () => {
    const data = asData(message(random))
    if (typeof data !== 'object' || data === null) return data
    const nsec = pick(random, [0, 999_999_999, 123_999_999, integer(random, 0, 999_999_999)])
    const sec = pick(random, [1767625445, 0, 4_294_967_296, 17_179_869_184])
    const t =
      random() < 0.95
        ? new ExtData(-1, encodeTimeSpecToTimestamp({ sec, nsec }))
        : Reflect.get(data, 't')
    const i = pick(random, [5n, 18446744073709551615n, 9007199254740993n, 7, -3])
    const v = pick(random, [
      1,
      70000,
      5_000_000_000,
      12.5,
      -200,
      NaN,
      Infinity,
      2n ** 60n,
      -(2n ** 60n),
    ])
    return { ...data, t, ...(random() < 0.7 ? { i } : {}), ...('v' in data ? { v } : {}) }
  })
  const bytes = encode(messages, { useBigInt64: true, forceFloat32: random() < 0.1 })
  const damage = random()
  if (damage < 0.1) return bytes.subarray(0, integer(random, 0, bytes.length))
  if (damage < 0.2 && bytes.length > 0)
    bytes[integer(random, 0, bytes.length - 1)] = integer(random, 0, 255)
  return bytes
}

/** Frames that the scanner took, of all; each compared with the generic decoder, element by element. */
function prove(
  codec: Codec,
  frameOf: (random: Random) => Uint8Array,
  seed: number,
  count: number,
): number {
  const random = seeded(seed)
  const table = tableOf()
  const scanner = codec === 'json' ? new JsonScanner() : new MsgpackScanner()
  let taken = 0
  for (let i = 0; i < count; i++) {
    const frame = frameOf(random)
    const fast = new Rows(4)
    const isTaken = scanner.scan(frame, frame.length, table, fast)
    if (!isTaken) {
      assert.deepEqual(plain(fast), { malformed: 0, strangers: 0, rows: [] })
      continue
    }
    taken++
    const slow = new Rows(4)
    const others = decodeGeneric(frame, codec, table, slow)
    const what = `seed ${seed}, frame ${i}: ${Buffer.from(frame).toString(codec === 'json' ? 'utf8' : 'hex')}`
    assert.deepEqual(others, [], what)
    assert.deepStrictEqual(plain(fast), plain(slow), what)
  }
  return taken
}

for (const [codec, frameOf] of [
  ['json', jsonFrame],
  ['msgpack', msgpackFrame],
] as const) {
  test(`writes what the generic decoder writes, for 20,000 random frames of ${codec}`, () => {
    let taken = 0
    for (const seed of [1, 2, 3, 4]) taken += prove(codec, frameOf, seed, 5_000)
    // A proof of nothing would pass as well: a good part of the frames must have been taken.
    assert.ok(taken > 3_500, `${taken} frames were taken`)
  })
}
