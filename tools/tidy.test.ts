// Tests of tidy: it passes on this repository, and catches each planted violation with its file and line.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { tidy, type Violation } from './tidy.ts'

/** A small repository without a fault, with files put over it. */
const SOUND: Readonly<Record<string, string>> = {
  'src/index.ts':
    "export { turn } from './engine/turn.ts'\nexport type { Ms } from './core/ms.ts'\n",
  'src/core/ms.ts': '// Ms: a time.\nexport type Ms = number\n',
  'src/engine/turn.ts':
    "// Turn: one step.\nimport type { Ms } from '../core/ms.ts'\nexport const turn = (at: Ms) => at\n",
  'src/engine/turn.test.ts': "import { turn } from './turn.ts'\nconsole.log(Date.now(), turn(1))\n",
}

const show = (violations: readonly Violation[]): string[] =>
  violations.map(({ file, line, what }) => `${file}:${line}: ${what}`)

function violationsOf(files: Readonly<Record<string, string>>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'tidy-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return show(tidy(root).violations)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const planted = (files: Readonly<Record<string, string>>) => violationsOf({ ...SOUND, ...files })

/** A file that somebody imports, so that its only fault is the planted one. */
const wanted = (path: string, text: string) => ({
  [path]: text,
  'src/index.ts': `${SOUND['src/index.ts']}export * from '${path.replace('src', '.')}'\n`,
})

test('this repository is tidy', () => {
  const { files, imports, violations } = tidy(dirname(import.meta.dirname))

  assert.deepEqual(show(violations), [])
  assert.ok(files > 20 && imports > 100, `${files} files, ${imports} imports`)
})

test('passes a sound tree', () => {
  assert.deepEqual(violationsOf(SOUND), [])
})

test('fails where it saw no file', () => {
  assert.deepEqual(violationsOf({}), ['src:1: no source file was seen'])
})

test('fails where it saw no import', () => {
  assert.deepEqual(violationsOf({ 'src/index.ts': '' }), ['src:1: no import was seen'])
})

test('catches an import that looks up', () => {
  assert.deepEqual(
    planted(
      wanted(
        'src/core/sum.ts',
        "// Sum: a sum.\n\nimport { turn } from '../engine/turn.ts'\nexport const sum = turn\n",
      ),
    ),
    ['src/core/sum.ts:3: core imports engine'],
  )
})

test('catches a venue that imports another one', () => {
  const found = planted({
    'src/index.ts': "export * from './venues/a/venue.ts'\n",
    'src/venues/a/venue.ts':
      "// A: a venue.\nimport '../b/venue.ts'\nimport '../../engine/turn.ts'\n",
    'src/venues/b/venue.ts': "// B: a venue.\nimport '../../core/ms.ts'\n",
  })

  assert.deepEqual(found, [
    'src/venues/a/venue.ts:2: venues/a imports venues/b',
    'src/venues/a/venue.ts:3: venues/a imports engine',
  ])
})

test('catches a room of the runtime that imports one above it, and a file in none', () => {
  const found = planted({
    'src/index.ts':
      "export * from './runtime/doctor/look.ts'\nexport * from './runtime/loose.ts'\n",
    'src/runtime/doctor/look.ts': "// Look: a look.\nimport '../config/text.ts'\n",
    'src/runtime/config/text.ts': "// Text: a text.\nimport '../live/start.ts'\n",
    'src/runtime/live/start.ts': "// Start: a start.\nimport '../../engine/turn.ts'\n",
    'src/runtime/loose.ts': '// Loose: in no room.\nexport const loose = 1\n',
  })

  assert.deepEqual(found, [
    'src/runtime/config/text.ts:2: runtime/config imports runtime/live',
    'src/runtime/loose.ts:1: is in runtime, which has no layer',
  ])
})

test('catches packages and node: where they may not be', () => {
  const found = planted(
    wanted(
      'src/engine/bars.ts',
      "// Bars: bars.\nimport { z } from 'zod'\nimport fs from 'node:fs'\nexport const bars = [z, fs]\n",
    ),
  )

  assert.deepEqual(found, [
    'src/engine/bars.ts:2: engine imports the package zod',
    'src/engine/bars.ts:3: pure folder engine imports node:fs',
  ])
})

test('catches a cycle, of types too', () => {
  const found = planted({
    'src/core/ms.ts':
      "// Ms: a time.\nimport type { Day } from './day.ts'\nexport type Ms = number | Day\n",
    'src/core/day.ts':
      "// Day: a day.\nimport type { Ms } from './ms.ts'\nexport type Day = { at: Ms }\n",
  })

  assert.deepEqual(found, [
    'src/core/ms.ts:2: closes the cycle src/core/day.ts → src/core/ms.ts → src/core/day.ts',
  ])
})

const IMPURE = [
  ['Date.now()', 'Date.now'],
  ['new Date()', 'new Date'],
  ['new Date', 'new Date'],
  ['Math.random()', 'Math.random'],
  ['setTimeout(f)', 'setTimeout'],
  ['queueMicrotask(f)', 'queueMicrotask'],
  ['process.env', 'process.'],
  ['console.log(1)', 'console.'],
  ['performance.now()', 'performance.now'],
  ['crypto.randomUUID()', 'crypto.'],
  ['async () => 1', 'async'],
  ['`${Date.now()}`', 'Date.now'],
] as const

for (const [code, what] of IMPURE) {
  test(`catches ${code} in a pure folder`, () => {
    const text = `// Now: not in a comment, Date.now().\nconst said = 'await Date.now()'\nexport const now = [said, ${code}]\n`

    assert.deepEqual(planted(wanted('src/engine/now.ts', text)), [
      `src/engine/now.ts:3: pure folder engine says ${what}`,
    ])
    assert.deepEqual(planted(wanted('src/io/now.ts', text)), [])
  })
}

test('lets a pure folder make dates of given times', () => {
  const text =
    "// Day: a day.\nexport const day = (at: number) => [new Date(at), new Date('2026-01-01')]\n"

  assert.deepEqual(planted(wanted('src/core/day.ts', text)), [])
})

test('catches a file that nobody imports but its own test', () => {
  const found = planted({
    'src/core/dead.ts': '// Dead: not used.\nexport const dead = 1\n',
    'src/core/dead.test.ts': "import { dead } from './dead.ts'\nexport const used = dead\n",
  })

  assert.deepEqual(found, ['src/core/dead.ts:1: is imported by nobody but its own test'])
})

test('counts workers, entries of package.json and the tests of the whole as needing a file', () => {
  const found = planted({
    'package.json': '{ "exports": { ".": "./src/index.ts", "./io": "./src/io/open.ts" } }',
    'src/io/open.ts':
      "// Open: opens.\nexport const open = () => new URL('./worker.ts', import.meta.url)\n",
    'src/io/worker.ts': '// Worker: works.\nexport const work = 1\n',
    'src/testing/builders.ts': '// Builders: build.\nexport const build = 1\n',
    'test/whole.test.ts':
      "import { build } from '../src/testing/builders.ts'\nexport const b = build\n",
  })

  assert.deepEqual(found, [])
})

test('catches a folder without a layer and a file that is not there', () => {
  assert.deepEqual(
    planted(wanted('src/misc/thing.ts', '// Thing: a thing.\nexport const thing = 1\n')),
    ['src/misc/thing.ts:1: is in misc, which has no layer'],
  )
  assert.deepEqual(planted({ 'src/core/ms.ts': "// Ms: a time.\nexport * from './gone.ts'\n" }), [
    'src/core/ms.ts:2: imports ./gone.ts, which is not there',
  ])
})

test('catches what the style guide forbids in a file', () => {
  const found = planted({
    'src/index.ts': `${SOUND['src/index.ts']}export * from './io/httpUtils.ts'\nexport * from './io/base-http.ts'\nexport const extra = 1\n`,
    'src/io/httpUtils.ts': '// Http: http.\nexport default 1\n',
    'src/io/base-http.ts': 'export const http = (x: any) => x as any\n',
    'src/io/page.js': 'export const page = 1\n',
  })

  assert.deepEqual(found.toSorted(), [
    'src/index.ts:5: does more than re-export',
    'src/io/base-http.ts:1: does not begin with a comment',
    'src/io/base-http.ts:1: is named base, which says nothing',
    'src/io/base-http.ts:1: says any',
    'src/io/base-http.ts:1: says any',
    'src/io/httpUtils.ts:1: is not kebab-case',
    'src/io/httpUtils.ts:2: has a default export',
    'src/io/page.js:1: was not checked',
  ])
})

test('catches a path of one machine', () => {
  const path = ['', 'home', 'ada', 'data.csv'].join('/')
  const text = `// File: a file.\nexport const url = 'https://example.org/home/page'\nexport const file = '${path}'\n`

  assert.deepEqual(planted(wanted('src/io/file.ts', text)), [
    `src/io/file.ts:3: names ${path}, a path of one machine`,
  ])
})
