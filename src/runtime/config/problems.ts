// Problems of a configuration in words: what zod found becomes a place, a value and what is allowed.
import type { z } from 'zod'
import { BadInput } from '../../core/bad-input.ts'
import { allowedAt, keysAt, shapeOf } from './allowed.ts'
import { withoutSecrets } from './secret.ts'
import { keyPath, type Path, type Source } from './source.ts'
import { suggestion } from './suggestion.ts'

export interface Problem {
  readonly path: Path
  readonly what: string
  /** Undefined where it is not shown. */
  readonly value?: unknown
  readonly allowed: string
}

/** True for a field whose name ends in one of the words for secrets: `key`, `apiKey`, `bot_token`; and for addresses. */
export function isSecret(path: Path): boolean {
  if (['store.database', 'store.leases'].includes(keyPath(path))) return true
  const name = path.findLast((key) => typeof key === 'string') ?? ''
  return /(?:^|[^a-z]|api)(?:key|secret|token|password)$|[a-z](?:Key|Secret|Token|Password)$/.test(
    /[a-z]/.test(name) ? name : name.toLowerCase(),
  )
}

const MAX_TOLD = 20

/**
 * One error for all: that of the first line of the file, whole in the first line of the message. The others
 * follow, a line each, so that a file is repaired in one go.
 */
export function together(errors: readonly BadInput[]): BadInput {
  const [first, ...others] = errors.toSorted((a, b) => (a.place.line ?? 0) - (b.place.line ?? 0))
  if (first === undefined) throw new Error('assertion failed: there is a problem to tell')
  // Of one number zod may find that it is too large and that no double holds it.
  const rest = [...new Set(others.map(({ message }) => message))].filter(
    (message) => message !== first.message,
  )
  const told = rest.slice(0, MAX_TOLD - 1)
  const more = rest.length - told.length
  first.message = [first.message, ...told, ...(more > 0 ? [`and ${more} more`] : [])].join('\n')
  return first
}

/** The problems as an error. Values of secrets and of variables are not shown, nor the password of an address. */
export const badInput = (problems: readonly Problem[], source: Source): BadInput =>
  together(
    problems.map(({ path, what, value, allowed }) => {
      const variable = source.variableOf(path)
      const isShown = variable === undefined && !isSecret(path) && !isCollection(value)
      const text = variable === undefined ? what : `${what}, as it comes from \${${variable}}`
      const shown = typeof value === 'string' ? withoutSecrets(value) : value
      return new BadInput(source.place(path), text, isShown ? shown : undefined, allowed)
    }),
  )

/** What zod found wrong with `data`. Paths begin with `prefix`; `schema` says what is allowed. */
export function problemsOf(
  error: z.ZodError,
  schema: z.ZodType,
  data: unknown,
  prefix: Path = [],
): Problem[] {
  const shape = shapeOf(schema)
  return error.issues.flatMap(leaves).flatMap((issue) => {
    const path = [...prefix, ...issue.path]
    const value = valueAt(data, issue.path)
    if (issue.code === 'unrecognized_keys') {
      const keys = keysAt(shape, issue.path, data)
      return issue.keys.map((key) => ({
        path: [...path, key],
        what: `is unknown${suggestion(key, keys)}`,
        allowed: keys.join(', ') || 'no keys',
      }))
    }
    const { allowed, words } = allowedAt(shape, issue.path, data)
    if (issue.code === 'custom')
      return [{ path, what: 'is refused', value, allowed: issue.message }]
    return [{ path, what: whatIs(issue, value, words), value, allowed }]
  })
}

/** A union's failure is told by the one branch whose type fits; otherwise as it is. */
function leaves(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const isMismatch = (inner: z.core.$ZodIssue): boolean =>
    inner.path.length === 0 && (inner.code === 'invalid_type' || inner.code === 'invalid_value')
  const fitting = issue.errors.filter((branch) => branch.length > 0 && !branch.some(isMismatch))
  const [branch] = fitting
  if (fitting.length !== 1 || branch === undefined) return [issue]
  return branch.flatMap((inner) => leaves({ ...inner, path: [...issue.path, ...inner.path] }))
}

function whatIs(issue: z.core.$ZodIssue, value: unknown, words: readonly string[]): string {
  if (value === undefined) return 'is missing'
  if (value === null) return 'has no value'
  if (typeof value === 'number' && !Number.isFinite(value)) return 'is not a finite number'
  const isNumber = typeof value === 'number'
  if (issue.code === 'too_small') return isNumber ? 'is too small' : 'is too short'
  if (issue.code === 'too_big') return isNumber ? 'is too large' : 'is too long'
  if (issue.code === 'invalid_type') {
    return isCollection(value) ? `is ${nameOf(value)}` : `is not ${expected(issue.expected)}`
  }
  if (isCollection(value)) return `is ${nameOf(value)} that does not fit`
  return `is not allowed${typeof value === 'string' ? suggestion(value, words) : ''}`
}

const isCollection = (value: unknown): boolean => typeof value === 'object' && value !== null
const nameOf = (value: unknown): string => (Array.isArray(value) ? 'a list' : 'a mapping')

const EXPECTED: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a mapping',
  record: 'a mapping',
}

const expected = (type: string): string => EXPECTED[type] ?? type

function valueAt(data: unknown, path: Path): unknown {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
  }
  return value
}
