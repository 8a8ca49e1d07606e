// World: a local Alpaca with years of many symbols, workers as processes of their own, and a judge that shares nothing with them.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Random } from '../../src/core/random.ts'
import type { Timeframe } from '../../src/core/time.ts'
import type { FaultScript } from '../../src/simulators/fault-script.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import { Past, silentTape } from '../../src/simulators/past.ts'
import { openArchive } from '../../src/store/index.ts'
import { start } from '../cli/skein.ts'
import { barRequests, busiestMinute, repeats } from './requests.ts'

export const PER_MINUTE = 200
const WIRE: Readonly<Record<string, string>> = {
  '15m': '15Min',
  '1h': '1Hour',
  '4h': '4Hour',
  '1d': '1Day',
}
/** Accounts of the judge: its questions do not count against the workers' limit. */
const JUDGES = 16

export interface WorldOptions {
  readonly folder: string
  readonly symbols: readonly string[]
  readonly timeframes: readonly Timeframe[]
  readonly from: number
  readonly to: number
  readonly speed: number
  readonly seed: number
  readonly faults?: FaultScript
}

export class World {
  readonly server: AlpacaServer
  readonly options: WorldOptions

  static async open(options: WorldOptions): Promise<World> {
    const { folder, symbols, from, to, speed, seed, faults } = options
    const judges = Array.from({ length: JUDGES }, (_, i) => ({ key: `judge${i}`, secret: 'judge' }))
    const server = await AlpacaServer.start({
      port: 0,
      speed,
      startAt: to + 2 * 86_400_000,
      keys: [{ key: 'local', secret: 'local' }, ...judges],
      tape: silentTape(symbols),
      past: new Past({ seed, symbols, from, to }),
      limits: { dataPerMinute: PER_MINUTE },
      ...(faults === undefined ? {} : { faults }),
    })
    const { port } = new URL(server.urls.rest)
    writeFileSync(
      join(folder, 'skein.yaml'),
      `venues: { alpaca: { local: { port: ${port}, speed: ${speed} } } }\n`,
    )
    return new World(server, options)
  }

  private constructor(server: AlpacaServer, options: WorldOptions) {
    this.server = server
    this.options = options
  }

  close(): Promise<void> {
    return this.server.stop()
  }

  /** Writes the definitions; gives what they would cost. */
  async plan(archive: string): Promise<Record<string, number>> {
    const { folder, symbols, timeframes, from, to } = this.options
    const range = ['--from', dayOf(from), '--to', dayOf(to), '--timeframes', timeframes.join(',')]
    const words = ['backfill', 'plan', '--symbols', symbols.join(','), ...range, '--json']
    const ended = await start(folder, [...words, ...this.#common(archive)]).ended
    if (ended.code !== 0) throw new Error(ended.stderr)
    return JSON.parse(ended.stdout) as Record<string, number>
  }

  worker(archive: string, name: string, ...more: readonly string[]) {
    const words = ['jobs', 'work', '--until-done', '--worker', name, '--json', ...more]
    return start(this.options.folder, [...words, ...this.#common(archive)])
  }

  #common(archive: string): string[] {
    return ['--config', 'skein.yaml', '--archive', archive]
  }

  /** Requests for bars of the workers, in order. */
  get asked() {
    return barRequests(this.server.audit)
  }

  /** Kills a worker at a random moment in each of `kills` parts of so many requests, and lets the last one end. */
  async workAndKill(archive: string, kills: number, random: Random, part: number) {
    const lives: number[] = []
    for (let n = 0; n < kills; n++) {
      const before = this.asked.length
      const life = this.worker(archive, 'w')
      const wanted = Math.max(before + 1, Math.floor((n + random()) * part))
      await this.#until(() => this.asked.length >= wanted || life.child.exitCode !== null)
      await new Promise((resolve) => setTimeout(resolve, random() * 60))
      if (life.child.exitCode !== null) break
      life.child.kill('SIGKILL')
      await once(life.child, 'close')
      lives.push(this.asked.length - before)
    }
    const last = await this.worker(archive, 'w').ended
    return { last, lives }
  }

  async #until(isTrue: () => boolean): Promise<void> {
    const began = performance.now()
    while (!isTrue()) {
      if (performance.now() - began > 120_000) throw new Error('waited too long for requests')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** The most requests in any minute of the venue's clock. */
  get busiestMinute(): number {
    return busiestMinute(this.asked.map(({ clockAt }) => clockAt))
  }

  /** Requests that had been answered before. */
  get repeated(): number {
    return repeats(this.asked)
  }

  /** Every row of the venue, asked by plain requests, beside what an archive has: by series, and where they differ. */
  async compare(path: string) {
    const { symbols, timeframes } = this.options
    const archive = await openArchive(path)
    const problems: string[] = []
    const hash = createHash('sha256')
    let rows = 0
    let least = 0
    try {
      for (const timeframe of timeframes) {
        let ofTimeframe = 0
        for (let i = 0; i < symbols.length; i += 50) {
          const told = await this.#ask(symbols.slice(i, i + 50), timeframe)
          for (const symbol of symbols.slice(i, i + 50)) {
            const expected = told.get(symbol) ?? []
            const stored: string[] = []
            for await (const page of archive.bars({ symbol, timeframe })) {
              for (let k = 0; k < page.length; k++) {
                const { start, open, high, low, close, volume, trades } = page
                const columns = [start, open, high, low, close, volume, trades]
                stored.push(columns.map((column) => column[k]!).join())
              }
            }
            ofTimeframe += expected.length
            hash.update(`${symbol} ${timeframe}\n${stored.join('\n')}\n`)
            const differs = expected.findIndex((row, k) => row !== stored[k])
            if (differs >= 0 || stored.length !== expected.length) {
              problems.push(
                `${symbol} ${timeframe}: ${stored.length} rows of ${expected.length}, first difference at ${differs}`,
              )
            }
          }
        }
        rows += ofTimeframe
        least += Math.ceil(ofTimeframe / 10_000)
      }
    } finally {
      await archive.close()
    }
    return { problems, rows, least, hash: hash.digest('hex') }
  }

  #judge = 0

  async #ask(symbols: readonly string[], timeframe: Timeframe): Promise<Map<string, string[]>> {
    const rows = new Map<string, string[]>()
    const { from, to } = this.options
    let token: string | null = null
    do {
      const query = new URLSearchParams({
        symbols: symbols.join(','),
        timeframe: WIRE[timeframe]!,
        start: new Date(from).toISOString(),
        end: new Date(to - 1).toISOString(),
        limit: '10000',
        ...(token === null ? {} : { page_token: token }),
      })
      const key = `judge${this.#judge++ % JUDGES}`
      const headers = { 'APCA-API-KEY-ID': key, 'APCA-API-SECRET-KEY': 'judge' }
      const answer = await fetch(`${this.server.urls.rest}/v2/stocks/bars?${query.toString()}`, {
        headers,
      })
      if (answer.status !== 200) throw new Error(`the judge was answered ${answer.status}`)
      const page = (await answer.json()) as {
        readonly bars: Record<string, Record<'t' | 'o' | 'h' | 'l' | 'c' | 'v' | 'n', number>[]>
        readonly next_page_token: string | null
      }
      for (const [symbol, list] of Object.entries(page.bars)) {
        const texts = list.map(({ t, o, h, l, c, v, n }) =>
          [Date.parse(String(t)), o, h, l, c, v, n].join(),
        )
        rows.set(symbol, [...(rows.get(symbol) ?? []), ...texts])
      }
      token = page.next_page_token
    } while (token !== null)
    return rows
  }
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10)
