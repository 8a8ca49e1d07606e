/*
 * Decode-alpaca: messages/s from Alpaca's frames to rows, beside JSON.parse alone.
 *
 * The frames are 70 % quotes and 30 % trades of 500 symbols, with stamps to the nanosecond, 10 messages each. Both
 * sides say in `check` how many messages they saw. Messages a second and not bytes are compared, so that JSON and
 * msgpack stand beside the same reference.
 */
import { encode, encodeTimeSpecToTimestamp, ExtData } from '@msgpack/msgpack'
import { type Bench, type Measured, perSecond } from './bench.ts'
import { symbolId } from '../src/core/brand.ts'
import { type Random, seeded } from '../src/core/random.ts'
import { type Codec, Decoder } from '../src/venues/alpaca/decode.ts'
import { SymbolTable } from '../src/venues/alpaca/rows.ts'

const SYMBOLS = 500
const PER_FRAME = 10
const STARTED = Date.UTC(2026, 0, 5, 14, 30)

const names = Array.from({ length: SYMBOLS }, (_, i) => `S${i.toString(36).toUpperCase()}`)

interface Frames {
  readonly json: readonly Uint8Array[]
  readonly msgpack: readonly Uint8Array[]
}

/** The same messages in both codecs. */
export function framesOf(count: number, seed = 7): Frames {
  const random = seeded(seed)
  const json: Uint8Array[] = []
  const msgpack: Uint8Array[] = []
  for (let i = 0; i < count; i++) {
    const messages = Array.from({ length: PER_FRAME }, (_, n) => message(random, i * PER_FRAME + n))
    json.push(
      Buffer.from(JSON.stringify(messages.map(({ fields, t }) => ({ ...fields, t: t.text })))),
    )
    msgpack.push(encode(messages.map(({ fields, t }) => ({ ...fields, t: t.extension }))))
  }
  return { json, msgpack }
}

function message(random: Random, n: number) {
  const nanoseconds = Math.floor(random() * 1e9)
  const seconds = STARTED / 1000 + Math.floor(n / 1000)
  const second = new Date(seconds * 1000).toISOString().slice(0, 19)
  const t = {
    text: `${second}.${String(nanoseconds).padStart(9, '0')}Z`,
    extension: new ExtData(-1, encodeTimeSpecToTimestamp({ sec: seconds, nsec: nanoseconds })),
  }
  const S = names[Math.floor(random() * SYMBOLS)]!
  const price = Math.floor(random() * 50_000 + 100) / 100
  const size = 1 + Math.floor(random() * 500)
  const fields =
    random() < 0.3
      ? { T: 't', S, i: 52983525000000 + n, x: 'V', p: price, s: size, c: ['@', 'I'], z: 'C' }
      : {
          T: 'q',
          S,
          bx: 'V',
          bp: price,
          bs: size,
          ax: 'Q',
          ap: Math.round(price * 100 + 1) / 100,
          as: size,
          c: ['R'],
          z: 'C',
        }
  return { fields, t }
}

/** Decodes all frames; the number of messages that came out of it. */
export function decodeAll(frames: readonly Uint8Array[], codec: Codec): number {
  const symbols = new SymbolTable()
  names.forEach((name, i) => symbols.add(name, symbolId(i)))
  const decoder = new Decoder(codec, symbols)
  let messages = 0
  for (const frame of frames) {
    decoder.decode(frame)
    messages += decoder.rows.length
  }
  return messages
}

/** The reference: the library's parser and nothing after it. */
export function parseAll(frames: readonly Uint8Array[]): number {
  let messages = 0
  for (const frame of frames) messages += JSON.parse(frame.toString()).length
  return messages
}

const FRAMES = { full: 40_000, quick: 200 } as const

/** A bench of one codec; the reference always parses the JSON frames. */
export function decodeBench(name: string, codec: Codec): Bench {
  return {
    name,
    unit: 'messages/s',
    goal: { ratioAtLeast: 4 },
    run: {
      skein: (size) => {
        const frames = framesOf(FRAMES[size])[codec]
        return measure(frames, () => decodeAll(frames, codec))
      },
      reference: (size) => {
        const frames = framesOf(FRAMES[size]).json
        return measure(frames, () => parseAll(frames))
      },
    },
  }
}

const measure = (frames: readonly Uint8Array[], count: () => number): Promise<Measured> =>
  perSecond(frames.length * PER_FRAME, async (time) => `${await time(count)} messages`)
