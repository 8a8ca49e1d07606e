// Canonical JSON and the state hash: two runs agree when their hashes agree.

/** JSON with sorted keys and without undefined members: equal data gives equal text. */
export function canonical(value: unknown): string {
  // Written out, because JSON.stringify with a replacer that sorts takes several times as long.
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null'
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  let text = ''
  for (const key of Object.keys(value).toSorted()) {
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${nameOf(key)}${canonical(member)}`
  }
  return `{${text}}`
}

const PLAIN = /^[\w.-]*$/

const nameOf = (key: string): string => (PLAIN.test(key) ? `"${key}":` : `${JSON.stringify(key)}:`)

/** The inner state of a Hasher, as plain data: a run that is resumed goes on hashing where it stopped. */
export interface HashState {
  readonly high: number
  readonly low: number
}

// The two halves of a double, the lower first: every machine that Node runs on has them in this order.
const DOUBLE = new Float64Array(1)
const WORDS = new Int32Array(DOUBLE.buffer)

/**
 * A running 64-bit hash of text (two cyrb53-style lanes), as 16 hex digits. It finds differences between
 * two runs; it is no protection against somebody who wants a collision.
 */
export class Hasher {
  #high = 0x41c6ce57
  #low = 0xdeadbeef

  add(text: string): this {
    let high = this.#high
    let low = this.#low
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      low = Math.imul(low ^ code, 2654435761)
      high = Math.imul(high ^ code, 1597334677)
    }
    // A separator, so that ("ab", "c") and ("a", "bc") differ.
    this.#low = Math.imul(low ^ 0x1f, 2654435761) ^ (high >>> 15)
    this.#high = Math.imul(high ^ 0x1f, 1597334677) ^ (low >>> 13)
    return this
  }

  /** Several times as quick as `add` of its text, which a number must be given first. NaN, and none, are texts. */
  number(x: number | undefined): this {
    if (x === undefined || Number.isNaN(x)) return this.add(String(x))
    // Adding 0 turns -0 into 0, so that equal numbers have equal hashes.
    DOUBLE[0] = x + 0
    this.#mix(WORDS[0]!)
    this.#mix(WORDS[1]!)
    return this
  }

  /** The shifts bring the upper bits of a word, of which a product moves none down, into all of the hash. */
  #mix(word: number): void {
    const low = Math.imul(this.#low ^ word, 2654435761)
    const high = Math.imul(this.#high ^ word, 1597334677)
    this.#low = low ^ (high >>> 15)
    this.#high = high ^ (low >>> 13)
  }

  capture(): HashState {
    return { high: this.#high, low: this.#low }
  }

  restore(state: HashState): void {
    this.#high = state.high
    this.#low = state.low
  }

  digest(): string {
    let low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507)
    low ^= Math.imul(this.#high ^ (this.#high >>> 13), 3266489909)
    let high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507)
    high ^= Math.imul(this.#low ^ (this.#low >>> 13), 3266489909)
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0')
    return hex(high) + hex(low)
  }
}

/** The hash of any plain JSON value, independent of the order of its keys. */
export const hashOf = (value: unknown): string => new Hasher().add(canonical(value)).digest()
