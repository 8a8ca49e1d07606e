/*
 * Bisect: a provider refuses a request and does not say whose fault it is. Halves are asked for until one symbol is left,
 * which then is refused alone. Nobody is convicted where nothing was accepted on the way: then it is the question that is
 * refused, and not a symbol.
 */
import { assert } from '../core/assert.ts'
import { failed, ok, type Result } from '../core/result.ts'

/** Does the provider take a request of these? */
export type Probe = (symbols: readonly string[]) => Promise<Result<boolean>>

/** A symbol that is refused; `undefined` where it is none's fault. Asks at most twice for each halving. */
export async function refusedOne(
  symbols: readonly string[],
  probe: Probe,
): Promise<Result<{ readonly symbol: string } | undefined>> {
  assert(symbols.length > 1, 'one symbol has no halves')
  let group = symbols
  let cleared = false
  while (group.length > 1) {
    const middle = Math.ceil(group.length / 2)
    const left = group.slice(0, middle)
    const isTaken = await probe(left)
    if (!isTaken.ok) return failed(isTaken.fault)
    cleared ||= isTaken.value
    group = isTaken.value ? group.slice(middle) : left
  }
  // What only follows from the others is asked for itself.
  const alone = await probe(group)
  if (!alone.ok) return failed(alone.fault)
  if (alone.value) return ok(undefined)
  if (!cleared) {
    const rest = await probe(symbols.filter((symbol) => symbol !== group[0]).slice(-1))
    if (!rest.ok) return failed(rest.fault)
    cleared = rest.value
  }
  return ok(cleared ? { symbol: group[0]! } : undefined)
}
