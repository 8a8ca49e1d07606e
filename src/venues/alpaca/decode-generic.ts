/*
 * The generic decoder: any frame, by JSON.parse or @msgpack/msgpack. It is what the scanners fall back to and what
 * proves them, so it is written to be obviously right and not to be fast.
 */
import { decode as unpack, decodeTimestampToTimeSpec, ExtensionCodec } from '@msgpack/msgpack'
import { BAR, QUOTE, TRADE } from '../../core/market-rows.ts'
import { type Rows, type RowKind, UPDATED } from './rows.ts'
import { parseStamp } from './stamps.ts'
import type { SymbolTable } from './symbol-table.ts'

type Message = Readonly<Record<string, unknown>>

/**
 * Writes a frame's trades, quotes and bars into the rows and gives its other messages, in their order. Undefined
 * where the frame cannot be read at all; nothing is written then.
 */
export function decodeGeneric(
  frame: string | Uint8Array,
  codec: 'json' | 'msgpack',
  symbols: SymbolTable,
  rows: Rows,
): readonly Message[] | undefined {
  const parsed = codec === 'json' ? parseJson(frame) : parseMsgpack(frame)
  const messages = Array.isArray(parsed) ? parsed : [parsed]
  if (!messages.every(isMessage) || !rows.reserve(messages.length)) return undefined
  const others: Message[] = []
  for (const message of messages) {
    const kind = kindOf(message['T'])
    if (kind === undefined) others.push(message)
    else write(message, kind, symbols, rows)
  }
  return others
}

const KINDS = new Map<unknown, RowKind>([
  ['t', TRADE],
  ['q', QUOTE],
  ['b', BAR],
  ['u', UPDATED],
])
const kindOf = (type: unknown): RowKind | undefined => KINDS.get(type)

const FIELDS: Readonly<Record<RowKind, readonly string[]>> = {
  [TRADE]: ['p', 's'],
  [QUOTE]: ['bp', 'bs', 'ap', 'as'],
  [BAR]: ['o', 'h', 'l', 'c', 'v'],
  [UPDATED]: ['o', 'h', 'l', 'c', 'v'],
}

function write(message: Message, kind: RowKind, symbols: SymbolTable, rows: Rows): void {
  const symbol = message['S']
  const ts = timeOf(message['t'])
  const numbers = FIELDS[kind].map((field) => numberOf(message[field]))
  const count = numberOf(message['n'])
  if (typeof symbol !== 'string' || ts === undefined || numbers.includes(undefined)) {
    rows.malformed++
    return
  }
  const id = symbols.find(symbol)
  if (id === undefined) {
    rows.strangers++
    return
  }
  const at = rows.next(kind, id, ts)
  numbers.forEach((value, i) => (rows.values[at + i] = value!))
  if (kind === TRADE) rows.values.set(idHalves(message['i']), at + 2)
  if (kind === BAR || kind === UPDATED) rows.values[at + 5] = count ?? 0
}

/** A stamp as text (JSON), or as msgpack's Timestamp. */
const timeOf = (value: unknown): number | undefined =>
  value instanceof Moment ? value.ms : parseStamp(value)

/** A Timestamp in milliseconds. The library's own Date adds as doubles and rounds .9999 up to the next second. */
class Moment {
  readonly ms: number

  constructor(data: Uint8Array) {
    const { sec, nsec } = decodeTimestampToTimeSpec(data)
    this.ms = sec * 1000 + Math.floor(nsec / 1e6)
  }
}

const extensions = new ExtensionCodec()
extensions.register({ type: -1, encode: () => null, decode: (data) => new Moment(data) })

function numberOf(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

const ID_DIGITS = 8

/** The two halves of a trade's id; -1 and -1 where it has none. */
function idHalves(id: unknown): readonly [number, number] {
  const digits =
    typeof id === 'string' || typeof id === 'bigint' || typeof id === 'number' ? String(id) : ''
  if (!/^\d{1,20}$/.test(digits)) return [-1, -1]
  return [Number(digits.slice(0, -ID_DIGITS)), Number(digits.slice(-ID_DIGITS))]
}

/** An id keeps its digits: the reviver sees the text of the number, which a double would round. */
const keepIds = (key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  key === 'i' && typeof value === 'number' ? (context?.source ?? value) : value

function parseJson(frame: string | Uint8Array): unknown {
  const text = typeof frame === 'string' ? frame : Buffer.from(frame).toString('utf8')
  try {
    return JSON.parse(text, keepIds)
  } catch {
    return undefined
  }
}

function parseMsgpack(frame: string | Uint8Array): unknown {
  try {
    return unpack(typeof frame === 'string' ? Buffer.from(frame) : frame, {
      useBigInt64: true,
      extensionCodec: extensions,
    })
  } catch {
    return undefined
  }
}

const isMessage = (value: unknown): value is Message =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
