/*
 * Symbol table: the symbols that are subscribed, found by their bytes, so that a scanner interns without making text.
 * Bytes are hashed and compared four at a time; the last word of a symbol is filled up with zeros.
 */
import type { SymbolId } from '../../core/brand.ts'

/** Not subscribed. */
export const STRANGER = -1
/** Only text can tell: an escape, or more than ASCII. */
export const UNREADABLE = -2

const PLAIN = /^[ !#-[\]-~]+$/

export class SymbolTable {
  readonly #ids = new Map<string, SymbolId>()
  /** Per slot: offset in `#words`, length in bytes, id (negative where free) and hash. */
  #slots = new Int32Array(0)
  #shift = 0
  #words = new Int32Array(0)
  /** The table is made again before the next look, and not at each change. */
  #isStale = true

  add(symbol: string, id: SymbolId): void {
    this.#ids.set(symbol, id)
    this.#isStale = true
  }

  delete(symbol: string): void {
    this.#ids.delete(symbol)
    this.#isStale = true
  }

  find(symbol: string): SymbolId | undefined {
    return this.#ids.get(symbol)
  }

  /** The id of a symbol of `length` bytes at `at`, whose words were hashed; STRANGER or UNREADABLE where it has none. */
  idOf(view: DataView, at: number, length: number, hash: number): number {
    if (this.#isStale) this.#build()
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = (Math.imul(hash, GOLDEN) >>> this.#shift) * 4; ; slot = (slot + 4) & mask) {
      const id = slots[slot + 2]!
      if (id < 0) return isPlain(view, at, length) ? STRANGER : UNREADABLE
      if (slots[slot + 3] === hash && slots[slot + 1] === length) {
        // One word has a hash of its own.
        if (length <= 4 || this.#isSame(view, at, length, slots[slot]!)) return id
      }
    }
  }

  #isSame(view: DataView, at: number, length: number, offset: number): boolean {
    const words = this.#words
    for (let i = 0; i < length; i += 4) {
      if (words[offset + (i >> 2)] !== lastBytes(view.getInt32(at + i, true), length - i))
        return false
    }
    return true
  }

  /** At most a quarter full. Symbols that are not plain are left out: text finds them. */
  #build(): void {
    const entries = [...this.#ids].filter(([text]) => PLAIN.test(text))
    let bits = 4
    while (2 ** bits < entries.length * 4) bits++
    this.#shift = 32 - bits
    this.#slots = new Int32Array(2 ** bits * 4).fill(-1)
    const lengths = entries.map(([text]) => Math.ceil(text.length / 4))
    this.#words = new Int32Array(lengths.reduce((sum, length) => sum + length, 0))
    const mask = this.#slots.length - 1
    let offset = 0
    for (const [text, id] of entries) {
      const view = new DataView(new ArrayBuffer(Math.ceil(text.length / 4) * 4))
      for (let i = 0; i < text.length; i++) view.setUint8(i, text.charCodeAt(i))
      let hash = 0
      for (let i = 0; i < view.byteLength; i += 4) {
        const word = view.getInt32(i, true)
        hash = hashed(hash, word)
        this.#words[(offset + i) >> 2] = word
      }
      let slot = (Math.imul(hash, GOLDEN) >>> this.#shift) * 4
      while (this.#slots[slot + 2]! >= 0) slot = (slot + 4) & mask
      this.#slots.set([offset >> 2, text.length, id, hash], slot)
      offset += view.byteLength
    }
    this.#isStale = false
  }
}

/** The hash of words that hashed to `hash`, and of one more; that of none is 0. */
export const hashed = (hash: number, word: number): number => Math.imul(hash ^ word, 0x5bd1e995)

/** The word with `length` of its bytes, and zeros above. */
export const lastBytes = (word: number, length: number): number =>
  length >= 4 ? word : word & ((1 << (8 * length)) - 1)

function isPlain(view: DataView, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) {
    const byte = view.getUint8(i)
    if (byte < 32 || byte > 126 || byte === 34 || byte === 92) return false
  }
  return true
}

/** Fibonacci hashing: 2^32 by the golden ratio spreads dense hashes. */
const GOLDEN = 0x9e3779b1
