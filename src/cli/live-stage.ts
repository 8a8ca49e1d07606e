/*
 * Live stage: what is open while a run at a venue lasts (clock and network, the account's lease, the adapter, archive and
 * journal), opened in the order in which each needs the other, and closed in reverse.
 */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Venue } from '../core/venue.ts'
import type { InstrumentSpec } from '../core/instrument.ts'
import { type AccountLease, leaseOf } from '../runtime/live/account-lease.ts'
import { FormingBars } from '../runtime/live/forming-bars.ts'
import type { Live } from '../runtime/live/live.ts'
import { LiveMetrics } from '../runtime/live/metrics.ts'
import { RunFile } from '../runtime/replay/run-file.ts'
import { instrumentsAt, type VenueIo, venueIo, venueOf } from '../runtime/venues/venues.ts'
import { SharedBars } from '../runtime/live/shared-bars.ts'
import { openPostgresJobs, type SqliteArchive } from '../store/index.ts'
import { openForWriting } from './archive-place.ts'
import type { LivePlan } from './live-plan.ts'
import { RunFailed } from './output.ts'

/** A database that is away is told after so long, and tried again. */
const DATABASE_PATIENCE_MS = 5_000
/** A run ends within this though the database is gone and has not said so. */
const DATABASE_STATEMENT_MS = 10_000

/** Under this name the journal keeps the books of simulated fills. */
const BOOKS = 'books'

export class LiveStage {
  readonly reached: VenueIo
  readonly lease: AccountLease
  /** Kept only where somebody may ask for them. */
  readonly metrics: LiveMetrics | undefined
  readonly shared: SharedBars | undefined
  readonly forming: FormingBars | undefined
  readonly plan: LivePlan
  readonly #say: (text: string) => void
  /** What its venue said of the instruments of a new run. */
  readonly #told: readonly InstrumentSpec[] | undefined
  #venue: Venue | undefined
  #live: Live | undefined
  /** Why the account was lost. */
  #lost: string | undefined
  #isClosing = false
  #archive: SqliteArchive | undefined
  #file: RunFile | undefined

  private constructor(
    plan: LivePlan,
    reached: VenueIo,
    say: (text: string) => void,
    told: readonly InstrumentSpec[] | undefined,
  ) {
    this.plan = plan
    this.#say = say
    this.#told = told
    this.reached = reached
    const { setup, consent, metricsPort } = plan
    this.metrics =
      metricsPort === undefined
        ? undefined
        : new LiveMetrics(setup.universe, consent.mode === 'live')
    this.shared = this.#sharedBy(plan, reached)
    this.forming = this.#formingTo(plan, reached)
    this.lease = leaseOf(plan.config, {
      io: this.metrics?.timed(reached.io) ?? reached.io,
      run: setup.run,
      onLost: (why) => {
        this.#lost = why
        this.#live?.pump.fail(new Error(why))
      },
      onWait: say,
    })
  }

  /**
   * Throws RunFailed where the venue's clock or its instruments cannot be read, BadInput for what is wrong.
   *
   * @param planWith The plan of a new run with what its venue says of its instruments.
   */
  static async open(
    draft: LivePlan,
    say: (text: string) => void,
    planWith: (told: readonly InstrumentSpec[]) => Promise<LivePlan>,
  ): Promise<LiveStage> {
    const { name, config, isNew } = draft
    const reached = await venueIo(name, config)
    if (!reached.ok) throw new RunFailed(`${name} cannot be used: ${reached.fault.message}`)
    let stage: LiveStage
    try {
      const told = isNew ? await toldOf(draft, reached.value) : undefined
      const plan = told === undefined ? draft : await planWith(told)
      stage = new LiveStage(plan, reached.value, say, told)
    } catch (error) {
      await reached.value.close()
      throw error
    }
    const { plan } = stage
    try {
      await stage.#serve()
      stage.#venue = await stage.#adapter()
      mkdirSync(dirname(plan.path), { recursive: true })
      stage.#archive = await openForWriting(plan.archivePath)
      stage.#file = RunFile.begin(plan.path, plan.config, plan.setup, plan.source)
      stage.shared?.connect()
      return stage
    } catch (error) {
      await stage.close()
      throw error
    }
  }

  /** Set when it trades: what the venue and the lease say goes there, also what was said while it started. */
  set live(live: Live) {
    this.#live = live
    if (this.#lost !== undefined) live.pump.fail(new Error(this.#lost))
  }

  get live(): Live | undefined {
    return this.#live
  }

  get venue(): Venue {
    return this.#venue!
  }

  get archive(): SqliteArchive {
    return this.#archive!
  }

  get file(): RunFile {
    return this.#file!
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await closeAll(
      {
        lease: () => this.lease.release(),
        metrics: () => this.metrics?.close(),
        'forming bars': () => this.forming?.close(),
        database: () => this.shared?.close(),
        archive: () => this.#archive?.close(),
        journal: () => this.#file?.close(),
        venue: () => this.reached.close(),
      },
      this.#say,
    )
  }

  #sharedBy({ database }: LivePlan, { io }: VenueIo): SharedBars | undefined {
    if (database === undefined) return undefined
    const waits = { patienceMs: DATABASE_PATIENCE_MS, statementMs: DATABASE_STATEMENT_MS }
    return new SharedBars({
      io,
      open: () => openPostgresJobs({ url: database, ...waits }),
      past: (query) => this.archive.bars(query),
      tell: (text) => this.#say(`warn: ${text}`),
    })
  }

  /** Into the database that others read, or else into the archive. */
  #formingTo(plan: LivePlan, { io }: VenueIo): FormingBars | undefined {
    const { formingMs, database, setup } = plan
    if (formingMs === undefined) return undefined
    return new FormingBars({
      io,
      universe: setup.universe,
      everyMs: formingMs,
      store: () => (database === undefined ? this.#archive?.jobs : this.shared?.store),
      tell: (text) => this.#say(`warn: ${text}`),
    })
  }

  async #serve(): Promise<void> {
    const { metricsPort } = this.plan
    if (this.metrics === undefined || metricsPort === undefined) return
    const served = await this.metrics.serve(metricsPort)
    if (!served.ok) throw new RunFailed(served.fault.message)
    this.#say(`its numbers are at ${served.value}`)
  }

  #adapter(): Promise<Venue> {
    const { name, config, setup, consent } = this.plan
    return venueOf(name, {
      config,
      io: this.lease.io,
      universe: setup.universe,
      consent,
      told: this.#told,
      forming: this.forming,
      onTimed: (request) => this.metrics?.onTimed(request),
      onTrouble: (why) => {
        this.#say(`warn: ${why}`)
        void this.#live?.reconcile()
      },
      onRevision: (revision) => {
        this.archive.putRevision(revision).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error)
          this.#say(`warn: a revised bar of ${revision.symbol} was not kept: ${why}`)
        })
      },
      ledger: () => (this.#isClosing ? undefined : this.#archive?.jobs),
      tell: (text) => this.#say(`warn: ${text}`),
      books: {
        load: () => this.#file?.journal.meta(BOOKS),
        save: (state) => this.#file?.journal.setMeta(BOOKS, state),
      },
    })
  }
}

async function toldOf(
  { name, config, setup, consent }: LivePlan,
  { io }: VenueIo,
): Promise<readonly InstrumentSpec[]> {
  const { universe } = setup
  const told = await instrumentsAt(name, { config, io, universe, consent, onTrouble: () => {} })
  if (told.ok) return told.value
  throw new RunFailed(`${name} cannot be used: ${told.fault.message}`)
}

/** In this order, whatever becomes of those before: why one was not closed is told, and what ended the run is the error. */
export async function closeAll(
  closes: Readonly<Record<string, () => unknown>>,
  say: (text: string) => void,
): Promise<void> {
  for (const [name, close] of Object.entries(closes)) {
    try {
      await close()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      say(`warn: not closed in order: ${name}: ${why}`)
    }
  }
}
