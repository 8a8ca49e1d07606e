/*
 * Decode: market-data frames to rows. The scanners take what Alpaca sends all day; the generic decoder takes the
 * rest and is what the scanners are proved against.
 */
import { decodeGeneric } from './decode-generic.ts'
import { Rows } from './rows.ts'
import { JsonScanner } from './scan-json.ts'
import { MsgpackScanner } from './scan-msgpack.ts'

import type { SymbolTable } from './symbol-table.ts'

export type Codec = 'json' | 'msgpack'
export type OtherMessage = Readonly<Record<string, unknown>>

const NOTHING: readonly OtherMessage[] = []

/** One stream's decoder. Its rows hold the last frame and are overwritten by the next. */
export class Decoder {
  readonly rows = new Rows()
  readonly #codec: Codec
  readonly #symbols: SymbolTable
  readonly #json = new JsonScanner()
  readonly #msgpack = new MsgpackScanner()
  #scratch = Buffer.allocUnsafe(64 * 1024)
  /** Frames that needed the generic decoder, and those that nothing could read. */
  readonly counts = { generic: 0, corrupt: 0 }

  constructor(codec: Codec, symbols: SymbolTable) {
    this.#codec = codec
    this.#symbols = symbols
  }

  /**
   * Reads a frame into `rows` and gives the messages that are no trade, quote or bar. Undefined where the frame is
   * corrupt; `rows` is empty then. JSON comes as text or as bytes; bytes save a copy.
   */
  decode(frame: string | Uint8Array): readonly OtherMessage[] | undefined {
    const { rows } = this
    rows.clear()
    if (this.#scan(frame)) return NOTHING
    this.counts.generic++
    const others = decodeGeneric(frame, this.#codec, this.#symbols, rows)
    if (others === undefined) this.counts.corrupt++
    return others
  }

  #scan(frame: string | Uint8Array): boolean {
    if (this.#codec === 'msgpack') {
      return (
        typeof frame !== 'string' &&
        this.#msgpack.scan(frame, frame.length, this.#symbols, this.rows)
      )
    }
    if (typeof frame !== 'string')
      return this.#json.scan(frame, frame.length, this.#symbols, this.rows)
    // UTF-8 takes at most three bytes for each unit of text.
    if (this.#scratch.length < frame.length * 3)
      this.#scratch = Buffer.allocUnsafe(frame.length * 3)
    const length = this.#scratch.write(frame, 0, 'utf8')
    return this.#json.scan(this.#scratch, length, this.#symbols, this.rows)
  }
}
