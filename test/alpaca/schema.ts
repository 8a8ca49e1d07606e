// Schema: checks values against the subset of JSON Schema that Alpaca's OpenAPI files use (3.0 and 3.1).
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

type Json = Readonly<Record<string, unknown>>

const FOLDER = join(import.meta.dirname, '../../../shared/specs/alpaca')

/** Reads one of the files; undefined where this checkout has none beside it. */
export function readSpec(name: 'trading' | 'data'): Spec | undefined {
  const file = join(FOLDER, `${name}.yaml`)
  return existsSync(file) ? new Spec(parse(readFileSync(file, 'utf8')) as Json) : undefined
}

export class Spec {
  readonly #root: Json

  constructor(root: Json) {
    this.#root = root
  }

  /** Problems of an answer, each with its path; empty where it is as the file says. */
  problems(method: string, path: string, status: number, value: unknown): string[] {
    const operation = at(this.#root, ['paths', path, method.toLowerCase()])
    if (operation === undefined) return [`the file has no ${method} ${path}`]
    const response = this.#resolved(at(operation, ['responses', String(status)]))
    if (response === undefined) return [`${method} ${path} does not answer ${status}`]
    const schema = at(response, ['content', 'application/json', 'schema'])
    if (schema === undefined) return value === undefined ? [] : [`${method} ${path} has no body`]
    return this.#check(schema, value, '$')
  }

  #check(given: unknown, value: unknown, path: string): string[] {
    const schema = this.#resolved(given)
    if (schema === undefined) return []
    if (value === null && isNullable(schema)) return []
    const types = [schema['type']].flat().filter((type) => typeof type === 'string')
    if (types.length > 0 && !types.some((type) => isOfType(value, type)))
      return [`${path} is ${shown(value)}, not ${types.join(' or ')}`]
    return [
      ...this.#combined(schema, value, path),
      ...limits(schema, value, path),
      ...this.#members(schema, value, path),
      ...this.#items(schema, value, path),
    ]
  }

  #combined(schema: Json, value: unknown, path: string): string[] {
    const all = listOf(schema['allOf']).flatMap((each) => this.#check(each, value, path))
    for (const name of ['anyOf', 'oneOf']) {
      const options = listOf(schema[name])
      if (options.length === 0) continue
      const problems = options.map((each) => this.#check(each, value, path))
      if (!problems.some((each) => each.length === 0)) all.push(...(problems[0] ?? []))
    }
    return all
  }

  #members(schema: Json, value: unknown, path: string): string[] {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
    const object = value as Json
    const missing = listOf(schema['required'])
      .filter((name) => !(String(name) in object))
      .map((name) => `${path}.${String(name)} is missing`)
    const properties = (schema['properties'] ?? {}) as Json
    const rest = schema['additionalProperties']
    const found = Object.entries(object).flatMap(([name, member]) => {
      const own = properties[name] ?? (typeof rest === 'object' ? rest : undefined)
      return own === undefined ? [] : this.#check(own, member, `${path}.${name}`)
    })
    return [...missing, ...found]
  }

  #items(schema: Json, value: unknown, path: string): string[] {
    const { items } = schema
    if (!Array.isArray(value) || items === undefined) return []
    return value.flatMap((item, i) => this.#check(items, item, `${path}[${i}]`))
  }

  #resolved(schema: unknown): Json | undefined {
    if (typeof schema !== 'object' || schema === null) return undefined
    const reference = (schema as Json)['$ref']
    if (typeof reference !== 'string') return schema as Json
    return this.#resolved(at(this.#root, reference.slice(2).split('/')))
  }
}

function limits(schema: Json, value: unknown, path: string): string[] {
  const problems: string[] = []
  const allowed = schema['enum']
  if (Array.isArray(allowed) && !allowed.includes(value))
    problems.push(`${path} is ${shown(value)}, not one of ${allowed.join(', ')}`)
  if (typeof value !== 'string') return problems
  if (value.length < Number(schema['minLength'] ?? 0)) problems.push(`${path} is too short`)
  if (value.length > Number(schema['maxLength'] ?? Infinity)) problems.push(`${path} is too long`)
  const format = FORMATS[String(schema['format'])]
  if (format !== undefined && !format.test(value))
    problems.push(`${path} is ${shown(value)}, no ${String(schema['format'])}`)
  return problems
}

const FORMATS: Readonly<Record<string, RegExp>> = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'date-time': /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
  decimal: /^-?\d+(\.\d+)?$/,
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    case 'null':
      return value === null
    default:
      return typeof value === type
  }
}

/** An example of null says it too: the legs of a leg are "always null", and typed as an object. */
const isNullable = (schema: Json): boolean =>
  schema['nullable'] === true ||
  schema['example'] === null ||
  [schema['type']].flat().includes('null')

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function at(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null) return undefined
    found = (found as Json)[name]
  }
  return found
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'absent'
