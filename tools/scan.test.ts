// Tests of the scan: what is code, what is not, and what is imported.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blank, scan } from './scan.ts'

test('blanks comments and literals and keeps every position', () => {
  const text = `const a = 'it\\'s' // Date.now()
/* await */ const b = "x" + \`t \${a /* no */ + '}'} Date.now()\` + /['"/]\\/[/]/.source
const c = b / 2 / a! / 3 // 'open`
  const code = blank(text)

  assert.equal(code.length, text.length)
  assert.doesNotMatch(code, /Date|await|no|open|it/)
  assert.match(code, /const c = b \/ 2 \/ a! \/ 3 +$/)
  assert.match(code, /\$?\{a +\+ ' '\} +` \+ \/ +\/\.source/)
})

test('keeps the code in nested templates', () => {
  assert.match(
    blank('`a ${f({ b: `c ${now()} d` })} e`; end()'),
    /f\(\{ b: ` +\{now\(\)\} +` \}\)\} +`; end\(\)/,
  )
})

test('finds every kind of import with its line', () => {
  const { imports } = scan(
    'x.ts',
    `import a, { type B } from './a.ts'
import {
  c,
} from "./c.ts"
import './side.ts'
export * from './e.ts'
export type { F } from './f.ts'
type G = import('./g.ts').G
const h = await import('./h.ts')
new Worker(new URL('./w.ts', import.meta.url))
new URL('../data/', import.meta.url)
const from = Array.from('abc') // import './comment.ts'
const text = "import './text.ts'"
`,
  )

  assert.deepEqual(
    imports.map(({ to, line, kind }) => `${line} ${kind} ${to}`),
    [
      '1 import ./a.ts',
      '4 import ./c.ts',
      '5 import ./side.ts',
      '6 import ./e.ts',
      '7 import ./f.ts',
      '8 import ./g.ts',
      '9 import ./h.ts',
      '10 url ./w.ts',
    ],
  )
})
