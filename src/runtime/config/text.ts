/*
 * Text of a configuration: YAML 1.2 and the environment become plain data, and every value keeps its place.
 *
 * `${NAME}` stands for a whole value, never for a part of one. Plain, it is read as YAML reads a scalar: 5000
 * is a number, true is true, anything else is text. Quoted, "${NAME}" is text whatever it holds. The value of
 * a variable is never parsed further and never shown in a message, because it may be a secret.
 *
 * What YAML allows and a configuration does not need is refused: several documents, directives, tags of one's
 * own, keys that are not text, keys there twice. Anchors and aliases may save typing, not fill the memory.
 */
import { dirname, resolve } from 'node:path'
import { Alias, type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import type { ErrorCode, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { BadInput } from '../../core/bad-input.ts'
import { isSecret, together } from './problems.ts'
import { isPlaceholder } from './secret.ts'
import { keyPath, type Mark, type Path, Source } from './source.ts'

export type Env = Readonly<Record<string, string | undefined>>

/** Largest configuration, in bytes. */
export const MAX_BYTES = 2 ** 20
const MAX_DEPTH = 32
/** Most values that aliases may stand for, all together. */
const MAX_ALIASED = 10_000

/** Parses text. Throws one BadInput for all that is wrong with it as text; of syntax errors only the first. */
export function readText(
  text: string,
  file: string,
  env: Env,
): { readonly data: unknown; readonly source: Source } {
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw new BadInput({ file }, 'is too large', undefined, `at most ${MAX_BYTES} bytes`)
  }
  const lines = new LineCounter()
  const document = parseDocument(veil(text), {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    version: '1.2',
  })
  refuseSyntax(document, file, lines)
  const reader = new Reader(document, file, env, lines)
  const data = reader.read()
  if (reader.errors.length > 0) throw together(reader.errors)
  return { data: data ?? {}, source: new Source(file, dirname(resolve(file)), reader.marks) }
}

// Braces have a meaning within [lists] and {mappings}. While YAML is parsed, `${NAME}` is veiled as two
// characters of the private use area, one for `${` and one for `}`; lines stay what they are.
const OPEN = '\uE000'
const CLOSE = '\uE001'
const veil = (text: string): string => text.replace(/\$\{([^{}\n]*)\}/g, `${OPEN}$1${CLOSE}`)
const unveil = (text: string): string => text.replaceAll(OPEN, '${').replaceAll(CLOSE, '}')

/** What the parser's words would not make clear. */
const SYNTAX: Partial<Record<ErrorCode, readonly [what: string, allowed: string]>> = {
  TAB_AS_INDENT: ['is indented with a tab', 'spaces'],
  MULTIPLE_DOCS: ['begins another document', 'one document'],
  TAG_RESOLVE_FAILED: ['has an unknown tag', 'values without a tag'],
}

function refuseSyntax(document: Document.Parsed, file: string, lines: LineCounter): void {
  const error = document.errors[0] ?? document.warnings[0]
  if (error !== undefined) {
    const place = { file, line: lines.linePos(error.pos[0]).line }
    const [what, allowed] = SYNTAX[error.code] ?? [`is not YAML (${unveil(error.message)})`, 'YAML']
    throw new BadInput(place, what, undefined, allowed)
  }
  if (document.directives.yaml.explicit === true) {
    throw new BadInput({ file, line: 1 }, 'has a %YAML directive', undefined, 'no directive')
  }
}

class Reader {
  readonly errors: BadInput[] = []
  readonly marks = new Map<string, Mark>()
  readonly #document: Document.Parsed
  readonly #file: string
  readonly #env: Env
  readonly #lines: LineCounter
  /** What the aliases on the way stand for: one that is met again would never end. */
  readonly #open = new Set<unknown>()
  #aliased = 0

  constructor(document: Document.Parsed, file: string, env: Env, lines: LineCounter) {
    this.#document = document
    this.#file = file
    this.#env = env
    this.#lines = lines
  }

  read(): unknown {
    return this.#value(this.#document.contents, [], 1)
  }

  #value(node: unknown, path: Path, line: number): unknown {
    this.marks.set(keyPath(path), { line })
    if (this.#open.size > 0 && ++this.#aliased > MAX_ALIASED) {
      if (this.#aliased > MAX_ALIASED + 1) return undefined
      const allowed = `aliases for ${MAX_ALIASED} values in all`
      return this.#refuse(path, line, 'repeats too much by aliases', undefined, allowed)
    }
    if (path.length > MAX_DEPTH) {
      return this.#refuse(path, line, 'is nested too deep', undefined, `${MAX_DEPTH} levels`)
    }
    if (isMap(node)) return this.#mapping(node, path)
    if (isSeq(node)) return this.#list(node, path)
    if (isScalar(node)) return this.#scalar(node, path, line)
    if (node instanceof Alias) return this.#alias(node, path, line)
    return null
  }

  #mapping(node: YAMLMap, path: Path): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    for (const pair of node.items) {
      const line = this.#lineOf(pair.key, path)
      const key = isScalar(pair.key) ? pair.key.value : undefined
      if (typeof key !== 'string' || key.includes(OPEN)) {
        const shown = isScalar(pair.key) ? unveil(String(key)) : undefined
        this.#refuse(path, line, 'has a key that is not text', shown, 'a name as key')
        continue
      }
      const at = [...path, key]
      if (entries.has(key)) {
        this.#refuse(at, line, 'is there twice', undefined, 'every key once')
        continue
      }
      entries.set(key, this.#value(pair.value, at, line))
    }
    return Object.fromEntries(entries)
  }

  #list(node: YAMLSeq, path: Path): unknown[] {
    return node.items.map((item, i) => this.#value(item, [...path, i], this.#lineOf(item, path)))
  }

  #alias(node: Alias, path: Path, line: number): unknown {
    const target = node.resolve(this.#document)
    if (target === undefined || this.#open.has(target)) {
      const what = target === undefined ? 'is an alias of nothing' : 'contains itself'
      return this.#refuse(path, line, what, `*${node.source}`, 'an alias of an earlier anchor')
    }
    this.#open.add(target)
    const value = this.#value(target, path, line)
    this.#open.delete(target)
    return value
  }

  #scalar(node: Scalar, path: Path, line: number): unknown {
    const value = this.#substituted(node, path, line)
    if (!isSecret(path) || !isPlaceholder(value)) return this.#kept(value, path, line)
    const allowed = 'the real one, best from the environment as ${NAME}'
    if (value === null || value === '') return this.#refuse(path, line, 'is empty', value, allowed)
    return this.#refuse(path, line, 'is a placeholder', value, allowed)
  }

  /** A key of a venue moves money: written into the file it would travel wherever the file does. */
  #kept(value: unknown, path: Path, line: number): unknown {
    const isWritten = value !== undefined && this.marks.get(keyPath(path))?.variable === undefined
    if (!isVenueKey(path) || !isWritten) return value
    const allowed = '${NAME}, which is looked up in the environment, or keyFile'
    return this.#refuse(path, line, 'is written into the file', undefined, allowed)
  }

  #substituted(node: Scalar, path: Path, line: number): unknown {
    const { value } = node
    if (typeof value !== 'string') return value
    const name = /^\uE000(.*)\uE001$/s.exec(value)?.[1]
    if (name === undefined || name.includes(CLOSE)) {
      if (!value.includes(OPEN) && !value.includes('${')) return value
      const shown = isSecret(path) ? undefined : unveil(value)
      return this.#refuse(
        path,
        line,
        'holds a variable in part',
        shown,
        '${NAME} as the whole value',
      )
    }
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const allowed = 'letters, digits and _ as the name of a variable'
      return this.#refuse(path, line, 'names no variable', `\${${name}}`, allowed)
    }
    const given = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined
    if (given === undefined || given === '') {
      const what = `needs the variable ${name}, which is ${given === '' ? 'empty' : 'not set'}`
      return this.#refuse(path, line, what, undefined, `${name} set in the environment`)
    }
    this.marks.set(keyPath(path), { line, variable: name })
    return node.type === 'PLAIN' && !isVenueKey(path) ? scalarOf(given) : given
  }

  /** Lines of values are those of their keys: that is where a reader looks. */
  #lineOf(node: unknown, path: Path): number {
    const range = isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined
    const start = range?.[0] ?? (node instanceof Alias ? node.range?.[0] : undefined)
    if (start !== undefined) return this.#lines.linePos(start).line
    return this.marks.get(keyPath(path))?.line ?? 1
  }

  #refuse(path: Path, line: number, what: string, value: unknown, allowed: string): undefined {
    const field = keyPath(path)
    const place = { file: this.#file, line, ...(field === '' ? {} : { field }) }
    this.errors.push(new BadInput(place, what, value, allowed))
    return undefined
  }
}

/** Text whatever it holds, and never written out: `venues.alpaca.secret`. */
const isVenueKey = (path: Path): boolean => path[0] === 'venues' && isSecret(path)

/** A variable as YAML would read it; digits that are no number as written, such as 007, stay text. */
function scalarOf(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : text
}
