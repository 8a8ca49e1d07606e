/*
 * Demo at a venue: a local Alpaca in this process, and the real adapter against it on loopback.
 *
 *   start      the venue; its clock runs at 30, so a bar closes every two seconds
 *   backfill   the warm-up of 31 symbols; then they are subscribed 10, 10, 10, 1
 *   trade      sma-cross with brackets
 *   outage     both streams are cut and refused for three minutes of the market: six seconds
 *   heal       the adapter comes back by itself, fetches the missed bars, and reconciles with the venue's report
 *   end        flat, the report, and the proof (demo-proof.ts)
 */
import { rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { MINUTE, ms } from '../core/time.ts'
import { RunFile } from '../runtime/replay/run-file.ts'
import { duration } from '../report/format.ts'
import type { Config, ConfigInput } from '../runtime/config/config.ts'
import { AlpacaServer, generatedMarket } from '../simulators/alpaca/index.ts'
import type { RuleText } from '../simulators/fault-script.ts'
import { DEMO_SYMBOLS } from '../simulators/market.ts'
import { prove } from './demo-proof.ts'
import { liveRun, type Trading } from './live-run.ts'
import { type OutputOptions, outputsOf } from './output.ts'
import { type ConfigOptions, configOf } from './settings.ts'

export interface DemoOptions extends ConfigOptions {
  readonly seed: number
  readonly isForever: boolean
}

/** A Wednesday, 10:00 in New York. The market is open around the clock, as it may be started at any hour. */
const START = ms(Date.UTC(2026, 0, 7, 15))
const SPEED = 30
/** Of the machine: 25 minutes of the market. */
const TRADING_MS = 50_000
/** Of the market, since trading began. */
const OUTAGE_AT = 6 * MINUTE
const OUTAGE_MS = 3 * MINUTE
const KEY = { key: 'local', secret: 'local' }

/**
 * What goes wrong, as a fault script has it; times are the market's, since each was injected. So a stream is refused
 * first and cut then: on a busy machine it would be back in between, and miss nothing.
 */
export const OUTAGE: readonly RuleText[] = (['data', 'trading'] as const).flatMap((on) => [
  { on, fault: 'refuse', at: `${OUTAGE_AT}ms`, for: `${OUTAGE_MS}ms` },
  { on, fault: 'cut-off', at: `${OUTAGE_AT}ms` },
])

export async function demoAtVenue(options: DemoOptions, output: OutputOptions): Promise<void> {
  const { seed, isForever } = options
  const market = generatedMarket({
    seed,
    symbols: DEMO_SYMBOLS,
    startAt: START,
    days: 1,
    isAlwaysOpen: true,
  })
  const server = await AlpacaServer.start({ ...market, port: 0, speed: SPEED, keys: [KEY] })
  try {
    const config = configOf(options, settingsFor(server))
    const outputs = outputsOf(output, 'paper', config)
    discard(config)
    await liveRun({
      name: 'alpaca',
      config,
      options: { onStop: 'flatten', mode: 'paper' },
      outputs,
      isOver: true,
      onTrading: (trading) => tell(server, trading, isForever),
      onStopped: (trading) =>
        prove({ server, history: market.history, key: KEY, outageMs: OUTAGE_MS, ...trading }),
    })
  } finally {
    await server.stop()
  }
}

const settingsFor = (server: AlpacaServer): ConfigInput => ({
  universe: [...DEMO_SYMBOLS],
  instrument: { calendar: '24/7' },
  // 31 symbols trade more than the usual 20 times a day.
  risk: { maxTradesPerDay: 1_000 },
  venues: {
    alpaca: {
      local: { port: Number(new URL(server.urls.rest).port), speed: SPEED },
      subscribe: { total: 100 },
    },
  },
  store: {
    journal: './data/demo-journal.db',
    archive: './data/demo-archive.db',
    leases: './data/demo-leases.db',
  },
})

/** Each demo begins anew: its venue does not know the orders of the last one. */
function discard({ store, source }: Config): void {
  RunFile.discard(resolve(source.folder, store.journal))
  const archive = resolve(source.folder, store.archive)
  for (const tail of ['', '-wal', '-shm']) rmSync(archive + tail, { force: true })
}

/** Says what happens while it trades. Resolves when the demo's time is up. */
async function tell(server: AlpacaServer, trading: Trading, isForever: boolean): Promise<void> {
  const { say } = trading
  const ends = isForever ? [] : [AbortSignal.timeout(TRADING_MS)]
  const signal = AbortSignal.any([trading.signal, ...ends])
  say(`subscribed ${framesOf(server).join(', ')} symbols, each batch acknowledged`)
  say(`the fault script cuts both streams in ${duration(OUTAGE_AT)}, for ${duration(OUTAGE_MS)}`)
  for (const rule of OUTAGE) server.nemesis.inject(rule)
  await healed(trading, signal)
  await until(() => false, signal)
}

async function healed({ live, venue, say }: Trading, signal: AbortSignal): Promise<void> {
  const gapBars = (): number => venue.statistics?.gapBars ?? 0
  if (!(await until(() => (venue.statistics?.gaps ?? 0) > 0 && gapBars() > 0, signal))) return
  say(`healed: ${gapBars()} missed bars were fetched and merged before anything newer`)
  const { reports } = live.statistics
  const isAgreed = (): boolean => live.statistics.reports > reports && live.statistics.open === 0
  if (!(await until(isAgreed, signal))) return
  say(
    `reconciled: report ${live.statistics.reports} of the venue agrees with every order and position`,
  )
}

const LOOK_MS = 100

/** True when the condition holds, false where the signal aborts first. */
async function until(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (holds()) return true
    await wait(LOOK_MS, undefined, { signal }).catch(() => {})
  }
  return false
}

/** Symbols of each subscribe frame that the venue got. */
function framesOf({ audit }: AlpacaServer): readonly number[] {
  return audit.frames
    .filter(({ stream, direction }) => stream === 'data' && direction === 'in')
    .map(({ text }) => JSON.parse(text) as { readonly action?: string; readonly bars?: string[] })
    .filter(({ action }) => action === 'subscribe')
    .map(({ bars }) => bars?.length ?? 0)
}
