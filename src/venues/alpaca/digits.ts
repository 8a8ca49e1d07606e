/*
 * Digits: decimal text of a frame, four characters at a time, as a little-endian word of 32 bits. The first character
 * is the lowest byte. A loop over digits ends at another place for each number, which the processor cannot guess;
 * this has no loop.
 */

/** How many of the four are digits, up to the first that is none. */
export function leadingDigits(word: number): number {
  const x = word ^ 0x30303030
  // The high bit of a byte is set where it is no digit; a carry spoils only what comes after such a byte.
  const others = (x | ((x + 0x76767676) | 0)) & 0x80808080
  return others === 0 ? 4 : (31 - Math.clz32(others & -others)) >> 3
}

/** The number that the first `count` of them are, 1 to 4. */
export function leadingNumber(word: number, count: number): number {
  const digits = (word << (32 - 8 * count)) & 0x0f0f0f0f
  const pairs = (Math.imul(digits, 10) + (digits >>> 8)) & 0x00ff00ff
  return Math.imul(pairs & 0xff, 100) + (pairs >>> 16)
}

/** Where the first of four bytes is a quotation mark, 0 to 3; 4 where none is. */
export function leadingText(word: number): number {
  const x = word ^ 0x22222222
  const marks = ((x - 0x01010101) | 0) & ~x & 0x80808080
  return marks === 0 ? 4 : (31 - Math.clz32(marks & -marks)) >> 3
}
