/*
 * Tidy: the layers and the style guide as a program. `node tools/tidy.ts [root]` prints one line per violation
 * (`file:line: what; what to do`) and exits with 1 where there is one.
 *
 * It reads all of src, and of test, tools and bench what they import. Unit tests are leaves: nothing may import
 * them, so they are held neither to the layers nor to purity. A checker that saw nothing must not pass, so the
 * files it read are compared with a listing that it did not make itself.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { folderOf, layerOf, mayImport } from './layers.ts'
import { lineOf, scan, type Import, type Source } from './scan.ts'

export interface Violation {
  readonly file: string
  readonly line: number
  readonly what: string
  readonly todo: string
}

export interface Report {
  readonly files: number
  readonly imports: number
  readonly violations: readonly Violation[]
}

/** What a pure folder may not say: no clock, no randomness, no waiting, no world. */
const IMPURE: readonly RegExp[] = [
  /\bDate\.now\b/g,
  /\bnew\s+Date\b(?!\s*\(\s*[^\s)])/g,
  /\bMath\.random\b/g,
  /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/g,
  /(?<![.\w$])(?:process|console|crypto)\./g,
  /\bperformance\.now\b/g,
  /(?<![.\w$])(?:await|async)\b/g,
]

const EVERYWHERE: readonly (readonly [pattern: RegExp, what: string, todo: string])[] = [
  [/\bexport\s+default\b|\bas\s+default\b/g, 'has a default export', 'export it by name'],
  [/\bas\s+any\b|:\s*any\b/g, 'says any', 'use unknown and parse it once, or name the type'],
]

const VAGUE = ['utils', 'helpers', 'common', 'manager', 'service', 'base', 'impl']
const ENTRIES = ['src/index.ts', 'src/cli/main.ts']

const isTest = (path: string): boolean => path.endsWith('.test.ts')
const isIndex = (path: string): boolean => posix.basename(path) === 'index.ts'

/** Checks the tree under `root`. */
export function tidy(root: string): Report {
  const sources = new Map(
    ['src', 'test', 'tools', 'bench']
      .flatMap((folder) => filesUnder(root, folder))
      .filter((path) => path.endsWith('.ts'))
      .toSorted()
      .map((path) => [path, scan(path, readFileSync(join(root, path), 'utf8'))]),
  )
  const inSrc = [...sources.values()].filter(({ path }) => path.startsWith('src/'))
  const listed = listing(root)
  const violations = [
    ...unseen(inSrc, listed),
    ...inSrc.flatMap((source) => [
      ...placed(source),
      ...named(source),
      ...opened(source),
      ...said(source),
      ...(isIndex(source.path) ? reexporting(source) : []),
      ...source.imports.flatMap((edge) => layered(source, edge, sources)),
    ]),
    ...cyclic(inSrc, sources),
    ...orphaned(root, inSrc, sources),
    ...listed.flatMap((path) => rooted(root, path)),
  ]
  const imports = inSrc.reduce((sum, source) => sum + source.imports.length, 0)
  return { files: inSrc.length, imports, violations }
}

function filesUnder(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.name === 'node_modules') return []
    return entry.isDirectory() ? filesUnder(root, path) : [path]
  })
}

/** What git tracks or would add; outside of a repository, what a glob finds. */
function listing(root: string): string[] {
  if (!existsSync(join(root, '.git'))) {
    return globSync('{src,test,tools,bench}/**/*.*', { cwd: root }).map((path) =>
      path.replaceAll('\\', '/'),
    )
  }
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const text = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 })
  return [...new Set(text.split('\0'))].filter(
    (path) => path !== '' && existsSync(join(root, path)),
  )
}

function unseen(inSrc: readonly Source[], listed: readonly string[]): Violation[] {
  const seen = new Set(inSrc.map(({ path }) => path))
  const missed = listed
    .filter((path) => path.startsWith('src/') && /\.[cm]?[jt]sx?$/.test(path) && !seen.has(path))
    .map((file) => ({ file, line: 1, what: 'was not checked', todo: 'source files are .ts' }))
  const none = (what: string, todo: string): Violation[] => [
    { file: 'src', line: 1, what, todo },
    ...missed,
  ]
  if (inSrc.length === 0) return none('no source file was seen', 'name the root of the repository')
  if (inSrc.some(({ imports }) => imports.length > 0)) return missed
  return none('no import was seen', 'repair the scan: no program of several files has none')
}

function placed({ path }: Source): Violation[] {
  const folder = folderOf(path)
  if (path === 'src/index.ts' || layerOf(folder) !== undefined) return []
  const todo = 'move it to a folder that has one; the table is in tools/layers.ts'
  return [{ file: path, line: 1, what: `is in ${folder}, which has no layer`, todo }]
}

function named({ path }: Source): Violation[] {
  const words = path
    .slice('src/'.length)
    .replace(/(?:\.test)?\.ts$/, '')
    .split('/')
  const found: Violation[] = []
  if (!words.every((word) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(word))) {
    found.push({ file: path, line: 1, what: 'is not kebab-case', todo: 'rename it: some-noun.ts' })
  }
  const vague = words.flatMap((word) => word.split('-')).find((word) => VAGUE.includes(word))
  if (vague !== undefined) {
    const todo = 'name it after what it holds'
    found.push({ file: path, line: 1, what: `is named ${vague}, which says nothing`, todo })
  }
  return found
}

function opened({ path, text }: Source): Violation[] {
  if (isIndex(path) || isTest(path) || /^(?:\/\/ \S|\/\*)/.test(text)) return []
  const todo = 'begin with one sentence saying what the file is for'
  return [{ file: path, line: 1, what: 'does not begin with a comment', todo }]
}

function said({ path, text, code }: Source): Violation[] {
  const found = (pattern: RegExp, what: (match: string) => string, todo: string): Violation[] =>
    Array.from(code.matchAll(pattern), (match) => ({
      file: path,
      line: lineOf(text, match.index),
      what: what(match[0].trim()),
      todo,
    }))
  const folder = folderOf(path)
  const isPure = layerOf(folder)?.isPure === true && !isTest(path)
  const todo = 'take it as an argument, or move the code out of the pure folders'
  return [
    ...EVERYWHERE.flatMap(([pattern, what, todo]) => found(pattern, () => what, todo)),
    ...(isPure ? IMPURE : []).flatMap((pattern) =>
      found(pattern, (match) => `pure folder ${folder} says ${match}`, todo),
    ),
  ]
}

function reexporting({ path, code, text }: Source): Violation[] {
  const reexport = /export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*(['"]) *\1;?/g
  const rest = code.replace(reexport, (match) => match.replace(/[^\n]/g, ' '))
  const at = rest.search(/\S/)
  if (at < 0) return []
  const todo = 'index.ts only re-exports: move the code to a file with a name'
  return [{ file: path, line: lineOf(text, at), what: 'does more than re-export', todo }]
}

function layered(source: Source, edge: Import, sources: ReadonlyMap<string, Source>): Violation[] {
  const violation = (what: string, todo: string): Violation[] => [
    { file: source.path, line: edge.line, what, todo },
  ]
  const target = resolve(source, edge)
  if (target !== undefined) {
    if (target.endsWith('.ts') && !sources.has(target)) {
      return violation(`imports ${edge.to}, which is not there`, 'give the path with its .ts')
    }
    if (isTest(target)) return violation(`imports the test ${edge.to}`, 'tests are leaves')
  }
  if (isTest(source.path) || source.path === 'src/index.ts') return []
  const from = folderOf(source.path)
  const layer = layerOf(from)
  if (layer === undefined) return []
  if (target === undefined) {
    if (edge.to.startsWith('node:')) {
      if (layer.isPure !== true) return []
      return violation(
        `pure folder ${from} imports ${edge.to}`,
        'take what it gives as an argument',
      )
    }
    const name = edge.to.split('/', edge.to.startsWith('@') ? 2 : 1).join('/')
    if (layer.packages?.includes(name) === true) return []
    return violation(
      `${from} imports the package ${name}`,
      'the table in tools/layers.ts says which packages a layer may use',
    )
  }
  if (!target.startsWith('src/')) return violation(`imports ${edge.to} outside of src`, 'move it')
  const to = folderOf(target)
  if (mayImport(from, to)) return []
  const may = [from, ...layer.may].join(', ')
  return violation(
    `${from} imports ${to}`,
    `${from} may import ${may}: the code is in the wrong folder`,
  )
}

/** The path from the root of a relative import; undefined for packages. */
const resolve = (source: Source, edge: Import): string | undefined =>
  edge.kind === 'url' || edge.to.startsWith('.')
    ? posix.join(posix.dirname(source.path), edge.to)
    : undefined

/** One violation per cycle met; type imports count, because a cycle of ideas is one too. */
function cyclic(inSrc: readonly Source[], sources: ReadonlyMap<string, Source>): Violation[] {
  const found: Violation[] = []
  const state = new Map<string, 'open' | 'done'>()
  const path: string[] = []
  const visit = (source: Source): void => {
    state.set(source.path, 'open')
    path.push(source.path)
    for (const edge of source.imports) {
      const target = sources.get(edge.kind === 'import' ? (resolve(source, edge) ?? '') : '')
      if (target === undefined) continue
      if (state.get(target.path) === 'open') {
        const cycle = [...path.slice(path.indexOf(target.path)), target.path].join(' → ')
        const todo = 'move what both need into a third file'
        found.push({ file: source.path, line: edge.line, what: `closes the cycle ${cycle}`, todo })
      } else if (!state.has(target.path)) visit(target)
    }
    path.pop()
    state.set(source.path, 'done')
  }
  for (const source of inSrc) if (!state.has(source.path)) visit(source)
  return found
}

/** Files that nobody needs. A file's own unit test does not count: code that is only tested is dead. */
function orphaned(
  root: string,
  inSrc: readonly Source[],
  sources: ReadonlyMap<string, Source>,
): Violation[] {
  const wanted = new Set([...ENTRIES, ...exportsOf(root)])
  for (const source of sources.values()) {
    for (const edge of source.imports) {
      const target = resolve(source, edge)
      const isOwnTest = target !== undefined && source.path === target.replace(/\.ts$/, '.test.ts')
      if (target !== undefined && !isOwnTest && target !== source.path) wanted.add(target)
    }
  }
  return inSrc
    .filter(({ path }) => !isTest(path) && !wanted.has(path))
    .map(({ path }) => ({
      file: path,
      line: 1,
      what: 'is imported by nobody but its own test',
      todo: 'use it or delete it',
    }))
}

function exportsOf(root: string): string[] {
  const file = join(root, 'package.json')
  if (!existsSync(file)) return []
  const paths = readFileSync(file, 'utf8').matchAll(/"\.\/(src\/[^"]+\.ts)"/g)
  return Array.from(paths, (match) => match[1] ?? '')
}

const MAX_TEXT_BYTES = 2 ** 20
const MACHINE_PATH = /(?<![\w.)\]}/-])(?:file:\/\/)?\/(?:work|home|root|mnt|Users)\/[\w./-]+/g

/** Paths that exist on one machine only. */
function rooted(root: string, path: string): Violation[] {
  const file = join(root, path)
  if (!statSync(file).isFile() || statSync(file).size > MAX_TEXT_BYTES) return []
  const text = readFileSync(file, 'utf8')
  if (text.includes('\0')) return []
  return Array.from(text.matchAll(MACHINE_PATH), (match) => ({
    file: path,
    line: lineOf(text, match.index),
    what: `names ${match[0]}, a path of one machine`,
    todo: 'make it relative to the repository',
  }))
}

if (import.meta.main) {
  const root = process.argv[2] ?? dirname(import.meta.dirname)
  const { files, imports, violations } = tidy(root)
  for (const { file, line, what, todo } of violations)
    console.log(`${file}:${line}: ${what}; ${todo}`)
  console.log(`tidy: ${files} files, ${imports} imports, ${violations.length} violations`)
  process.exitCode = violations.length === 0 ? 0 : 1
}
