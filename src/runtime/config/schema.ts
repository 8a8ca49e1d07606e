// The schema of the configuration. Top-level keys are folder or module names: a setting tells where its code is.
import { z } from 'zod'
import { BATCHING_DEFAULTS } from '../../core/batching.ts'
import { MAX_SYMBOLS } from '../../core/universe.ts'
import { INBOX_DEFAULTS } from '../../engine/inbox.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { CATEGORY_NAMES } from '../../venues/bybit/category.ts'
import { EXIT_POLICIES } from './exit-policy.ts'
import { isPlaceholder, Secret } from './secret.ts'

/** A limit that may be switched off. `off` is Infinity, which neither YAML nor JSON writes well. */
function limit(fallback: number, number: z.ZodNumber, unit: string) {
  const given = Number.isFinite(fallback) ? fallback : ('off' as const)
  return z
    .union([z.literal('off'), number])
    .default(given)
    .describe(unit)
}

const above0 = z.number().gt(0)
const MONEY = 'money of the account'
const OF_EQUITY = 'fraction of equity'
const fraction = above0.max(1)
const milliseconds = (least: number, most: number) =>
  z.int().min(least).max(most).describe('milliseconds')
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const currency = z
  .string()
  .regex(/^[A-Z]{3,5}$/)
  .describe('3 to 5 capital letters such as USD')
const symbol = z
  .string()
  .regex(/^[A-Za-z0-9^][A-Za-z0-9._/:=-]{0,31}$/)
  .describe('a symbol of at most 32 letters, digits and . _ / : = -')
/** What begins so is an address, which may hold a password: no path. */
const ADDRESS = '[a-z][a-z0-9+.-]*://'
export const isAddress = (text: string): boolean => new RegExp(`^${ADDRESS}`, 'i').test(text)

const path = z
  .string()
  .regex(new RegExp(`^(?!${ADDRESS})[^\\0\\n]{1,4096}$`, 'i'))
  .describe('a path, which no address is')

const isStep = (step: number): boolean => Number(step.toFixed(10)) === step
const step = above0
  .max(1_000_000)
  .refine(isStep, { message: 'a decimal with at most 10 digits after the point' })

const kind = z.enum(['equity', 'crypto', 'future', 'perpetual', 'option'])
const calendar = z.enum(['us-equity', 'cme', '24/7'])
const multiplier = above0.max(1_000_000).describe('money per point and contract')
const inverse = z
  .boolean()
  .exactOptional()
  .describe('true where it is worth multiplier divided by price, as BTCUSD is in BTC')
const minNotional = z.number().min(0).max(1e12).describe('money')
const tickSize = step.describe('smallest price step')
const lotSize = step.describe('smallest quantity step')

/** What is not stated is as its venue says, or else that of a US share. */
const instrument = z.strictObject({
  kind: kind.exactOptional(),
  tickSize: tickSize.exactOptional(),
  lotSize: lotSize.exactOptional(),
  multiplier: multiplier.exactOptional(),
  calendar: calendar.exactOptional().describe('that of the kind where not given'),
  currency: currency.exactOptional().describe('that of the account where not given'),
  minNotional: minNotional.exactOptional(),
  inverse,
})

const listing = z.strictObject({ symbol, ...instrument.shape })

const strategy = z.strictObject({
  use: z
    .string()
    .regex(/^[^\0\n]{1,4096}$/)
    .describe('the name of a built-in strategy, or a path to a file such as ./my.ts'),
  as: z
    .string()
    .regex(/^[a-z0-9-]{1,20}$/)
    .exactOptional()
    .describe('1 to 20 lower-case letters, digits and hyphens'),
  on: z.union([z.literal('all'), z.array(symbol).min(1).max(MAX_SYMBOLS)]).default('all'),
  params: z.record(z.string(), z.unknown()).default({}),
  onStop: z
    .enum(EXIT_POLICIES)
    .default('keep')
    .describe('what becomes of its orders and positions when a run at a venue stops'),
})

const ladder = RISK_DEFAULTS.drawdown
const level = (fallback: number) => limit(fallback, fraction, 'fraction of the peak of equity')
const recovery = z.number().gt(0).max(1).describe('fraction of the peak of equity')
const drawdown = z.strictObject({
  days: z.int().min(1).max(1_000).default(ladder.days).describe('days of the rolling peak'),
  warning: level(ladder.warning),
  halt: level(ladder.halt),
  emergency: level(ladder.emergency),
  recoverWarning: recovery.default(ladder.recoverWarning),
  recoverHalt: recovery.default(ladder.recoverHalt),
  recoverEmergency: recovery.default(ladder.recoverEmergency),
  warningScale: z
    .number()
    .min(0)
    .max(1)
    .default(ladder.warningScale)
    .describe('what is left of a size at the warning level'),
})

const R = RISK_DEFAULTS
const count = z.int().min(1).max(1_000_000)
const risk = z.strictObject({
  maxOrderNotional: limit(R.maxOrderNotional, above0.max(1e12), MONEY),
  maxPositionNotional: limit(R.maxPositionNotional, above0.max(1e12), MONEY),
  maxPositionFraction: limit(R.maxPositionFraction, above0.max(100), OF_EQUITY),
  maxRiskFraction: limit(R.maxRiskFraction, fraction, OF_EQUITY),
  maxExposureFraction: limit(R.maxExposureFraction, above0.max(100), OF_EQUITY),
  leverage: above0.max(100).default(R.leverage).describe('multiple of equity'),
  marginRate: fraction.default(R.marginRate).describe('fraction of notional'),
  maxPositions: limit(R.maxPositions, count, 'positions'),
  maxOpenOrders: z.int().min(1).max(10_000).default(R.maxOpenOrders).describe('orders'),
  maxTradesPerDay: limit(R.maxTradesPerDay, count, 'trades per day'),
  maxDailyLoss: limit(R.maxDailyLoss, above0.max(1e12), MONEY),
  maxDailyLossFraction: limit(R.maxDailyLossFraction, fraction, OF_EQUITY),
  ordersPerMinute: limit(R.ordersPerMinute, count, 'orders per minute'),
  priceBand: limit(R.priceBand, fraction, 'fraction of the last price'),
  staleAfterMs: limit(
    R.staleAfterMs,
    z
      .int()
      .min(1)
      .max(30 * DAY_MS),
    'milliseconds',
  ),
  tradingHours: z.enum(['regular', 'extended', 'always']).default(R.tradingHours),
  drawdown: drawdown.prefault({}),
})

const none = z.strictObject({ type: z.literal('none') })
const fees = z.discriminatedUnion('type', [
  none,
  z.strictObject({
    type: z.literal('per-share'),
    perShare: z.number().min(0).max(1_000).describe(MONEY),
    min: z.number().min(0).max(1_000).default(0).describe('money per order'),
    maxFraction: fraction.default(0.01).describe("fraction of the order's value"),
  }),
  z.strictObject({
    type: z.literal('fraction'),
    maker: z.number().min(-0.01).max(0.1).describe('fraction of the value, a rebate below 0'),
    taker: z.number().min(0).max(0.1).describe('fraction of the value'),
  }),
  z.strictObject({
    type: z.literal('per-contract'),
    perContract: z.number().min(0).max(1_000).describe(MONEY),
  }),
])
const slippage = z.discriminatedUnion('type', [
  none,
  z.strictObject({
    type: z.literal('ticks'),
    ticks: z.number().min(0).max(1_000).describe('tick sizes'),
  }),
  z.strictObject({
    type: z.literal('fraction'),
    fraction: z.number().min(0).max(0.5).describe('fraction of the price'),
  }),
  z.strictObject({
    type: z.literal('half-spread'),
    spread: z.number().min(0).max(1e6).describe('units of the price'),
  }),
])

const sim = z.strictObject({
  latency: z
    .strictObject({
      entryMs: milliseconds(1, 60_000).default(50),
      responseMs: milliseconds(1, 60_000).default(50),
      jitterMs: milliseconds(0, 60_000).default(0),
    })
    .prefault({}),
  fees: fees.default({ type: 'none' }),
  slippage: slippage.default({ type: 'none' }),
  queue: z.enum(['touch', 'through', 'volume']).default('through'),
  participation: fraction.default(0.1).describe('fraction of the volume'),
  brackets: z.enum(['native', 'emulated']).default('native'),
  batch: z.int().min(1).max(1_000).default(20).describe('commands'),
  seed: z.int().min(0).max(4_294_967_295).default(1),
})

/** A secret that was read before passes as it is: settings are checked again when the command line adds to them. */
const revealed = (given: unknown): unknown => (given instanceof Secret ? given.reveal() : given)

const secret = z
  .preprocess(
    revealed,
    z
      .string()
      .regex(/^[!-~]{1,256}$/)
      .refine((text) => !isPlaceholder(text), { message: 'the real one, not a placeholder' })
      .describe('a key without spaces, from the environment as ${NAME}'),
  )
  .transform((text) => new Secret(text))

export const DATABASE_FORM = 'postgres://user@host:5432/name'

export const isDatabase = (text: string): boolean =>
  /^postgres(?:ql)?:\/\/./.test(text) && URL.canParse(text)

/** It may hold a password, so it is shown nowhere and no journal keeps it. */
const database = z
  .preprocess(
    revealed,
    z.string().max(4096).refine(isDatabase, { message: DATABASE_FORM }).describe(DATABASE_FORM),
  )
  .transform((text) => new Secret(text))

const PLACE_FORM = `a path, or ${DATABASE_FORM}`
const isFile = (text: string): boolean =>
  path.safeParse(text).success && !/^postgres(?:ql)?:/i.test(text)

/** Where engines meet: those of a machine in a file, those of several in a database. */
const leases = z
  .preprocess(
    revealed,
    z
      .string()
      .refine((text) => isDatabase(text) || isFile(text), { message: PLACE_FORM })
      .describe(PLACE_FORM),
  )
  .transform((text) => (isDatabase(text) ? new Secret(text) : text))

/** Faster than this, a moment in which the machine does something else looks like a dead connection. */
const LOCAL_SPEED_MAX = 120

/** Keys travel with every request, so a host that is not this machine is spoken to in TLS. */
const host = (scheme: 'http' | 'ws', tail: string) =>
  z
    .string()
    .regex(
      new RegExp(
        `^(?:${scheme}s://[A-Za-z0-9.-]+(?::\\d{1,5})?|${scheme}://(?:127\\.0\\.0\\.1|localhost)(?::\\d{1,5})?)${tail}$`,
      ),
    )
    .describe(`${scheme}s://host${tail}, or ${scheme}://127.0.0.1:port${tail} on this machine`)

const keys = {
  key: secret.exactOptional(),
  secret: secret.exactOptional(),
  keyFile: path.exactOptional().describe('a file of two lines, "key: ..." and "secret: ..."'),
}
const fills = z
  .enum(['venue', 'simulated'])
  .default('venue')
  .describe('orders go to the account, or are filled by sim on the feed')
const local = (port: number) =>
  z
    .strictObject({
      port: z.int().min(1).max(65_535).default(port),
      speed: z.number().gt(0).max(LOCAL_SPEED_MAX).default(1).describe('as "skein venue --speed"'),
    })
    .exactOptional()
    .describe('a local venue on this machine, whose clock the run takes')

const alpaca = z.strictObject({
  ...keys,
  paper: z.boolean().default(true),
  fills,
  feed: z.enum(['iex', 'sip']).default('iex'),
  codec: z.enum(['json', 'msgpack']).default('json'),
  hosts: z
    .strictObject({
      trading: host('http', '').exactOptional(),
      data: host('http', '').exactOptional(),
      stream: host('ws', '').exactOptional(),
      orders: host('ws', '/stream').exactOptional(),
    })
    .prefault({}),
  local: local(4010),
  subscribe: z
    .strictObject({
      batch: z.int().min(1).max(10_000).default(10).describe('symbols'),
      everyMs: milliseconds(0, 60_000).default(1_000),
      total: z.int().min(1).max(MAX_SYMBOLS).default(30).describe('symbols of the plan'),
    })
    .prefault({}),
})

const bybit = z.strictObject({
  ...keys,
  category: z
    .enum(CATEGORY_NAMES)
    .default('linear')
    .describe('what is traded; the currency of the account is its coin'),
  environment: z
    .enum(['testnet', 'demo', 'mainnet'])
    .default('testnet')
    .describe('money is real on mainnet only'),
  fills,
  ordersPerSecond: z
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('orders of each kind, by the level of the account'),
  orderEntry: z
    .enum(['rest', 'socket'])
    .default('rest')
    .describe('how orders leave: socket is faster, and REST where it is down'),
  deadManS: z
    .union([z.literal('off'), z.int().min(3).max(300)])
    .default('off')
    .describe('seconds after which Bybit cancels all orders of who is gone; for institutions'),
  hosts: z
    .strictObject({
      rest: host('http', '').exactOptional(),
      market: host('ws', `/v5/public/(?:${CATEGORY_NAMES.join('|')})`).exactOptional(),
      account: host('ws', '/v5/private').exactOptional(),
      trade: host('ws', '/v5/trade').exactOptional(),
    })
    .prefault({}),
  local: local(4020),
  subscribe: z
    .strictObject({
      batch: z.int().min(1).max(500).default(10).describe('topics of a request'),
      everyMs: milliseconds(0, 60_000).default(100),
      total: z.int().min(1).max(MAX_SYMBOLS).default(500).describe('symbols'),
    })
    .prefault({}),
})

/** A month: the statement of the venue for it is there before the journal forgets what it is held against. */
const KEEP_DAYS = 30

const B = BATCHING_DEFAULTS
const batching = z.strictObject({
  enabled: z.boolean().default(B.enabled).describe('off: each command is a call of its own'),
  maxParallelSymbols: z
    .int()
    .min(1)
    .max(MAX_SYMBOLS)
    .default(B.maxParallelSymbols)
    .describe('symbols quoted at once; more follow in waves'),
  coalesceCancel: z.boolean().default(B.coalesceCancel).describe('cancels share calls'),
  coalescePlace: z.boolean().default(B.coalescePlace).describe('submits and amends share calls'),
  maxBatchSize: z.int().min(1).max(1_000).default(B.maxBatchSize).describe('commands of one call'),
  tickDeadlineMs: milliseconds(1, 60_000).default(B.tickDeadlineMs),
})

const history = z.strictObject({
  providers: z
    .array(z.enum(['alpaca', 'files', 'sim']))
    .min(1)
    .refine((list) => new Set(list).size === list.length, { message: 'each once' })
    .default(['alpaca'])
    .describe('where bars of the past come from: the primary, then those that stand in for it'),
  files: path.exactOptional().describe('a folder of csv or Lean files'),
  sim: z
    .strictObject({
      seed: z.int().min(0).max(4_294_967_295).default(1),
      symbols: z.array(symbol).min(1).max(MAX_SYMBOLS).default(['AAA', 'AAB', 'AAC']),
      start: z
        .string()
        .regex(/^\d{4}-\d{2}-\d{2}$/)
        .default('2025-01-02')
        .describe('its first day, such as 2025-01-02'),
      sessions: z.int().min(1).max(1_000).default(20).describe('trading days'),
    })
    .prefault({}),
})

/** The whole configuration. Nothing is required: an empty file runs sma-cross on all symbols. */
export const configSchema = z.strictObject({
  mode: z
    .enum(['paper', 'backtest'])
    .default('paper')
    .describe('as live and dry-run come with a live venue'),
  universe: z
    .union([
      z.literal('all'),
      z
        .array(z.union([symbol, listing]))
        .min(1)
        .max(MAX_SYMBOLS),
    ])
    .default('all'),
  instrument: instrument.prefault({}),
  strategies: z
    .array(strategy)
    .min(1)
    .max(100)
    .prefault([{ use: 'sma-cross' }]),
  account: z
    .strictObject({
      cash: above0.max(1e12).default(100_000).describe(MONEY),
      currency: currency.default('USD'),
    })
    .prefault({}),
  risk: risk.prefault({}),
  batching: batching.prefault({}),
  sim: sim.prefault({}),
  venues: z
    .strictObject({ alpaca: alpaca.exactOptional(), bybit: bybit.exactOptional() })
    .exactOptional(),
  bars: z
    .strictObject({
      latenessMs: milliseconds(0, HOUR_MS).default(0),
      maxFill: z.int().min(0).max(1_440).default(2).describe('bars in a row'),
    })
    .prefault({}),
  inbox: z
    .strictObject({
      capacity: z.int().min(1).max(1_000_000).default(INBOX_DEFAULTS.capacity).describe('inputs'),
      maxAgeMs: milliseconds(1, DAY_MS).default(INBOX_DEFAULTS.maxAgeMs),
    })
    .prefault({}),
  store: z
    .strictObject({
      journal: path.default('./data/journal.db'),
      archive: path.default('./data/archive.db'),
      database: database.exactOptional(),
      formingMs: milliseconds(1_000, 60_000).exactOptional(),
      leases: leases.exactOptional(),
      leaseMs: z.int().min(1_000).max(60_000).default(15_000),
      snapshotEvery: z.int().min(1).max(1_000_000).default(1_000).describe('turns'),
      keepDays: limit(KEEP_DAYS, z.int().min(1).max(3_650), 'days of a journal at a venue'),
      prunedTo: path.exactOptional().describe('a folder for turns that are dropped from it'),
    })
    .prefault({}),
  restarts: z
    .strictObject({
      max: limit(5, z.int().min(1).max(1_000), 'starts without an end in order'),
      withinMs: milliseconds(1, DAY_MS).default(600_000),
    })
    .prefault({}),
  ops: z
    .strictObject({
      metrics: z.int().min(0).max(65_535).exactOptional().describe('a port of this machine'),
    })
    .prefault({}),
  watchlists: z
    .record(
      z
        .string()
        .regex(/^[a-z0-9-]{1,20}$/)
        .describe('1 to 20 lower-case letters, digits and hyphens'),
      z.array(symbol).min(1).max(MAX_SYMBOLS),
    )
    .default({})
    .describe('symbols by a name, which @name stands for'),
  history: history.prefault({}),
  report: z.strictObject({ html: path.exactOptional(), json: path.exactOptional() }).prefault({}),
})

/** Checked settings, every default filled in. */
export type Settings = z.output<typeof configSchema>
export type AlpacaSettings = z.output<typeof alpaca>
export type BybitSettings = z.output<typeof bybit>
