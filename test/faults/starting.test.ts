// Starting: what was due while no process was there, and what was half done, waits until the venue was asked.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { equitySpec } from '../../src/core/instrument.ts'
import { Universe } from '../../src/core/universe.ts'
import type { LiveSetup } from '../../src/runtime/live/options.ts'
import { Wishes } from '../../src/runtime/live/wishes.ts'
import type { Context } from '../../src/strategy/index.ts'
import { ALPACA } from '../../src/venues/alpaca/broker.ts'
import { AlpacaVenue } from '../../src/venues/alpaca/venue.ts'
import { KEY, START } from '../alpaca/local.ts'
import { HOSTS } from '../alpaca/virtual.ts'
import { temporary } from '../cli/skein.ts'
import { Bench, timed } from './bench.ts'

const MINUTE = 60_000
/** Half a minute before a timer is due that wants something. */
const UNTIL_KILL_MS = 4 * MINUTE + 28_000
const DUE = START + 5 * MINUTE

/** A strategy on AAPL that does something every minute, from the one on in which no process is there. */
const everyMinute = (onTimer: (context: Context) => void): LiveSetup =>
  timed('1m', {
    risk: { maxPositionFraction: 1, staleAfterMs: Infinity },
    onTimer: (context) => {
      if (context.now >= DUE) onTimer(context)
    },
  })

/** A run that is killed, and is away for 25 minutes. */
async function away(t: TestContext, setup: LiveSetup): Promise<Bench> {
  const bench = await Bench.start(t, { live: { setup } })
  await bench.run(UNTIL_KILL_MS)
  bench.kill()
  await bench.run(25 * MINUTE)
  return bench
}

/** What is asked of the venue about orders and positions from now on, such as `GET /v2/positions`. */
function asked(bench: Bench): () => readonly string[] {
  const { requests } = bench.alpaca.venue.audit
  const before = requests.length
  return () =>
    requests
      .slice(before)
      .map(({ method, path }) => `${method} ${path.split('?')[0]}`)
      .filter((request) => /orders|positions/.test(request))
}

test('F415 timers that were due while no process was there fire once, after the venue was asked', async (t) => {
  const fired: number[] = []
  const bench = await away(
    t,
    everyMinute((context) => {
      fired.push(context.now)
      context.buy({ qty: 1 })
    }),
  )
  const since = bench.world.now
  const heard = asked(bench)

  await bench.start()

  assert.equal(fired.length, 1)
  assert.ok(fired[0]! >= since, 'it is lived now, and not when it was missed')
  assert.equal(bench.requests('POST', '/v2/orders').length, 1)
  const before = heard().slice(0, heard().indexOf('POST /v2/orders'))
  assert.ok(before.includes('GET /v2/positions'), `asked first: ${heard().join(', ')}`)
  await bench.restart()
  bench.check()
})

test('F416 a kill file that is there before the start lets no order leave', async (t) => {
  const bench = await away(
    t,
    everyMinute((context) => {
      context.buy({ qty: 1 })
    }),
  )

  await bench.start({ isKilled: () => 'the kill file is there' })
  await bench.run(MINUTE)

  assert.equal(bench.live.engine.killSwitch, 'the kill file is there')
  assert.deepEqual(bench.submitted, [])
  bench.check()
})

for (const want of ['kill', 'pause', 'safe-mode'] as const) {
  test(`F439 a wish that waits at a start is taken before an order leaves: ${want}`, async (t) => {
    const bench = await away(
      t,
      everyMinute((context) => {
        context.buy({ qty: 1 })
      }),
    )
    const wishes = new Wishes(join(temporary(t), 'journal.db'))
    wishes.put({ want, why: 'not today', by: 'test' })

    await bench.start({ wishes })
    await bench.run(MINUTE)

    assert.deepEqual(bench.submitted, [])
    assert.deepEqual(wishes.waiting(), [])
    bench.check()
  })
}

test('F439 a wish that comes while a start waits for the report holds before an order leaves', async (t) => {
  const bench = await away(
    t,
    everyMinute((context) => {
      context.buy({ qty: 1 })
    }),
  )
  const wishes = new Wishes(join(temporary(t), 'journal.db'))
  const busy = { on: 'rest', fault: 'status', status: 503, when: 'before', for: '4s' } as const
  bench.inject({ ...busy, method: 'GET', path: '/v2/positions' })
  bench.world
    .node('person')
    .after(2_000, () => wishes.put({ want: 'kill', why: 'enough', by: 'test' }))

  await bench.start({ wishes })
  await bench.run(MINUTE)

  assert.equal(bench.live.engine.killSwitch, 'enough')
  assert.deepEqual(bench.submitted, [])
  bench.check()
})

/** A close that is refused, and waits for its next try while the run ends in order. */
async function halfClosed(t: TestContext): Promise<Bench> {
  const bench = await Bench.start(t)
  await bench.does((context) => context.buy({ qty: 10 }))
  const body = '{"code":40310000,"message":"not now"}'
  const refuse = { method: 'POST', path: '/v2/orders', fault: 'status', status: 403 } as const
  bench.inject({ on: 'rest', ...refuse, when: 'before', times: 1, body })
  await bench.does((context) => context.close())
  await bench.world.settled(bench.live.stop('keep'))
  return bench
}

test('F417 a close that waits for its next try is not made of what a person has sold meanwhile', async (t) => {
  const bench = await halfClosed(t)
  bench.inject({ on: 'orders', fault: 'foreign', symbol: 'AAPL', side: 'sell', qty: 10 })
  await bench.run(MINUTE)
  assert.equal(bench.held(), 0)
  const heard = asked(bench)

  await bench.start()
  await bench.run(2 * MINUTE)

  assert.ok(!heard().includes('POST /v2/orders'), 'nothing is sold')
  assert.equal(bench.held(), 0)
  assert.deepEqual(bench.halts, ['position'])
  assert.ok(bench.has(/AAPL is 10 here and 0 at alpaca/))
})

test('a close that waits for its next try goes on when the venue has told what it has', async (t) => {
  const bench = await halfClosed(t)
  await bench.run(MINUTE)
  const heard = asked(bench)

  await bench.start()

  const before = heard().slice(0, heard().indexOf('POST /v2/orders'))
  assert.ok(before.includes('GET /v2/positions'), `asked first: ${heard().join(', ')}`)
  assert.equal(bench.held(), 0)
  bench.check()
})

const BUSY = {
  'limits requests for longer than a read waits': { status: 429, retryAfter: 90, for: '60s' },
  'limits requests and does not say for how long': { status: 429, for: '15s' },
  'is busy': { status: 503, for: '15s' },
} as const

for (const [what, about] of Object.entries(BUSY)) {
  test(`F586 a run goes on where its venue ${what} at its start`, async (t) => {
    const bench = await Bench.start(t)
    await bench.does((context) => context.buy({ qty: 10 }))
    bench.kill()
    await bench.run(1_000)
    bench.inject({ on: 'rest', fault: 'status', ...about })

    await bench.start()

    assert.ok(bench.has(/^alpaca does not answer yet: GET \/v2\/account: answered \d+/))
    await bench.does((context) => context.close())
    assert.equal(bench.held(), 0)
    bench.check()
  })
}

const GONE = {
  'is inactive': { status: 200, class: 'us_equity', symbol: 'MSFT', tradable: false },
  'is not known': { status: 404, message: 'asset not found for MSFT' },
} as const

for (const [what, { status, ...body }] of Object.entries(GONE)) {
  test(`F582 a run goes on where a symbol that it holds ${what} over night`, async (t) => {
    const bench = await Bench.start(t)
    await bench.does((context) => context.buy({ qty: 10 }), 'MSFT')
    await bench.does((context) => context.buy({ qty: 10 }))
    bench.inject({
      on: 'rest',
      method: 'GET',
      path: '/v2/assets/MSFT',
      fault: 'status',
      status,
      body: JSON.stringify(body),
    })

    await bench.restart()
    await bench.does((context) => context.buy({ qty: 1 }), 'MSFT')
    await bench.does((context) => context.buy({ qty: 1 }))

    assert.deepEqual(bench.halts, ['not-tradable'])
    assert.match(bench.denials.join(), /^symbol-halted: MSFT is halted: the venue [^,]+$/)
    await bench.does((context) => context.close(), 'MSFT')
    assert.deepEqual([bench.held(), bench.held('MSFT')], [11, 0])
  })
}

test('F582 a run that is new does not begin with a symbol that may not be traded', async (t) => {
  const bench = await Bench.start(t)
  const body = '{"status":"inactive","class":"us_equity","symbol":"MSFT","tradable":false}'
  bench.inject({ on: 'rest', path: '/v2/assets/MSFT', fault: 'status', status: 200, body })
  bench.kill()

  const opened = await bench.world.settled(newAdapter(bench).open(() => {}))

  assert.match(opened.ok ? '' : opened.fault.message, /^MSFT cannot be traded at alpaca$/)
})

function newAdapter({ world }: Bench): AlpacaVenue {
  const symbols = ['AAPL', 'MSFT']
  const universe = new Universe(symbols.map((symbol) => equitySpec(symbol, ALPACA)))
  const venue = new AlpacaVenue({
    io: world.node('new'),
    keys: KEY,
    symbols,
    universe,
    hosts: HOSTS,
  })
  venue.adopt([], [], 'new')
  return venue
}
