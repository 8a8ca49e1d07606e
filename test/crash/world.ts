/*
 * World: a venue on real sockets that stays up, and beside it a run of `skein run` that lives, dies and is started
 * again on the same files. The venue's time goes faster than ours, and the run's clock with it.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ms } from '../../src/core/time.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import { DEMO_SYMBOLS, generateTape } from '../../src/simulators/market.ts'
import { type Mark, MARKS, markOf, ORDERS, type Orders } from './steps.ts'

/** So long is a day of a journal that is pruned, by the venue's clock: one and a half seconds. */
const DAY_MS = 60_000

/** So many that the few that wait for the venue's word after a crash leave enough to trade. */
export const SYMBOLS = DEMO_SYMBOLS.slice(0, 12)
const TRADES_PER_MINUTE = 12
/** Venue time per clock time: a bar of a minute every one and a half seconds. */
const SPEED = 40
/** 9:45 in New York: six hours of the session are nine minutes here. */
const START = Date.UTC(2026, 0, 7, 14, 45)
const SESSION = { close: '2026-01-07T21:00:00Z', nextOpen: '2026-01-08T14:30:00Z' }
const KEY = { key: 'local', secret: 'local' }
const BIN = join(import.meta.dirname, '../../bin/skein.js')
/** A life that takes longer hangs. */
const LIFE_MS_MAX = 300_000

interface WorldParts extends Pick<World, 'folder' | 'server' | 'isPruned'> {}

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
  /** True where the run drops all of its journal but its last day, which is a minute here. */
  readonly isPruned: boolean
  readonly #wallAt: number

  private constructor({ folder, server, isPruned }: WorldParts, wallAt: number) {
    this.folder = folder
    this.server = server
    this.isPruned = isPruned
    this.#wallAt = wallAt
  }

  static async open(
    seed: number,
    { isPruned = false }: { readonly isPruned?: boolean } = {},
  ): Promise<World> {
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
    const world = new World({ folder, server, isPruned }, wallAt)
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

  /** The folder of what was dropped from the journal. */
  get past(): string {
    return join(this.folder, 'past')
  }

  get archive(): string {
    return join(this.data, 'archive.db')
  }

  /** Starts the run, as a person would with the same command again. */
  live({ die, onMark, env = {} }: LifeOptions = {}): Life {
    const clock = { wallAt: this.#wallAt, venueAt: START, speed: SPEED, session: SESSION }
    const orders: Orders = {
      clock,
      ...(this.isPruned ? { dayMs: DAY_MS } : {}),
      ...(die === undefined ? {} : { die }),
    }
    const words = ['run', '--mode', 'paper', '--venue', 'alpaca', '--on-stop', 'cancel']
    const probe = pathToFileURL(join(import.meta.dirname, 'probe.ts')).href
    const child = spawn(
      process.execPath,
      ['--import', probe, BIN, ...words, '--config', 'alpaca.yaml'],
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

  /** Why the journal of a run that is over cannot be done again as it was; undefined where it can. */
  replay(): string | undefined {
    const words = [BIN, 'replay', this.journal]
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      cwd: this.folder,
      encoding: 'utf8',
      timeout: LIFE_MS_MAX,
    })
    return status === 0 ? undefined : `its replay ended with ${status}: ${stdout}${stderr}`
  }

  async close(): Promise<void> {
    await this.server.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #config(): string {
    const { port } = new URL(this.server.urls.rest)
    const kept = this.isPruned ? ', keepDays: 1, prunedTo: ./past' : ''
    return `
universe: [${SYMBOLS.join(', ')}]
strategies:
  - use: ${join(import.meta.dirname, 'churn.ts')}
risk: { tradingHours: always, maxTradesPerDay: off, maxDailyLoss: off, ordersPerMinute: 600, maxPositions: off }
restarts: { max: off }
store: { journal: ./data/journal.db, archive: ./data/archive.db, leases: ./data/leases.db, snapshotEvery: 60${kept} }
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
