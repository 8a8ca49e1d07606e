/*
 * World: a venue on real sockets that stays up, and beside it a run of `skein run` that lives, dies and is started
 * again on the same files. The venue's time goes faster than ours, and the run's clock with it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ms } from '../../src/core/time.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import { DEMO_SYMBOLS, generateTape } from '../../src/simulators/market.ts'
import { type Mark, MARKS, markOf, ORDERS, type Orders } from './steps.ts'

/** So many that the few that wait for the venue's word after a crash leave enough to trade. */
export const SYMBOLS = DEMO_SYMBOLS.slice(0, 12)
const TRADES_PER_MINUTE = 12
/** Venue time per clock time: a bar of a minute every one and a half seconds. */
const SPEED = 40
/** 9:45 in New York: six hours of the session are nine minutes here. */
const START = Date.UTC(2026, 0, 7, 14, 45)
const SESSION = { close: '2026-01-07T21:00:00Z', nextOpen: '2026-01-08T14:30:00Z' }
const KEY = { key: 'local', secret: 'local' }
const ROOT = join(import.meta.dirname, '../..')
/** A life that takes longer hangs. */
const LIFE_MS_MAX = 300_000

export interface LifeOptions {
  readonly die?: Orders['die']
  /** Called with each mark as it is read. */
  readonly onMark?: (mark: Mark) => void
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last mark of the main thread, and of the archive's. */
  readonly last: { readonly main: Mark; readonly archive: Mark }
  readonly text: string
  readonly livedMs: number
}

export class World {
  readonly folder: string
  readonly server: AlpacaServer
  readonly #wallAt: number

  private constructor(folder: string, server: AlpacaServer, wallAt: number) {
    this.folder = folder
    this.server = server
    this.#wallAt = wallAt
  }

  static async open(seed: number): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'skein-crash-'))
    const market = { seed, symbols: SYMBOLS, start: ms(Date.UTC(2026, 0, 6)), sessions: 3 }
    const wallAt = performance.timeOrigin + performance.now()
    const server = await AlpacaServer.start({
      port: 0,
      speed: SPEED,
      startAt: START,
      keys: [KEY],
      seed,
      tape: generateTape({ ...market, tradesPerMinute: TRADES_PER_MINUTE, kind: 'trades' }),
    })
    const world = new World(folder, server, wallAt)
    mkdirSync(world.data)
    writeFileSync(join(folder, 'alpaca.yaml'), world.#config())
    return world
  }

  /** The folder of the run's databases: all that a crash may harm. */
  get data(): string {
    return join(this.folder, 'data')
  }

  get journal(): string {
    return join(this.data, 'journal.db')
  }

  get archive(): string {
    return join(this.data, 'archive.db')
  }

  /** Starts the run, as a person would with the same command again. */
  live({ die, onMark, env = {} }: LifeOptions = {}): Life {
    const clock = { wallAt: this.#wallAt, venueAt: START, speed: SPEED, session: SESSION }
    const orders: Orders = { clock, ...(die === undefined ? {} : { die }) }
    const words = ['run', '--mode', 'paper', '--venue', 'alpaca', '--on-stop', 'cancel']
    const probe = pathToFileURL(join(import.meta.dirname, 'probe.ts')).href
    const bin = join(ROOT, 'bin/skein.js')
    const child = spawn(
      process.execPath,
      ['--import', probe, bin, ...words, '--config', 'alpaca.yaml'],
      {
        cwd: this.folder,
        stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
        env: {
          ...process.env,
          [ORDERS]: JSON.stringify(orders),
          NODE_COMPILE_CACHE: join(tmpdir(), 'skein-crash-compiled'),
          ...env,
        },
      },
    )
    return new Life(child, onMark)
  }

  async close(): Promise<void> {
    await this.server.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #config(): string {
    const { port } = new URL(this.server.urls.rest)
    return `
universe: [${SYMBOLS.join(', ')}]
strategies:
  - use: ${join(import.meta.dirname, 'churn.ts')}
risk: { tradingHours: always, maxTradesPerDay: off, maxDailyLoss: off, ordersPerMinute: 600, maxPositions: off }
restarts: { max: off }
store: { journal: ./data/journal.db, archive: ./data/archive.db, leases: ./data/leases.db, snapshotEvery: 60 }
venues:
  alpaca:
    local: { port: ${port}, speed: ${SPEED} }
    subscribe: { batch: 12, everyMs: 1 }
`
  }
}

/** One process, from its start to its end. */
export class Life {
  readonly ended: Promise<Ended>
  /** Resolves when it trades, or has ended before. */
  readonly trading: Promise<void>
  readonly #child: ChildProcess
  #main: Mark = 'nothing yet'
  #archive: Mark = 'nothing yet'
  #text = ''
  #isOver = false

  constructor(child: ChildProcess, onMark: (mark: Mark) => void = () => {}) {
    this.#child = child
    const began = performance.now()
    const trading = Promise.withResolvers<void>()
    this.trading = trading.promise
    child.on('close', () => {
      this.#isOver = true
      trading.resolve()
    })
    const pipe = child.stdio[MARKS]
    pipe?.on('data', (bytes: Uint8Array) => {
      for (const byte of bytes) {
        const mark = markOf(byte)
        if (mark.startsWith('archive: ') && !mark.includes('bars are')) this.#archive = mark
        else this.#main = mark
        if (mark === 'start: before the first slice') trading.resolve()
        onMark(mark)
      }
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.#text += text.toString()))
    }
    const limit = setTimeout(() => child.kill('SIGKILL'), LIFE_MS_MAX)
    this.ended = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        clearTimeout(limit)
        const last = { main: this.#main, archive: this.#archive }
        const livedMs = performance.now() - began
        resolve({ code, signal, last, text: this.#text, livedMs })
      })
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** As Ctrl-C does. */
  stop(): void {
    this.#child.kill('SIGTERM')
  }
}
