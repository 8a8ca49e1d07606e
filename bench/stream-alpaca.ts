/*
 * Stream-alpaca: messages/s from a loopback socket to inputs, with the venue in another process, beside a bare
 * websocket that only counts them. Skein's side is all of its receive path: socket, liveness, decoder, sanity, feed, and
 * the inbox, which is emptied whenever it is full.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { type Bench, type Measured, perSecond, type Size } from './bench.ts'
import { STARTED, SYMBOL_NAMES } from './decode-alpaca.ts'
import { equitySpec } from '../src/core/instrument.ts'
import { ms } from '../src/core/time.ts'
import { Universe } from '../src/core/universe.ts'
import { Inbox } from '../src/engine/inbox.ts'
import { systemIo } from '../src/io/system.ts'
import { ALPACA } from '../src/venues/alpaca/broker.ts'
import { AlpacaFeed } from '../src/venues/alpaca/feed.ts'

const MESSAGES = { full: 400_000, quick: 2_000 } as const
const KEYS = { key: 'bench-key', secret: 'bench-secret' }

/** A bench of frames that hold so many messages. */
export const streamBench = (name: string, perFrame: number): Bench => ({
  name,
  unit: 'messages/s',
  goal: { ratioAtLeast: 0.6 },
  run: {
    skein: (size) => measure(size, perFrame, receiveInputs),
    reference: (size) => measure(size, perFrame, receiveOnly),
  },
})

interface Receiver {
  readonly count: () => number
  readonly close: () => Promise<void>
}

async function measure(
  size: Size,
  perFrame: number,
  connect: (url: string, onProgress: () => void, perFrame: number) => Promise<Receiver>,
): Promise<Measured> {
  const frames = MESSAGES[size] / perFrame
  const server = fork(join(import.meta.dirname, 'stream-server.ts'), [`${perFrame}`, `${frames}`])
  try {
    const [{ port }] = await once(server, 'message')
    let onProgress = (): void => {}
    const receiver = await connect(`ws://127.0.0.1:${port}`, () => onProgress(), perFrame)
    const flood = (): Promise<void> => {
      const goal = receiver.count() + MESSAGES[size]
      return new Promise((resolve) => {
        onProgress = () => {
          if (receiver.count() >= goal) resolve()
        }
        server.send('flood')
      })
    }
    const measured = await perSecond(MESSAGES[size], async (time) => {
      const before = receiver.count()
      await time(flood)
      return `${receiver.count() - before} messages`
    })
    await receiver.close()
    return measured
  } finally {
    await stop(server)
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return
  server.disconnect()
  await once(server, 'exit')
}

/** All of the way, to inputs. */
async function receiveInputs(url: string, onProgress: () => void): Promise<Receiver> {
  const io = { ...systemIo({ seed: 1 }), now: () => ms(STARTED) }
  const universe = new Universe(SYMBOL_NAMES.map((name) => equitySpec(name, ALPACA)))
  const stream = {
    io,
    keys: KEYS,
    codec: 'json' as const,
    batch: SYMBOL_NAMES.length,
    everyMs: 1,
    // Between two floods nothing comes.
    liveness: { dataWithinMs: Infinity },
  }
  const feed = new AlpacaFeed({
    io,
    venue: ALPACA,
    universe,
    codec: 'json',
    stocks: { ...stream, url },
    crypto: { ...stream, url },
  })
  let count = 0
  const inbox = new Inbox()
  feed.open(
    (input) => inbox.push(input),
    (rows, row, at) => {
      inbox.pushRow(rows, row, at)
      if (++count % 10_000 === 0) inbox.takeTurn(Infinity)
      onProgress()
    },
  )
  const subscribed = await feed.subscribe(
    'trades',
    universe.all.map(({ id }) => id),
  )
  assert.ok(subscribed.ok)
  const close = async (): Promise<void> => {
    assert.equal(inbox.statistics.dropped, 0)
    await feed.close()
    await io.close()
  }
  return { count: () => count, close }
}

/** A socket, and a count of what each frame is known to hold. */
async function receiveOnly(
  url: string,
  onProgress: () => void,
  perFrame: number,
): Promise<Receiver> {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true })
  await once(socket, 'message')
  socket.send(JSON.stringify({ action: 'auth', ...KEYS }))
  await once(socket, 'message')
  socket.send(JSON.stringify({ action: 'subscribe', trades: SYMBOL_NAMES }))
  await once(socket, 'message')
  let count = 0
  socket.on('message', () => {
    count += perFrame
    onProgress()
  })
  const close = async (): Promise<void> => {
    socket.close()
    await once(socket, 'close')
  }
  return { count: () => count, close }
}
