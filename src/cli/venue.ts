// skein venue: a local venue that speaks a real venue's wire, for trying adapters and clients without keys or money.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import { calendarOf } from '../core/calendar.ts'
import type { Tape } from '../core/tape.ts'
import { DAY, iso, ms } from '../core/time.ts'
import {
  type AlpacaOptions,
  AlpacaServer,
  generatedMarket,
  type Key,
  type Plan,
} from '../simulators/alpaca/index.ts'
import { type FaultScript, NO_FAULTS, parseFaults } from '../simulators/fault-script.ts'
import { DEMO_SYMBOLS } from '../simulators/market.ts'
import { madeSymbols, Past, silentTape } from '../simulators/past.ts'
import { tapeOf, type TapeOptions, withTapeOptions } from './inputs.ts'
import { stopSignal } from './output.ts'
import { configOf } from './settings.ts'
import { timeOf } from './values.ts'

interface Options extends TapeOptions {
  readonly port: number
  readonly seed: number
  readonly speed: number
  readonly start?: Ms
  readonly days: number
  readonly faults?: string
  readonly keys: readonly Key[]
  readonly plan: Plan
  readonly cash: number
  readonly alwaysOpen?: true
  readonly pastDays?: number
  readonly count?: number
}

/** The demo's universe, and two coins. */
const SYMBOLS: readonly string[] = [...DEMO_SYMBOLS, 'BTC/USD', 'ETH/USD']
/** Keys of the account where none are given. They open nothing but this venue. */
const LOCAL_KEYS: readonly Key[] = [{ key: 'local', secret: 'local' }]

export function venueCommand(): Command {
  const venue = new Command('venue')
    .description('Local venues that speak the wire of real ones.')
    .addHelpText('after', '\nExample:\n  skein venue alpaca --seed 7')
  venue.addCommand(
    withTapeOptions(new Command('alpaca'))
      .description('Alpaca: REST, market-data and order streams on one port of this machine.')
      .option('--port <n>', 'where it listens on 127.0.0.1; 0 takes any free port', portOf, 4010)
      .option('--seed <n>', 'the market, where there is no --tape', integerOf, 7)
      .option('--days <n>', 'trading days of history of a generated market', integerOf, 5)
      .option(
        '--past-days <n>',
        'a past of so many days, in bars of 15m and more; no trades',
        integerOf,
      )
      .option('--count <n>', 'so many made-up symbols, with --past-days', integerOf)
      .option('--start <time>', 'venue time of the start; now where not given', timeOf)
      .option('--speed <factor>', 'venue time per clock time, such as 60', factorOf, 1)
      .option('--always-open', 'markets never close: a generated market trades around the clock')
      .option('--faults <file>', 'what goes wrong and when, in YAML')
      .option('--keys <list>', 'accounts, as key:secret,key:secret', keysOf, LOCAL_KEYS)
      .option('--cash <amount>', 'cash of each account', integerOf, 100_000)
      .addOption(
        new Option('--plan <plan>', 'limits of the data plan')
          .choices(['free', 'plus'])
          .default('plus'),
      )
      .addHelpText(
        'after',
        '\nExample:\n  skein venue alpaca --seed 7 --always-open --faults faults.yaml\n\n' +
          'It prints what to point a client at. Ctrl-C stops it in order.',
      )
      .action(runAlpaca),
  )
  return venue
}

async function runAlpaca(options: Options): Promise<void> {
  const market = await marketOf(options)
  const { port, speed, keys, plan, cash } = options
  const faults = options.faults === undefined ? NO_FAULTS : faultsOf(options.faults)
  const stop = stopSignal()
  const server = await AlpacaServer.start({ ...market, port, speed, keys, plan, cash, faults })
  try {
    process.stdout.write(textOf(server, market, options))
    await aborted(stop.signal)
  } finally {
    await server.stop()
    stop.release()
  }
  process.stdout.write(`\n${endOf(server)}`)
}

type Market = Pick<
  AlpacaOptions,
  'tape' | 'history' | 'past' | 'startAt' | 'halts' | 'isAlwaysOpen'
>

async function marketOf(options: Options): Promise<Market> {
  const isAlwaysOpen = options.alwaysOpen === true
  if (options.tape !== undefined) {
    const { tape } = await tapeOf(options, configOf({}))
    return { tape, startAt: options.start ?? (await firstOf(tape)), isAlwaysOpen }
  }
  if (options.pastDays !== undefined) return pastMarketOf(options, options.pastDays)
  const { seed, days, symbols = SYMBOLS, start: startAt = ms(Date.now()) } = options
  return generatedMarket({ seed, symbols, startAt, days, isAlwaysOpen })
}

/** Nothing trades: what can be asked for is the past. */
function pastMarketOf(options: Options, pastDays: number): Market {
  const { seed, count, start: startAt = ms(Date.now()) } = options
  const symbols = count === undefined ? (options.symbols ?? DEMO_SYMBOLS) : madeSymbols(count)
  const past = new Past({ seed, symbols, from: startAt - pastDays * DAY, to: startAt })
  return { tape: silentTape(symbols), past, startAt, isAlwaysOpen: false }
}

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

function faultsOf(file: string): FaultScript {
  try {
    return parseFaults(readFileSync(file, 'utf8'), file)
  } catch (error) {
    if (error instanceof BadInput) throw error
    throw new BadInput({ file }, 'cannot be read', undefined, 'a YAML file')
  }
}

function textOf(
  server: AlpacaServer,
  { tape, startAt }: Market,
  { keys, plan, speed, alwaysOpen }: Options,
): string {
  const { rest, tradingStream, dataStream } = server.urls
  const { port } = new URL(rest)
  const isOpen = calendarOf('us-equity').sessionAt(ms(startAt)) !== undefined
  return [
    `local Alpaca: ${tape.series.length} series of ${tape.name}, plan ${plan}`,
    `  time            ${iso(startAt)}, speed ${speed}${isOpen ? '' : '; outside of regular hours'}`,
    `  REST            ${rest}  (trading and market data)`,
    `  order stream    ${tradingStream}`,
    `  data stream     ${dataStream}/v2/iex, /v2/sip, /v1beta3/crypto/us`,
    ...keys.map(({ key, secret }) => `  account         key ${key}, secret ${secret}`),
    `  skein.yaml      venues: { alpaca: { local: { port: ${port}, speed: ${speed} } } }`,
    ...(alwaysOpen === true ? ['                  instrument: { calendar: 24/7 }'] : []),
    'Ctrl-C stops it.\n',
  ].join('\n')
}

function endOf({ audit }: AlpacaServer): string {
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
      throw new InvalidArgumentError('pairs such as key:secret,key:secret')
    }
    return { key, secret }
  })
  if (new Set(keys.map(({ key }) => key)).size < keys.length) {
    throw new InvalidArgumentError('each key once')
  }
  return keys
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new InvalidArgumentError('a port from 0 to 65535')
  }
  return port
}

function integerOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('an integer >= 1')
  return value
}

function factorOf(text: string): number {
  const factor = Number(text)
  if (!(factor > 0 && factor <= 1_000)) throw new InvalidArgumentError('a number > 0, at most 1000')
  return factor
}
