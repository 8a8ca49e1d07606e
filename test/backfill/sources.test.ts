// Jobs that are filled from files and from a simulated market, by the same commands and with no venue.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { join } from 'node:path'
import { joinedBars } from '../../src/core/columns.ts'
import type { Timeframe } from '../../src/core/time.ts'
import { openTape } from '../../src/formats/index.ts'
import { derived } from '../../src/jobs/derive.ts'
import { openArchive } from '../../src/store/index.ts'
import { KEY } from '../alpaca/local.ts'
import { put, putMarket, skein, temporary } from '../cli/skein.ts'

async function folderWith(t: TestContext, history: string) {
  const folder = temporary(t)
  put(folder, 'skein.yaml', `watchlists: { pair: [AAA, BBB] }\nhistory: ${history}\n`)
  const run = (...words: readonly string[]) => skein(folder, ...words, '--config', 'skein.yaml')
  return { folder, run }
}

async function barsOf(folder: string, symbol: string, timeframe: Timeframe) {
  const archive = await openArchive(join(folder, 'data/archive.db'))
  const pages = []
  for await (const page of archive.bars({ symbol, timeframe })) pages.push(page)
  await archive.close()
  return joinedBars(pages)
}

const RANGE = ['--from', '2026-01-05', '--to', '2026-01-08']

test('a job is filled from a folder of csv files, hours made from their minutes', async (t) => {
  const { folder, run } = await folderWith(t, '{ providers: [files], files: ./bars }')
  await putMarket(join(folder, 'bars'), { symbols: ['AAA', 'BBB'], sessions: 3 })

  const wish = ['backfill', 'run', '--symbols', '@pair', '--timeframes', '1m,1h', ...RANGE]
  const done = await run(...wish)
  const covered = await run('coverage', '--symbols', '@pair', '--check', '--json')
  const unknown = await run('coverage', '--symbols', '@none')

  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stdout, /by 0 requests/)
  const tape = await openTape(join(folder, 'bars'))
  for (const series of tape.series) {
    if (series.kind !== 'bars') continue
    const pages = []
    for await (const page of series.pages()) pages.push(page)
    const minutes = joinedBars(pages)
    assert.ok(minutes.length > 1_000)
    assert.deepEqual(await barsOf(folder, series.symbol, '1m'), minutes)
    assert.deepEqual(await barsOf(folder, series.symbol, '1h'), derived(minutes, '1h'))
  }
  assert.equal(covered.code, 0, covered.stderr)
  assert.equal((JSON.parse(covered.stdout) as unknown[]).length, 4)
  assert.match(unknown.stderr, /--symbols names no watch list: "@none"; allowed: @pair/)
})

test('what the files do not have is quarantined, and the rest is there', async (t) => {
  const { folder, run } = await folderWith(t, '{ providers: [files], files: ./bars }')
  await putMarket(join(folder, 'bars'), { symbols: ['AAA'], sessions: 3 })

  const wish = ['--symbols', '@pair', '--timeframes', '1h', ...RANGE]
  const done = await run('backfill', 'run', ...wish)
  const planned = await run('backfill', 'plan', ...wish)
  const later = await run('jobs', 'work', '--until-done', '--json')

  assert.equal(done.code, 0, done.stderr)
  assert.match(
    done.stderr,
    /^refused: BBB is left out from now on: files has no .*jobs readmit BBB"/m,
  )
  assert.match(done.stdout, /0 failed; refused, and not asked for: BBB\n$/)
  assert.match(planned.stdout, /to fetch: 0 rows in 0 windows by 0 requests/)
  assert.deepEqual(JSON.parse(later.stdout).refused, ['BBB'])
  assert.ok((await barsOf(folder, 'AAA', '1h')).length > 10)
  assert.equal((await barsOf(folder, 'BBB', '1h')).length, 0)
})

for (const form of ['in a batch', 'alone'] as const) {
  test(`a symbol that was refused ${form} is readmitted by a command, and fetched`, async (t) => {
    const { folder, run } = await folderWith(t, '{ providers: [files], files: ./bars }')
    await putMarket(join(folder, 'bars'), { symbols: ['AAA'], sessions: 3 })
    const single = form === 'alone' ? ['--single'] : []
    const wish = ['backfill', 'run', '--symbols', '@pair', '--timeframes', '1h', ...RANGE]
    await run(...wish, ...single)
    await putMarket(join(folder, 'bars'), { symbols: ['AAA', 'BBB'], sessions: 3 })

    const wrong = await run('jobs', 'readmit', 'BBB', 'AAA')
    const readmitted = await run('jobs', 'readmit', 'bbb')
    const done = await run(...wish, ...single)
    const again = await run('jobs', 'readmit', 'all')

    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /AAA is not in quarantine at files; these are: BBB \(files has no/)
    assert.equal(readmitted.stdout, 'changed 1\n')
    assert.equal(done.code, 0, done.stderr)
    assert.equal((await barsOf(folder, 'BBB', '1h')).length, 21)
    assert.match(again.stderr, /nothing is/)
  })
}

test('all symbols of a simulated market are a job like any other', async (t) => {
  const sim = '{ seed: 7, symbols: [AAA, BBB, CCC], start: 2026-01-05, sessions: 3 }'
  const { folder, run } = await folderWith(t, `{ providers: [sim], sim: ${sim} }`)

  const done = await run('backfill', 'run', '--symbols', 'all', '--timeframes', '15m', ...RANGE)
  const again = await run('backfill', 'run', '--symbols', 'all', '--timeframes', '15m', ...RANGE)

  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stderr, /1 definitions of 3 symbols, 1 new/)
  assert.equal((await barsOf(folder, 'CCC', '15m')).length, 3 * 26)
  assert.match(again.stdout, /^0 rows/)
})

test('files stand in for a provider that does not answer', async (t) => {
  const { folder, run } = await folderWith(t, '{ providers: [alpaca, files], files: ./bars }')
  await putMarket(join(folder, 'bars'), { symbols: ['AAA', 'BBB'], sessions: 3 })
  // Nobody listens at the port of discard.
  const host = '"http://127.0.0.1:9"'
  process.env['ALPACA_KEY'] = KEY.key
  process.env['ALPACA_SECRET'] = KEY.secret
  const keys = 'key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET}'
  put(
    folder,
    'skein.yaml',
    `watchlists: { pair: [AAA, BBB] }\nuniverse: ['@pair']\n` +
      `venues: { alpaca: { ${keys}, hosts: { trading: ${host}, data: ${host} } } }\n` +
      `history: { providers: [alpaca, files], files: ./bars }\n`,
  )

  const done = await run('backfill', 'run', '--timeframes', '15m', ...RANGE)

  assert.equal(done.code, 0, done.stderr)
  assert.match(done.stderr, /alpaca is parked for 5 minutes, others stand in: .*ECONNREFUSED/)
  assert.equal((await barsOf(folder, 'BBB', '15m')).length, 3 * 26)
})
