// Thrown: what was thrown, in words. A program may throw anything, also what no text can be made of.

/** Characters that are told of it: they are in every snapshot, and in every status. */
const MAX = 2_000

/** Never throws itself. */
export function thrownText(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    return text.length > MAX ? `${text.slice(0, MAX)} …` : text
  } catch {
    return `${typeof thrown === 'object' ? 'an object' : 'a function'} that cannot be told`
  }
}
