/*
 * Run file: the journal of one run, and what it needs to be done again: the configuration, the instruments and
 * the name of the run. A run that was killed goes on in its own file; a run that is over is moved aside when the
 * next one starts. A run at a venue is never over, because what it holds there is known from its journal alone.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { BadInput } from '../../core/bad-input.ts'
import type { VenueId } from '../../core/brand.ts'
import { hashOf } from '../../core/hash.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import { TIMEFRAMES } from '../../core/time.ts'
import { Universe } from '../../core/universe.ts'
import type { Batching } from '../../core/batching.ts'
import type { RiskLimits } from '../../engine/risk-limits.ts'
import { type FileLock, openJournal, type SqliteJournal, StoreError } from '../../store/index.ts'
import type { Setup } from '../session/build.ts'
import { type Config, configHash, fixedHash, restoreConfig } from '../config/config.ts'
import { toBatching, toRiskLimits, toSimOptions } from '../config/config.ts'
import { isPath } from '../config/conflicts.ts'
import { SIM } from '../tape/prepare.ts'
import { lockRun } from '../session/run-lock.ts'
import { loadUses } from '../config/uses.ts'

const header = z.object({
  run: z.string(),
  config: z.unknown(),
  folder: z.string(),
  configHash: z.string(),
  /** Of what may not change while it runs at a venue: the rest is in the journal. */
  fixedHash: z.string().default(''),
  tape: z.string(),
  /** Which part of the tape, and how it was read. */
  part: z.string().default(''),
  /** The range that was asked for. */
  from: z.number().exactOptional(),
  to: z.number().exactOptional(),
  /** Hash of the strategy files. */
  code: z.string().default(''),
  kinds: z.array(z.enum(['bars', 'trades', 'quotes'])),
  instruments: z.array(z.unknown()),
  base: z.enum(TIMEFRAMES),
  startedAt: z.number(),
})
type Header = z.output<typeof header>

const ending = z.object({
  hash: z.string(),
  intents: z.string(),
  turns: z.number(),
  /** False where the run was stopped, and goes on with the same command. */
  isOver: z.boolean().default(true),
})
export type Ending = z.output<typeof ending>

export class RunFile {
  readonly path: string
  readonly journal: SqliteJournal

  /** Held while the run is written; reading needs none. */
  readonly #lock: FileLock | undefined

  private constructor(path: string, journal: SqliteJournal, lock?: FileLock) {
    this.path = path
    this.journal = journal
    this.#lock = lock
  }

  /** Opens a journal that exists. Throws BadInput where it is missing or holds no run. */
  static open(path: string): RunFile {
    const found = statSync(path, { throwIfNoEntry: false })
    // SQLite would make a database of a file that is empty.
    if (found === undefined || found.isDirectory() || found.size === 0) {
      const what =
        found === undefined ? 'is missing' : found.isDirectory() ? 'is a folder' : 'is empty'
      throw new BadInput({ file: path }, what, undefined, 'the journal of a run')
    }
    const file = new RunFile(path, openJournal(path))
    if (file.header !== undefined) return file
    file.close()
    throw new BadInput({ file: path }, 'holds no run', undefined, 'the journal of a run')
  }

  /** What an unfinished run in the journal is; undefined where a new run would begin. Makes no file. */
  static unfinishedIn(path: string): Unfinished | undefined {
    if (!existsSync(path)) return undefined
    const file = new RunFile(path, openJournal(path))
    try {
      const { header: found, ending: over } = file
      return found === undefined || over?.isOver === true ? undefined : new Unfinished(path, found)
    } finally {
      file.close()
    }
  }

  /**
   * Opens the journal for a new run, or to go on with the one that is in it and not over. A run that is over is
   * moved aside. Throws BadInput where the file holds another run that is not over, StoreError where another process writes it.
   */
  static begin(path: string, config: Config, setup: Setup, tape: NamedTape): RunFile {
    mkdirSync(dirname(path), { recursive: true })
    const lock = lockRun(path)
    let file: RunFile | undefined
    try {
      file = new RunFile(path, openJournal(path), lock)
      file.#verify()
      const found = file.header
      if (found !== undefined && file.ending?.isOver !== true) {
        new Unfinished(path, found).mustBe(config, setup, tape)
        return file
      }
      if (found !== undefined) {
        file.journal.close()
        moveAside(path, asideOf(path, found.run))
        file = new RunFile(path, openJournal(path), lock)
      }
      file.journal.setMeta('run', JSON.stringify(headerOf(config, setup, tape)))
      return file
    } catch (error) {
      file?.close()
      lock.release()
      throw error
    }
  }

  /** Takes a run away, for whoever begins anew each time. Throws StoreError where another process writes it. */
  static discard(path: string): void {
    mkdirSync(dirname(path), { recursive: true })
    const lock = lockRun(path)
    try {
      for (const tail of ['', '-wal', '-shm']) rmSync(path + tail, { force: true })
    } finally {
      lock.release()
    }
  }

  get header(): Header | undefined {
    const text = this.journal.meta('run')
    return text === undefined ? undefined : header.parse(JSON.parse(text))
  }

  /** Throws StoreError where the journal is damaged: what is not certain is not gone on with. */
  #verify(): void {
    this.journal.verify()
    if (this.header !== undefined || this.journal.lastTurn() === undefined) return
    const what = `${this.path} is damaged: it holds turns, and not of which run`
    throw new StoreError('corrupt', `${what}; restore a backup, or name another journal`)
  }

  /** How the run was last ended; undefined where it never was. */
  get ending(): Ending | undefined {
    const text = this.journal.meta('ending')
    return text === undefined ? undefined : ending.parse(JSON.parse(text))
  }

  /** The account's equity as its venue first told it; 0 where it never did. */
  equityAtStart(): number {
    for (const { inputs } of this.journal.since(0)) {
      for (const input of inputs) if (input.type === 'account') return input.equity
    }
    return 0
  }

  end(ended: Ending): void {
    this.journal.setMeta('ending', JSON.stringify(ended))
  }

  /** The setup and the configuration of the run in the file. */
  async setup(): Promise<{
    readonly setup: Setup
    readonly config: Config
    readonly header: Header
    /** Where its orders went; undefined where they were simulated. */
    readonly venue: VenueId | undefined
    /** False where a strategy file is not what it was when the run began. */
    readonly hasItsCode: boolean
  }> {
    const found = this.header!
    const config = restoreConfig(found.config, this.path, found.folder)
    const universe = new Universe(found.instruments as InstrumentSpec[])
    const venue = universe.all.find((one) => one.venue !== SIM)?.venue
    const uses = await loadUses(config, universe)
    const { latenessMs, maxFill } = config.bars
    const setup = {
      universe,
      uses,
      risk: toRiskLimits(config),
      batching: toBatching(config),
      sim: toSimOptions(config),
      run: found.run,
      currency: config.account.currency,
      base: found.base,
      bars: { latenessMs, maxFill },
    }
    const hasItsCode = found.code === '' || found.code === codeOf(config)
    return { setup, config, header: found, venue, hasItsCode }
  }

  close(): void {
    try {
      this.journal.close()
    } finally {
      this.#lock?.release()
    }
  }
}

/** A run that goes on only as it began. */
export class Unfinished {
  readonly run: string
  /** In the order of their ids. */
  readonly instruments: readonly InstrumentSpec[]
  readonly #path: string
  readonly #header: Header

  constructor(path: string, found: Header) {
    this.run = found.run
    this.instruments = found.instruments as InstrumentSpec[]
    this.#path = path
    this.#header = found
  }

  /** Limits of risk as the run began; what changed them since is in its journal. */
  get risk(): RiskLimits {
    const { config, folder } = this.#header
    return toRiskLimits(restoreConfig(config, this.#path, folder))
  }

  /** As the run began, likewise. */
  get batching(): Batching {
    const { config, folder } = this.#header
    return toBatching(restoreConfig(config, this.#path, folder))
  }

  get #isAtVenue(): boolean {
    return this.instruments.some(({ venue }) => venue !== SIM)
  }

  /** Throws BadInput where these would be another run. */
  mustBe(config: Config, setup: Setup, tape: NamedTape): void {
    const found = this.#header
    const mine = headerOf(config, setup, tape)
    const differs = [
      found.run === mine.run ? '' : 'name',
      this.#isAlike(mine) ? '' : 'configuration',
      found.tape === mine.tape ? '' : 'tape',
      hashOf(found.instruments) === hashOf(mine.instruments) ? '' : 'universe',
      found.base === mine.base ? '' : 'timeframe',
      found.part === mine.part ? '' : 'part of the tape',
      found.code === mine.code ? '' : 'version of its strategy file',
    ].find((what) => what !== '')
    if (differs !== undefined) throw this.#isOther(differs)
  }

  /** A setting that is newer than the run was its default then, so both are looked at as they are read now. */
  #isAlike(mine: ReturnType<typeof headerOf>): boolean {
    const name = this.#isAtVenue ? 'fixedHash' : 'configHash'
    if (this.#header[name] === mine[name]) return true
    const { folder } = this.#header
    const [then, now] = [this.#header.config, JSON.parse(JSON.stringify(mine.config))].map(
      (kept) => {
        const config = restoreConfig(kept, this.#path, folder)
        return this.#isAtVenue ? fixedHash(config) : configHash(config)
      },
    )
    return then === now
  }

  /** Throws BadInput where it trades other symbols than these: its universe is that of its journal. */
  mustTrade(symbols: readonly string[]): void {
    const traded = new Set(this.instruments.map(({ symbol }) => symbol))
    const isSame = symbols.length === traded.size && symbols.every((symbol) => traded.has(symbol))
    if (!isSame) throw this.#isOther('universe', symbols.join(','))
  }

  #isOther(differs: string, value?: string): BadInput {
    const what = `holds the unfinished run ${this.run} of another ${differs}`
    const allowed = 'the same command again to go on with it, or another journal (--journal)'
    return new BadInput({ file: this.#path }, what, value, allowed)
  }
}

/** What of a tape is read. */
export interface TapePart {
  /** In words, with how it is read: two runs with equal words read the same. */
  readonly part?: string
  /** The range that was asked for. */
  readonly from?: number
  readonly to?: number
}

/** What is kept of a tape. */
interface NamedTape extends TapePart {
  readonly name: string
  readonly series: readonly { readonly kind: string }[]
}

function headerOf(config: Config, setup: Setup, tape: NamedTape) {
  const { source, ...settings } = config
  return {
    run: setup.run,
    config: settings,
    folder: source.folder,
    configHash: configHash(config),
    fixedHash: fixedHash(config),
    tape: tape.name,
    part: tape.part ?? '',
    ...(tape.from === undefined ? {} : { from: tape.from }),
    ...(tape.to === undefined ? {} : { to: tape.to }),
    code: codeOf(config),
    kinds: [...new Set(tape.series.map(({ kind }) => kind))],
    instruments: setup.universe.all.map(({ spec }) => spec),
    base: setup.base,
    startedAt: Date.now(),
  }
}

/** Hash of the strategy files themselves; what they import is not looked at. */
const codeOf = ({ strategies, source }: Config): string =>
  hashOf(
    strategies.flatMap(({ use }) =>
      isPath(use) ? [readFileSync(resolve(source.folder, use), 'utf8')] : [],
    ),
  )

/** With its log, which is there where somebody still reads the file: the end of the run may be in it alone. */
function moveAside(path: string, aside: string): void {
  for (const tail of ['-wal', '-shm', ''])
    if (existsSync(path + tail)) renameSync(path + tail, aside + tail)
}

/** `journal.db` of run `k3x` → `journal-k3x.db`, or `journal-k3x-2.db` where that is there. */
function asideOf(path: string, run: string): string {
  for (let n = 1; ; n++) {
    const aside = path.replace(/(\.[^./]*)?$/, `-${run}${n === 1 ? '' : `-${n}`}$1`)
    if (!existsSync(aside)) return aside
  }
}
