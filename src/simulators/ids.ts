// Ids: identifiers that look random and follow from a seed, so that a run can be repeated.
import { Hasher } from '../core/hash.ts'
import { type Random, seeded } from '../core/random.ts'

export class Ids {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  /** A version 4 UUID. */
  next(): string {
    let hex = ''
    while (hex.length < 32)
      hex += Math.floor(this.#random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    return uuid(hex)
  }
}

/** The same UUID for the same name, for ever. */
export const idOf = (name: string): string =>
  uuid(new Hasher().add(name).digest() + new Hasher().add(name).add('2').digest())

const uuid = (hex: string): string => {
  const variant = '89ab'[Number.parseInt(hex[16]!, 16) % 4]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
