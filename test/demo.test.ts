// skein demo, as a newcomer runs it: plain lines, because nobody looks at a terminal here.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OUTAGE } from '../src/cli/demo-venue.ts'
import type { Report } from '../src/report/report.ts'
import { Audit } from '../src/simulators/audit.ts'
import { NO_FAULTS } from '../src/simulators/fault-script.ts'
import { Nemesis } from '../src/simulators/nemesis.ts'
import { filesIn, put, putMarket, skein, start, temporary } from './cli/skein.ts'

test(
  'the demo trades, loses its streams, heals and proves it; Ctrl-C ends it in order',
  { timeout: 300_000 },
  async (t) => {
    const folder = temporary(t)
    // What an earlier run has left is not its business.
    put(folder, 'data/journal.db', 'a real run')
    const { child, ended, seen } = start(folder, ['demo', '--forever'])

    await seen(/reconciled:/)
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended

    assert.equal(code, 0, stderr)
    assert.match(stderr, /subscribed 10, 10, 10, 1 symbols, each batch acknowledged/)
    assert.match(stderr, /market data are LOST.*\n(?:.*\n)*.*market data are back/)
    assert.match(stderr, /healed: \d+ missed bars were fetched and merged before anything newer/)
    assert.match(
      stderr,
      /ok {4}bars {6}[\d,]+ bars of 31 symbols stored, each as the venue made it/,
    )
    assert.match(stderr, /ok {4}outage {4}2 streams cut, \d gaps?, healed with \d+ bars/)
    assert.match(stderr, /ok {4}orders {4}(\d+) sent, the same \1 at the venue, none twice/)
    assert.match(
      stderr,
      /ok {4}account {3}0 positions here, 0 at the venue; cash ([\d,.]+) here, \1/,
    )
    assert.doesNotMatch(stderr, /FAIL/)
    assert.ok(!stderr.includes('\u001b'))
    assert.match(stdout, /^paper {2}sma-cross on 31 symbols$/m)
    assert.ok(existsSync(join(folder, 'reports/demo.html')))
    assert.deepEqual(filesIn(join(folder, 'data')), [
      'demo-archive.db',
      'demo-journal.db',
      'demo-journal.db-lock',
      'demo-journal.db.status',
      'demo-leases.db',
      'journal.db',
    ])
    const again = await skein(folder, 'replay', 'data/demo-journal.db')
    assert.match(again.stderr, /state (\w+), recorded \1: equal/)
  },
)

test('Ctrl-C while the demo has lost its streams ends it flat all the same', async (t) => {
  const { child, ended, seen } = start(temporary(t), ['demo', '--forever'])

  await seen(/order events are LOST/)
  child.kill('SIGINT')
  const { code, stderr } = await ended

  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stderr, /FAIL|remains:/)
  assert.match(stderr, /ok {4}outage {4}2 streams cut/)
  assert.match(stderr, /ok {4}account {3}0 positions here, 0 at the venue/)
})

test('a stream of the demo is refused when it is cut, however slow the machine is', () => {
  let elapsed = 0
  const audit = new Audit(() => ({ at: elapsed, clockAt: elapsed }))
  const nemesis = new Nemesis(NO_FAULTS, audit, () => elapsed)
  for (const rule of OUTAGE) {
    nemesis.inject(rule)
    elapsed += 5_000
  }

  const cut: string[] = []
  for (; elapsed < 600_000; elapsed += 100) {
    for (const { fault, on } of nemesis.due()) {
      assert.ok(fault === 'cut-off' && (on === 'data' || on === 'trading'))
      assert.notEqual(nemesis.onStream('refuse', on), undefined, on)
      cut.push(on)
    }
  }

  assert.deepEqual(cut, ['data', 'trading'])
})

test('the demo takes recorded data, with costs in its report', async (t) => {
  const folder = temporary(t)
  await putMarket(folder, { symbols: ['AAA', 'BBB'], sessions: 1 })

  const { code, stdout, stderr } = await skein(folder, 'demo', '--tape', '.', '--json')

  assert.equal(code, 0, stderr)
  const report = JSON.parse(stdout) as Report
  const { costs, risk } = report.manifest as {
    costs: { fees?: { type: string }; slippage?: { type: string } }
    risk: { maxTradesPerDay?: number }
  }
  assert.ok(report.total.fees > 0)
  assert.deepEqual([costs.fees?.type, costs.slippage?.type], ['per-share', 'ticks'])
  assert.equal(risk.maxTradesPerDay, 1_000)
  assert.deepEqual(filesIn(join(folder, 'data')), [
    'demo-archive.db',
    'demo-journal.db',
    'demo-journal.db-lock',
  ])
})
