// Supervision, end to end: a real run at a local venue, and beside it the commands that ask it and tell it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AlpacaServer } from '../src/simulators/alpaca/index.ts'
import { startOpenVenue } from './alpaca/local.ts'
import { put, type Running, skein, start, temporary } from './cli/skein.ts'

const RUN = ['run', '--mode', 'paper', '--venue', 'alpaca', '--config', 'skein.yaml']
const CONFIG = ['--config', 'skein.yaml']

/** A venue that trades around the clock, and a folder that is configured for it. */
async function local(t: TestContext): Promise<string> {
  const server = await startOpenVenue(t)
  const folder = temporary(t)
  put(folder, 'skein.yaml', configOf(server))
  return folder
}

const configOf = (server: AlpacaServer): string => `
universe: [SPY, AAPL]
instrument: { calendar: 24/7 }
store: { leases: ./data/leases.db }
venues: { alpaca: { local: { port: ${new URL(server.urls.rest).port}, speed: 1 } } }
`

async function trading(t: TestContext, folder: string): Promise<Running> {
  const run = start(folder, RUN)
  t.after(() => run.child.kill('SIGKILL'))
  await run.seen(/trading;/)
  return run
}

test(
  'a run takes what a person wants of it, and tells another process how it is',
  { timeout: 300_000 },
  async (t) => {
    const folder = await local(t)
    const yaml = readFileSync(join(folder, 'skein.yaml'), 'utf8')
    const none = await skein(folder, 'status', ...CONFIG)
    const run = await trading(t, folder)

    const well = await skein(folder, 'status', ...CONFIG, '--json')
    const kill = await skein(folder, 'control', 'kill', '--why', 'smoke', ...CONFIG)
    // What it has taken is told with the next second at the latest.
    let ill = await skein(folder, 'status', ...CONFIG)
    const until = performance.now() + 30_000
    while (ill.code === 0 && performance.now() < until)
      ill = await skein(folder, 'status', ...CONFIG)
    run.child.kill('SIGKILL')
    await run.ended
    const gone = await skein(folder, 'status', ...CONFIG)

    assert.deepEqual([none.code, well.code, kill.code, ill.code, gone.code], [2, 0, 0, 1, 1])
    const status = JSON.parse(well.stdout) as Record<string, unknown>
    assert.deepEqual(
      [status['isHealthy'], status['phase'], status['pid']],
      [true, 'running', run.child.pid],
    )
    assert.match(kill.stdout, /kill: the run at data\/journal\.db has taken it/)
    assert.match(ill.stdout, /kill switch {3}smoke/)
    assert.match(ill.stderr, /not healthy: the kill switch is on: smoke/)
    assert.match(gone.stderr, /is gone: it has said nothing for \d+ s/)

    const again = await trading(t, folder)
    const lift = await skein(folder, 'control', 'lift', ...CONFIG)
    put(folder, 'skein.yaml', `${yaml}risk: { maxOrderNotional: 500 }\naccount: { cash: 5 }\n`)
    const more = await skein(folder, 'control', 'reload', ...CONFIG)
    put(folder, 'skein.yaml', `${yaml}risk: { maxOrderNotional: 500 }\n`)
    const lower = await skein(folder, 'control', 'reload', ...CONFIG)
    again.child.kill('SIGTERM')
    const { code, stderr } = await again.ended
    const over = await skein(folder, 'status', ...CONFIG)

    assert.deepEqual([lift.code, more.code, lower.code, code, over.code], [0, 1, 0, 0, 1], stderr)
    assert.match(more.stderr, /reload: account\.cash needs a restart/)
    assert.match(stderr, /risk\.maxOrderNotional is 500, and was off/)
    assert.match(over.stderr, /not healthy: it is stopped/)
  },
)
