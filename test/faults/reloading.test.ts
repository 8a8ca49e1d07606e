// Reloading: the configuration of a run changes while it trades. The file is real; venue and time are not.
import assert from 'node:assert/strict'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadConfig, toBatching, toRiskLimits } from '../../src/runtime/config/config.ts'
import type { LiveOptions } from '../../src/runtime/live/options.ts'
import { liveSession } from '../../src/runtime/live/session.ts'
import { Reload } from '../../src/runtime/live/reload.ts'
import { replay } from '../../src/runtime/replay/replay.ts'
import { temporary } from '../cli/skein.ts'
import { Bench } from '../live/bench.ts'

/** An order of the bench is worth 1,000. These are its limits, so that a start changes nothing. */
const yaml = (risk = '', universe = 'A, B'): string =>
  `universe: [${universe}]\nrisk: { tradingHours: always, maxPositionFraction: 1${risk} }\n`

/** A bench whose run has a configuration in a file. */
async function reloading(t: TestContext, risk = '') {
  const bench = new Bench(t)
  const file = join(temporary(t), 'skein.yaml')
  const write = (text: string): void => writeFileSync(file, text)
  const read = () => loadConfig(file, {})
  write(yaml(risk))
  const config = read()
  const wishes = bench.wishes()
  const start = (changes: Partial<LiveOptions> = {}): Promise<void> =>
    bench.start({ reload: new Reload({ file, read, config }), wishes, ...changes })
  await start()
  await bench.bar(0)
  /** What was told since the last time. */
  const told = (): string =>
    bench.told
      .splice(0)
      .map(({ text }) => text)
      .join('\n')
  return { bench, file, write, start, told, wishes }
}

test('F126 a configuration that is wrong, half-written or changes more leaves the old one as it is', async (t) => {
  const { bench, file, write, told } = await reloading(t)
  const lower = ', maxOrderNotional: 500'
  const changes: readonly (readonly [() => void, RegExp])[] = [
    [() => write(yaml(', maxOrderNotional: -5')), /maxOrderNotional is too small.*-5/],
    [() => write(yaml(lower).slice(0, 40)), /is wrong, the old one holds: .*skein\.yaml/],
    [() => rmSync(file), /skein\.yaml: is missing/],
    [
      () => write(yaml(lower, 'A')),
      /^universe needs a restart; nothing of the configuration is taken$/m,
    ],
    [() => write(`${yaml(lower)}account: { cash: 5 }\n`), /^account\.cash needs a restart/m],
  ]
  for (const [i, [change, expected]] of changes.entries()) {
    change()
    await bench.bar(i % 2 === 0 ? 1 : 4)
    assert.match(told(), expected)
  }
  assert.equal(bench.venue.arrived.length, changes.length, 'orders go on as before')

  write(yaml(lower))
  await bench.bar(0)
  assert.match(told(), /^risk\.maxOrderNotional is 500, and was off$/m)
  await bench.bar(1)

  assert.equal(bench.venue.arrived.length, changes.length)
  assert.equal(bench.live.statistics.engine.denied['max-order-notional'], 1)
  bench.check()
})

test('F127 a limit that allows more waits for a person, who repeats its token; a start is no person', async (t) => {
  const { bench, write, start, told, wishes } = await reloading(t, ', maxOrderNotional: 500')
  bench.live.control(
    { do: 'retune', changes: [{ limit: 'maxOrderNotional', before: 'off', after: 500 }] },
    'test',
  )
  write(yaml(', maxOrderNotional: 2000, maxPositions: 5'))
  await bench.bar(0)
  const alert = told()
  const [, token = ''] =
    /allows more: risk\.maxOrderNotional from 500 to 2000; .*--confirm (\w+)"/.exec(alert) ?? []
  assert.notEqual(token, '', alert)
  await bench.bar(1)
  bench.kill()
  await start()
  wishes.put({ want: 'reload', why: 'in haste', by: 'test', confirm: 'wrong' })
  await bench.bar(1)
  assert.deepEqual(bench.venue.arrived, [])
  assert.match(told(), /allows more/)

  wishes.put({ want: 'reload', why: 'read', by: 'test', confirm: token })
  await bench.bar(0)
  await bench.bar(1)

  assert.equal(bench.venue.arrived.length, 1)
  const journaled = [...bench.journal.since(0)].flatMap(({ inputs }) => inputs)
  assert.deepEqual(
    journaled.findLast((input) => input.type === 'control' && input.control.do === 'retune'),
    {
      type: 'control',
      at: journaled.findLast((input) => input.type === 'control')!.at,
      by: 'test',
      control: {
        do: 'retune',
        changes: [
          { limit: 'maxOrderNotional', before: 500, after: 2000 },
          { limit: 'maxPositions', before: 10, after: 5 },
        ],
      },
    },
  )
})

test('F441 a configuration that can no longer be looked at stops no run', async (t) => {
  const { bench, file, told } = await reloading(t)
  // A loop of links, which nobody may follow, whoever the tests run as.
  rmSync(file)
  symlinkSync(file, file)

  await assert.doesNotReject(bench.bar(1))
  assert.match(told(), /the old one holds: .*skein\.yaml: cannot be read/)
  await bench.bar(4)

  assert.equal(bench.live.health.phase, 'running')
  assert.equal(bench.venue.arrived.length, 2)
  bench.check()
})

test('F538 a configuration that is changed back before its change is in force is looked at again', async (t) => {
  const { bench, write, start, told } = await reloading(t)
  bench.kill()
  // The venue is asked again and again, so what people want waits.
  bench.venue.failingReports = 4
  const person = bench.world.node('person')
  person.after(500, () => write(yaml(', maxOrderNotional: 500')))
  person.after(3_500, () => write(yaml()))

  await start()
  await bench.bar(0)

  assert.equal(bench.live.engine.inForce.risk.maxOrderNotional, 500)
  assert.match(told(), /allows more: risk\.maxOrderNotional from 500 to off; confirm with/)
})

test('what is secret needs a restart as all else does, and is not shown', (t) => {
  const file = join(temporary(t), 'skein.yaml')
  const write = (database: string, key: string): void =>
    writeFileSync(
      file,
      `store: { database: "postgres://u:hidden@h/${database}" }\n` +
        `venues: { alpaca: { key: "\${${key}}", secret: "\${B}" } }\n`,
    )
  const read = () => loadConfig(file, { A: 'aaaa', B: 'bbbb' })
  write('one', 'A')
  const config = read()
  const reload = new Reload({ file, read, config })
  const inForce = { risk: toRiskLimits(config), batching: toBatching(config) }
  assert.deepEqual(reload.consider(inForce), { ok: true, value: undefined })

  write('two', 'B')
  const refused = reload.consider(inForce)

  assert.ok(!refused.ok)
  assert.equal(
    refused.fault.message,
    'venues.alpaca.key, store.database need a restart; nothing of the configuration is taken',
  )
})

test('a longer deadline of quotes waits for a person, and each change is told', async (t) => {
  const { bench, write, told } = await reloading(t)
  write(`${yaml()}batching: { tickDeadlineMs: 60000 }\n`)
  await bench.bar(0)
  assert.match(told(), /allows more: batching\.tickDeadlineMs from 200 to 60000; confirm/)
  assert.equal(bench.live.engine.inForce.batching.tickDeadlineMs, 200)

  for (let i = 0; i < 2; i++) {
    write(`${yaml()}batching: { maxBatchSize: 5 }\n`)
    await bench.bar(0)
    assert.match(told(), /^batching\.maxBatchSize is 5, and was 20$/m)
    write(yaml())
    await bench.bar(0)
    assert.match(told(), /^batching\.maxBatchSize is 20, and was 5$/m)
  }
})

test('a refused reload is answered, and one that changes nothing is taken', async (t) => {
  const { bench, write, wishes } = await reloading(t)
  const same = wishes.put({ want: 'reload', why: '', by: 'test' })
  await bench.world.run(2_000)
  assert.deepEqual([wishes.isWaiting(same), wishes.refusal(same)], [false, undefined])

  write('risk: [')
  const wrong = wishes.put({ want: 'reload', why: '', by: 'test' })
  await bench.world.run(2_000)

  assert.equal(wishes.isWaiting(wrong), false)
  assert.match(wishes.refusal(wrong)!, /the old one holds/)
  assert.equal(wishes.refusal(wrong), undefined)
})

test('a run whose limits were changed is done again to the same hash, and goes on with them', async (t) => {
  const { bench, write, start } = await reloading(t)
  await bench.bar(1)
  write(yaml(', maxOrderNotional: 500, drawdown: { warning: 0.02, recoverWarning: 0.01 }'))
  await bench.bar(0)
  await bench.bar(1)
  await bench.stop()
  const { engine } = bench.live
  const [hash, intents] = [engine.hash(), engine.intents]

  const session = liveSession(bench.setup, bench.venue.limits, ['bars'])
  const again = await replay(session, bench.journal)
  await start()
  await bench.bar(1)

  assert.deepEqual([again.hash, again.intents, again.differing], [hash, intents, 0])
  assert.equal(session.engine.riskLimits.maxOrderNotional, 500)
  assert.equal(bench.live.engine.riskLimits.drawdown.warning, 0.02)
  assert.equal(bench.venue.arrived.length, 1, 'the limit holds after the restart')
})

test('batching is switched by the configuration while the run goes on, in both directions', async (t) => {
  const { bench, write, told } = await reloading(t)
  write(`${yaml()}batching: { enabled: false, maxBatchSize: 5 }\n`)
  await bench.bar(0)
  await bench.bar(0)

  assert.match(
    told(),
    /batching\.enabled is off, and was on; batching\.maxBatchSize is 5, and was 20/,
  )
  const { enabled, maxBatchSize } = bench.live.engine.inForce.batching
  assert.deepEqual([enabled, maxBatchSize], [false, 5])

  write(yaml())
  await bench.bar(0)
  await bench.bar(0)
  assert.match(told(), /batching\.enabled is on, and was off/)
  assert.equal(bench.live.engine.inForce.batching.enabled, true)
})
