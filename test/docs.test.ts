// What the pages say is checked where a program can check it.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import type { MarketInput } from '../src/core/input.ts'
import type { Notice } from '../src/core/notice.ts'
import { MAX_SYMBOLS } from '../src/core/universe.ts'
import { INBOX_DEFAULTS } from '../src/engine/inbox.ts'
import { HISTORY_LIMIT } from '../src/engine/notices.ts'
import { FINISHED_LIMIT, LIVE_LIMIT } from '../src/engine/orders.ts'
import { TIMER_LIMIT } from '../src/engine/timers.ts'
import { POINTS_MAX } from '../src/report/equity.ts'
import { TRIPS_MAX } from '../src/report/statistics.ts'
import { backtest } from '../src/runtime/tape/backtest.ts'
import { parseConfig } from '../src/runtime/config/config.ts'
import { Feed } from '../src/runtime/tape/feed.ts'
import { findLookAhead } from '../src/runtime/tape/look-ahead.ts'
import { WAITING_MAX } from '../src/runtime/session/recorder.ts'
import { loadUses } from '../src/runtime/config/uses.ts'
import { prepare } from '../src/runtime/tape/prepare.ts'
import { generateTape } from '../src/simulators/market.ts'
import { marketMaker, smaCross } from '../src/strategies/index.ts'
import type { Strategy } from '../src/strategy/index.ts'
import { ms } from '../src/core/time.ts'
import { layerOf, ROOMS } from '../tools/layers.ts'

const root = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const pages = ['README.md', 'ARCHITECTURE.md', ...globSync('docs/**/*.md', { cwd: root })]

/** Fenced blocks of one language. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1]!)

/** The cells of the table rows whose first cell matches. */
const rowsOf = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )

test('every link of a page leads to a file', () => {
  for (const page of pages) {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(existsSync(join(root, dirname(page), target!)), `${page} links to ${target}`)
    }
  }
})

test('every command of the pages exists, with its options', async () => {
  const { commands } = await import('../src/cli/main.ts')
  const known = new Map(commands().map((command) => [command.name(), command]))
  let checked = 0
  for (const page of pages) {
    for (const block of blocks(read(page), 'sh')) {
      for (const line of block.split('\n').filter((line) => line.includes('skein '))) {
        const [, name = '', ...words] = line.slice(line.indexOf('skein ')).split(/\s+/)
        const command = name === 'help' ? known.get(words[0]!) : known.get(name)
        assert.ok(command !== undefined, `${page}: ${line}`)
        const sub = command.commands.find((child) => child.name() === words[0])
        const options = [...command.options, ...(sub?.options ?? [])].map(({ long }) => long)
        for (const word of words.filter((word) => word.startsWith('--'))) {
          assert.ok(options.includes(word), `${page}: ${line} (${word})`)
        }
        checked++
      }
    }
  }
  assert.ok(checked >= 6, `${checked} command lines were found`)
})

test('the configuration of the README is right', () => {
  const [yaml, ...more] = blocks(read('README.md'), 'yaml')
  assert.equal(more.length, 0)
  assert.equal(parseConfig(yaml!, 'skein.yaml', {}).strategies[0]!.use, 'sma-cross')
})

test('the configurations that the pages show are right, and need no keys', () => {
  let checked = 0
  for (const page of pages) {
    for (const yaml of blocks(read(page), 'yaml')) {
      const file = /^# ([\w-]+\.yaml)/.exec(yaml)?.[1]
      if (file === undefined) continue
      assert.doesNotThrow(() => parseConfig(yaml, file, {}), page)
      checked++
    }
  }
  assert.ok(checked >= 4, `${checked} configurations were found`)
})

test('the strategy of the README loads and runs', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-docs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'momentum.ts')
  writeFileSync(file, blocks(read('README.md'), 'ts')[0]!)
  const config = parseConfig(`strategies: [{ use: ${file} }]`, join(folder, 'skein.yaml'), {})
  const start = ms(Date.UTC(2026, 0, 5))
  const tape = generateTape({ seed: 1, symbols: ['SPY'], start, minutes: 60, kind: 'bars' })
  const { universe } = await prepare(config, tape, 'docs')
  const [use] = await loadUses(config, universe)
  assert.equal(use!.name, 'momentum')
})

test('the strategy of the page on pairs trades both legs together, and does not see the future', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-docs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const page = read('docs/strategies/pairs.md')
  writeFileSync(join(folder, 'pairs.ts'), blocks(page, 'ts')[0]!)
  const config = parseConfig(blocks(page, 'yaml')[0]!, join(folder, 'pairs.yaml'), {})
  const start = ms(Date.UTC(2026, 0, 5))
  const tape = generateTape({ seed: 1, symbols: ['KO', 'PEP'], start, minutes: 300, kind: 'bars' })
  const setup = await prepare(config, tape, 'docs')
  const sides: string[] = []
  const handle = (notice: Notice) => {
    if (notice.type === 'fill') sides.push(`${notice.order.symbol} ${notice.order.side}`)
  }
  await backtest({ tape, setup, watch: { notices: { types: ['fill'], handle } } })

  assert.ok(sides.length >= 8, `${sides.length} fills`)
  for (let i = 0; i < sides.length; i += 2)
    assert.ok(
      ['0 buy,1 sell', '0 sell,1 buy'].includes(
        sides
          .slice(i, i + 2)
          .toSorted()
          .join(','),
      ),
    )
  const feed = new Feed(tape, setup.universe)
  const rows: MarketInput[] = []
  for (;;) {
    if (feed.isStarved) await feed.refill()
    if (feed.nextAt === Infinity) break
    rows.push(...feed.take())
  }
  assert.equal(await findLookAhead(rows, () => setup), undefined)
})

test('the page on testing a strategy tests the one of the README, and so does a story that goes otherwise', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-docs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'skein'), 'junction')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'momentum.ts'), blocks(read('README.md'), 'ts')[0]!)
  const [story = ''] = blocks(read('docs/strategies/testing.md'), 'ts')
  const tested = (text: string) => {
    writeFileSync(join(folder, 'momentum.test.ts'), text)
    const { NODE_TEST_CONTEXT: _ours, ...env } = process.env
    const words = ['--test', '--test-reporter=tap', 'momentum.test.ts']
    return spawnSync(process.execPath, words, { cwd: folder, env, encoding: 'utf8' })
  }
  const right = tested(story)
  assert.equal(right.status, 0, right.stdout)
  assert.match(right.stdout, /# pass 2\n/)

  const wrong = tested(story.replace('buy 49 market', 'buy 48 market'))

  assert.equal(wrong.status, 1)
  assert.match(
    wrong.stdout,
    /told {7}> submit #1 buy 48 market\s+happened {3}> submit #1 buy 49 market/,
  )
})

const STRATEGIES: readonly Pick<Strategy, 'name' | 'params'>[] = [smaCross, marketMaker]

for (const { name, params } of STRATEGIES) {
  test(`the page of ${name} has its parameters and their defaults`, () => hasAll(name, params))
}

function hasAll(name: string, params: Strategy['params']): void {
  const defaults: Record<string, unknown> = params.parse({})
  const told = new Map<string, unknown>()
  for (const [names = '', values = ''] of rowsOf(read(`docs/strategies/${name}.md`))) {
    const keys = [...names.matchAll(/`(\w+)`/g)].map((match) => match[1]!)
    if (!keys.every((key) => key in defaults)) continue
    const parts = keys.length === 1 ? [values] : values.split(', ')
    for (const [i, key] of keys.entries()) told.set(key, parts[i]!.replaceAll('`', ''))
  }
  assert.deepEqual([...told.keys()].toSorted(), Object.keys(defaults).toSorted())
  for (const [key, value] of Object.entries(defaults)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value).replaceAll(',', ', ')
    assert.equal(told.get(key), text, key)
  }
}

test('the page of doctor has a row for each of its checks', () => {
  const told = new Set(rowsOf(read('docs/commands/doctor.md')).map(([check]) => check))
  // Those of the checkpoint run are told beside it.
  const files = globSync('src/runtime/doctor/*.ts', { cwd: root, exclude: ['**/checkpoint.ts'] })
  const sources = files.map(read).join('\n')
  const checks = [...sources.matchAll(/\bcheck(?::| =) '([a-z ]+)'/g)].map((match) => match[1]!)

  assert.ok(checks.length >= 12)
  for (const check of checks) assert.ok(told.has(check), check)
})

test('the layers of ARCHITECTURE are those that are checked', () => {
  const rows = rowsOf(read('ARCHITECTURE.md')).filter(([name = '']) => /^`[\w/*]+`/.test(name))
  let checked = 0
  for (const [name = '', may = ''] of rows) {
    const folder = /^`([\w/*]+)`/.exec(name)![1]!
    const layer = layerOf(folder.replace('/*', '/any'))
    if (layer === undefined || folder.includes('.')) continue
    assert.equal(layer.isPure === true, name.includes('(pure)'), `purity of ${folder}`)
    for (const one of may.split(/[;,]/).map((text) => text.trim())) {
      if (!/^[a-z/]+$/.test(one)) continue
      assert.ok(layer.may.includes(one), `${folder} may import ${one}`)
    }
    checked++
  }
  assert.ok(checked >= 12, `${checked} layers were compared`)
})

test('the rooms of the runtime are in ARCHITECTURE in the order in which they may import', () => {
  const text = read('ARCHITECTURE.md')
  const rooms = rowsOf(text.slice(text.indexOf('`runtime` has rooms'))).slice(1, 1 + ROOMS.length)

  assert.deepEqual(
    rooms.map(([name]) => name),
    ROOMS.map((room) => `\`${room}\``),
  )
  const folders = globSync('src/runtime/*', { cwd: root }).map((path) => basename(path))
  assert.deepEqual(folders.toSorted(), ROOMS.toSorted())
})

test('the limits of ARCHITECTURE are those of the code', () => {
  const text = read('ARCHITECTURE.md').replaceAll(/\s+/g, ' ')
  const limits = {
    inbox: INBOX_DEFAULTS.capacity,
    notices: HISTORY_LIMIT,
    'live orders': LIVE_LIMIT,
    'finished ones': FINISHED_LIMIT,
    timers: TIMER_LIMIT,
    symbols: MAX_SYMBOLS,
    'bars that wait for the archive': WAITING_MAX,
    'round trips listed': TRIPS_MAX,
    'equity points': POINTS_MAX,
  }
  for (const [name, limit] of Object.entries(limits)) {
    assert.ok(text.includes(`${name} ${limit.toLocaleString('en-US')}`), `${name} ${limit}`)
  }
})

test('no page names a place that only one machine has', () => {
  for (const page of pages)
    assert.doesNotMatch(read(page), /(^|[\s(])\/(home|root|tmp|work|Users)\//m, page)
})
