// Strategy files: which files are strategies, and whose code a stack is of.

/** The names under which a file is used, by its URL. */
const names = new Map<string, Set<string>>()

export function noteStrategyFile(url: string, name: string): void {
  const known = names.get(url) ?? new Set()
  names.set(url, known.add(name))
}

/** Who of the strategies is in the stack; undefined where no file of theirs is. */
export function strategyIn(stack: string): string | undefined {
  for (const [url, known] of names) if (stack.includes(`${url}:`)) return [...known].join(' or ')
  return undefined
}
