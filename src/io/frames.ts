/*
 * Frames: the connection under a websocket client. It hands on all that comes, but whole messages it takes out itself.
 *
 *   socket ─▶ FrameStream ──(a frame that is a message)──▶ whoever taps it
 *                  └──────────(all else)─────────────────▶ ws
 *
 * A stream of market data is frames of one small message each, and what ws does for one of them, six views of its bytes
 * and three events, takes longer than all that we do with what it says. Here it is one view and one call.
 *
 * It reads only what can be read in one way: a frame of text or of bytes that is a message of its own, neither masked nor
 * packed, not too long, and here to its end. Pings, pongs, and a message of which a part is still to come go to ws, which
 * goes on where it was. Any other frame (a fragment, a close, one that is too long or against the protocol) goes to ws
 * with all that comes after it: what ws makes of it, it makes as if it were alone.
 *
 *   81 7e 00 95  [{"T":"t","S":"AAPL","i":52983525029461,"x":"V", …      FIN and text; a length of 16 bits, 149; the message
 *
 * https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Takes a message. Its bytes are not written over later. */
export type Tap = (message: Uint8Array, isBinary: boolean) => void

// The first byte of a frame: that it is a whole, and its kind. Any other bit is for ws.
const TEXT = 0x81
const BINARY = 0x82
const PING = 0x89
const PONG = 0x8a
// The second byte is its length, or says how many bytes the length has, and is above all of these where it is masked.
const LENGTH_MAX = 125
const LENGTH_16 = 126
const LENGTH_64 = 127

type Done = (error?: Error | null) => void

export class FrameStream extends Duplex {
  readonly #socket: Socket
  #tap: Tap | undefined
  #bytesMax = 0
  /** The beginning of a frame whose length is not known yet. */
  #head: Buffer | undefined
  /** Bytes still to come of a frame that ws has begun to read. */
  #left = 0
  #isHandedOver = false
  #isOver = false

  constructor(socket: Socket) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
  }

  /** From the next byte on frames come. What is a message of at most `bytesMax` bytes goes to `tap`, in its order. */
  tap(bytesMax: number, tap: Tap): void {
    this.#bytesMax = bytesMax
    this.#tap = tap
    const first = this.#head
    this.#head = undefined
    // Later, as ws does: whoever opens a connection is not called back from within.
    if (first !== undefined) process.nextTick(() => this.#take(first))
  }

  /** What came with the answer to the upgrade is given back before `tap`. */
  override unshift(bytes: Buffer): boolean {
    this.#head = bytes
    return true
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#socket.write(bytes, done)
  }

  /** A frame comes as its head and its payload: they leave as one. */
  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: Done): void {
    this.#socket.cork()
    for (const { chunk } of pieces.slice(0, -1)) this.#socket.write(chunk)
    this.#socket.write(pieces.at(-1)!.chunk, done)
    this.#socket.uncork()
  }

  override _final(done: Done): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#isOver = true
    if (this.#socket.closed) done(error)
    else this.#socket.once('close', () => done(error))
    this.#socket.destroy()
  }

  #take(bytes: Buffer): void {
    if (this.#isOver) return
    if (this.#tap === undefined || this.#isHandedOver) {
      this.#pass(bytes)
      return
    }
    const head = this.#head
    this.#head = undefined
    const left = Math.min(this.#left, bytes.length)
    this.#left -= left
    if (left > 0) this.#pass(bytes.subarray(0, left))
    if (head === undefined) this.#frames(bytes, left, this.#tap)
    else this.#frames(Buffer.concat([head, bytes]), 0, this.#tap)
  }

  /** The frames from `at` on. What is not whole is passed or kept. */
  #frames(bytes: Buffer, at: number, tap: Tap): void {
    const { buffer, byteOffset, length } = bytes
    // Nothing overtakes what ws has not taken yet.
    let isDirect = this.readableLength === 0
    while (at < length && !this.#isOver) {
      const kind = bytes[at]!
      const short = bytes[at + 1] ?? 0
      const isMessage = kind === TEXT || kind === BINARY
      if (short > (isMessage ? LENGTH_64 : LENGTH_MAX) || !(isMessage || isPing(kind))) {
        this.#handOver(bytes, at)
        return
      }
      const start = at + (short <= LENGTH_MAX ? 2 : short === LENGTH_16 ? 4 : 10)
      if (start > length) {
        this.#head = bytes.subarray(at)
        return
      }
      const size = short <= LENGTH_MAX ? short : lengthOf(bytes, at + 2, start)
      if (size > this.#bytesMax) {
        this.#handOver(bytes, at)
        return
      }
      const end = start + size
      if (isMessage && isDirect && end <= length)
        tap(new Uint8Array(buffer, byteOffset + start, size), kind === BINARY)
      else {
        this.#left = Math.max(0, end - length)
        this.#pass(bytes.subarray(at, end))
        isDirect = this.readableLength === 0
      }
      at = end
    }
  }

  #handOver(bytes: Buffer, at: number): void {
    this.#isHandedOver = true
    this.#pass(bytes.subarray(at))
  }

  /** To ws. */
  #pass(bytes: Buffer): void {
    if (!this.push(bytes)) this.#socket.pause()
  }
}

const isPing = (kind: number): boolean => kind === PING || kind === PONG

/** A length of 16 or of 64 bits. */
function lengthOf(bytes: Buffer, from: number, to: number): number {
  let size = 0
  for (let at = from; at < to; at++) size = size * 256 + bytes[at]!
  return size
}
