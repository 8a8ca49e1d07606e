// Scan of a TypeScript file: its code without comments and literals, and what it imports.

export interface Import {
  /** The text between the quotes. */
  readonly to: string
  readonly line: number
  /** `url` is `new URL('./x.ts', import.meta.url)`: how a worker's file is named. */
  readonly kind: 'import' | 'url'
}

export interface Source {
  /** Path from the root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with comments, strings and regular expressions blanked, character for character. */
  readonly code: string
  readonly imports: readonly Import[]
}

export function scan(path: string, text: string): Source {
  const code = blank(text)
  return { path, text, code, imports: importsOf(text, code) }
}

export const lineOf = (text: string, offset: number): number =>
  text.slice(0, offset).split('\n').length

// Import and export from, side effects, dynamic imports and types by import(), and files of workers.
const IMPORT = /(?<![.\w$])(?:from|import(?:\s*\()?)\s*(?=['"])/g
const URL_OF = /\bnew\s+URL\s*\(\s*(?=(['"]) *\1\s*,\s*import\.meta\.url)/g

function importsOf(text: string, code: string): Import[] {
  const found = (pattern: RegExp, kind: Import['kind']) =>
    Array.from(code.matchAll(pattern), (match) => {
      const start = match.index + match[0].length + 1
      const to = text.slice(start, code.indexOf(code.charAt(start - 1), start))
      return { to, kind, line: lineOf(text, start) }
    })
  return [
    ...found(IMPORT, 'import'),
    ...found(URL_OF, 'url').filter(({ to }) => /\.[jt]s$/.test(to)),
  ]
}

/** Blanks all that is not code. What stands in the `${}` of a template is code. */
export function blank(text: string): string {
  const special = /['"`/{}]/g
  // For each open `${`, how many braces are open within it.
  const templates: number[] = []
  let code = ''
  const skipTo = (end: number) => {
    code += text.slice(code.length, end).replace(/[^\n]/g, ' ')
  }
  const keepTo = (end: number) => {
    code += text.slice(code.length, end)
  }
  const literal = (end: number) => {
    keepTo(code.length + 1)
    skipTo(Math.max(code.length, end - 1))
    keepTo(end)
  }
  const template = () => {
    const end = endOf(text, code.length + 1, /`|\$\{/g)
    const isOpen = text.slice(end - 2, end) === '${'
    if (isOpen) templates.push(0)
    literal(end)
  }
  for (;;) {
    special.lastIndex = code.length
    const at = special.exec(text)?.index
    if (at === undefined) return code + text.slice(code.length)
    keepTo(at)
    const char = text.charAt(at)
    const depth = templates.at(-1)
    if (char === '`') template()
    else if (char === '}' && depth === 0) {
      templates.pop()
      template()
    } else if (char === '{' || char === '}') {
      if (depth !== undefined) templates[templates.length - 1] = depth + (char === '{' ? 1 : -1)
      keepTo(at + 1)
    } else if (char !== '/') literal(endOf(text, at + 1, char === "'" ? /['\n]/g : /["\n]/g))
    else if (text.startsWith('//', at)) skipTo((text + '\n').indexOf('\n', at))
    else if (text.startsWith('/*', at)) skipTo((text + '*/').indexOf('*/', at + 2) + 2)
    else if (mayStartRegex(code)) literal(endOf(text, at + 1, /\/|\[(?:\\.|[^\]\\\n])*\]|\n/g))
    else keepTo(at + 1)
  }
}

/** Just after the next unescaped match that ends a literal; a class of a regular expression does not. */
function endOf(text: string, from: number, ends: RegExp): number {
  const pattern = new RegExp(`\\\\[^]|${ends.source}`, 'g')
  pattern.lastIndex = from
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const isInside = match[0].startsWith('\\') || match[0].startsWith('[')
    if (!isInside) return match.index + match[0].length
  }
  return text.length
}

/** A slash after a value (also after `value!`) divides; anywhere else it begins a regular expression. */
const mayStartRegex = (code: string): boolean => {
  const before = code
    .slice(-40)
    .trimEnd()
    .replace(/(?<=[\w)\]])!$/, '')
  return /(?:^|[^\w$)\]'"`.])$|\b(?:return|typeof|case|of|in|do|else|void|yield|await)$/.test(
    before,
  )
}
