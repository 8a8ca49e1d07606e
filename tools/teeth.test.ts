// Tests of teeth: planted rows in a folder of their own, with and without teeth.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { runTeeth } from './teeth.ts'

const SOURCE = `// Sum: a sum that refuses what is no number.
export function sum(values: readonly number[]): number {
  let total = 0
  for (const value of values) if (Number.isFinite(value)) total += value
  return total
}
`
const GUARD = 'if (Number.isFinite(value)) total'

const testOf = (body: string, name = 'F001 leaves out what is no number'): string =>
  `import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { sum } from '../src/sum.ts'
test('${name}', () => { ${body} })
test('sums', () => assert.equal(sum([1, 2]), 3))
export { spawnSync }
`
const SHARP = testOf('assert.equal(sum([1, NaN]), 1)')

const row = (teeth: object = {}): object => ({
  id: 'F001',
  title: 'a number that is none',
  severity: 2,
  invariants: ['I18'],
  test: 'test/sum.test.ts',
  teeth: { guard: 'finite', file: 'src/sum.ts', find: GUARD, replace: 'total', ...teeth },
})

async function run(
  { text = SHARP, rows = [row()] }: { readonly text?: string; readonly rows?: readonly object[] },
  ...filters: readonly string[]
) {
  const root = mkdtempSync(join(tmpdir(), 'teeth-test-'))
  const lines: string[] = []
  const files = {
    'package.json': '{ "type": "module" }',
    'src/sum.ts': SOURCE,
    'test/sum.test.ts': text,
    'test/faults.json': JSON.stringify(rows),
  }
  try {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), content)
    }
    const code = await runTeeth(root, filters, (line) => lines.push(line))
    // Times differ from run to run.
    return { code, lines: lines.map((line) => line.replace(/ \d+\.\d s /, ' ').trim()) }
  } finally {
    rmSync(root, { recursive: true })
  }
}

test('passes a test that fails without its guard', async () => {
  assert.deepEqual(await run({}), {
    code: 0,
    lines: ['1/1 F001 bites: finite', 'teeth: 1 rows, 1 bite, 0 do not, 0 elsewhere'],
  })
})

test('reaches the processes that a test starts', async () => {
  const text = testOf(
    `const code = "import('./src/sum.ts').then((m) => console.log(m.sum([1, NaN])))"
    assert.equal(spawnSync(process.execPath, ['-e', code]).stdout.toString().trim(), '1')`,
  )

  assert.equal((await run({ text })).code, 0)
})

test('catches a test without teeth', async () => {
  assert.deepEqual(await run({ text: testOf('assert.equal(sum([1]), 1)') }), {
    code: 1,
    lines: [
      '1/1 F001 NO TEETH: without "finite" its test still passes',
      'teeth: 1 rows, 0 bite, 1 do not, 0 elsewhere',
    ],
  })
})

test('catches a test that fails as the source is', async () => {
  const { code, lines } = await run({ text: testOf('assert.equal(sum([1]), 2)') })

  assert.equal(code, 1)
  assert.match(lines[0] ?? '', /^1\/1 F001 FAILS: "F001 leaves .*" failed AssertionError/)
})

test('catches a test that is skipped', async () => {
  const { code, lines } = await run({
    text: SHARP.replace("number', (", "number', { skip: true }, ("),
  })

  assert.equal(code, 1)
  assert.match(lines[0] ?? '', /FAILS: "F001 leaves out what is no number" skipped/)
})

for (const [what, replace] of [
  ['a replaced text that does not parse', 'if ('],
  ['a replaced text that throws', 'throw new TypeError("no"); total'],
] as const) {
  test(`catches ${what}`, async () => {
    const { code, lines } = await run({ rows: [row({ replace })] })

    assert.equal(code, 1)
    assert.match(lines[0] ?? '', /NO TEETH: without "finite" it fails by no assertion/)
  })
}

for (const [what, rows, flaw] of [
  ['a find text that is missing', [row({ find: 'nowhere' })], /finds its guard 0 times/],
  ['a find text that is doubled', [row({ find: 'total' })], /finds its guard 3 times/],
  ['a guard replaced by itself', [row({ replace: GUARD })], /replaces its guard by itself/],
  ['a source that is not there', [row({ file: 'src/no.ts' })], /names src\/no.ts, which is not/],
  ['a row without test', [{ ...row(), test: undefined }], /F001 has no test/],
  ['a row without teeth', [{ ...row(), teeth: undefined }], /F001 has no teeth/],
  ['a test of another name', [{ ...row(), id: 'F002' }], /whose name begins with 'F002 '/],
  ['a test that is elsewhere too', [{ ...row(), elsewhere: 'far' }], /is elsewhere and has a test/],
  ['an id told twice', [row(), row()], /F001 comes after F001/],
] as const) {
  test(`catches ${what}`, async () => {
    const { code, lines } = await run({ rows })

    assert.equal(code, 1)
    assert.match(lines.join('\n'), flaw)
  })
}

test('runs the rows that are named, and fails where none is', async () => {
  const other = { ...row(), id: 'F002', test: undefined, teeth: undefined, elsewhere: 'far away' }

  assert.equal((await run({ rows: [row(), other] }, 'F001')).lines.at(-1)?.includes('1 rows'), true)
  assert.deepEqual(await run({ rows: [row(), other] }, 'F003'), {
    code: 1,
    lines: ['no row is named F003: nothing was proved'],
  })
})

test('refuses a row with an unknown key', async () => {
  await assert.rejects(run({ rows: [{ ...row(), sevrity: 1 }] }), /sevrity/)
})
