// skein venue alpaca: the local venue that speaks Alpaca's wire.
import { Command, Option } from 'commander'
import { calendarOf } from '../core/calendar.ts'
import { DAY, iso, ms } from '../core/time.ts'
import {
  type AlpacaOptions,
  AlpacaServer,
  generatedMarket,
  type Plan,
} from '../simulators/alpaca/index.ts'
import { DEMO_SYMBOLS } from '../simulators/market.ts'
import { madeSymbols, Past, silentTape } from '../simulators/past.ts'
import { present } from './inputs.ts'
import {
  announceHistory,
  faultsOf,
  recordedOf,
  serve,
  type VenueOptions,
  withVenueOptions,
} from './venue-options.ts'
import { integerOf } from './values.ts'

interface Options extends VenueOptions {
  readonly plan: Plan
  readonly alwaysOpen?: true
  readonly pastDays?: number
  readonly count?: number
  readonly splitOf?: number
}

/** The demo's universe, and two coins. */
const SYMBOLS: readonly string[] = [...DEMO_SYMBOLS, 'BTC/USD', 'ETH/USD']

export const alpacaCommand = (): Command =>
  withVenueOptions(new Command('alpaca'), 4010)
    .description('Alpaca: REST, market-data and order streams on one port of this machine.')
    .option(
      '--past-days <n>',
      'a past of so many days, in bars of 15m and more; no trades',
      integerOf,
    )
    .option('--count <n>', 'so many made-up symbols, with --past-days', integerOf)
    .option('--split-of <n>', 'one symbol of so many has had a split, with --past-days', integerOf)
    .option('--always-open', 'markets never close: a generated market trades around the clock')
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
    .action(runAlpaca)

async function runAlpaca(options: Options): Promise<void> {
  const market = await marketOf(options)
  const { port, speed, keys, plan, cash } = options
  const faults = faultsOf(options.faults)
  let server: AlpacaServer | undefined
  await serve(
    async () =>
      (server = await AlpacaServer.start({ ...market, port, speed, keys, plan, cash, faults })),
    () => textOf(server!, market, options),
  )
}

type Market = Pick<
  AlpacaOptions,
  'tape' | 'history' | 'past' | 'startAt' | 'halts' | 'isAlwaysOpen'
>

async function marketOf(options: Options): Promise<Market> {
  const isAlwaysOpen = options.alwaysOpen === true
  const recorded = await recordedOf(options)
  if (recorded !== undefined) return { ...recorded, isAlwaysOpen }
  if (options.pastDays !== undefined) return pastMarketOf(options, options.pastDays)
  const { seed, days, symbols = SYMBOLS, start: startAt = ms(Date.now()) } = options
  announceHistory({ symbols, days, isAlwaysOpen })
  return generatedMarket({ seed, symbols, startAt, days, isAlwaysOpen })
}

/** Nothing trades: what can be asked for is the past. */
function pastMarketOf(options: Options, pastDays: number): Market {
  const { seed, count, splitOf, start: startAt = ms(Date.now()) } = options
  const symbols = count === undefined ? (options.symbols ?? DEMO_SYMBOLS) : madeSymbols(count)
  const range = { from: startAt - pastDays * DAY, to: startAt }
  const past = new Past({ seed, symbols, ...range, ...present({ splitOf }) })
  return { tape: silentTape(symbols), past, startAt, isAlwaysOpen: false }
}

function textOf(
  server: AlpacaServer,
  { tape, startAt }: Market,
  { keys, plan, speed, alwaysOpen }: Options,
): string {
  const { rest, tradingStream, dataStream } = server.urls
  const { port } = new URL(rest)
  const isOpen = alwaysOpen === true || calendarOf('us-equity').sessionAt(ms(startAt)) !== undefined
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
