/*
 * Postgres arrays: lists of numbers as the server has them, so that neither side makes or reads text. Measured with
 * one worker and pages of 9,750 bars: 198 k rows/s, and 190 k where lists were text.
 *
 * The form is that of array_send (src/backend/utils/adt/arrayfuncs.c of Postgres): dimensions, flags and type of the
 * elements; length and first index of the one dimension; then each element behind its length. All big-endian.
 */

/** What an element is: its number in pg_type, and its bytes. */
const KINDS = {
  smallint: { oid: 21, bytes: 2 },
  integer: { oid: 23, bytes: 4 },
  bigint: { oid: 20, bytes: 8 },
  double: { oid: 701, bytes: 8 },
} as const

export type ArrayKind = keyof typeof KINDS

const HEAD_BYTES = 20
const LENGTH_BYTES = 4
const HIGH = 2 ** 32

/** A list that is filled from front to back, as a parameter of a statement. Whole numbers are up to 2^53 there. */
export class PostgresArray {
  readonly buffer: Buffer
  readonly #kind: ArrayKind
  #at = HEAD_BYTES

  constructor(kind: ArrayKind, length: number) {
    const { oid, bytes } = KINDS[kind]
    this.#kind = kind
    this.buffer = Buffer.alloc(HEAD_BYTES + length * (LENGTH_BYTES + bytes))
    this.buffer.writeInt32BE(length === 0 ? 0 : 1, 0)
    this.buffer.writeInt32BE(oid, 8)
    this.buffer.writeInt32BE(length, 12)
    this.buffer.writeInt32BE(1, 16)
  }

  /** Adds the same value so many times. */
  repeat(value: number, times: number): void {
    for (let i = 0; i < times; i++) this.#add(value)
  }

  add(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.#add(values[i]!)
  }

  #add(value: number): void {
    const { buffer } = this
    const kind = this.#kind
    const at = buffer.writeInt32BE(KINDS[kind].bytes, this.#at)
    if (kind === 'double') this.#at = buffer.writeDoubleBE(value, at)
    else if (kind === 'integer') this.#at = buffer.writeInt32BE(value, at)
    else if (kind === 'smallint') this.#at = buffer.writeInt16BE(value, at)
    else {
      const high = Math.floor(value / HIGH)
      buffer.writeInt32BE(high, at)
      this.#at = buffer.writeUInt32BE(value - high * HIGH, at + 4)
    }
  }
}
