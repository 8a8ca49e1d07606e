// Allowed: what a schema takes at a path, in words. Read from its JSON Schema, so it cannot disagree with it.
import { z } from 'zod'
import type { Path } from './source.ts'

/** A schema as JSON Schema. */
export type Shape = z.core.JSONSchema.JSONSchema

/** Of a zod schema. What JSON Schema cannot say is left open. */
export const shapeOf = (schema: z.ZodType): Shape =>
  z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })

/** What may stand at `path`, as a phrase; and the words among it, which a wrong word is compared with. */
export function allowedAt(
  schema: Shape,
  path: Path,
  data: unknown,
): { readonly allowed: string; readonly words: readonly string[] } {
  const shapes = shapesAt(schema, path, data).flatMap(alternatives)
  const phrases = [...new Set(shapes.map(phraseOf))]
  const words = shapes.flatMap(wordsOf)
  return { allowed: listed(phrases) || 'another value', words }
}

/** The keys of the mappings that may stand at `path`. */
export const keysAt = (schema: Shape, path: Path, data: unknown): readonly string[] => [
  ...new Set(shapesAt(schema, path, data).flatMap((shape) => Object.keys(shape.properties ?? {}))),
]

function shapesAt(schema: Shape, path: Path, data: unknown): Shape[] {
  let shapes = [schema]
  let value = data
  for (const key of path) {
    shapes = fitting(shapes, value, key).flatMap<Shape>((shape) => below(shape, key) ?? [])
    value = memberOf(value, key)
  }
  return fitting(shapes, value, undefined)
}

/** Of several mappings those whose fixed words, such as `type`, are the given ones; all where none is. */
function fitting(shapes: readonly Shape[], value: unknown, key: PropertyKey | undefined): Shape[] {
  const all = shapes.flatMap(alternatives)
  const matching = all.filter((shape) =>
    Object.entries(shape.properties ?? {}).every(
      ([name, inner]) =>
        name === key ||
        typeof inner === 'boolean' ||
        inner.const === undefined ||
        memberOf(value, name) === inner.const,
    ),
  )
  return matching.length > 0 ? matching : all
}

const memberOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined

const alternatives = (shape: Shape): Shape[] => {
  const inner = shape.anyOf ?? shape.oneOf
  if (inner === undefined) return [shape]
  const { description } = shape
  return inner.flatMap((one) =>
    typeof one === 'boolean'
      ? []
      : alternatives(description === undefined ? one : { description, ...one }),
  )
}

function below(shape: Shape, key: PropertyKey): Shape | undefined {
  const inner =
    typeof key === 'number'
      ? (shape.prefixItems?.[key] ?? shape.items)
      : (shape.properties?.[String(key)] ?? shape.additionalProperties)
  return typeof inner === 'object' && !Array.isArray(inner) ? inner : undefined
}

const wordsOf = (shape: Shape): string[] =>
  [shape.const, ...(shape.enum ?? [])].filter((word) => typeof word === 'string')

function phraseOf(shape: Shape): string {
  const { description } = shape
  if (shape.const !== undefined) return String(shape.const)
  if (shape.type === 'string' && shape.enum === undefined) return description ?? 'text'
  const phrase = shape.enum === undefined ? kindOf(shape) : listed(shape.enum.map(String))
  return description === undefined ? phrase : `${phrase}, ${description}`
}

function kindOf(shape: Shape): string {
  if (shape.type === 'number') return `a number${rangeOf(shape)}`
  if (shape.type === 'integer') return `a whole number${rangeOf(shape)}`
  if (shape.type === 'boolean') return 'true or false'
  if (shape.type === 'array') return `a list${countOf(shape)}`
  if (shape.type !== 'object') return 'another value'
  const keys = Object.entries(shape.properties ?? {}).map(([key, inner]) =>
    typeof inner === 'boolean' || inner.const === undefined ? key : `${key} ${String(inner.const)}`,
  )
  return keys.length === 0 ? 'a mapping' : `a mapping with ${keys.join(', ')}`
}

function rangeOf(shape: Shape): string {
  const { exclusiveMinimum: above, exclusiveMaximum: under } = shape
  const least = bounded(shape.minimum)
  const most = bounded(shape.maximum)
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`
  const bounds = [
    above === undefined ? [] : `> ${above}`,
    least === undefined ? [] : `>= ${least}`,
    under === undefined ? [] : `< ${under}`,
    most === undefined ? [] : `<= ${most}`,
  ].flat()
  return bounds.length === 0 ? '' : ` ${bounds.join(' and ')}`
}

/** The bounds of whole numbers in a double are no limits that anybody chose. */
const bounded = (limit: number | undefined): number | undefined =>
  limit === undefined || Math.abs(limit) === Number.MAX_SAFE_INTEGER ? undefined : limit

function countOf({ minItems, maxItems }: Shape): string {
  if (minItems === undefined && maxItems === undefined) return ''
  if (maxItems === undefined) return ` of at least ${minItems} values`
  if (minItems === undefined) return ` of at most ${maxItems} values`
  return minItems === maxItems ? ` of ${minItems} values` : ` of ${minItems} to ${maxItems} values`
}

const listed = (phrases: readonly string[]): string =>
  phrases.length < 2
    ? (phrases[0] ?? '')
    : `${phrases.slice(0, -1).join(', ')} or ${phrases.at(-1) ?? ''}`
