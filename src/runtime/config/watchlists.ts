/*
 * Watch lists: symbols by a name, `watchlists: { tech: [AAPL, MSFT] }`. `@tech` stands for them wherever symbols are: in the
 * universe, in `on` of a strategy, in --symbols.
 */
import { BadInput, type Place } from '../../core/bad-input.ts'
import { isObject } from '../../io/json.ts'

/** A list of symbols in which names of watch lists are their members, each once. Throws BadInput for an unknown one. */
export function symbolsOf(
  list: readonly string[],
  watchlists: Readonly<Record<string, readonly string[]>>,
  place: Place,
): readonly string[] {
  const found = list.flatMap((item) => {
    if (!item.startsWith('@')) return [item]
    const members = watchlists[item.slice(1)]
    if (members !== undefined) return members
    const names = Object.keys(watchlists).map((name) => `@${name}`)
    const allowed =
      names.length === 0 ? 'a name of "watchlists" of the configuration' : names.join(', ')
    throw new BadInput(place, 'names no watch list', item, allowed)
  })
  return [...new Set(found)]
}

/** The same data of a configuration, with the members of watch lists in the place of their names. Not checked yet. */
export function withMembers(data: unknown): unknown {
  const lists = isObject(data) ? data['watchlists'] : undefined
  if (!isObject(data) || !isObject(lists)) return data
  const members = (given: unknown): unknown => {
    if (!Array.isArray(given)) return isName(given) ? members([given]) : given
    return given.flatMap((item: unknown) => {
      const list = isName(item) ? lists[item.slice(1)] : undefined
      return Array.isArray(list) ? (list as unknown[]) : [item]
    })
  }
  const strategies = data['strategies']
  const universe = 'universe' in data ? { universe: members(data['universe']) } : {}
  if (!Array.isArray(strategies)) return { ...data, ...universe }
  const told = strategies.map((one: unknown) =>
    isObject(one) && 'on' in one ? { ...one, on: members(one['on']) } : one,
  )
  return { ...data, ...universe, strategies: told }
}

const isName = (given: unknown): given is string =>
  typeof given === 'string' && given.startsWith('@')
