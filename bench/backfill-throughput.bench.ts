/*
 * Rows/s of one process of two workers from JSON pages on loopback to its archive, with ledger, checkpoints, checks and coverage, beside parsing
 * the same pages alone: from bytes in memory to the values of their rows.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ms } from '../src/core/time.ts'
import { systemIo } from '../src/io/system.ts'
import { plan } from '../src/jobs/plan.ts'
import { Backfill } from '../src/runtime/history/backfill.ts'
import { madeSymbols } from '../src/simulators/past.ts'
import { openArchive } from '../src/store/archive.ts'
import { spanOf } from './backfill-pages.ts'
import { type Bench, type Measured, perSecond, type Size, type Time } from './bench.ts'

const SIZES = { full: { symbols: 100, days: 365 }, quick: { symbols: 4, days: 60 } } as const

interface Server {
  readonly port: number
  readonly pages: number
  readonly rows: number
}

export const bench: Bench = {
  name: 'backfill-throughput',
  unit: 'rows/s',
  goal: { ratioAtLeast: 0.5 },
  run: {
    skein: (size) =>
      withServer(size, (server) => perSecond(server.rows, (time) => stored(size, server, time))),
    reference: (size) => withServer(size, parsedAlone),
  },
}

async function withServer(
  size: Size,
  work: (server: Server) => Promise<Measured>,
): Promise<Measured> {
  const { symbols, days } = SIZES[size]
  const file = join(import.meta.dirname, 'backfill-server.ts')
  const child: ChildProcess = fork(file, [`${symbols}`, `${days}`])
  try {
    const [server] = (await once(child, 'message')) as [Server]
    return await work(server)
  } finally {
    child.disconnect()
    await once(child, 'exit')
  }
}

async function stored(size: Size, { port }: Server, time: Time): Promise<string> {
  const { symbols, days } = SIZES[size]
  const { from, to } = spanOf(days)
  const folder = mkdtempSync(join(tmpdir(), 'skein-bench-'))
  const archive = await openArchive(join(folder, 'archive.db'))
  const io = systemIo()
  try {
    const { definitions } = plan(
      {
        symbols: madeSymbols(symbols),
        timeframes: ['15m'],
        from: ms(from),
        to: ms(to),
        provider: 'alpaca',
        adjustment: 'raw',
        batchVersion: 2,
        batchSymbols: 50,
        isDeriving: false,
        priority: 100,
      },
      [],
    )
    await archive.jobs.putDefinitions(definitions, io.now())
    const host = `http://127.0.0.1:${port}`
    const history = { symbols: 50, rows: 10_000, perMinute: 1_000_000 }
    const workers = ['one', 'two'].map(
      (name) =>
        new Backfill({
          store: archive.jobs,
          io,
          name,
          terms: {
            keys: { key: 'bench', secret: 'bench' },
            hosts: { trading: host, data: host, stream: host, orders: host },
            isLive: false,
            feed: 'iex',
            limits: { history },
          },
        }),
    )
    await time(() =>
      Promise.all(workers.map((worker) => worker.work({ untilDone: true, workers: 2 }))),
    )
    for (const worker of workers) worker.close()
    let rows = 0
    let sum = 0
    for (const { symbol, timeframe } of await archive.series()) {
      for await (const page of archive.bars({ symbol, timeframe })) {
        rows += page.length
        for (const close of page.close) sum += Math.round(close * 100)
      }
    }
    return `${rows} rows, cents ${sum}`
  } finally {
    await archive.close()
    await io.close()
    rmSync(folder, { recursive: true })
  }
}

async function parsedAlone({ port, pages, rows }: Server): Promise<Measured> {
  const bodies: Buffer[] = []
  for (let i = 0; i < pages; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}/?page_token=${i}`)
    bodies.push(Buffer.from(await answer.arrayBuffer()))
  }
  return perSecond(rows, async (time) => {
    let count = 0
    let sum = 0
    await time(() => {
      for (const body of bodies) {
        const page = JSON.parse(body.toString('utf8')) as { bars: Record<string, { c: number }[]> }
        for (const list of Object.values(page.bars)) {
          count += list.length
          for (const { c } of list) sum += Math.round(c * 100)
        }
      }
    })
    return `${count} rows, cents ${sum}`
  })
}
