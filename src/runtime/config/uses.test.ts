import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { BadInput } from '../../core/bad-input.ts'
import { venueId } from '../../core/brand.ts'
import { equitySpec } from '../../core/instrument.ts'
import { Universe } from '../../core/universe.ts'
import { smaCross } from '../../strategies/index.ts'
import { defaultConfig, parseConfig } from './config.ts'
import { BUILT_IN, loadUses } from './uses.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-uses-'))
after(() => rmSync(folder, { recursive: true }))

const universe = new Universe(['SPY', 'QQQ'].map((symbol) => equitySpec(symbol, venueId('sim'))))

const load = (text: string) =>
  loadUses(parseConfig(text, join(folder, 'skein.yaml'), { KEY: 'hunter2' }), universe)

async function refusalOf(text: string): Promise<string> {
  try {
    await load(text)
  } catch (error) {
    assert.ok(error instanceof BadInput, `an error about given data, not ${String(error)}`)
    return error.message.replaceAll(`${folder}/`, '')
  }
  return assert.fail('it is refused')
}

const written = (name: string, code: string): void => writeFileSync(join(folder, name), code)

const strategyOf = (name: string): string => `defineStrategy({
  name: '${name}',
  params: z.object({
    length: z.int().min(2).default(5).describe('bars'),
    apiKey: z.string().max(3).optional(),
  }),
  needs: () => ({ bars: '1m' }),
  symbol: () => ({ onBar: (bar: { close: number }): void => void sma(2).push(bar.close) }),
})`

const IMPORTS = `import { defineStrategy, z } from 'skein'\nimport { sma } from 'skein/indicators'\n`

test('an empty configuration is sma-cross on all symbols, with its defaults', async () => {
  const [use, ...others] = await loadUses(defaultConfig(), universe)

  assert.deepEqual(others, [])
  assert.equal(use?.name, 'sma-cross')
  assert.equal(use.strategy, smaCross)
  assert.deepEqual(use.on, [0, 1])
  assert.deepEqual(use.params, smaCross.params.parse({}))
})

test('all built-in strategies are found under their own names', () => {
  for (const [name, strategy] of BUILT_IN) assert.equal(strategy.name, name)
  assert.ok(BUILT_IN.has('sma-cross'))
})

test('one strategy runs twice under two names, on its symbols', async () => {
  const uses = await load(`
strategies:
  - use: sma-cross
  - { use: sma-cross, as: fast, on: [QQQ], params: { pairs: [[2, 3]] } }
`)

  assert.deepEqual(
    uses.map(({ name, on }) => [name, on]),
    [
      ['sma-cross', [0, 1]],
      ['fast', [1]],
    ],
  )
  assert.deepEqual(uses[1]?.params['pairs'], [[2, 3]])
})

test('a file outside of this package imports skein and gets this package', async () => {
  written('default.ts', `${IMPORTS}export default ${strategyOf('mine')}\n`)
  written('only.ts', `${IMPORTS}export const it = ${strategyOf('only')}\nexport const other = 1\n`)
  written(
    'plain.mjs',
    `import { defineStrategy, z } from 'skein'
export default defineStrategy({ name: 'plain', params: z.object({}), needs: () => ({}), symbol: () => ({}) })`,
  )

  const uses = await load(`
strategies:
  - { use: ./default.ts, params: { length: 9 } }
  - { use: ./only.ts, as: mine-2 }
  - { use: '${join(folder, 'plain.mjs')}' }
`)

  assert.deepEqual(
    uses.map(({ name, params }) => [name, params]),
    [
      ['mine', { length: 9 }],
      ['mine-2', { length: 5 }],
      ['plain', {}],
    ],
  )
})

test('the default export is taken where there are several', async () => {
  const code = `${IMPORTS}export const a = ${strategyOf('a')}\nexport default ${strategyOf('b')}\n`
  written('both.ts', code)

  const uses = await load('strategies: [{ use: ./both.ts }]')

  assert.deepEqual(
    uses.map(({ name }) => name),
    ['b'],
  )
})

written('throws.ts', `const x: number = 1\nthrow new Error('no luck ' + x)\n`)
written('syntax.ts', `export const a: number = 1\nexport const b = = 2\n`)
written('enum.ts', `export enum Side { buy, sell }\n`)
written('missing.ts', `import '../nowhere.ts'\n`)
written('nothing.ts', `export const a = { name: 'a' }\n`)
written(
  'two.ts',
  `${IMPORTS}export const a = ${strategyOf('a')}\nexport const b = ${strategyOf('b')}`,
)
written('name.ts', `${IMPORTS}export default ${strategyOf('My Strategy')}`)
written('params.ts', `${IMPORTS}export default ${strategyOf('params')}`)
const needing = (file: string, needs: string): void =>
  written(
    file,
    `${IMPORTS}export default ${strategyOf('needing').replace("({ bars: '1m' })", needs)}`,
  )
needing('needs-none.ts', 'undefined')
needing('needs-bars.ts', "({ bars: '7m' })")
needing('needs-more.ts', "({ bars: '1m', warmUp: 20 })")
needing('needs-nan.ts', "({ bars: '1m', warmup: NaN })")
needing('needs-timer.ts', "({ every: { beat: 'soon' } })")
needing('needs-throws.ts', "{ throw new Error('no luck') }")
written('smacross.ts', `${IMPORTS}export default ${strategyOf('sma-cross')}`)

const using = (use: string, params = '{}'): string =>
  `strategies:\n  - use: ${use}\n    params: ${params}\n`

const BAD: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  [
    'a built-in that is not known',
    using('sma-croos'),
    /^skein\.yaml:2: strategies\[0\]\.use is not known \(did you mean sma-cross\?\): "sma-croos"; allowed: .*sma-cross.*, or a path/,
  ],
  [
    'a file that is missing',
    using('./none.ts'),
    /^skein\.yaml:2: strategies\[0\]\.use is no file: ".\/none\.ts"; allowed: a path relative/,
  ],
  ['a folder', using('./'), /strategies\[0\]\.use is no file: ".\/"/],
  [
    'a file that throws',
    using('./throws.ts'),
    /use throws when loaded \(line 2: no luck 1\): ".\/throws\.ts"; allowed/,
  ],
  [
    'a file that does not parse',
    using('./syntax.ts'),
    /use throws when loaded \(line 2: Expression expected\)/,
  ],
  [
    'a file with an enum',
    using('./enum.ts'),
    /use throws when loaded \(line 1: TypeScript enum is not supported/,
  ],
  [
    'a file that needs another',
    using('./missing.ts'),
    /use throws when loaded \(Cannot find module/,
  ],
  [
    'a file without strategy',
    using('./nothing.ts'),
    /use exports no strategy: ".\/nothing\.ts"; allowed: a strategy of defineStrategy as the default/,
  ],
  [
    'a file of two strategies',
    using('./two.ts'),
    /use exports several strategies \(a, b\): .*; allowed: one, or a default/,
  ],
  [
    'a strategy of an odd name',
    using('./name.ts'),
    /use holds a strategy named My Strategy: .*; allowed: 1 to 20 lower-case/,
  ],
  [
    'a strategy of a name that is taken',
    'strategies:\n  - use: sma-cross\n  - use: ./smacross.ts\n',
    /^skein\.yaml:3: strategies\[1\]\.use is the name of an earlier strategy: "sma-cross"; allowed: another name in strategies\[1\]\.as/,
  ],
  [
    'a symbol outside the universe',
    'strategies:\n  - use: sma-cross\n    on: [SPY, IWM]',
    /^skein\.yaml:3: strategies\[0\]\.on\[1\] is not in the universe: "IWM"; allowed: SPY, QQQ$/,
  ],
  [
    'an unknown parameter',
    using('sma-cross', '{ pair: [[5, 15]] }'),
    /^skein\.yaml:3: strategies\[0\]\.params\.pair is unknown \(did you mean pairs\?\); allowed: pairs, /,
  ],
  [
    'a parameter out of range',
    using('sma-cross', '\n      fraction: 2'),
    /^skein\.yaml:4: strategies\[0\]\.params\.fraction is too large: 2; allowed: a number > 0 and <= 1, share of equity per position/,
  ],
  [
    'a parameter deep inside',
    using('sma-cross', '{ pairs: [[5, 15], [5, x]] }'),
    /params\.pairs\[1\]\[1\] is not a number: "x"; allowed: a whole number from 1 to 1000/,
  ],
  [
    'a tuple that is too short',
    using('sma-cross', '{ pairs: [[5]] }'),
    /params\.pairs\[0\](?:\[1\] is missing| is too short); allowed: a/,
  ],
  [
    'a word that is none of its list',
    using('sma-cross', '{ exits: fast }'),
    /params\.exits is not allowed: "fast"; allowed: atr or percent, how far/,
  ],
  [
    'parameters that do not fit together',
    using('sma-cross', '{ pairs: [[15, 5]] }'),
    /params\.pairs is refused; allowed: in each pair the fast length is below the slow one/,
  ],
  [
    'a parameter of a file',
    using('./params.ts', '{ length: 1 }'),
    /params\.length is too small: 1; allowed: a whole number >= 2, bars/,
  ],
  [
    'a strategy that says nothing of its needs',
    using('./needs-none.ts'),
    /^skein\.yaml:2: strategies\[0\]\.use gives needs whose value is missing; allowed: .*bars/,
  ],
  [
    'a strategy that needs bars that nobody has',
    using('./needs-bars.ts'),
    /gives needs whose bars is not allowed.*: "7m"; allowed: 1s, 1m, 5m/,
  ],
  [
    'a strategy whose warm-up is misspelled',
    using('./needs-more.ts'),
    /gives needs whose warmUp is unknown \(did you mean warmup\?\)/,
  ],
  [
    'a strategy whose warm-up is no number',
    using('./needs-nan.ts'),
    /gives needs whose warmup is not a finite number: NaN/,
  ],
  [
    'a strategy whose timer is none',
    using('./needs-timer.ts'),
    /gives needs whose every\.beat is refused: "soon"; allowed: a duration such as 5m/,
  ],
  [
    'a strategy that throws when asked for its needs',
    using('./needs-throws.ts'),
    /throws when asked for its needs \(Error: no luck\): ".\/needs-throws\.ts"/,
  ],
  [
    'not a number',
    using('sma-cross', '{ fraction: .nan }'),
    /params\.fraction is not a finite number: NaN; allowed/,
  ],
]

for (const [name, text, message] of BAD) {
  test(`refuses ${name}`, async () => assert.match(await refusalOf(text), message))
}

test('a secret is not shown, wherever it came from', async () => {
  const [fromFile, fromEnv] = [
    await refusalOf(using('./params.ts', '{ apiKey: hunter2 }')),
    await refusalOf(using('./params.ts', '{ apiKey: ${KEY} }')),
  ]

  assert.match(fromFile, /params\.apiKey is too long; allowed: text$/)
  assert.match(fromEnv, /params\.apiKey is too long, as it comes from \$\{KEY\}; allowed: text$/)
})

test('what a file throws is kept as the cause', async () => {
  await assert.rejects(load(using('./throws.ts')), (error: BadInput) => {
    assert.ok(error.cause instanceof Error)
    return error.cause.message === 'no luck 1'
  })
})
