// Workers: a local Alpaca, a database, workers as processes of their own, and a judge that shares nothing with them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DAY, iso, ms } from '../../src/core/time.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import type { FaultScript } from '../../src/simulators/fault-script.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { barRequests, busiestMinute, repeats } from '../backfill/requests.ts'
import { put, type Running, start } from '../cli/skein.ts'
import { type Cluster, query } from './cluster.ts'

const FIRST = Date.UTC(2025, 11, 1)
const WIRE = { '1m': '1Min', '15m': '15Min', '1h': '1Hour', '1d': '1Day' } as const
export type Wire = keyof typeof WIRE
/** What the venue allows, in any minute. */
export const PER_MINUTE = 200
/** Longest wait for a condition. */
const WAIT_MS = 240_000

/** Ends in reverse what was begun: a test, or a proof by hand. */
export interface Owner {
  after(end: () => unknown): void
}

export interface WorkersOptions {
  readonly symbols: readonly string[]
  readonly timeframes: readonly Wire[]
  readonly sessions: number
  /** Time of the venue per time of the machine. */
  readonly speed: number
  readonly pageRows: number
  /** Symbols of a definition. */
  readonly batch: number
  readonly faults?: FaultScript
}

export class Workers {
  readonly server: AlpacaServer
  readonly url: string
  readonly #options: WorkersOptions
  readonly #folder: string
  readonly #living = new Set<Running>()

  /** A venue, an empty database, and the definitions in it. */
  static async open(t: Owner, cluster: Cluster, options: WorkersOptions): Promise<Workers> {
    const { symbols, timeframes, sessions, speed, batch, faults } = options
    const to = FIRST + 2 * sessions * DAY
    const server = await AlpacaServer.start({
      port: 0,
      speed,
      startAt: to + 2 * DAY,
      keys: ['local', 'judge'].map((key) => ({ key, secret: key })),
      tape: generateTape({ seed: 5, symbols, start: ms(FIRST), sessions, kind: 'bars' }),
      limits: { dataPerMinute: PER_MINUTE },
      ...(faults === undefined ? {} : { faults }),
    })
    t.after(() => server.stop())
    const workers = new Workers(server, await cluster.database(), options, folderFor(t))
    t.after(() => {
      for (const { child } of workers.#living) child.kill('SIGKILL')
    })
    const names = ['--symbols', symbols.join(','), '--timeframes', timeframes.join(',')]
    const wish = [...names, '--batch', `${batch}`]
    const range = ['--from', iso(FIRST).slice(0, 10), '--to', iso(to).slice(0, 10)]
    const planned = await workers.#skein('backfill', 'plan', ...wish, ...range).ended
    assert.equal(planned.code, 0, planned.stderr)
    return workers
  }

  private constructor(server: AlpacaServer, url: string, options: WorkersOptions, folder: string) {
    this.server = server
    this.url = url
    this.#options = options
    this.#folder = folder
    const { port } = new URL(server.urls.rest)
    const local = `{ port: ${port}, speed: ${options.speed} }`
    put(folder, 'skein.yaml', `venues: { alpaca: { local: ${local} } }\n`)
  }

  /** A worker that ends when nothing is left to do. */
  start(name: string): Running {
    const rows = ['--page-rows', `${this.#options.pageRows}`]
    return this.#skein('jobs', 'work', '--until-done', '--json', '--worker', name, ...rows)
  }

  #skein(...words: readonly string[]): Running {
    const where = ['--config', 'skein.yaml', '--database', this.url]
    const running = start(this.#folder, [...words, ...where])
    this.#living.add(running)
    void running.ended.then(() => this.#living.delete(running))
    return running
  }

  ask(sql: string): Promise<readonly Record<string, unknown>[]> {
    return query(this.url, sql)
  }

  /** Requests for bars that workers sent, in order. */
  get asked() {
    return barRequests(this.server.audit)
  }

  /** The most requests in any minute of the venue's clock. */
  get busiestMinute(): number {
    return busiestMinute(this.asked.map(({ clockAt }) => clockAt))
  }

  /** Pages that were asked for again. */
  get repeated(): number {
    return repeats(this.asked)
  }

  /** Series whose rows in the database are not those of the venue, field by field, and how many rows there are. */
  async compare(): Promise<{ readonly problems: readonly string[]; readonly rows: number }> {
    const problems: string[] = []
    let rows = 0
    for (const timeframe of this.#options.timeframes) {
      for (const symbol of this.#options.symbols) {
        const told = await this.#told(symbol, timeframe)
        const stored = await this.ask(
          `select ts, open, high, low, close, volume, trades from intraday_bars
           where symbol = '${symbol}' and timeframe = '${timeframe}' and adjustment = 'raw'
           order by ts`,
        )
        const found = stored.map((row) => Object.values(row).map(Number).join())
        rows += told.length
        const differs = told.findIndex((row, i) => row !== found[i])
        if (differs >= 0 || told.length !== found.length) {
          const where = differs < 0 ? '' : `, first difference at ${differs}`
          problems.push(`${symbol} ${timeframe}: ${found.length} rows of ${told.length}${where}`)
        }
      }
    }
    return { problems, rows }
  }

  async #told(symbol: string, timeframe: Wire): Promise<string[]> {
    const rows: string[] = []
    let token: string | null = null
    do {
      const asked = new URLSearchParams({
        symbols: symbol,
        timeframe: WIRE[timeframe],
        start: iso(FIRST),
        limit: '10000',
        ...(token === null ? {} : { page_token: token }),
      })
      const answer = await fetch(`${this.server.urls.rest}/v2/stocks/bars?${asked.toString()}`, {
        headers: { 'APCA-API-KEY-ID': 'judge', 'APCA-API-SECRET-KEY': 'judge' },
      })
      assert.equal(answer.status, 200)
      const page = (await answer.json()) as {
        readonly bars: Record<string, Record<'t' | 'o' | 'h' | 'l' | 'c' | 'v' | 'n', number>[]>
        readonly next_page_token: string | null
      }
      for (const { t, o, h, l, c, v, n } of page.bars[symbol] ?? []) {
        rows.push([Date.parse(String(t)), o, h, l, c, v, n].join())
      }
      token = page.next_page_token
    } while (token !== null)
    return rows
  }
}

function folderFor(t: Owner): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-workers-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Looks until a condition holds. */
export async function until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const began = performance.now()
  while (!(await isTrue())) {
    assert.ok(performance.now() - began < WAIT_MS, `waited too long until ${what}`)
    await setTimeout(10)
  }
}
