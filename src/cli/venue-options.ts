// Venue options: what every local venue takes from the command line, and how it says that it runs.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import type { Tape } from '../core/tape.ts'
import { ms } from '../core/time.ts'
import type { Audit } from '../simulators/audit.ts'
import { HISTORY_MINUTES_MAX, historyMinutes } from '../simulators/generated.ts'
import { type FaultScript, NO_FAULTS, parseFaults } from '../simulators/fault-script.ts'
import { tapeOf, type TapeOptions, withTapeOptions } from './inputs.ts'
import { stopSignal } from './output.ts'
import { configOf } from './settings.ts'
import { integerOf, portOf, refused, timeOf } from './values.ts'

interface Key {
  readonly key: string
  readonly secret: string
}

export interface VenueOptions extends TapeOptions {
  readonly port: number
  readonly seed: number
  readonly speed: number
  readonly start?: Ms
  readonly days: number
  readonly faults?: string
  readonly keys: readonly Key[]
  readonly cash: number
}

/** Keys of the account where none are given. They open nothing but this venue. */
const LOCAL_KEYS: readonly Key[] = [{ key: 'local', secret: 'local' }]

export const withVenueOptions = (command: Command, port: number): Command =>
  withTapeOptions(command)
    .option('--port <n>', 'where it listens on 127.0.0.1; 0 takes any free port', portOf, port)
    .option('--seed <n>', 'the market, where there is no --tape', integerOf, 7)
    .option('--days <n>', 'trading days of history of a generated market', integerOf, 5)
    .option('--start <time>', 'venue time of the start; now where not given', timeOf)
    .option('--speed <factor>', 'venue time per clock time, such as 60', factorOf, 1)
    .option('--faults <file>', 'what goes wrong and when, in YAML')
    .option('--keys <list>', 'accounts, as key:secret,key:secret', keysOf, LOCAL_KEYS)
    .option('--cash <amount>', 'cash of each account', integerOf, 100_000)

interface Served {
  readonly audit: Audit
  stop(): Promise<void>
}

/** Serves until a signal stops it. */
export async function serve(start: () => Promise<Served>, textOf: () => string): Promise<void> {
  const server = await start().catch((error: unknown) => {
    throw portTrouble(error) ?? error
  })
  // Until now Ctrl-C ends the process: a long history is being made, and there is nothing to stop in order.
  const stop = stopSignal()
  try {
    process.stdout.write(textOf())
    await aborted(stop.signal)
  } finally {
    await server.stop()
    stop.release()
  }
  process.stdout.write(`\n${endOf(server)}`)
}

/** In words, where the port is another's. */
function portTrouble(error: unknown): BadInput | undefined {
  if (!(error instanceof Error && 'code' in error && 'port' in error)) return undefined
  const what = PORT_TROUBLES[String(error.code)]
  const place = { file: 'command line', field: '--port' }
  const allowed = 'a free port of this machine, or 0 for any'
  return what === undefined ? undefined : new BadInput(place, what, error.port, allowed)
}

const PORT_TROUBLES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another program',
  EACCES: 'may not be listened at',
}

/** The market of a recording, where one is given. */
export async function recordedOf(
  options: VenueOptions,
): Promise<{ readonly tape: Tape; readonly startAt: Ms } | undefined> {
  if (options.tape === undefined) return undefined
  const { tape } = await tapeOf(options, configOf({}))
  return { tape, startAt: options.start ?? (await firstOf(tape)) }
}

/**
 * Says that a long history is being made, on stderr.
 *
 * @throws BadInput where it is more than a venue remembers.
 */
export function announceHistory(made: Parameters<typeof historyMinutes>[0]): void {
  const minutes = historyMinutes(made)
  const { days, symbols } = made
  if (minutes > HISTORY_MINUTES_MAX) {
    const most = Math.floor((HISTORY_MINUTES_MAX / minutes) * days)
    const allowed =
      most > 0
        ? `at most ${most} for ${symbols.length} symbols`
        : `fewer symbols: ${symbols.length} have too much history in a day`
    throw new BadInput(
      { file: 'command line', field: '--days' },
      'is more history than fits',
      days,
      allowed,
    )
  }
  if (minutes < LONG_MINUTES) return
  const text = `${minutes.toLocaleString('en-US')} minutes of ${symbols.length} symbols`
  process.stderr.write(`making the history: ${text}; fewer --days are faster\n`)
}

/** Takes some seconds. */
const LONG_MINUTES = 500_000

/** A recording starts with its first print; bars are known at their start already. */
async function firstOf(tape: Tape): Promise<Ms> {
  let first = Infinity
  for (const series of tape.series) {
    for await (const page of series.pages()) {
      const times = 'start' in page ? page.start : page.ts
      first = Math.min(first, times[0] ?? Infinity)
      break
    }
  }
  if (first === Infinity)
    throw new BadInput({ file: tape.name }, 'has no data', undefined, 'bars or trades')
  return ms(first)
}

export function faultsOf(file: string | undefined): FaultScript {
  if (file === undefined) return NO_FAULTS
  try {
    return parseFaults(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof BadInput) throw error
    throw new BadInput({ file }, 'cannot be read', undefined, 'a YAML file')
  }
}

function endOf({ audit }: Served): string {
  const faults = Object.entries(audit.counts()).map(([fault, n]) => `${fault} ${n}`)
  const injected = faults.length === 0 ? '' : `; faults: ${faults.join(', ')}`
  return `stopped: ${audit.requests.length} requests, ${audit.orders.length} order events${injected}\n`
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

function keysOf(text: string): readonly Key[] {
  const keys = text.split(',').map((pair) => {
    const [key = '', secret = '', ...more] = pair.split(':')
    if (key === '' || secret === '' || more.length > 0) {
      throw refused('pairs such as key:secret,key:secret')
    }
    return { key, secret }
  })
  if (new Set(keys.map(({ key }) => key)).size < keys.length) {
    throw refused('each key once')
  }
  return keys
}

function factorOf(text: string): number {
  const factor = Number(text)
  if (!(factor > 0 && factor <= 1_000)) throw refused('a number > 0, at most 1000')
  return factor
}
