// Suggestion: the known name that somebody may have meant.

/** ` (did you mean x?)`, or nothing where no name is near. Case does not count. */
export function suggestion(given: string, known: readonly string[]): string {
  const word = given.toLowerCase()
  const most = Math.max(1, Math.floor(word.length / 3))
  let nearest: string | undefined
  let least = most + 1
  for (const name of known) {
    const distance = editDistance(word, name.toLowerCase(), most)
    if (distance < least) {
      least = distance
      nearest = name
    }
  }
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`
}

/** Letters added, removed, replaced, or swapped with their neighbour. More than `most` is Infinity. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return Infinity
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)]
  for (let i = 1; i <= a.length; i++) {
    const above = rows[i - 1]!
    const row = [i]
    for (let k = 1; k <= b.length; k++) {
      const replaced = above[k - 1]! + (a[i - 1] === b[k - 1] ? 0 : 1)
      const isSwap = i > 1 && k > 1 && a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1]
      const swapped = isSwap ? rows[i - 2]![k - 2]! + 1 : Infinity
      row.push(Math.min(replaced, swapped, above[k]! + 1, row[k - 1]! + 1))
    }
    rows.push(row)
  }
  const distance = rows[a.length]![b.length]!
  return distance > most ? Infinity : distance
}
