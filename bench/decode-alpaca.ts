/*
 * Decode-alpaca: messages/s from Alpaca's frames to inputs that wait in the inbox, beside JSON.parse alone.
 *
 * The frames are 70 % quotes and 30 % trades of 500 symbols, some far busier than others, with keys in Alpaca's order
 * and stamps to the nanosecond, 10 messages each; they lie in chunks of 64 KiB, as a socket hands them over. Messages
 * a second and not bytes are compared, so that JSON and msgpack stand beside the same reference.
 */
import { encode, encodeTimeSpecToTimestamp, ExtData } from '@msgpack/msgpack'
import { type Bench, type Measured, perSecond } from './bench.ts'
import { type Ms, symbolId } from '../src/core/brand.ts'
import { integer, type Random, seeded } from '../src/core/random.ts'
import { ms } from '../src/core/time.ts'
import { INBOX_DEFAULTS, Inbox } from '../src/engine/inbox.ts'
import { type Codec, Decoder } from '../src/venues/alpaca/decode.ts'
import { SymbolTable } from '../src/venues/alpaca/symbol-table.ts'

const SYMBOLS = 500
const PER_FRAME = 10
const CHUNK_BYTES = 64 * 1024
/** The second of the first message. */
export const STARTED = Date.UTC(2026, 0, 5, 14, 30)

/** One to four letters, the busiest first: A, B … AA, AB … */
export const SYMBOL_NAMES = Array.from({ length: SYMBOLS }, (_, n) => {
  let name = ''
  for (let left = n + 1; left > 0; left = Math.floor((left - 1) / 26)) {
    name = String.fromCharCode(65 + ((left - 1) % 26)) + name
  }
  return name
})

/** The same messages in either codec. */
export function framesOf(codec: Codec, count: number, perFrame = PER_FRAME, seed = 7) {
  const random = seeded(seed)
  const frames = Array.from({ length: count }, (_, i) => {
    const messages = Array.from({ length: perFrame }, (_, n) =>
      messageOf(random, i * perFrame + n, codec),
    )
    return codec === 'json' ? Buffer.from(JSON.stringify(messages)) : encode(messages)
  })
  return inChunks(frames)
}

function messageOf(random: Random, n: number, codec: Codec) {
  const sec = STARTED / 1000 + Math.floor(n / 1000)
  const nsec = Math.floor(random() * 1e9)
  const t =
    codec === 'json'
      ? stampOf(sec, nsec)
      : new ExtData(-1, encodeTimeSpecToTimestamp({ sec, nsec }))
  const symbol = Math.floor(SYMBOLS * random() ** 2)
  const S = SYMBOL_NAMES[symbol]!
  // In cents, each symbol about a level of its own.
  const price = 1_000 + ((symbol * 7_919) % 49_000) + integer(random, 0, 50)
  const sizes = [integer(random, 1, 500), integer(random, 1, 500)] as const
  const z = 'C'
  if (random() < 0.3) {
    const [i, x, c] = [52983525000000 + n, 'V', random() < 0.5 ? ['@'] : ['@', 'I']]
    return { T: 't', S, i, x, p: price / 100, s: sizes[0], c, z, t }
  }
  const [bp, bs, ap, as] = [price / 100, sizes[0], (price + 1) / 100, sizes[1]]
  return { T: 'q', S, bx: 'V', bp, bs, ax: 'Q', ap, as, c: ['R'], z, t }
}

/** Without zeros at the end, as Alpaca writes them. */
function stampOf(sec: number, nsec: number): string {
  const fraction = String(nsec).padStart(9, '0').replace(/0+$/, '')
  const second = new Date(sec * 1000).toISOString().slice(0, 19)
  return `${second}${fraction === '' ? '' : `.${fraction}`}Z`
}

function inChunks(frames: readonly Uint8Array[]): Buffer[] {
  let chunk = Buffer.alloc(0)
  let at = 0
  return frames.map((frame) => {
    if (at + frame.length > chunk.length) {
      chunk = Buffer.alloc(Math.max(CHUNK_BYTES, frame.length))
      at = 0
    }
    chunk.set(frame, at)
    at += frame.length
    return chunk.subarray(at - frame.length, at)
  })
}

function symbolTable(): SymbolTable {
  const symbols = new SymbolTable()
  SYMBOL_NAMES.forEach((name, i) => symbols.add(name, symbolId(i)))
  return symbols
}

/** From frames to inputs, as a stream does it: with one decoder that lives as long as the stream. */
class InputReader {
  readonly #decoder: Decoder
  readonly #inbox = new Inbox()

  constructor(codec: Codec) {
    this.#decoder = new Decoder(codec, symbolTable())
  }

  /** The number of inputs in the frame. */
  read(frame: Uint8Array, at: Ms): number {
    const { rows } = this.#decoder
    this.#decoder.decode(frame)
    for (let row = 0; row < rows.length; row++) this.#inbox.pushRow(rows, row, at)
    return rows.length
  }

  /** Lets go of what waits: the engine's turns are not measured here. */
  clear(): void {
    this.#inbox.takeTurn(Infinity)
  }
}

/** Frames after which the inbox is cleared, before it is full. */
const CLEAR_FRAMES = INBOX_DEFAULTS.capacity / PER_FRAME

function decodeAll(frames: readonly Uint8Array[], reader: InputReader): number {
  const at = ms(STARTED)
  let messages = 0
  let read = 0
  for (const frame of frames) {
    messages += reader.read(frame, at)
    if (++read % CLEAR_FRAMES === 0) reader.clear()
  }
  reader.clear()
  return messages
}

/** The reference: the library's parser and nothing after it. */
function parseAll(frames: readonly Buffer[]): number {
  let messages = 0
  for (const frame of frames) messages += JSON.parse(frame.toString()).length
  return messages
}

const FRAMES = { full: 10_000, quick: 200 } as const
/** Each attempt goes over the frames so often. */
const PASSES = 4

/** A bench of one codec; the reference always parses the JSON frames. */
export function decodeBench(name: string, codec: Codec): Bench {
  return {
    name,
    unit: 'messages/s',
    goal: { ratioAtLeast: 4 },
    run: {
      skein: (size) => {
        const frames = framesOf(codec, FRAMES[size])
        const reader = new InputReader(codec)
        return measure(frames, () => decodeAll(frames, reader))
      },
      reference: (size) => {
        const frames = framesOf('json', FRAMES[size])
        return measure(frames, () => parseAll(frames))
      },
    },
  }
}

const measure = (frames: readonly Uint8Array[], count: () => number): Promise<Measured> =>
  perSecond(PASSES * frames.length * PER_FRAME, async (time) => {
    const counts = await time(() => Array.from({ length: PASSES }, count))
    return `${counts.join(', ')} messages`
  })
