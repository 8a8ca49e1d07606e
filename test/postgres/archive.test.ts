// Bars in a database: imported, listed, exported and backtested as those in a file are.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { barColumns } from '../../src/core/columns.ts'
import { openPostgresArchive } from '../../src/store/index.ts'
import { put, putMarket, skein, start, temporary } from '../cli/skein.ts'
import { clusterFor, query } from './cluster.ts'
import { until } from './workers.ts'

const postgres = await clusterFor()
const { skip } = postgres

const SYMBOLS = ['NVDA', 'AMD', 'BRK.B']

/** A folder with recorded bars, and how to ask a file and a database the same. */
async function recordedIn(t: TestContext) {
  const folder = temporary(t)
  await putMarket(folder, { symbols: SYMBOLS, sessions: 2 })
  const url = await postgres.database()
  const told = async (...words: readonly string[]) => {
    const { code, stdout, stderr } = await skein(folder, ...words)
    assert.equal(code, 0, stderr)
    return stdout
  }
  return { folder, url, told }
}

test('a file and a database give a backtest the same bars', { skip }, async (t) => {
  const { url, told } = await recordedIn(t)
  const both = async (...words: readonly string[]) => [
    await told(...words, '--archive', 'data/archive.db'),
    await told(...words, '--database', url),
  ]
  const files = SYMBOLS.map((symbol) => `${symbol}_1m.csv`)

  const [inFile, inDatabase] = await both('data', 'import', ...files, '--json')
  assert.deepEqual(JSON.parse(inDatabase!), JSON.parse(inFile!))
  for (const words of [
    ['data', 'list', '--json'],
    ['data', 'list'],
    ['data', 'export', '--symbols', 'BRK.B'],
    ['data', 'export', '--symbols', 'AMD', '--from', '2026-01-06'],
    ['lookahead', '--strategy', 'sma-cross', '--symbols', 'AMD'],
  ]) {
    const [ofFile, ofDatabase] = await both(...words)
    assert.equal(ofDatabase, ofFile, words.join(' '))
    assert.match(ofFile!, /\d/)
  }
  const backtest = ['backtest', '--strategy', 'sma-cross', '--json']
  // How long it took is the one thing that may differ.
  const report = (text: string) =>
    JSON.parse(text, (key, value) => (key === 'elapsedMs' ? undefined : value))
  const [ofFile, ofDatabase] = (await both(...backtest)).map(report)
  assert.ok(ofFile.total.trips > 0, 'it trades')
  assert.match(ofDatabase.manifest.data.source, /^postgres:/)
  ofDatabase.manifest.data.source = ofFile.manifest.data.source
  assert.deepEqual(ofDatabase, ofFile)
})

test(
  'commands of bars take the database of the configuration, or the file that is named',
  { skip },
  async (t) => {
    const { folder, url, told } = await recordedIn(t)
    put(folder, 'skein.yaml', 'store: { database: ${BARS} }\n')
    process.env['BARS'] = url
    t.after(() => delete process.env['BARS'])
    const config = ['--config', 'skein.yaml']

    await told('data', 'import', 'NVDA_1m.csv', ...config)
    await told('data', 'import', 'AMD_1m.csv', ...config, '--archive', 'own.db')

    const rows = await query(url, 'select distinct symbol from intraday_bars')
    assert.deepEqual(rows, [{ symbol: 'NVDA' }])
    assert.match(await told('data', 'list', ...config), /NVDA/)
    assert.match(await told('data', 'list', ...config, '--archive', 'own.db'), /AMD/)
    const away = await skein(folder, 'backtest', ...config, '--symbols', 'AMD')
    assert.equal(away.code, 2)
    assert.match(away.stderr, /postgres:\/\/.*has no 1m bars of: "AMD"; allowed: NVDA/)
  },
)

test('an import with a bad row leaves a database as it was', { skip }, async (t) => {
  const { folder, url, told } = await recordedIn(t)
  await told('data', 'import', 'NVDA_1m.csv', '--database', url)
  const before = await query(url, 'select * from bars')
  const good = readFileSync(join(folder, 'BRK.B_1m.csv'), 'utf8')
  put(folder, 'bad.csv', `${good}BRK.B,1m,2026-01-08T14:30:00.000Z,1,2,1,x,5,1,0\n`)

  const { code, stderr } = await skein(
    folder,
    'data',
    'import',
    'AMD_1m.csv',
    'bad.csv',
    '--database',
    url,
  )

  assert.equal(code, 2)
  assert.match(stderr, /bad\.csv:\d+/)
  assert.deepEqual(await query(url, 'select * from bars'), before)
})

test('F401 the password of a database in a report', { skip }, async (t) => {
  const { folder, url, told } = await recordedIn(t)
  await told('data', 'import', 'AMD_1m.csv', '--database', url)
  const withPassword = url.replace('postgres@', 'postgres:CANARY0a7f@')

  const words = ['backtest', '--json', '--html', 'report.html', '--database', withPassword]
  const { code, stdout, stderr } = await start(folder, words).ended

  assert.equal(code, 0, stderr)
  const html = readFileSync(join(folder, 'report.html'), 'utf8')
  for (const written of [stdout, stderr, html]) assert.doesNotMatch(written, /CANARY0a7f/)
  assert.match(JSON.parse(stdout).manifest.command, /--database \S*\[redacted\]@/)
})

test('bars come from one place', { skip }, async (t) => {
  const { folder, url } = await recordedIn(t)

  const two = await skein(folder, 'backtest', '--database', url, '--archive', 'a.db')
  const three = await skein(folder, 'backtest', '--database', url, '--tape', 'AMD_1m.csv')

  assert.match(two.stderr, /'--database <url>' cannot be used with option '--archive <file>'/)
  assert.match(three.stderr, /'--database <url>' cannot be used with option '--tape <path>'/)
})

test('who may only read bars reads them, and is told what he may not do', { skip }, async (t) => {
  const { url, told } = await recordedIn(t)
  await told('data', 'import', 'AMD_1m.csv', '--database', url)
  await query(
    url,
    'create role bars_reader login; grant select on all tables in schema public to bars_reader',
  )
  t.after(() => query(url, 'drop owned by bars_reader; drop role bars_reader'))
  const reader = url.replace('postgres@', 'bars_reader@')
  const list = ['data', 'list', '--database']

  const all = await told(...list, url)
  const folder = temporary(t)
  await putMarket(folder, { symbols: ['NVDA'], sessions: 1 })
  const refused = await skein(folder, 'data', 'import', 'NVDA_1m.csv', '--database', reader)

  assert.equal(await told(...list, reader), all)
  assert.equal(refused.code, 1)
  assert.match(
    refused.stderr,
    /^failed: postgres:.* does not let its user do that \(permission denied for table .*\); have its owner grant it\n$/m,
  )
})

test('bars of a server that only reads are read', { skip }, async (t) => {
  const { url, told } = await recordedIn(t)
  await told('data', 'import', 'AMD_1m.csv', '--database', url)
  const list = ['data', 'list', '--database', url]
  const all = await told(...list)

  await query(
    url,
    `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`,
  )

  assert.equal(await told(...list), all)
})

test('an import reads a file for longer than a worker may stand still', { skip }, async (t) => {
  const url = await postgres.database()
  const archive = await openPostgresArchive({ url, standstillMs: 100 })
  t.after(() => archive.close())
  const bars = barColumns(1)
  for (const column of [bars.open, bars.high, bars.low, bars.close]) column[0] = 100
  const isEarly = `select 1 from pg_stat_activity where datname = current_database()
    and state = 'idle in transaction' and state_change > clock_timestamp() - interval '300 ms'`
  let tries = 0

  await archive.writing(async (write) => {
    if (++tries > 1) return
    await write('AMD', '1d', bars)
    await until(async () => (await query(url, isEarly)).length === 0, 'it has stood still')
  })

  assert.equal(tries, 1)
  assert.equal((await archive.latest({ symbol: 'AMD', timeframe: '1d', limit: 9 })).length, 1)
})
