// skein venue bybit: the local venue that speaks Bybit's wire, version 5.
import { Command, Option } from 'commander'
import { iso, ms } from '../core/time.ts'
import {
  type BybitOptions,
  BybitServer,
  CATEGORIES,
  type Category,
  generatedMarket,
  settleCoinOf,
} from '../simulators/bybit/index.ts'
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
  readonly category: Category
  readonly ordersPerSecond: number
}

const SYMBOLS: readonly string[] = 'BTC ETH SOL XRP DOGE ADA AVAX LINK DOT LTC BCH UNI'
  .split(' ')
  .map((coin) => `${coin}USDT`)

export const bybitCommand = (): Command =>
  withVenueOptions(new Command('bybit'), 4020)
    .description('Bybit V5: REST, and the public, private and trade streams on one port.')
    .addOption(
      new Option('--category <category>', 'what the symbols are')
        .choices(CATEGORIES)
        .default('linear'),
    )
    .option('--orders-per-second <n>', 'quota of each kind of order request', integerOf, 10)
    .addHelpText(
      'after',
      '\nExample:\n  skein venue bybit --symbols BTCUSDT,ETHUSDT --orders-per-second 200\n\n' +
        'It prints what to point a client at. Ctrl-C stops it in order.',
    )
    .action(runBybit)

async function runBybit(options: Options): Promise<void> {
  const market = await marketOf(options)
  const { port, speed, keys, cash, category } = options
  const faults = faultsOf(options.faults)
  const limits = { orders: options.ordersPerSecond }
  const terms = { port, speed, keys, cash, category, faults, limits }
  let server: BybitServer | undefined
  await serve(
    async () => (server = await BybitServer.start({ ...market, ...terms })),
    () => textOf(server!, market, options),
  )
}

type Market = Pick<BybitOptions, 'tape' | 'history' | 'startAt'>

async function marketOf(options: Options): Promise<Market> {
  const recorded = await recordedOf(options)
  if (recorded !== undefined) return recorded
  const { seed, days, symbols = SYMBOLS, start: startAt = ms(Date.now()) } = options
  announceHistory({ symbols, days, isAlwaysOpen: true })
  return generatedMarket({ seed, symbols, startAt, days })
}

function textOf(
  { urls }: BybitServer,
  { tape, startAt }: Market,
  { keys, speed, category }: Options,
): string {
  const { port } = new URL(urls.rest)
  const named = category === 'linear' ? '' : `category: ${category}, `
  const [first] = tape.instruments
  const coin = first === undefined ? 'USDT' : settleCoinOf(first.symbol, category)
  return [
    `local Bybit: ${tape.series.length} series of ${tape.name}, ${category}`,
    `  time            ${iso(ms(startAt))}, speed ${speed}`,
    `  REST            ${urls.rest}`,
    `  public stream   ${urls.publicStream}`,
    `  private stream  ${urls.privateStream}`,
    `  trade stream    ${urls.tradeStream}`,
    ...keys.map(({ key, secret }) => `  account         key ${key}, secret ${secret}`),
    `  skein.yaml      venues: { bybit: { ${named}local: { port: ${port}, speed: ${speed} } } }`,
    `                  account: { currency: ${coin} }`,
    'Ctrl-C stops it.\n',
  ].join('\n')
}
