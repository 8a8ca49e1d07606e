// Ulid: an event's id of 26 characters that sorts as the events came.

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Ten letters of the time, sixteen of the number. */
export const ulid = (atMs: number, n: number): string =>
  letters(Math.floor(atMs), 10) + letters(n, 16)

function letters(value: number, length: number): string {
  let text = ''
  let rest = value
  while (text.length < length) {
    text = LETTERS[rest % 32]! + text
    rest = Math.floor(rest / 32)
  }
  return text
}
