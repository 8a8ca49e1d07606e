// What is given wrongly ends with one clear error and exit code 2, and changes nothing: the whole chain.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, describe, it, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { contentHash, filesIn, put, putMarket, skein, start, temporary } from './cli/skein.ts'

const HEADER = 'Datetime,Open,High,Low,Close,Volume'
const GOOD = ['2026-03-23T13:30:00Z,100,101,99,100,10', '2026-03-23T13:31:00Z,100,101,99,100,10']
/** Two good bars, then a row on line 4. */
const csv = (row: string): string => `${[HEADER, ...GOOD, row].join('\n')}\n`
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const zip = (name: string, text: string): Uint8Array => zipSync({ [name]: bytes(text) })
const STRATEGY = (body: string): string =>
  `import { defineStrategy, z } from 'skein'\nexport default defineStrategy({ name: 'mine', params: z.object({ length: z.int().min(2).default(5) }), needs: () => ({ bars: '1m' }), symbol: () => ({}), ${body} })\n`

interface Case {
  readonly name: string
  /** Files beside the good ones. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly words: readonly string[]
  /** The place, the value and what is allowed. */
  readonly says: readonly (string | RegExp)[]
}

const importing = (
  name: string,
  file: string,
  content: string | Uint8Array,
  says: Case['says'],
  ...options: readonly string[]
): Case => ({
  name,
  files: { [file]: content },
  words: ['data', 'import', 'market', file, ...options],
  says: [...says, /allowed: ./],
})

const testing = (
  name: string,
  file: string,
  content: string | Uint8Array,
  says: Case['says'],
): Case => ({
  name,
  files: { [file]: content },
  words: ['backtest', '--tape', file, '--html', 'out.html', '--json', 'out.json'],
  says: [...says, /allowed: ./],
})

const configured = (name: string, yaml: string, says: Case['says']): Case => ({
  name,
  files: { 'skein.yaml': yaml },
  words: [
    'run',
    '--tape',
    'market',
    '--speed',
    'max',
    '--config',
    'skein.yaml',
    '--html',
    'o.html',
  ],
  says: [...says, /allowed: ./],
})

/** Each file has a name of its own, because a process loads a file once. */
const strategic = (name: string, code: string, says: Case['says'], params = '{}'): Case => {
  const file = `./${name.replaceAll(' ', '-')}.ts`
  return {
    name,
    files: { [file]: code },
    words: ['backtest', '--tape', 'market', '--strategy', file, '--params', params],
    says: [...says, /allowed: ./],
  }
}

const optional = (name: string, words: readonly string[], says: Case['says']): Case => ({
  name,
  words,
  says,
})

const TAPE = ['--tape', 'market'] as const

const CASES: readonly Case[] = [
  // Market data, by import: what stood in the archive stays, and no bar of the good files comes in.
  importing('a price of text', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100,101,99,abc,10'), [
    'X_1m.csv:4: Close',
    '"abc"',
  ]),
  importing('a price below zero', 'X_1m.csv', csv('2026-03-23T13:32:00Z,-1,101,99,100,10'), [
    'X_1m.csv:4: Open',
    '-1',
  ]),
  importing('an infinite price', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100,Infinity,99,100,10'), [
    'X_1m.csv:4: High',
    '"Infinity"',
  ]),
  importing('a high below the low', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100,98,99,100,10'), [
    'X_1m.csv:4: High',
    '98',
  ]),
  importing('a negative volume', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100,101,99,100,-5'), [
    'X_1m.csv:4: Volume',
    '-5',
  ]),
  importing('a time of text', 'X_1m.csv', csv('yesterday,100,101,99,100,10'), [
    'X_1m.csv:4: Datetime',
    '"yesterday"',
  ]),
  importing('a time without a zone', 'X_1m.csv', csv('2026-03-23 13:32:00,100,101,99,100,10'), [
    'X_1m.csv:4: Datetime',
    'zone',
  ]),
  importing(
    'a time that goes back to other values',
    'X_1m.csv',
    csv('2026-03-23T13:30:00Z,50,51,49,50,10'),
    ['X_1m.csv:4: Datetime', '13:30'],
  ),
  importing('a row that was cut off', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100'), [
    'X_1m.csv:4:',
    ': 2;',
  ]),
  importing('a file without a header', 'X_1m.csv', `${GOOD.join('\n')}\n`, [
    'X_1m.csv:1:',
    'columns',
  ]),
  importing('a header and nothing else', 'X_1m.csv', `${HEADER}\n`, ['X_1m.csv', 'no rows']),
  importing('an empty file', 'X_1m.csv', '', ['X_1m.csv', 'empty']),
  importing('a binary file', 'X_1m.csv', Uint8Array.from([0x7f, 0x45, 0, 0, 1]), [
    'X_1m.csv',
    'binary',
  ]),
  importing(
    'a file with the wrong zone',
    'X_1m.csv',
    csv(GOOD[0]!),
    ['zone', '"Mars/Base"'],
    '--zone',
    'Mars/Base',
  ),
  importing('a gzip that was cut off', 'X_1m.csv.gz', gzipSync(csv(GOOD[0]!)).subarray(0, 60), [
    'X_1m.csv.gz',
    'cut off',
  ]),
  importing('text that is named gzip', 'X_1m.csv.gz', csv(GOOD[0]!), ['X_1m.csv.gz', 'not packed']),
  importing(
    'a bad row in a gzip',
    'X_1m.csv.gz',
    gzipSync(csv('2026-03-23T13:32:00Z,100,101,99,?,10')),
    ['X_1m.csv.gz:4: Close', '"?"'],
  ),
  importing('a zip that was cut off', 'X.zip', zip('X_1m.csv', csv(GOOD[0]!)).subarray(0, 90), [
    'X.zip',
    'zip',
  ]),
  importing('a zip without csv', 'X.zip', zip('read.me', 'hello'), ['X.zip', 'csv']),
  importing(
    'a path that is not there',
    'X_1m.csv',
    csv(GOOD[0]!),
    ['nowhere', 'does not exist'],
    'nowhere',
  ),
  importing('a symbol that is not there', 'X_1m.csv', csv(GOOD[0]!), ['"QQQ"'], '--symbols', 'QQQ'),
  // Market data, by backtest: no report is written.
  testing('a bad row of a backtest', 'X_1m.csv', csv('2026-03-23T13:32:00Z,100,101,99,x,10'), [
    'X_1m.csv:4: Close',
    '"x"',
  ]),
  testing(
    'a bad row in a zip',
    'X.zip',
    zip('X_1m.csv', csv('2026-03-23T13:32:00Z,100,101,99,x,10')),
    ['X.zip:X_1m.csv:4: Close', '"x"'],
  ),
  testing(
    'a Lean bar with a price of text',
    '20131007_trade.zip',
    zip('20131007_spy_minute_trade.csv', '34200000,1,1,1,1,1\n34260000,1,1,x,1,1\n'),
    ['20131007_trade.zip:20131007_spy_minute_trade.csv:2: low', '"x"'],
  ),
  testing(
    'a Lean bar after the end of the day',
    '20131007_trade.zip',
    zip('20131007_spy_minute_trade.csv', '86400000,1,1,1,1,1\n'),
    [':1: time', '"86400000"'],
  ),
  testing(
    'a Lean trade of negative size',
    'spy/20131007_trade.zip',
    zip('20131007_spy_Trade_Tick.csv', '34200000,1674100,-4,P,1,0\n'),
    [':1: size', '-4'],
  ),
  testing(
    'a Lean trade of price zero',
    'spy/20131007_trade.zip',
    zip('20131007_spy_Trade_Tick.csv', '34200000,0,100,P,1,0\n'),
    [':1: price', '0;'],
  ),
  testing('a folder without data', 'notes/a.txt', 'hello', ['notes/a.txt']),
  // Configuration: neither a journal nor a report comes to be.
  configured('yaml that is none', 'risk: [1, 2', ['skein.yaml:1:', 'YAML']),
  configured('a key that there is not', 'risk:\n  maxDailyLos: 5\n', [
    'skein.yaml:2: risk.maxDailyLos',
    'maxDailyLoss',
  ]),
  configured('a number of text', 'account:\n  cash: much\n', [
    'skein.yaml:2: account.cash',
    '"much"',
  ]),
  configured('a number that is too large', 'sim:\n\n  participation: 5\n', [
    'skein.yaml:3: sim.participation',
    '5;',
  ]),
  configured('a negative number', 'risk: { maxPositions: -1 }\n', [
    'skein.yaml:1: risk.maxPositions',
    '-1',
  ]),
  configured('not a number', 'account: { cash: .nan }\n', ['skein.yaml:1: account.cash', 'finite']),
  configured('a word that is none of its list', 'sim: { queue: touhc }\n', [
    'skein.yaml:1: sim.queue',
    '"touhc"',
    'touch',
  ]),
  configured('a key there twice', 'account: { cash: 5 }\naccount: { cash: 6 }\n', [
    'skein.yaml:2: account',
    'twice',
  ]),
  configured('a variable that is not set', 'account: { cash: "${SKEIN_NEVER_SET}" }\n', [
    'skein.yaml:1: account.cash',
    'SKEIN_NEVER_SET',
  ]),
  configured('a tab', 'account:\n\tcash: 5\n', ['skein.yaml:2:', 'tab']),
  configured('a symbol that the tape does not have', 'universe: [AAA, ZZZ]\n', [
    'skein.yaml:1: universe[1]',
    '"ZZZ"',
    'AAA',
  ]),
  configured('a strategy that there is not', 'strategies:\n  - use: sma-cros\n', [
    'skein.yaml:2: strategies[0].use',
    '"sma-cros"',
    'sma-cross',
  ]),
  configured('a strategy file that is not there', 'strategies:\n  - use: ./none.ts\n', [
    'skein.yaml:2: strategies[0].use',
    '"./none.ts"',
  ]),
  configured(
    'a parameter that there is not',
    'strategies:\n  - use: sma-cross\n    params: { fractoin: 0.1 }\n',
    ['skein.yaml:3: strategies[0].params.fractoin', 'fraction'],
  ),
  configured(
    'a parameter out of range',
    'strategies:\n  - use: sma-cross\n    params: { fraction: 2 }\n',
    ['skein.yaml:3: strategies[0].params.fraction', '2;'],
  ),
  configured('a strategy named twice', 'strategies:\n  - use: sma-cross\n  - use: sma-cross\n', [
    'skein.yaml:',
    'strategies[1]',
  ]),
  {
    ...configured('a configuration that is missing', '', ['none.yaml', 'missing']),
    words: ['run', ...TAPE, '--config', 'none.yaml'],
  },
  {
    ...configured('a configuration in Latin-1', '', ['latin.yaml:2', 'UTF-8']),
    files: { 'latin.yaml': Uint8Array.from([...bytes('mode: paper\n# '), 0xe9]) },
    words: ['data', 'list', '--config', 'latin.yaml'],
  },
  // Strategy files.
  strategic('a file that throws', `import 'skein'\nthrow new Error('not today')\n`, [
    '--strategy',
    'line 2: not today',
    '"./a-file-that-throws.ts"',
  ]),
  strategic('a file that is no program', 'const = 5\n', [
    '--strategy',
    '"./a-file-that-is-no-program.ts"',
  ]),
  strategic('a file without a strategy', 'export const five = 5\n', ['--strategy', 'no strategy']),
  strategic('a strategy with a strange name', STRATEGY(`name: 'My Best'`), [
    '--strategy',
    'My Best',
  ]),
  strategic(
    'a parameter of a file out of range',
    STRATEGY(''),
    ['--params length', '1;'],
    '{"length":1}',
  ),
  strategic(
    'a parameter that a file does not have',
    STRATEGY(''),
    ['--params width', 'length'],
    '{"width":1}',
  ),
  optional(
    'parameters that are a list',
    ['backtest', ...TAPE, '--params', '[1]'],
    ['--params', "'[1]'", 'Allowed: JSON such as'],
  ),
  // Options.
  optional('a command that there is not', ['bcktest'], ["'bcktest'", 'backtest']),
  optional('an option that there is not', ['backtest', '--tap', 'market'], ["'--tap'", '--tape']),
  optional('an option without its value', ['backtest', '--tape'], ['--tape <path>', 'missing']),
  optional('an argument too many', ['backtest', 'market'], ['market', '0 arguments']),
  optional(
    'a time that is none',
    ['backtest', ...TAPE, '--from', 'monday'],
    ['--from', "'monday'", 'Allowed: UTC'],
  ),
  optional(
    'a day that there is not',
    ['backtest', ...TAPE, '--from', '2026-02-30'],
    ['--from', "'2026-02-30'"],
  ),
  optional(
    'a time without a zone as an option',
    ['backtest', ...TAPE, '--to', '2026-01-05T14:30:00'],
    ['--to', 'Allowed: UTC'],
  ),
  optional(
    'a range that ends before it begins',
    ['backtest', ...TAPE, '--from', '2026-01-06', '--to', '2026-01-05'],
    ['--from', '--to', 'allowed:'],
  ),
  optional(
    'a range without data',
    ['run', ...TAPE, '--from', '2027-01-01', '--speed', 'max'],
    ['market', 'no data in the range', '2027-01-01', 'allowed:'],
  ),
  optional(
    'a kind that there is not',
    ['backtest', ...TAPE, '--kind', 'ticks'],
    ['--kind', "'ticks'", 'trades'],
  ),
  optional(
    'a kind that is not on the tape',
    ['backtest', ...TAPE, '--kind', 'quotes'],
    ['market', 'no quotes', 'allowed:'],
  ),
  optional(
    'a timeframe that there is not',
    ['backtest', ...TAPE, '--timeframe', '7m'],
    ['--timeframe', "'7m'", '5m'],
  ),
  optional(
    'a speed of zero',
    ['run', ...TAPE, '--speed', '0'],
    ['--speed', "'0'", 'Allowed: a number > 0'],
  ),
  optional('a speed of text', ['run', ...TAPE, '--speed', 'fast'], ['--speed', "'fast'"]),
  optional(
    'cash that is no money',
    ['backtest', ...TAPE, '--cash', '1e999'],
    ['--cash', "'1e999'", 'Allowed: a number > 0'],
  ),
  optional('cash in hexadecimal', ['backtest', ...TAPE, '--cash', '0x10'], ['--cash', "'0x10'"]),
  optional(
    'parameters that are no JSON',
    ['backtest', ...TAPE, '--params', '{fraction:1}'],
    ['--params', 'Allowed: JSON'],
  ),
  optional(
    'a name of a run that is too long',
    ['run', ...TAPE, '--run', 'toolongname'],
    ['--run', "'toolongname'", '1 to 8'],
  ),
  optional(
    'a mode that there is not',
    ['run', ...TAPE, '--mode', 'lively'],
    ['--mode', "'lively'", 'paper'],
  ),
  optional('a live run of a tape', ['run', ...TAPE, '--mode', 'live'], ['--mode', 'needs a venue']),
  optional('a paper run of nothing', ['run', '--speed', 'max'], ['--tape', 'missing', 'allowed:']),
  optional(
    'an empty list of symbols',
    ['backtest', ...TAPE, '--symbols', 'AAA,,'],
    ['--symbols', "'AAA,,'", 'Allowed:'],
  ),
  optional(
    'a zone for the archive',
    ['backtest', '--zone', 'UTC'],
    ['--zone', '"UTC"', 'allowed:'],
  ),
  optional(
    'symbols for the generated market',
    ['demo', '--symbols', 'SPY'],
    ['--symbols', '"SPY"', 'allowed:'],
  ),
  optional(
    'a configuration for the venue of the demo',
    ['demo', '--config', 'skein.yaml'],
    ['--config', '"skein.yaml"', 'allowed: together with --tape'],
  ),
  optional(
    'a report that is a folder',
    ['backtest', ...TAPE, '--html', 'market'],
    ['--html', '"market"', 'allowed:'],
  ),
  optional(
    'two reports in one file',
    ['backtest', ...TAPE, '--html', 'a', '--json', 'a'],
    ['--html', '"a"', 'allowed:'],
  ),
  optional(
    'an export of two series',
    ['data', 'export', 'x.csv', '--symbols', 'AAA,BBB'],
    ['--symbols', 'allowed: one symbol'],
  ),
  optional(
    'an export of a series that is not there',
    ['data', 'export', 'x.csv', '--symbols', 'ZZZ'],
    ['data/archive.db', '"ZZZ"', 'allowed:'],
  ),
  optional('an import of nothing', ['data', 'import'], ["'path'", 'missing']),
  optional('a prefix of nothing', ['lookahead', ...TAPE, '--every', '0'], ['--every', "'0'"]),
  // Journals and archives.
  optional(
    'an archive that is a folder',
    ['data', 'list', '--archive', 'market'],
    ['market: is a folder', 'allowed: the file of an archive'],
  ),
  optional(
    'an import into a folder',
    ['data', 'import', 'market', '--archive', 'market'],
    ['market: is a folder', 'allowed:'],
  ),
  optional(
    'pages of more rows than the provider sends',
    ['jobs', 'work', '--page-rows', '20000'],
    ['--page-rows is: 20000', 'allowed: 1 to 10000'],
  ),
  optional(
    'a plan of before 1970',
    ['backfill', 'plan', '--symbols', 'SPY', '--from', '1960-01-01'],
    ['--from is before 1970', 'allowed:'],
  ),
  optional('a journal that is missing', ['replay', 'none.db'], ['none.db', 'missing', 'allowed:']),
  {
    name: 'a journal that is a text',
    files: { 'note.db': 'dear diary, '.repeat(99) },
    words: ['replay', 'note.db'],
    says: ['note.db', 'not a database'],
  },
  {
    name: 'a run into a text',
    files: { 'note.db': 'dear diary, '.repeat(99) },
    words: ['run', ...TAPE, '--speed', 'max', '--journal', 'note.db'],
    says: ['note.db', 'not a database'],
  },
  optional('an archive as a journal', ['replay', 'data/archive.db'], ['data/archive.db']),
  optional('a journal of nothing', ['replay', 'empty.db'], ['empty.db', 'is empty', 'allowed:']),
  optional(
    'a journal of another program',
    ['run', ...TAPE, '--speed', 'max', '--journal', 'other.db'],
    ['other.db'],
  ),
  {
    name: 'an archive that is a text',
    files: { 'note.db': 'x'.repeat(5_000) },
    words: ['data', 'list', '--archive', 'note.db'],
    says: ['note.db', 'not a database'],
  },
  optional(
    'an archive that is missing',
    ['data', 'list', '--archive', 'none/none.db'],
    ['none/none.db', 'missing', 'allowed:'],
  ),
  optional(
    'a run into an archive of another program',
    ['run', ...TAPE, '--speed', 'max', '--archive', 'other.db'],
    ['other.db'],
  ),
  optional(
    'an unfinished run of another configuration',
    ['run', ...TAPE, '--speed', 'max', '--journal', 'unfinished.db', '--cash', '5'],
    ['unfinished.db', 'another configuration', 'allowed:'],
  ),
  optional(
    'an unfinished run of another strategy',
    [
      'run',
      ...TAPE,
      '--speed',
      'max',
      '--journal',
      'unfinished.db',
      '--params',
      '{"fraction":0.5}',
    ],
    ['unfinished.db', 'another configuration', 'allowed:'],
  ),
  optional(
    'an unfinished run of another name',
    ['run', ...TAPE, '--speed', 'max', '--journal', 'unfinished.db', '--run', 'other'],
    ['unfinished.db', 'another name', 'allowed:'],
  ),
  optional(
    'an unfinished run of another tape',
    ['run', '--tape', 'market/AAA_1m.csv', '--speed', 'max', '--journal', 'unfinished.db'],
    ['unfinished.db', 'another tape', 'allowed:'],
  ),
  optional(
    'an unfinished run of another universe',
    ['run', ...TAPE, '--symbols', 'AAA', '--speed', 'max', '--journal', 'unfinished.db'],
    ['unfinished.db', 'another universe', 'allowed:'],
  ),
  optional(
    'an unfinished run of another part of the tape',
    [
      'run',
      ...TAPE,
      '--from',
      '2026-01-05T16:00:00Z',
      '--speed',
      'max',
      '--journal',
      'unfinished.db',
    ],
    ['unfinished.db', 'another part of the tape', 'allowed:'],
  ),
]

const folder = temporary()

before(async () => {
  await putMarket(join(folder, 'market'), { symbols: ['AAA', 'BBB'], sessions: 1 })
  const imported = await skein(folder, 'data', 'import', 'market', '--symbols', 'AAA')
  assert.equal(imported.code, 0, imported.stderr)
  const run = await skein(
    folder,
    'run',
    ...TAPE,
    '--speed',
    'max',
    '--run',
    'mine',
    '--journal',
    'unfinished.db',
    '--archive',
    'bars.db',
  )
  assert.equal(run.code, 0, run.stderr)
  // As a kill before the end leaves it.
  const journal = new DatabaseSync(join(folder, 'unfinished.db'))
  journal.exec("delete from meta where key = 'ending'")
  journal.exec('vacuum')
  journal.close()
  const other = new DatabaseSync(join(folder, 'other.db'))
  other.exec('create table notes (text text)')
  other.close()
  mkdirSync(join(folder, 'half'))
  new DatabaseSync(join(folder, 'empty.db')).close()
})

/** All files by content: databases by their rows. */
const state = (): Record<string, string> =>
  Object.fromEntries(filesIn(folder).map((path) => [path, contentHash(join(folder, path))]))

/** Where a password was put by mistake, and must not be shown. */
const ADDRESS = 'postgres://me:hunter2@127.0.0.1/bars'
const MISPUT: readonly Case[] = [
  optional(
    'the address of a database as an archive',
    ['data', 'list', '--archive', ADDRESS],
    ['command line: has an address where a path belongs', '--database'],
  ),
  optional(
    'an address as a file that is to be imported',
    ['data', 'import', 'https://me:hunter2@x.example/bars.csv'],
    ['command line: has an address where a path belongs'],
  ),
  {
    name: 'the address of a database as the archive of the configuration',
    files: { 'a.yaml': `store: { archive: "${ADDRESS}" }` },
    words: ['backtest', ...TAPE, '--config', 'a.yaml'],
    says: ['a.yaml:1: store.archive is not allowed', 'allowed: a path'],
  },
  {
    name: 'a password in the address of a venue',
    files: {
      'a.yaml': 'venues: { alpaca: { hosts: { trading: "https://me:hunter2@x.example" } } }',
    },
    words: ['backtest', ...TAPE, '--config', 'a.yaml'],
    says: ['a.yaml:1: venues.alpaca.hosts.trading is not allowed', 'allowed: https://host'],
  },
  {
    name: 'a variable that is no symbol of the tape',
    files: { 'a.yaml': 'universe: ["${HIDDEN}"]' },
    words: ['backtest', ...TAPE, '--config', 'a.yaml'],
    says: ['a.yaml:1: universe[0] is not on the tape, as it comes from ${HIDDEN}', 'AAA, BBB'],
  },
]

describe('bad input', () => {
  for (const { name, files = {}, words, says } of MISPUT) {
    it(`does not show ${name}`, async () => {
      for (const [path, content] of Object.entries(files)) put(folder, path, content)
      const unchanged = state()

      const env = { HIDDEN: 'hunter2' }
      const { code, stdout, stderr } = await start(folder, [...words], { env }).ended

      assert.deepEqual([code, stdout], [2, ''])
      for (const part of says) assert.ok(stderr.includes(String(part)), stderr)
      assert.doesNotMatch(stderr, /hunter2/)
      assert.deepEqual(state(), unchanged)
    })
  }

  it('is tried in at least 60 ways', () => {
    assert.ok(CASES.length >= 60, `${CASES.length} ways`)
    assert.equal(new Set(CASES.map(({ name }) => name)).size, CASES.length)
  })

  for (const { name, files = {}, words, says } of CASES) {
    it(`refuses ${name}`, async () => {
      for (const [path, content] of Object.entries(files)) put(folder, path, content)
      const unchanged = state()

      const { code, stdout, stderr } = await skein(folder, ...words)

      assert.equal(code, 2, stderr)
      assert.equal(stdout, '')
      assert.equal(stderr.match(/^(error|failed): /gm)?.length, 1, stderr)
      assert.doesNotMatch(stderr, /^\s+at |assertion failed|\[object/m)
      const [error = ''] = stderr
        .split(/^(?=error: )/m)
        .filter((part) => part.startsWith('error: '))
      for (const part of says) {
        assert.ok(
          typeof part === 'string' ? error.includes(part) : part.test(error),
          `${String(part)} in ${error}`,
        )
      }
      assert.deepEqual(state(), unchanged)
    })
  }
})

test('a process that was given wrongly exits with 2, and one that was asked for help with 0', async () => {
  const wrong = await start(folder, ['backtest', '--tape', 'nowhere']).ended
  const missing = await start(folder, ['run']).ended
  const help = await start(folder, ['help', 'backtest']).ended

  assert.deepEqual([wrong.code, missing.code, help.code], [2, 2, 0])
  assert.match(wrong.stderr, /^error: nowhere: does not exist; allowed: .*\n$/)
  assert.match(help.stdout, /Example:\n {2}skein backtest /)
})
