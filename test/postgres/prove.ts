/*
 * Prove: workers on one Postgres: `node test/postgres/prove.ts [events] [workers] [speed]`; 20 events, 4 workers and speed 6
 * where not told. At a lower speed the venue's minute is longer, and its limit is what they wait for.
 *
 * While they work, something happens at random moments: a worker is killed, or stopped past its lease and resumed, the
 * connections of all are ended by the server, or the server crashes and comes back. Exit code 1 where a row is missing,
 * doubled or wrong, a run is not done, a minute has more requests than the venue allows, or more was read again than the
 * events explain. The seed comes from SKEIN_SEED, or from the clock, and is printed.
 */
import { type Random, seeded } from '../../src/core/random.ts'
import type { Running } from '../cli/skein.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { type Owner, PER_MINUTE, until, Workers } from './workers.ts'

const PAGE_ROWS = 60
/** Sessions of one minute bars of so many symbols, two of them in a definition. */
const SYMBOLS = Array.from({ length: 12 }, (_, i) => `S${String.fromCharCode(65 + i)}`)
const ROWS_PER_SESSION = SYMBOLS.length * 390

const EVENTS = ['kill', 'stop', 'cut', 'restart'] as const
type Event = (typeof EVENTS)[number]

/** What each connection is doing, and for how long. */
const SESSIONS = `select pid, state, coalesce(wait_event, 'works'), (clock_timestamp() - query_start)::text, left(query, 60)
  from pg_stat_activity where application_name = 'skein'`

export interface Terms {
  readonly workers: number
  readonly events: number
  /** Time of the venue per time of the machine. */
  readonly speed: number
  readonly seed: number
}

export interface Proof {
  readonly problems: readonly string[]
  /** In words: what was done, and what was counted. */
  readonly text: string
}

export async function proveWorkers(t: Owner, cluster: Cluster, terms: Terms): Promise<Proof> {
  const { workers: count, events, speed, seed } = terms
  const random = seeded(seed)
  // Enough for an event every 60 requests.
  const sessions = Math.max(4, Math.ceil(((events + 1) * 60 * PAGE_ROWS) / ROWS_PER_SESSION))
  const workers = await Workers.open(t, cluster, {
    symbols: SYMBOLS,
    timeframes: ['1m', '1h'],
    sessions,
    speed,
    pageRows: PAGE_ROWS,
    batch: 2,
  })
  const began = performance.now()
  const crew = new Crew(workers, cluster, random)
  for (let i = 0; i < count; i++) crew.join()
  const planned = EVENTS.slice(0, events)
  while (planned.length < events) planned.push(EVENTS[Math.floor(random() * EVENTS.length)]!)
  for (const event of planned) {
    const wanted = workers.asked.length + 20 + Math.floor(random() * 40)
    await until(() => workers.asked.length >= wanted || crew.isIdle, 'more is asked')
    await crew.happen(event)
  }
  const ended = await crew.end()
  const seconds = (performance.now() - began) / 1_000
  const { problems, rows } = await workers.compare()
  const runs = await workers.ask(
    'select status, count(*)::integer as n from job_runs group by status',
  )
  const { asked, busiestMinute, repeated } = workers
  const refused = asked.filter(({ status }) => status === 429).length
  const open = runs.filter(({ status }) => status !== 'success')
  const least = Math.ceil(rows / PAGE_ROWS)
  return {
    problems: [
      ...problems,
      ...ended,
      ...open.map(({ status, n }) => `${String(n)} runs are ${String(status)}`),
      ...(busiestMinute <= PER_MINUTE ? [] : [`${busiestMinute} requests in a minute`]),
      ...(refused === 0 ? [] : [`${refused} requests were refused`]),
      // Each worker has one page under way.
      ...(repeated <= planned.length * count ? [] : [`${repeated} pages were read again`]),
    ],
    text:
      `seed ${seed}: ${count} workers, ${rows} rows by ${asked.length} requests, ${least} at least; ` +
      `at most ${busiestMinute} in a minute, ${refused} refused; ${planned.join(', ')}; ` +
      `${repeated} pages read again; ${seconds.toFixed(0)} s`,
  }
}

class Crew {
  readonly #workers: Workers
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #living = new Map<string, Running>()
  readonly #wrong: string[] = []
  readonly #resumed: Promise<void>[] = []
  #joined = 0

  constructor(workers: Workers, cluster: Cluster, random: Random) {
    this.#workers = workers
    this.#cluster = cluster
    this.#random = random
  }

  /** All have ended: there is nothing left to do. */
  get isIdle(): boolean {
    return this.#living.size === 0
  }

  join(): void {
    const name = `worker-${++this.#joined}`
    const running = this.#workers.start(name)
    this.#living.set(name, running)
    void this.#watch(name, running)
  }

  async #watch(name: string, running: Running): Promise<void> {
    const { code, signal, stderr } = await running.ended
    this.#living.delete(name)
    if (code !== 0 && signal === null) this.#wrong.push(`${name} ended with ${code}: ${stderr}`)
  }

  async happen(event: Event): Promise<void> {
    const names = [...this.#living.keys()]
    const name = names[Math.floor(this.#random() * names.length)]
    const child = name === undefined ? undefined : this.#living.get(name)?.child
    switch (event) {
      case 'kill':
        child?.kill('SIGKILL')
        this.join()
        return
      case 'stop':
        if (child === undefined || name === undefined) return
        child.kill('SIGSTOP')
        this.join()
        // Others go on meanwhile; what it held is queued again by one of them.
        this.#resumed.push(this.#resume(name, () => child.kill('SIGCONT')))
        return
      case 'cut':
        await this.#cluster.run(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'skein'`,
        )
        return
      case 'restart':
        await this.#cluster.restart()
    }
  }

  async #resume(name: string, wake: () => void): Promise<void> {
    const sql = `select id from job_runs where status = 'running' and worker = '${name}' limit 1`
    await this.#until(async () => {
      // The server may be on its way back.
      const held = await this.#workers.ask(sql).catch(() => [{}])
      return held.length === 0
    }, `${name} has lost its runs`)
    wake()
  }

  /** What did not come is told with all else that went wrong, which may be why. */
  async #until(isTrue: Parameters<typeof until>[0], what: string): Promise<void> {
    try {
      await until(isTrue, what)
    } catch (error) {
      const sessions = await this.#cluster.run(SESSIONS)
      const list = sessions.map((row) => Object.values(row).join(' ')).join('; ')
      const living = [...this.#living.keys()].join(', ')
      this.#wrong.push(`${String(error)}; there are ${living}; sessions: ${list}`)
    }
  }

  /** Waits for all; gives what went wrong with them. */
  async end(): Promise<readonly string[]> {
    await Promise.all(this.#resumed)
    // Whoever is still here, and whoever comes when the last ones were killed.
    if (this.isIdle) this.join()
    await this.#until(() => this.isIdle, 'all workers have ended')
    return this.#wrong
  }
}

async function main([events = '20', workers = '4', speed = '6']: readonly string[]): Promise<void> {
  const seed = Number(process.env['SKEIN_SEED'] ?? Math.floor(Date.now() / 1_000) % 1_000_000)
  const ends: (() => unknown)[] = []
  const cluster = await startCluster()
  try {
    const owner = { after: (end: () => unknown) => void ends.push(end) }
    const terms = { workers: Number(workers), events: Number(events), speed: Number(speed), seed }
    const { problems, text } = await proveWorkers(owner, cluster, terms)
    console.log(text)
    for (const problem of problems) console.log(`  ${problem}`)
    if (problems.length > 0) process.exitCode = 1
  } finally {
    for (const end of ends.toReversed()) await end()
    await cluster.stop()
  }
}

if (import.meta.main) await main(process.argv.slice(2))
