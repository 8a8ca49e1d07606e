// A seeded generator of random numbers (sfc32), for simulation and tests: same seed, same world.

/** Each call gives the next number in [0, 1). */
export type Random = () => number

/** Chris Doty-Humphrey's Small Fast Counter, 128 bits of state, from one integer seed. */
export function seeded(seed: number): Random {
  let a = 0x9e3779b9 ^ seed
  let b = 0x243f6a88
  let c = 0xb7e15162 ^ (seed >>> 3)
  let counter = 1
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

/** A standard normal number by the Box–Muller transform; uses two draws. */
export function gaussian(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - random()))
  return radius * Math.cos(2 * Math.PI * random())
}

/** An integer in [low, high], both included. */
export const integer = (random: Random, low: number, high: number): number =>
  low + Math.floor(random() * (high - low + 1))
