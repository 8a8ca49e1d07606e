// Tests of decoding: the scanners write what the generic decoder writes, whatever they are given.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { encode, encodeTimeSpecToTimestamp, ExtData } from '@msgpack/msgpack'
import { symbolId } from '../../core/brand.ts'
import { integer, type Random, seeded } from '../../core/random.ts'
import { type Codec, Decoder } from './decode.ts'
import { decodeGeneric } from './decode-generic.ts'
import { BAR, QUOTE, TRADE, tradeId, WIDTH } from '../../core/market-rows.ts'
import { Rows, UPDATED } from './rows.ts'
import { JsonScanner } from './scan-json.ts'
import { MsgpackScanner } from './scan-msgpack.ts'
import { STRANGER, SymbolTable } from './symbol-table.ts'

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

// Laid out as in the session of 2023-04-06 at the end of https://docs.alpaca.markets/docs/real-time-stock-pricing-data
// (a copy of it, read 2026-11-28), and in a program's log of 2021-10-08; values are ours.
const TRADE_TEXT =
  '{"T":"t","S":"AAPL","i":52983525029461,"x":"V","p":187.32,"s":40,"c":["@","I"],"z":"C","t":"2026-01-05T15:04:05.123456789Z"}'
const QUOTE_TEXT =
  '{"T":"q","S":"MSFT","bx":"V","bp":411.1,"bs":200,"ax":"Q","ap":411.25,"as":100,"c":["R"],"z":"C","t":"2026-01-05T15:04:05.1234Z"}'
// As in the examples beside the schemas of the same page, which are of 2021.
const OLD_TRADE_TEXT =
  '{"T":"t","i":52983525029461,"S":"AAPL","x":"V","p":187.32,"s":40,"t":"2026-01-05T15:04:05.123456789Z","c":["@","I"],"z":"C"}'
const OLD_QUOTE_TEXT =
  '{"T":"q","S":"MSFT","bx":"V","bp":411.1,"bs":200,"ax":"Q","ap":411.25,"as":100,"t":"2026-01-05T15:04:05.1234Z","c":["R"],"z":"C"}'
const TRADE_AND_QUOTE = `[${TRADE_TEXT},${QUOTE_TEXT}]`

test('reads a trade and a quote straight from bytes', () => {
  const decoder = new Decoder('json', tableOf())

  const others = decoder.decode(Buffer.from(TRADE_AND_QUOTE))

  assert.deepEqual(others, [])
  assert.equal(decoder.counts.generic, 0)
  const at = Date.UTC(2026, 0, 5, 15, 4, 5, 123)
  assert.deepEqual(plain(decoder.rows).rows, [
    [TRADE, 0, at, 187.32, 40, 529835, 25029461],
    [QUOTE, 1, at, 411.1, 200, 411.25, 100],
  ])
})

test('reads the same from either layout', () => {
  for (const codec of ['json', 'msgpack'] as const) {
    const pairs = [
      [TRADE_TEXT, OLD_TRADE_TEXT],
      [QUOTE_TEXT, OLD_QUOTE_TEXT],
    ] as const
    for (const [now, old] of pairs) {
      const [one, other] = [new Decoder(codec, tableOf()), new Decoder(codec, tableOf())]
      one.decode(frameOf(codec, now))
      other.decode(frameOf(codec, old))
      assert.deepEqual(plain(one.rows), plain(other.rows))
      assert.deepEqual([one.rows.length, one.counts.generic, other.counts.generic], [1, 0, 0])
    }
  }
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

test('tells 3,000 symbols of one to nine letters apart, in both codecs', () => {
  const many = Array.from(
    { length: 3000 },
    (_, i) => `S${(i * 7919).toString(36)}${'X'.repeat(i % 5)}`,
  )
  for (const codec of ['json', 'msgpack'] as const) {
    const table = tableOf(many)
    const decoder = new Decoder(codec, table)
    const idOf = (symbol: string): number | undefined => {
      decoder.decode(frameOf(codec, TRADE_TEXT.replace('AAPL', symbol)))
      assert.equal(decoder.counts.generic, 0)
      return decoder.rows.length === 0 ? STRANGER : decoder.rows.symbol[0]
    }
    for (const [i, symbol] of many.entries()) assert.equal(idOf(symbol), i)
    table.delete(many[5]!)
    assert.equal(idOf(many[5]!), STRANGER)
    assert.equal(idOf(many[6]!), 6)
  }
})

/** A frame of one message. */
function frameOf(codec: Codec, text: string): Uint8Array {
  if (codec === 'json') return Buffer.from(`[${text}]`)
  const fields = JSON.parse(text)
  const { t } = fields
  const [sec, nsec] = [Math.floor(Date.parse(t) / 1000), (Date.parse(t) % 1000) * 1e6]
  return encode([{ ...fields, t: new ExtData(-1, encodeTimeSpecToTimestamp({ sec, nsec })) }])
}

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

const PLACES = {
  t: ['T', 'S', 'i', 'x', 'p', 's', 'c', 'z', 't'],
  q: ['T', 'S', 'bx', 'bp', 'bs', 'ax', 'ap', 'as', 'c', 'z', 't'],
}
const placeOf = (member: string, type: string): number =>
  PLACES[type === 'q' ? 'q' : 't'].indexOf(/^"(\w*)"/.exec(member)?.[1] ?? '')

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
  if (T === 'q') members.push('"bx":"V"', '"ax":"Q"', '"c":["R"]', '"z":"C"')
  if (random() < 0.05) members.push(pick(random, EXTRAS))
  if (random() < 0.05) members.splice(integer(random, 0, members.length - 1), 1)
  const order = random()
  if (order < 0.4) members.sort(() => random() - 0.5)
  // As Alpaca lays it out, but for what was left out and put in.
  else if (order < 0.8) members.sort((a, b) => placeOf(a, T) - placeOf(b, T))
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

/** Whether the scanner took the frame; what it wrote is what the generic decoder writes, element by element. */
function isProved(codec: Codec, scanner: Scanner, frame: Uint8Array, what: () => string): boolean {
  const fast = new Rows(4)
  const isTaken = scanner.scan(frame, frame.length, TABLE, fast)
  if (!isTaken) {
    assert.deepEqual(plain(fast), { malformed: 0, strangers: 0, rows: [] }, what())
    return false
  }
  const slow = new Rows(4)
  const others = decodeGeneric(frame, codec, TABLE, slow)
  if (isDeepStrictEqual([others, plain(fast)], [[], plain(slow)])) return true
  const text = Buffer.from(frame).toString(codec === 'json' ? 'utf8' : 'hex')
  assert.deepStrictEqual([others, plain(fast)], [[], plain(slow)], `${what()}: ${text}`)
  return true
}

type Scanner = JsonScanner | MsgpackScanner
const TABLE = tableOf()
const scannerOf = (codec: Codec): Scanner =>
  codec === 'json' ? new JsonScanner() : new MsgpackScanner()

for (const [codec, randomFrame] of [
  ['json', jsonFrame],
  ['msgpack', msgpackFrame],
] as const) {
  test(`writes what the generic decoder writes, for 20,000 random frames of ${codec}`, () => {
    const scanner = scannerOf(codec)
    let taken = 0
    for (const seed of [1, 2, 3, 4]) {
      const random = seeded(seed)
      for (let i = 0; i < 5_000; i++) {
        const frame = randomFrame(random)
        if (isProved(codec, scanner, frame, () => `seed ${seed}, frame ${i}`)) taken++
      }
    }
    // A proof of nothing would pass as well: a good part of the frames must have been taken.
    assert.ok(taken > 3_500, `${taken} frames were taken`)
  })

  test(`takes no frame of ${codec} that is cut, wherever, though its rest lies behind it`, () => {
    const scanner = scannerOf(codec)
    const random = seeded(5)
    const frames = [
      ...Array.from({ length: 40 }, () => randomFrame(random)),
      ...[TRADE_TEXT, QUOTE_TEXT].map((text) => frameOf(codec, text)),
    ]
    for (const frame of frames) {
      // As in a chunk of a socket: the rest of the frame, and the next one.
      const chunk = Buffer.concat([frame, frame])
      for (let cut = 0; cut < frame.length; cut++) {
        const part = chunk.subarray(0, cut)
        assert.equal(scanner.scan(part, cut, TABLE, new Rows(4)), false, `cut at ${cut}`)
      }
    }
  })

  test(`writes what the generic decoder writes for ${codec}, whichever byte of a message differs`, () => {
    const scanner = scannerOf(codec)
    let taken = 0
    for (const text of [TRADE_TEXT, QUOTE_TEXT]) {
      const frame = frameOf(codec, text)
      const odd = [...Buffer.from('0159"\\,:.-+eE{}[]TZz ')]
      for (let at = 0; at < frame.length; at++) {
        for (const byte of [...odd, 0, 0x7f, 0x80, 0xa1, 0xc0, 0xcb, 0xff, frame[at]! ^ 1]) {
          const other = Uint8Array.from(frame)
          other[at] = byte
          if (isProved(codec, scanner, other, () => `byte ${byte} at ${at}`)) taken++
        }
      }
    }
    assert.ok(taken > 500, `${taken} frames were taken`)
  })
}

test('writes what the generic decoder writes, whichever member is missing, doubled or moved', () => {
  const scanner = new JsonScanner()
  const messages = [TRADE_TEXT, QUOTE_TEXT].map((text) => text.slice(1, -1).split(/,(?="\w+":)/))
  let taken = 0
  const prove = (members: readonly string[]): void => {
    const frame = Buffer.from(`[{${members.join(',')}}]`)
    if (isProved('json', scanner, frame, () => 'members')) taken++
  }
  for (const members of messages) {
    for (const [i, member] of members.entries()) {
      const rest = members.toSpliced(i, 1)
      prove(rest)
      for (let to = 0; to <= rest.length; to++) {
        prove(rest.toSpliced(to, 0, member))
        prove(members.toSpliced(to, 0, member))
      }
      for (const extra of EXTRAS) prove(members.toSpliced(i, 0, extra))
      for (const value of ODD_NUMBERS) prove(members.with(i, `${member.split(':')[0]}:${value}`))
    }
  }
  assert.ok(taken > 400, `${taken} frames were taken`)
})
