// A bar that the venue tells again: kept with its source, and nothing that was decided upon changes.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { venueId } from '../src/core/brand.ts'
import type { Input } from '../src/core/input.ts'
import { equitySpec } from '../src/core/instrument.ts'
import type { Revision } from '../src/core/store.ts'
import type { Tape } from '../src/core/tape.ts'
import { MINUTE, ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { systemIo } from '../src/io/system.ts'
import { defineConfig } from '../src/runtime/config/config.ts'
import { barsOf, columnsOf } from '../src/runtime/session/recorder.ts'
import { venueOf } from '../src/runtime/venues/venues.ts'
import { openArchive } from '../src/store/index.ts'
import { KEY, START, startVenue, until } from './alpaca/local.ts'
import { temporary } from './cli/skein.ts'

const AAPL = equitySpec('AAPL', venueId('alpaca'))

/** Prints of 10 at 100, at 5, 25 and 45 s of each of five minutes. */
const tape: Tape = {
  name: 'by hand',
  instruments: [AAPL],
  series: [
    {
      kind: 'trades',
      symbol: 'AAPL',
      pages: async function* () {
        const ts = Float64Array.from({ length: 15 }, (_none, i) => START + 5_000 + i * 20_000)
        yield { length: 15, ts, price: ts.map(() => 100), size: ts.map(() => 10) }
      },
    },
  ],
}

test('a corrected print revises its bar in the archive, and the engine hears nothing of it', async (t) => {
  const server = await startVenue({ tape })
  const io = systemIo({ seed: 1 })
  const clock = { now: START }
  const at = new URL(server.urls.rest).host
  const http = `http://${at}`
  const hosts = { trading: http, data: http, stream: `ws://${at}`, orders: `ws://${at}/stream` }
  const universe = new Universe([AAPL])
  const [{ id }] = universe.all as [(typeof universe.all)[number]]
  const revisions: Revision[] = []
  const inputs: Input[] = []
  const venue = await venueOf('alpaca', {
    config: defineConfig({ venues: { alpaca: { ...KEY, hosts } } }),
    io: { ...io, now: () => ms(clock.now) },
    consent: { mode: 'paper', account: undefined },
    universe,
    onTrouble: () => {},
    onRevision: (revision) => revisions.push(revision),
  })
  const archive = await openArchive(join(temporary(t), 'archive.db'))
  t.after(async () => {
    await archive.close()
    await venue.close()
    await io.close()
    await server.stop()
  })
  const advance = async (deltaMs: number): Promise<void> => {
    clock.now += deltaMs
    await server.advance(deltaMs)
  }
  const bars = () => inputs.flatMap((input) => (input.type === 'bar' ? [input.bar] : []))
  const opened = await venue.open((input) => inputs.push(input))
  assert.ok(opened.ok, JSON.stringify(opened))
  const subscribed = await venue.feed!.subscribe('bars', [id])
  assert.ok(subscribed.ok, JSON.stringify(subscribed))
  await advance(MINUTE + 1_000)
  await until(() => bars().length === 1, 'the first minute came')
  await archive.putBars('AAPL', '1m', columnsOf(bars()))
  inputs.length = 0

  server.nemesis.inject({ on: 'market', fault: 'correct', symbol: 'AAPL', by: 0.5 })
  await advance(1_000)
  await until(() => revisions.length === 1, 'the minute came again')
  await archive.putRevision(revisions[0]!)

  const minute = { symbol: 'AAPL', timeframe: '1m', start: START, open: 100, low: 100 } as const
  assert.deepEqual(await archive.revisions(minute), [
    {
      ...minute,
      high: 100.5,
      close: 100.5,
      volume: 30,
      trades: 3,
      seenAt: clock.now,
      source: 'alpaca updatedBars',
    },
  ])
  assert.deepEqual(inputs, [])
  const pages = []
  for await (const page of archive.bars(minute)) pages.push(...barsOf(page, id, '1m'))
  assert.deepEqual(
    pages.map(({ close, high }) => [close, high]),
    [[100, 100]],
  )
})
