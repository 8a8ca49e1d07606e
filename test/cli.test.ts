// The command line as a person uses it: runs, kills, full disks, and that what comes out is always the same.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { ms } from '../src/core/time.ts'
import type { Report } from '../src/report/report.ts'
import { openArchive } from '../src/store/index.ts'
import {
  contentHash,
  filesIn,
  put,
  putMarket,
  recorded,
  type Result,
  skein,
  SKIPPED,
  start,
  temporary,
} from './cli/skein.ts'

const market = temporary()
before(() => putMarket(market, { symbols: ['AAA', 'BBB', 'CCC'], sessions: 2 }))

const reportOf = ({ code, stdout, stderr }: Result): Report => {
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}
const hashesOf = (result: Result): Report['manifest']['hashes'] => reportOf(result).manifest.hashes

/** A paper run of the generated market at full speed, and what more is said. */
const paperRun = (folder: string, ...words: readonly string[]): Promise<Result> =>
  skein(folder, 'run', '--tape', market, '--speed', 'max', ...words)

test('a backtest of csv files decides the same twice, with orders', async (t) => {
  const folder = temporary(t)
  const words = ['backtest', '--tape', market, '--json']

  const first = await skein(folder, ...words)
  const second = await skein(folder, ...words)

  assert.deepEqual(hashesOf(second), hashesOf(first))
  assert.ok(reportOf(first).orders.placed > 50)
  assert.deepEqual(filesIn(folder), [])
})

for (const { set, words } of [
  { set: 'us_equity_1m_2026-03', words: [] },
  { set: 'us_equity_ticks_2013-10', words: ['--symbols', 'SPY,BAC', '--kind', 'trades'] },
]) {
  test(`a backtest of ${set} decides the same twice`, async (t) => {
    const tape = recorded(set)
    if (tape === undefined) return t.skip(SKIPPED)
    const folder = temporary(t)

    const first = reportOf(await skein(folder, 'backtest', '--tape', tape, '--json', ...words))
    const second = reportOf(await skein(folder, 'backtest', '--tape', tape, '--json', ...words))

    assert.deepEqual(second.manifest.hashes, first.manifest.hashes)
    assert.ok(first.orders.placed > 10)
    const { universe, work } = first.manifest
    t.diagnostic(`${universe.length} symbols, ${work.inputs} inputs, ${work.elapsedMs} ms`)
  })
}

test('bars that are imported, exported and imported again are the same', async (t) => {
  const folder = temporary(t)
  const imported = await skein(folder, 'data', 'import', market, '--json')
  const list = await skein(folder, 'data', 'list', '--json')
  assert.deepEqual([imported.code, list.code], [0, 0], imported.stderr + list.stderr)
  const symbols = ['AAA', 'BBB', 'CCC']
  for (const symbol of symbols) {
    const out = await skein(folder, 'data', 'export', `out/${symbol}.csv`, '--symbols', symbol)
    assert.equal(out.code, 0, out.stderr)
    const own = readFileSync(join(market, `${symbol}_1m.csv`), 'utf8')
    assert.equal(readFileSync(join(folder, `out/${symbol}.csv`), 'utf8'), own)
  }

  const again = await skein(folder, 'data', 'import', 'out', '--archive', 'again/bars.db', '--json')
  const listed = await skein(folder, 'data', 'list', '--archive', 'again/bars.db', '--json')

  assert.equal(again.code, 0, again.stderr)
  assert.equal(listed.stdout, list.stdout)
  assert.equal(JSON.parse(again.stdout).bars, JSON.parse(imported.stdout).bars)
})

test('a backtest from the archive decides as one from the files', async (t) => {
  const folder = temporary(t)
  assert.equal((await skein(folder, 'data', 'import', market)).code, 0)

  const fromFiles = await skein(folder, 'backtest', '--tape', market, '--json')
  const fromArchive = await skein(folder, 'backtest', '--json')

  assert.deepEqual(hashesOf(fromArchive), hashesOf(fromFiles))
})

test('paths of one import that tell a bar twice are refused as in one folder, and nothing is stored', async (t) => {
  const folder = temporary(t)
  const head = 'datetime,open,high,low,close,volume'
  const bars = (minute: number, close: number): string =>
    [head, `2026-03-23T14:0${minute}:00Z,100,101,99,${close},1000`, ''].join('\n')
  put(folder, 'a/QQQ_1m.csv', bars(1, 100.5))
  put(folder, 'b/QQQ_1m.csv', bars(1, 99.5))
  put(folder, 'c/QQQ_1m.csv', bars(0, 100))

  const refused = await skein(folder, 'data', 'import', 'a', 'b', '--json')
  assert.equal(refused.code, 2)
  assert.match(refused.stderr, /b\/QQQ_1m\.csv:2: start overlaps with a\/QQQ_1m\.csv/)
  const list = await skein(folder, 'data', 'list', '--json')
  assert.deepEqual(JSON.parse(list.stdout), [])

  const taken = await skein(folder, 'data', 'import', 'a', 'c', '--json')
  assert.equal(taken.code, 0, taken.stderr)
  const { bars: stored, series } = JSON.parse(taken.stdout)
  assert.deepEqual({ stored, series }, { stored: 2, series: 1 })
})

test('two ranges that follow each other have every bar once, in a backtest as in an export', async (t) => {
  const folder = temporary(t)
  const days = ['2020-12-30', '2020-12-31', '2021-01-04', '2021-01-05', '2021-01-06']
  const rows = days.map((day) => `${day},100,101,99,100,1000`)
  put(folder, 'SPY_1d.csv', ['datetime,open,high,low,close,volume', ...rows, ''].join('\n'))
  const inputsOf = async (...range: readonly string[]): Promise<number> => {
    const words = [
      '--tape',
      'SPY_1d.csv',
      '--zone',
      'America/New_York',
      '--params',
      '{"timeframe":"1d"}',
    ]
    const report = reportOf(await skein(folder, 'backtest', ...words, '--json', ...range))
    return report.manifest.work.inputs
  }
  const imported = await skein(folder, 'data', 'import', 'SPY_1d.csv', '--zone', 'America/New_York')
  assert.equal(imported.code, 0, imported.stderr)
  const exported = await skein(
    folder,
    'data',
    'export',
    'old.csv',
    '--symbols',
    'SPY',
    '--timeframe',
    '1d',
    '--to',
    '2021-01-01',
  )
  assert.equal(exported.code, 0, exported.stderr)

  // The bar of the last day of the year ends in the next one, at midnight of New York.
  assert.equal(await inputsOf('--from', '2020-01-01', '--to', '2021-01-01'), 2)
  assert.equal(await inputsOf('--from', '2021-01-01', '--to', '2022-01-01'), 3)
  assert.equal(readFileSync(join(folder, 'old.csv'), 'utf8').trim().split('\n').length, 1 + 2)
})

test('a backtest from the archive reads adjusted prices where it is told to and knows the splits', async (t) => {
  const folder = temporary(t)
  const rows = [100, 102, 51, 52].map(
    (price, n) => `2026-01-0${n + 5},${price},${price},${price},${price},9000`,
  )
  put(folder, 'AAA_1d.csv', `Date,Open,High,Low,Close,Volume\n${rows.join('\n')}\n`)
  put(folder, 'skein.yaml', 'risk: { tradingHours: always }\n')
  const body = `(ctx) => ({ onBar: () => void (ctx.position.isFlat && ctx.buy({ qty: 1 })) })`
  put(folder, 'mine.ts', strategy('mine', body).replaceAll("'1m'", "'1d'"))
  const of = ['--timeframe', '1d', '--config', 'skein.yaml', '--strategy', './mine.ts', '--json']
  const adjusted = ['backtest', ...of, '--adjustment', 'split']
  assert.equal((await skein(folder, 'data', 'import', 'AAA_1d.csv')).code, 0)

  const { code, stderr } = await skein(folder, ...adjusted)
  assert.match(stderr, /has not asked for the splits of: "AAA"/)
  assert.equal(code, 2)

  const archive = await openArchive(join(folder, 'data/archive.db'))
  const at = ms(Date.UTC(2026, 0, 9))
  const exAt = ms(Date.UTC(2026, 0, 7, 5))
  await archive.jobs.putSplits({
    provider: 'alpaca',
    symbols: ['AAA'],
    from: ms(0),
    to: at,
    splits: [{ id: 'a', symbol: 'AAA', exAt, oldRate: 1, newRate: 2 }],
    at,
  })
  await archive.close()
  const profit = async (...words: readonly string[]) =>
    reportOf(await skein(folder, ...words)).summary.openProfit

  // Bought at the open of the second day, of 102 before the split.
  assert.equal(await profit('backtest', ...of), 52 - 102)
  assert.equal(await profit(...adjusted), 52 - 51)
  const refused = await skein(folder, ...adjusted, '--tape', 'AAA_1d.csv')
  assert.equal(refused.code, 2)
})

test('an export into a pipe that is closed early ends without an error', async (t) => {
  const folder = temporary(t)
  assert.equal((await skein(folder, 'data', 'import', market)).code, 0)

  const { child, ended, seen } = start(folder, ['data', 'export', '--symbols', 'AAA'])
  await seen(/symbol,/)
  child.stdout!.destroy()

  const { code, stderr } = await ended
  assert.deepEqual([code, stderr], [0, ''])
})

test('F528 an export that is stopped by Ctrl-C leaves the file as it was, and nothing beside it', async (t) => {
  const folder = temporary(t)
  await putMarket(folder, { symbols: ['AAA'], sessions: 250 })
  assert.equal((await skein(folder, 'data', 'import', 'AAA_1m.csv')).code, 0)
  put(folder, 'out.csv', 'before')
  // A pipe in the place of its part: more than it holds is not written before it is read, and so the export is not over.
  const part = join(folder, 'out.csv.part')
  execFileSync('mkfifo', [part])
  const { child, ended } = start(folder, ['data', 'export', 'out.csv', '--symbols', 'AAA'])

  await once(
    createReadStream(part)
      .once('open', () => child.kill('SIGINT'))
      .resume(),
    'close',
  )
  const { code, signal, stderr } = await ended

  assert.deepEqual([code, signal], [1, null], stderr)
  assert.match(stderr, /stopped; out\.csv is as it was/)
  assert.equal(readFileSync(join(folder, 'out.csv'), 'utf8'), 'before')
  assert.deepEqual(
    filesIn(folder).filter((file) => file.includes('.part')),
    [],
  )
})

test('a run whose messages nobody reads any more goes on to its end', async (t) => {
  const folder = temporary(t)
  const { child, ended } = start(folder, ['run', '--tape', market, '--speed', 'max'])
  child.stderr!.destroy()

  const { code, stdout } = await ended
  assert.equal(code, 0)
  assert.match(stdout, /^paper {2}sma-cross/m)
})

test('a help into a pipe that is closed early ends without an error', async (t) => {
  const { child, ended } = start(temporary(t), ['run', '--help'])
  child.stdout!.destroy()

  const { code, stderr } = await ended
  assert.deepEqual([code, stderr], [0, ''])
})

test('the table of the archive fits into 80 columns', async (t) => {
  const folder = temporary(t)
  assert.equal((await skein(folder, 'data', 'import', market)).code, 0)

  const { stdout } = await skein(folder, 'data', 'list')

  assert.match(stdout, /^symbol +timeframe +bars +first \(UTC\) +last \(UTC\) +runs\n/)
  for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line)
})

test('a replay of a finished run comes out equal, with the same report', async (t) => {
  const folder = temporary(t)

  const from = '2026-01-01T00:00:00Z'
  const ran = await paperRun(folder, '--json', '--from', from)
  const replayed = await skein(folder, 'replay', 'data/journal.db', '--json')

  assert.deepEqual(hashesOf(replayed), hashesOf(ran))
  for (const told of [ran, replayed]) {
    const { fromAt, toAt } = reportOf(told).manifest.data
    assert.deepEqual([fromAt, toAt], [Date.parse(from), null])
  }
  assert.match(replayed.stderr, /replayed \d+ turns: state (\w+), recorded \1: equal/)
  const { manifest: _one, ...of } = reportOf(ran)
  const { manifest: _other, ...ofReplay } = reportOf(replayed)
  assert.deepEqual(ofReplay, of)
})

test('a replay refuses a changed row, and tells a changed decision whose row is whole', async (t) => {
  const folder = temporary(t)
  assert.equal((await paperRun(folder)).code, 0)
  const db = new DatabaseSync(join(folder, 'data/journal.db'))
  const row = db
    .prepare(`select n, at, inputs, batches from turns where batches like '%"qty":%' limit 1`)
    .get()!
  const changed = String(row['batches']).replace(/("qty":\d*)(\d)/, (_all, head: string, digit) =>
    head.concat(digit === '9' ? '8' : String(Number(digit) + 1)),
  )
  assert.equal(changed.length, String(row['batches']).length)
  db.prepare('update turns set batches = ? where n = ?').run(changed, row['n']!)
  const damaged = await skein(folder, 'replay', 'data/journal.db')
  const whole = crc32([row['n'], row['at'], row['inputs'], changed].join(' '))
  db.prepare('update turns set sum = ? where n = ?').run(whole, row['n']!)
  db.close()
  assert.equal(damaged.code, 2)
  assert.match(
    damaged.stderr,
    new RegExp(`turn ${String(row['n'])} of .* is damaged: its checksum`),
  )

  const { code, stderr } = await skein(folder, 'replay', 'data/journal.db')

  assert.equal(code, 1)
  assert.match(
    stderr,
    new RegExp(`failed: 1 of \\d+ turns came out otherwise:\\n {2}turn ${String(row['n'])}: `),
  )
  const told = /^ {2}turn .*$/m.exec(stderr)![0]
  assert.match(told, /decided .*"qty":.*, recorded .*"qty":.* \(from character \d+\)$/)
  assert.ok(told.length < 800, `${told.length} characters can be read`)
})

test('F540 a strategy file is changed after a run, and the report of its journal says that it is not that of the run', async (t) => {
  const folder = temporary(t)
  const buys = (qty: number): string => `
    import { defineStrategy, z } from 'skein'
    export default defineStrategy({
      name: 'once',
      params: z.object({}),
      needs: () => ({ bars: '1m' }),
      symbol: (ctx) => ({ onBar: () => void ctx.buy({ qty: ${qty}, once: 'first' }) }),
    })`
  put(folder, 'once.ts', buys(1))
  assert.equal((await paperRun(folder, '--strategy', './once.ts')).code, 0)
  put(folder, 'once.ts', buys(2))

  // A module is loaded once in a process.
  const { code, stdout, stderr } = await start(folder, ['replay', 'data/journal.db', '--json'])
    .ended

  assert.equal(code, 1)
  const { warnings } = JSON.parse(stdout) as Report
  const why = 'otherwise, and a strategy file is not what it was when the run began'
  const doubt = new RegExp(
    `^\\d+ of \\d+ turns came out ${why}: these numbers are not those of the run`,
  )
  assert.ok(
    warnings.some((text) => doubt.test(text)),
    warnings.join('\n'),
  )
  assert.ok(stderr.includes(`${why}:\n`), stderr)
})

test('Ctrl-C stops a run in order: it reports, exits with 0 and replays equal', async (t) => {
  const folder = temporary(t)
  const words = ['run', '--tape', market, '--speed', '1', '--json', 'report.json']
  const { child, ended, seen } = start(folder, words)
  // A run at real time writes its first snapshot late: its journal says that it has begun.
  await until(() => hasBegun(join(folder, 'data/journal.db')))
  child.kill('SIGINT')
  await seen(/stopping in order/)

  const { code, signal, stderr } = await ended

  assert.deepEqual([code, signal], [0, null], stderr)
  const report: Report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))
  assert.ok(report.warnings.includes('The run was stopped before the end of its data.'))
  const replayed = await skein(folder, 'replay', 'data/journal.db', '--json')
  assert.deepEqual(hashesOf(replayed), report.manifest.hashes)
})

test('a run after one that is over moves its journal aside, and nothing of it is lost', async (t) => {
  const folder = temporary(t)
  assert.equal((await paperRun(folder, '--run', 'first')).code, 0)
  const first = contentHash(join(folder, 'data/journal.db'))

  assert.equal((await paperRun(folder, '--run', 'second')).code, 0)

  assert.deepEqual(filesIn(join(folder, 'data')), [
    'archive.db',
    'journal-first.db',
    'journal.db',
    'journal.db-lock',
  ])
  assert.equal(contentHash(join(folder, 'data/journal-first.db')), first)
  assert.equal((await skein(folder, 'replay', 'data/journal-first.db')).code, 0)
})

test('a run of a name that was there before keeps both journals', async (t) => {
  const folder = temporary(t)
  for (let i = 0; i < 3; i++) assert.equal((await paperRun(folder, '--run', 'same')).code, 0)

  const journals = filesIn(join(folder, 'data')).filter((path) => /^journal.*db$/.test(path))

  assert.equal(journals.length, 3, journals.join(', '))
})

test('a run that was killed goes on with the same command and ends as if nothing had been', async (t) => {
  const folder = temporary(t)
  const words = ['run', '--tape', market, '--speed', '20000', '--run', 'mine', '--json']
  const { child, ended } = start(folder, words)
  await until(() => turnsIn(join(folder, 'data/journal.db')) > 100)
  child.kill('SIGKILL')
  assert.equal((await ended).signal, 'SIGKILL')

  const resumed = await paperRun(folder, '--run', 'mine', '--json')
  const whole = await paperRun(temporary(t), '--run', 'mine', '--json')

  assert.match(resumed.stderr, /going on at 2026-\S+Z from the \w+, \d+ turns done again/)
  assert.deepEqual(hashesOf(resumed), hashesOf(whole))
})

test('a run that was killed does not go on with another text of its strategy', async (t) => {
  const folder = temporary(t)
  const mine = (qty: number): string =>
    strategy(
      'mine',
      `(ctx) => ({ onBar: () => void (ctx.orders.length || ctx.buy({ qty: ${qty} })) })`,
    )
  put(folder, 'mine.ts', mine(1))
  const words = ['--strategy', './mine.ts', '--run', 'mine']
  assert.equal((await paperRun(folder, ...words)).code, 0)
  const journal = new DatabaseSync(join(folder, 'data/journal.db'))
  journal.exec("delete from meta where key = 'ending'")
  journal.close()
  put(folder, 'mine.ts', mine(2))

  const { code, stderr } = await paperRun(folder, ...words)

  assert.equal(code, 2, stderr)
  assert.match(stderr, /unfinished run mine of another version of its strategy file; allowed:/)
})

test('a second run on a journal that is being written is refused, and the first goes on', async (t) => {
  const folder = temporary(t)
  const words = ['run', '--tape', market, '--speed', '1', '--run', 'mine', '--json', 'report.json']
  const first = start(folder, words)
  await until(() => hasBegun(join(folder, 'data/journal.db')))

  const second = await start(folder, words).ended
  first.child.kill('SIGINT')
  const { code, stderr } = await first.ended

  assert.equal(second.code, 1)
  assert.match(second.stderr, /^failed: data\/journal\.db is being written by another run; wait/m)
  assert.equal(code, 0, stderr)
  assert.equal((await skein(folder, 'replay', 'data/journal.db')).code, 0)
  assert.deepEqual(filesIn(join(folder, 'data')), ['archive.db', 'journal.db', 'journal.db-lock'])
})

test('--json prints one JSON of the stable schema on stdout, and nothing else', async (t) => {
  const report = reportOf(await paperRun(temporary(t), '--json'))

  assert.equal(report.schema, 'skein-report/1')
  assert.deepEqual(Object.keys(report), [
    'schema',
    'manifest',
    'summary',
    'total',
    'symbols',
    'strategies',
    'orders',
    'denied',
    'incidents',
    'quotes',
    'warnings',
    'curve',
    'trips',
  ])
  assert.deepEqual(Object.keys(report.manifest), [
    'mode',
    'command',
    'currency',
    'strategies',
    'universe',
    'data',
    'versions',
    'hashes',
    'seeds',
    'costs',
    'risk',
    'work',
  ])
})

test('--html writes one file that needs no other', async (t) => {
  const folder = temporary(t)

  const { code } = await skein(folder, 'backtest', '--tape', market, '--html', 'new/page.html')

  assert.equal(code, 0)
  assert.deepEqual(filesIn(folder), ['new/page.html'])
  const page = readFileSync(join(folder, 'new/page.html'), 'utf8')
  assert.doesNotMatch(page, /<(?:script|link|img)[^>]+(?:src|href)=["']?https?:/)
})

test('a report warns in all its forms of an open that looks like a split of what was traded', async (t) => {
  const folder = temporary(t)
  const day = (n: number) => new Date(Date.UTC(2026, 0, 5 + n)).toISOString().slice(0, 10)
  const row = (n: number, price: number) =>
    `${day(n)},${price},${price + 1},${price - 1},${price},9000`
  const rows = [100, 101, 102, 20.4, 21].map((price, n) => row(n, price))
  put(folder, 'AAA_1d.csv', `Date,Open,High,Low,Close,Volume\n${rows.join('\n')}\n`)
  put(folder, 'skein.yaml', 'risk: { tradingHours: always }\n')
  const body = `(ctx) => ({ onBar: () => void (ctx.position.isFlat && ctx.buy({ qty: 1 })) })`
  put(folder, 'mine.ts', strategy('mine', body).replaceAll("'1m'", "'1d'"))
  const words = ['--tape', 'AAA_1d.csv', '--config', 'skein.yaml', '--strategy', './mine.ts']

  const files = ['--json', 'report.json', '--html', 'page.html']
  const { stdout, code, stderr } = await skein(folder, 'backtest', ...words, ...files)

  assert.equal(code, 0, stderr)
  const warning =
    /AAA opens on 2026-01-08 at 0.2 times its last close, which looks like a split of 5:1; prices are raw/
  assert.match(stdout.replaceAll(/\s+/g, ' '), warning)
  assert.match(readFileSync(join(folder, 'report.json'), 'utf8'), warning)
  assert.match(readFileSync(join(folder, 'page.html'), 'utf8'), warning)
})

test('reports that the configuration names are written beside it', async (t) => {
  const folder = temporary(t)
  put(folder, 'here/skein.yaml', 'report: { html: page.html, json: report.json }\n')

  const { code } = await skein(folder, 'backtest', '--tape', market, '--config', 'here/skein.yaml')

  assert.equal(code, 0)
  assert.deepEqual(filesIn(folder), ['here/page.html', 'here/report.json', 'here/skein.yaml'])
})

test('a run is the same from any working directory', async (t) => {
  const folder = temporary(t)
  mkdirSync(join(folder, 'deep/er'), { recursive: true })
  put(folder, 'skein.yaml', 'store: { journal: ./j.db, archive: ./a.db }\n')
  const words = ['run', '--tape', market, '--speed', 'max', '--run', 'mine', '--json', '--config']

  const above = await skein(folder, ...words, 'skein.yaml')
  const below = await skein(join(folder, 'deep/er'), ...words, '../../skein.yaml')

  assert.deepEqual(hashesOf(below), hashesOf(above))
  assert.deepEqual(filesIn(folder), ['a.db', 'j-mine.db', 'j.db', 'j.db-lock', 'skein.yaml'])
})

test('a strategy of the command line is found from the working directory', async (t) => {
  const folder = temporary(t)
  put(folder, 'here/skein.yaml', 'account: { cash: 5000 }\n')
  put(folder, 'there/mine.ts', strategy('mine', '() => ({})'))
  const words = ['backtest', '--tape', market, '--json', '--config', '../here/skein.yaml']

  const report = reportOf(await skein(join(folder, 'there'), ...words, '--strategy', './mine.ts'))

  assert.equal(report.summary.equityStart, 5_000)
  assert.deepEqual(
    report.manifest.strategies.map(({ name }) => name),
    ['mine'],
  )
})

test('parameters of the command line leave the rest of the configured strategy as it is', async (t) => {
  const folder = temporary(t)
  put(folder, 'skein.yaml', 'strategies: [{ use: sma-cross, as: mine, on: [BBB] }]\n')
  const words = ['backtest', '--tape', market, '--config', 'skein.yaml', '--json']

  const report = reportOf(await skein(folder, ...words, '--params', '{"fraction":0.03}'))

  const [{ name, symbols, params } = assert.fail('a strategy')] = report.manifest.strategies
  assert.deepEqual([name, symbols], ['mine', ['BBB']])
  assert.equal((params as { fraction: number }).fraction, 0.03)
})

test('sma-cross is found to see no future', async (t) => {
  const words = ['lookahead', '--tape', market, '--symbols', 'AAA', '--every', '40']

  const { code, stdout, stderr } = await skein(temporary(t), ...words)

  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /^sma-cross: no lookahead in \d+ rows, cut at \d+ places; [1-9]\d* orders compared\n$/,
  )
})

test('a strategy that knows from the full run what comes is found to see the future', async (t) => {
  const folder = temporary(t)
  const peeking = `(ctx) => ({
    onBar(bar) {
      const next = seen.get(bar.start + 60_000)
      seen.set(bar.start, bar.close)
      if (next !== undefined && next > bar.close && ctx.position.isFlat) ctx.buy({ qty: 1 })
    },
  })`
  put(
    folder,
    'peeking.ts',
    `const seen = new Map<number, number>()\n${strategy('peeking', peeking)}`,
  )
  const words = ['lookahead', '--tape', market, '--symbols', 'AAA', '--strategy', './peeking.ts']

  const { code, stdout, stderr } = await skein(folder, ...words)

  assert.deepEqual([code, stdout], [1, ''])
  assert.match(
    stderr,
    /^failed: peeking sees the future: with the first \d+ rows, up to 2026-01-05T\S+Z/,
  )
  assert.match(stderr, /\n {2}with these rows {2}\{.*"submit".*\}\n {2}in the full run {2}null\n$/)
})

/** A backtest of a strategy from a file, on one symbol. */
const tried = (folder: string, file: string, ...words: string[]) =>
  skein(folder, 'backtest', '--tape', market, '--symbols', 'AAA', '--strategy', file, ...words)

for (const [name, symbol, told] of [
  [
    'throws for a symbol',
    "() => { throw new Error('no luck') }",
    /throws for AAA \(Error: no luck, at .*bad\.ts:6:\d+\)\)/,
  ],
  ['gives no hooks', '() => {}', /gives undefined for AAA/],
  ['is asynchronous', 'async () => ({})', /throws for AAA \(TypeError: it gave a promise/],
] as const) {
  test(`a strategy that ${name} is wrong: one line, exit code 2`, async (t) => {
    const folder = temporary(t)
    put(folder, 'bad.ts', strategy('bad', symbol))

    const { code, stderr } = await tried(folder, './bad.ts')

    assert.equal(code, 2, stderr)
    assert.match(stderr, /^error: strategy bad: symbol\(\) .*; allowed: .*hooks of each symbol\n$/)
    assert.match(stderr, told)
  })
}

for (const [state, told] of [
  [
    '() => ({ seen: new Map() })',
    /throws for AAA \(Error: ctx\.state\.seen is a Map, which is not saved/,
  ],
  [
    "() => { throw new Error('no luck') }",
    /throws for AAA \(Error: no luck, at .*first\.ts:6:\d+\)\)/,
  ],
] as const) {
  test(`a strategy cannot begin with a state like ${state}: one line, exit code 2`, async (t) => {
    const folder = temporary(t)
    const text = strategy('first', '() => ({})').replace(
      '  symbol:',
      `  state: ${state},\n  symbol:`,
    )
    put(folder, 'first.ts', text)

    const { code, stderr } = await tried(folder, './first.ts')

    assert.equal(code, 2, stderr)
    assert.match(stderr, /^error: strategy first: state\(\) .*; allowed: .*the first ctx\.state\n$/)
    assert.match(stderr, told)
  })
}

test('F550 a strategy whose hook is asynchronous is halted, and the run goes on', async (t) => {
  const folder = temporary(t)
  put(folder, 'slow.ts', strategy('slow', "() => ({ async onBar() { throw new Error('late') } })"))

  const { code, stdout, stderr } = await tried(folder, './slow.ts')

  assert.equal(code, 0, stderr)
  assert.match(stdout, /Halted: slow on AAA: TypeError: it gave a promise, and has to be done when/)
})

test('what a strategy prints goes to stderr under its name, and stdout stays JSON', async (t) => {
  const folder = temporary(t)
  const hooks = `(ctx) => {
    console.info('begins\\non', ctx.instrument.symbol)
    let told = 0
    return { onBar: ({ close }) => void (told++ === 0 && console.log({ isFirst: true }, close > 0)) }
  }`
  put(folder, 'chatty.ts', strategy('chatty', hooks))

  const { code, stdout, stderr } = await tried(folder, './chatty.ts', '--json')

  assert.equal(code, 0, stderr)
  assert.doesNotThrow(() => JSON.parse(stdout))
  assert.match(stderr, /^chatty: begins\nchatty: on AAA\n/m)
  assert.match(stderr, /^chatty: \{ isFirst: true \} true$/m)
})

test('a strategy that never trades is told to be untested', async (t) => {
  const folder = temporary(t)
  put(folder, 'idle.ts', strategy('idle', '() => ({})'))
  const words = ['lookahead', '--tape', market, '--symbols', 'AAA', '--every', '300']

  const { code, stderr } = await skein(folder, ...words, '--strategy', './idle.ts')

  assert.equal(code, 0)
  assert.match(stderr, /it placed no order, so that nothing was tested/)
})

const NOBODY = 65_534
const IS_ROOT = process.getuid?.() === 0

test('a folder that may not be written is told with exit code 1, and then goes well', async (t) => {
  const folder = temporary(t)
  chmodSync(folder, 0o555)
  chmodSync(market, 0o755)
  // For root there is no folder that may not be written.
  const user = IS_ROOT ? { as: NOBODY } : {}

  for (const words of [
    ['data', 'import', market],
    ['run', '--tape', market, '--speed', 'max'],
    ['backtest', '--tape', market, '--html', 'page.html'],
  ]) {
    const { code, stderr } = await start(folder, words, user).ended
    assert.equal(code, 1, stderr)
    assert.match(stderr, /^failed: .* check the rights of the file and of its folder/m)
    assert.doesNotMatch(stderr, /^\s+at /m)
  }
  assert.deepEqual(readdirSync(folder), [])

  chmodSync(folder, 0o777)
  assert.equal((await start(folder, ['data', 'import', market], user).ended).code, 0)
})

test('a file that may not be read is a file that cannot be used: exit code 2', async (t) => {
  const folder = temporary(t)
  chmodSync(folder, 0o777)
  put(folder, 'AAA_1m.csv', readFileSync(join(market, 'AAA_1m.csv')))
  chmodSync(join(folder, 'AAA_1m.csv'), 0o000)

  const user = IS_ROOT ? { as: NOBODY } : {}
  const { code, stderr } = await start(folder, ['data', 'import', 'AAA_1m.csv'], user).ended

  assert.equal(code, 2, stderr)
  assert.match(stderr, /^error: AAA_1m\.csv: cannot be read; allowed: .*\n$/)
})

test('an import into a disk without room leaves nothing, and goes well when there is room', async (t) => {
  const folder = temporary(t)
  assert.equal((await skein(folder, 'data', 'import', market, '--symbols', 'AAA')).code, 0)
  const unchanged = contentHash(join(folder, 'data/archive.db'))
  const words = ['data', 'import', market]

  // A limit on the size of each file stands for a full disk: the write fails in the same way.
  const { code, stderr } = await start(folder, words, { fileBlocks: 100 }).ended

  assert.equal(code, 1, stderr)
  assertNoRoom(stderr)
  assert.equal(contentHash(join(folder, 'data/archive.db')), unchanged)
  assert.equal((await start(folder, words).ended).code, 0)
})

test('a run whose disk is full goes on with the same command when there is room', async (t) => {
  const folder = temporary(t)
  const words = ['run', '--tape', market, '--speed', 'max', '--run', 'mine', '--json']

  const full = await start(folder, words, { fileBlocks: 500 }).ended
  assert.deepEqual([full.code, full.stdout], [1, ''], full.stderr)
  assertNoRoom(full.stderr)
  assert.ok(turnsIn(join(folder, 'data/journal.db')) > 0, 'the run had begun')

  const resumed = await start(folder, words).ended
  const whole = await skein(temporary(t), ...words)

  assert.match(resumed.stderr, /going on at /)
  assert.deepEqual(hashesOf(resumed), hashesOf(whole))
})

test('a report that cannot be written is told before the run', async (t) => {
  const folder = temporary(t)
  put(folder, 'file', '')
  mkdirSync(join(folder, 'closed'))
  chmodSync(join(folder, 'closed'), 0o555)
  const words = ['backtest', '--tape', market, '--html']
  const user = IS_ROOT ? { as: NOBODY } : {}
  chmodSync(folder, 0o777)

  const below = await start(folder, [...words, 'file/new/page.html'], user).ended
  const closed = await start(folder, [...words, 'closed/new/page.html'], user).ended

  assert.deepEqual([below.code, below.stdout], [2, ''])
  assert.match(
    below.stderr,
    /^error: command line: --html lies below a file: "file\/new\/page.html"/,
  )
  assert.deepEqual([closed.code, closed.stdout], [1, ''])
  assert.match(closed.stderr, /^failed: .*closed may not be read or written; check the rights/)
})

test('a report that finds no room leaves what was there', async (t) => {
  const folder = temporary(t)
  put(folder, 'page.html', 'the old page')
  const words = ['backtest', '--tape', market, '--html', 'page.html']

  const { code, stderr } = await start(folder, words, { fileBlocks: 20 }).ended

  assert.equal(code, 1, stderr)
  assert.match(stderr, /^failed: page\.html (?:has no room left|is larger than)/m)
  assert.doesNotMatch(stderr, /^\s+at /m)
  assert.deepEqual(filesIn(folder), ['page.html'])
  assert.equal(readFileSync(join(folder, 'page.html'), 'utf8'), 'the old page')
})

test('a strategy that ends the process, or waits for ever, is a failed run and not a finished one', async (t) => {
  const folder = temporary(t)
  const strategy = (hook: string) => `import { defineStrategy, z } from 'skein'
export default defineStrategy({
  name: 'odd', params: z.object({}), needs: () => ({ bars: '1m' }),
  symbol: () => ({ onBar() { ${hook} } }),
})
`
  put(folder, 'exits.ts', strategy('process.exit(0)'))
  put(folder, 'waits.ts', `await new Promise(() => {})\n${strategy('')}`)

  for (const [file, told] of [
    ['./exits.ts', /^failed: the process was ended before its work was done/m],
    ['./waits.ts', /^failed: it waits for what never comes/m],
  ] as const) {
    const words = ['backtest', '--tape', market, '--strategy', file]
    const { code, stdout, stderr } = await start(folder, words).ended
    assert.equal(code, 1, stdout)
    assert.match(stderr, told)
  }
})

test('what was compiled is kept for the next start, where there is room for it', async (t) => {
  const folder = temporary(t)
  put(folder, 'file', '')
  const versionWith = (home: string) => {
    const env = { XDG_CACHE_HOME: join(folder, home), NODE_COMPILE_CACHE: undefined }
    return start(folder, ['--version'], { env }).ended
  }

  const kept = await versionWith('cache')
  const unkept = await versionWith('file')

  assert.equal(kept.code, 0, kept.stderr)
  assert.ok(readdirSync(join(folder, 'cache/skein/compiled')).length > 0)
  assert.deepEqual([unkept.code, unkept.stdout, unkept.stderr], [0, kept.stdout, ''])
})

test('every command shows its help, with an example', async (t) => {
  const folder = temporary(t)
  const commands = [[], ['demo'], ['backtest'], ['lookahead'], ['run'], ['replay'], ['data']]
  const ofData = [
    ['data', 'import'],
    ['data', 'list'],
    ['data', 'export'],
  ]
  for (const words of [...commands, ...ofData]) {
    const { code, stdout, stderr } = await skein(folder, ...words, '--help')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /\nExample:\n {2}skein /, words.join(' '))
    for (const line of stdout.split('\n')) assert.ok(line.length <= 100, line)
  }
})

function assertNoRoom(stderr: string): void {
  assert.match(stderr, /^failed: data\/(?:journal|archive)\.db (?:has no room left|cannot be)/m)
  assert.doesNotMatch(stderr, /^\s+at /m)
}

const strategy = (name: string, symbol: string): string =>
  `import { defineStrategy, z } from 'skein'
export default defineStrategy({
  name: '${name}',
  params: z.object({}),
  needs: () => ({ bars: '1m' }),
  symbol: ${symbol},
})
`

/** Turns that are in a journal; 0 while there is none. */
function turnsIn(path: string): number {
  return Number(asked(path, 'select count(*) as answer from turns') ?? 0)
}

const hasBegun = (path: string): boolean =>
  asked(path, "select count(*) as answer from meta where key = 'run'") === 1

function asked(path: string, sql: string): unknown {
  if (!existsSync(path)) return undefined
  try {
    const db = new DatabaseSync(path, { readOnly: true })
    try {
      return db.prepare(sql).get()?.['answer']
    } finally {
      db.close()
    }
  } catch {
    // Its tables are not there yet.
    return undefined
  }
}

/** Waits for a condition, at most two minutes. */
async function until(isMet: () => boolean): Promise<void> {
  const latest = performance.now() + 120_000
  while (!isMet()) {
    assert.ok(performance.now() < latest, 'the condition is met in time')
    await setTimeout(5)
  }
}
