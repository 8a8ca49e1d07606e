/*
 * Faults: the table of test/faults.json. A row is one thing that goes wrong in the world, the test that the project
 * survives it, and the teeth of that test: the one guard in the source without which the test must fail.
 *
 *   { "id": "F042", "title": "a session that is still held", "severity": 3, "invariants": ["I20"],
 *     "test": "test/faults/streams.test.ts",
 *     "teeth": { "guard": "waits 90 s after 406", "file": "src/venues/alpaca/stream.ts",
 *                "find": "const GHOST_MS = 90_000", "replace": "const GHOST_MS = 0" } }
 *
 * The test is the one in that file whose name begins with the id and a blank. A row that does not concern this project
 * says why in `elsewhere` instead. What a test does not cover of its row stands in `not`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

const teethSchema = z.strictObject({
  guard: z.string().min(1),
  file: z.string().regex(/^src\/.+\.ts$/),
  find: z.string().min(1),
  replace: z.string(),
})

const rowSchema = z.strictObject({
  id: z.string().regex(/^F\d{3}$/),
  title: z.string().min(1),
  severity: z.int().min(1).max(3),
  invariants: z.array(z.string().regex(/^I\d{1,2}$/)),
  test: z
    .string()
    .regex(/^test\/.+\.test\.ts$/)
    .optional(),
  teeth: teethSchema.optional(),
  elsewhere: z.string().min(1).optional(),
  not: z.string().min(1).optional(),
})

export type Teeth = Readonly<z.infer<typeof teethSchema>>
export type Row = Readonly<z.infer<typeof rowSchema>>

export const TABLE = 'test/faults.json'

/** The rows of the table under `root`; throws where it is no table. */
export const readRows = (root: string): readonly Row[] =>
  z.array(rowSchema).parse(JSON.parse(readFileSync(join(root, TABLE), 'utf8')))

/** What is wrong with the rows, as far as it can be seen without running them: one sentence each. */
export const flawsOf = (root: string, rows: readonly Row[]): string[] => [
  ...rows.flatMap(({ id }, i) => {
    const before = rows[i - 1]?.id ?? ''
    return id > before ? [] : [`${id} comes after ${before}: rows are in order, each id once`]
  }),
  ...rows.flatMap((row) => flawsOfRow(root, row).map((what) => `${row.id} ${what}`)),
]

function flawsOfRow(root: string, { id, test, teeth, elsewhere }: Row): string[] {
  if (elsewhere !== undefined) {
    return test === undefined && teeth === undefined ? [] : ['is elsewhere and has a test']
  }
  return [
    ...(test === undefined ? ['has no test'] : flawsOfTest(root, id, test)),
    ...(teeth === undefined ? ['has no teeth'] : flawsOfTeeth(root, teeth)),
  ]
}

function flawsOfTest(root: string, id: string, test: string): string[] {
  const text = textOf(root, test)
  if (text === undefined) return [`names ${test}, which is not there`]
  if (new RegExp(`^\\s*test\\(\\s*['"\`]${id} `, 'm').test(text)) return []
  return [`has no test in ${test} whose name begins with '${id} '`]
}

function flawsOfTeeth(root: string, { file, find, replace }: Teeth): string[] {
  const text = textOf(root, file)
  if (text === undefined) return [`names ${file}, which is not there`]
  const times = text.split(find).length - 1
  return [
    ...(times === 1 ? [] : [`finds its guard ${times} times in ${file}, not once: ${find}`]),
    ...(find === replace ? ['replaces its guard by itself'] : []),
  ]
}

const textOf = (root: string, path: string): string | undefined =>
  existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
