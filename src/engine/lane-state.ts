// Lane state: what a strategy may keep in `ctx.state`, so that a snapshot gives it back as it was.

/**
 * Frozen, and whole after a restart: a snapshot is JSON, which writes NaN and infinity as null and a Map as {}. Throws where
 * it would come back as something else.
 */
export function deepFreeze<T>(value: T, name = 'ctx.state'): T {
  if (value === null || typeof value !== 'object') return savable(value, name)
  if (savables.has(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  const isPlain = prototype === Object.prototype || prototype === null
  if (!Array.isArray(value) && !isPlain) throw unsavable(name, `a ${value.constructor.name}`)
  if (Array.isArray(value) && value.includes(undefined))
    throw unsavable(name, 'a list with undefined in it')
  for (const [key, member] of Object.entries(value)) deepFreeze(member, `${name}.${key}`)
  savables.add(value)
  return Object.freeze(value)
}

/** Objects that were looked at: a new state mostly has parts of the one before. */
const savables = new WeakSet<object>()

function savable<T>(value: T, name: string): T {
  if (typeof value === 'number' ? Number.isFinite(value) : SAVABLE.has(typeof value)) return value
  throw unsavable(name, typeof value === 'number' ? `${value}` : `a ${typeof value}`)
}

const SAVABLE: ReadonlySet<string> = new Set(['object', 'string', 'boolean', 'undefined'])

const unsavable = (name: string, what: string): Error =>
  new Error(
    `${name} is ${what}, which is not saved: finite numbers, text, true, false, null, and lists and plain objects of these are`,
  )
