import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { BadInput } from '../../core/bad-input.ts'
import { venueId } from '../../core/brand.ts'
import { equitySpec, type InstrumentSpec } from '../../core/instrument.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { hostsOf } from '../../venues/alpaca/venue.ts'
import { termsOf } from '../../venues/sim/models.ts'
import { alpacaTermsOf } from '../venues/alpaca.ts'
import { bybitTermsOf } from '../venues/bybit.ts'
import {
  type Config,
  configHash,
  defaultConfig,
  defineConfig,
  loadConfig,
  parseConfig,
  restoreConfig,
  toInstrumentSpec,
  toRiskLimits,
  toSimOptions,
} from './config.ts'
import type { Settings } from './schema.ts'
import { Secret } from './secret.ts'

const parse = (text: string, env: Record<string, string> = {}): Config =>
  parseConfig(text, 'skein.yaml', env)

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof BadInput, `an error about given data, not ${String(error)}`)
    return error.message
  }
  return assert.fail('it is refused')
}

function settingsOf({ source: _source, ...settings }: Config): Settings {
  return settings
}

const DEFAULTS: Settings = {
  mode: 'paper',
  universe: 'all',
  watchlists: {},
  history: {
    providers: ['alpaca'],
    sim: { seed: 1, symbols: ['AAA', 'AAB', 'AAC'], start: '2025-01-02', sessions: 20 },
  },
  instrument: {},
  strategies: [{ use: 'sma-cross', on: 'all', params: {}, onStop: 'keep' }],
  account: { cash: 100_000, currency: 'USD' },
  risk: {
    maxOrderNotional: 'off',
    maxPositionNotional: 'off',
    maxPositionFraction: 0.1,
    maxRiskFraction: 0.01,
    maxExposureFraction: 1,
    leverage: 1,
    marginRate: 0.1,
    maxPositions: 10,
    maxOpenOrders: 500,
    maxTradesPerDay: 20,
    maxDailyLoss: 'off',
    maxDailyLossFraction: 0.05,
    ordersPerMinute: 200,
    priceBand: 0.1,
    staleAfterMs: 300_000,
    tradingHours: 'regular',
    drawdown: {
      days: 20,
      warning: 0.03,
      halt: 0.05,
      emergency: 0.1,
      recoverWarning: 0.02,
      recoverHalt: 0.04,
      recoverEmergency: 0.08,
      warningScale: 0.5,
    },
  },
  batching: {
    enabled: true,
    maxParallelSymbols: 100,
    coalesceCancel: true,
    coalescePlace: true,
    maxBatchSize: 20,
    tickDeadlineMs: 200,
  },
  sim: {
    latency: { entryMs: 50, responseMs: 50, jitterMs: 0 },
    fees: { type: 'none' },
    slippage: { type: 'none' },
    queue: 'through',
    participation: 0.1,
    brackets: 'native',
    batch: 20,
    seed: 1,
  },
  bars: { latenessMs: 0, maxFill: 2 },
  inbox: { capacity: 10_000, maxAgeMs: 60_000 },
  store: {
    journal: './data/journal.db',
    archive: './data/archive.db',
    leaseMs: 15_000,
    snapshotEvery: 1_000,
    keepDays: 30,
  },
  restarts: { max: 5, withinMs: 600_000 },
  ops: {},
  report: {},
}

test('an empty file is paper trading with sma-cross on all symbols', () => {
  for (const text of [
    '',
    '\n\n',
    '# nothing yet\n',
    '---\n',
    '{}',
    '\uFEFF',
    'risk: {}\nsim: {}',
  ]) {
    assert.deepEqual(settingsOf(parse(text)), DEFAULTS)
  }
  assert.deepEqual(settingsOf(defaultConfig()), DEFAULTS)
})

test('the defaults are those of the engine and of the simulated venue', () => {
  const config = defaultConfig()
  const { venue, cash } = toSimOptions(config)

  assert.deepEqual(toRiskLimits(config), RISK_DEFAULTS)
  assert.deepEqual(toSimOptions(config), termsOf({ venue, cash }))
})

test('reads a whole file', () => {
  const config = parse(`
mode: backtest
universe: [SPY, { symbol: ES, kind: future, tickSize: 0.25, lotSize: 1, multiplier: 50, calendar: cme, currency: USD, minNotional: 0 }]
instrument: { kind: equity, minNotional: 10 }
strategies:
  - use: sma-cross
    as: sma-fast
    on: [SPY]
    params: { pairs: [[5, 15]] }
    onStop: protect
  - use: ./my.ts
account: { cash: 5000.5, currency: USD }
risk: { maxOrderNotional: 10000, maxPositions: off, drawdown: { emergency: off } }
sim:
  latency: { entryMs: 1, jitterMs: 5 }
  fees: { type: per-share, perShare: 0.005, min: 1 }
  slippage: { type: ticks, ticks: 1 }
  queue: volume
bars: { latenessMs: 500 }
inbox: { capacity: 100 }
restarts: { max: off }
ops: { metrics: 9464 }
watchlists: { tech: [AAPL, MSFT] }
history: { providers: [files, sim], files: ./bars, sim: { seed: 7 } }
store: { journal: j.db, snapshotEvery: 10, keepDays: off, prunedTo: ./past }
report: { html: out.html }
`)

  assert.deepEqual(settingsOf(config), {
    mode: 'backtest',
    universe: [
      'SPY',
      {
        symbol: 'ES',
        kind: 'future',
        tickSize: 0.25,
        lotSize: 1,
        multiplier: 50,
        calendar: 'cme',
        currency: 'USD',
        minNotional: 0,
      },
    ],
    instrument: { kind: 'equity', minNotional: 10 },
    strategies: [
      {
        use: 'sma-cross',
        as: 'sma-fast',
        on: ['SPY'],
        params: { pairs: [[5, 15]] },
        onStop: 'protect',
      },
      { use: './my.ts', on: 'all', params: {}, onStop: 'keep' },
    ],
    account: { cash: 5000.5, currency: 'USD' },
    risk: {
      ...DEFAULTS.risk,
      maxOrderNotional: 10_000,
      maxPositions: 'off',
      drawdown: { ...DEFAULTS.risk.drawdown, emergency: 'off' },
    },
    batching: DEFAULTS.batching,
    sim: {
      ...DEFAULTS.sim,
      latency: { entryMs: 1, responseMs: 50, jitterMs: 5 },
      fees: { type: 'per-share', perShare: 0.005, min: 1, maxFraction: 0.01 },
      slippage: { type: 'ticks', ticks: 1 },
      queue: 'volume',
    },
    bars: { latenessMs: 500, maxFill: 2 },
    inbox: { capacity: 100, maxAgeMs: 60_000 },
    store: {
      journal: 'j.db',
      archive: './data/archive.db',
      leaseMs: 15_000,
      snapshotEvery: 10,
      keepDays: 'off',
      prunedTo: './past',
    },
    restarts: { max: 'off', withinMs: 600_000 },
    ops: { metrics: 9_464 },
    watchlists: { tech: ['AAPL', 'MSFT'] },
    history: {
      providers: ['files', 'sim'],
      files: './bars',
      sim: { ...DEFAULTS.history.sim, seed: 7 },
    },
    report: { html: 'out.html' },
  })
  assert.equal(toRiskLimits(config).maxPositions, Infinity)
  assert.equal(toRiskLimits(config).drawdown.emergency, Infinity)
})

test('a watch list stands for its members in the universe and in strategies', () => {
  const lists = 'watchlists: { tech: [AAPL, MSFT], one: [SPY] }'
  const config = parse(`${lists}
universe: ['@tech', SPY]
strategies: [{ use: sma-cross, on: ['@one', AAPL] }]
`)
  const whole = parse(`${lists}\nuniverse: '@tech'\n`)

  assert.deepEqual(config.universe, ['AAPL', 'MSFT', 'SPY'])
  assert.deepEqual(config.strategies[0]?.on, ['SPY', 'AAPL'])
  assert.deepEqual(whole.universe, ['AAPL', 'MSFT'])
  assert.throws(() => parse(`${lists}\nuniverse: ['@other']\n`), /universe\[0\].*"@other"/)
})

test('a symbol has what its entry says, else what all have in common', () => {
  const config = parse(`
universe: [SPY, { symbol: ES, kind: future, tickSize: 0.25, multiplier: 50 }]
instrument: { tickSize: 0.05 }
account: { currency: EUR }
`)
  const spec = (symbol: string) => toInstrumentSpec(config, symbol, venueId('sim'))

  assert.deepEqual(spec('SPY'), {
    symbol: 'SPY',
    venue: 'sim',
    kind: 'equity',
    currency: 'EUR',
    tickSize: 0.05,
    lotSize: 1,
    multiplier: 1,
    minNotional: 0,
    calendar: 'us-equity',
  })
  assert.deepEqual(spec('ES'), {
    ...spec('SPY'),
    symbol: 'ES',
    kind: 'future',
    tickSize: 0.25,
    multiplier: 50,
    calendar: 'cme',
  })
})

test('a symbol has what is stated of it, else what its venue told', () => {
  const bybit = venueId('bybit')
  const told = (symbol: string): InstrumentSpec => ({
    ...equitySpec(symbol, bybit),
    kind: 'perpetual',
    currency: 'USDT',
    tickSize: 0.1,
    lotSize: 0.001,
    minNotional: 5,
    calendar: '24/7',
  })
  const specOf = (text: string) => toInstrumentSpec(parse(text), 'BTCUSDT', bybit, told('BTCUSDT'))

  assert.deepEqual(specOf('universe: [BTCUSDT]'), told('BTCUSDT'))
  assert.deepEqual(
    specOf('universe: [{ symbol: BTCUSDT, tickSize: 0.5 }]\ninstrument: { lotSize: 0.01 }'),
    { ...told('BTCUSDT'), tickSize: 0.5, lotSize: 0.01 },
  )
  const future = specOf('instrument: { kind: future, currency: USD }')
  assert.deepEqual([future.kind, future.calendar, future.currency], ['future', 'cme', 'USD'])
})

test('a variable stands for a whole value, in lists and mappings too', () => {
  const env = { CASH: '5000', SYMBOL: 'SPY', NAME: 'fast-1', EMERGENCY: 'off', ZIP: '007' }
  const config = parse(
    [
      'account: { cash: ${CASH}, currency: USD } # not ${UNSET}',
      'universe: [${SYMBOL}, QQQ]',
      'strategies:',
      '  - use: sma-cross',
      '    as: ${NAME}',
      '    params: { text: "${CASH}", number: ${CASH}, zip: ${ZIP} }',
      'risk: { drawdown: { emergency: ${EMERGENCY} } }',
    ].join('\n'),
    env,
  )

  assert.equal(config.account.cash, 5000)
  assert.deepEqual(config.universe, ['SPY', 'QQQ'])
  assert.equal(config.strategies[0]?.as, 'fast-1')
  assert.deepEqual(config.strategies[0].params, { text: '5000', number: 5000, zip: '007' })
  assert.equal(config.risk.drawdown.emergency, 'off')
})

test('the value of a variable is neither parsed further nor shown', () => {
  const config = parse('strategies: [{ use: sma-cross, params: { note: ${A} } }]', {
    A: '{ x: ${B} }',
  })
  const message = refusalOf(() => parse('account: { cash: ${A} }', { A: 'hunter2' }))

  assert.deepEqual(config.strategies[0]?.params, { note: '{ x: ${B} }' })
  assert.match(message, /^skein\.yaml:1: account\.cash is not a number, as it comes from \$\{A\};/)
  assert.doesNotMatch(message, /hunter2/)
})

const strategy = (lines: string): string => `strategies:\n  - use: sma-cross\n${lines}`

/** A bad file, and the first line of the message. */
const BAD: readonly (readonly [name: string, text: string, message: RegExp])[] = [
  // The text.
  [
    'a broken list',
    'universe: [SPY\nmode: paper',
    /^skein\.yaml:2: is not YAML \(.*\); allowed: YAML$/,
  ],
  ['a quote that stays open', "mode: 'paper\n", /^skein\.yaml:2: is not YAML \(Missing closing/],
  ['a reserved character', 'mode: @paper', /^skein\.yaml:1: is not YAML \(Plain value cannot/],
  ['a tab', 'risk:\n\tleverage: 2', /^skein\.yaml:2: is indented with a tab; allowed: spaces$/],
  [
    'two documents',
    'mode: paper\n---\nmode: paper',
    /^skein\.yaml:2: begins another document; allowed: one/,
  ],
  [
    'a directive',
    '%YAML 1.1\n---\nmode: paper',
    /^skein\.yaml:1: has a %YAML directive; allowed: no/,
  ],
  [
    'a tag',
    'mode: !!js/function paper',
    /^skein\.yaml:1: has an unknown tag; allowed: values without/,
  ],
  [
    'a key twice',
    'mode: paper\nmode: paper',
    /^skein\.yaml:2: mode is there twice; allowed: every key once$/,
  ],
  [
    'an inner key twice',
    'risk:\n  leverage: 1\n  leverage: 2',
    /^skein\.yaml:3: risk\.leverage is there twice/,
  ],
  [
    'a key that is a number',
    'risk:\n  1: 2',
    /^skein\.yaml:2: risk has a key that is not text: "1"; allowed: a name/,
  ],
  ['a key that is a list', '? [a]\n: 1', /^skein\.yaml:1: has a key that is not text; allowed/],
  [
    'an alias of nothing',
    'risk: *base',
    /^skein\.yaml:1: risk is an alias of nothing: "\*base"; allowed: an alias/,
  ],
  [
    'an alias of itself',
    strategy('    params: &p { p: *p }'),
    /^skein\.yaml:3: strategies\[0\]\.params.* contains itself/,
  ],
  [
    'a bomb of aliases',
    strategy(
      `    params:\n${Array.from(
        { length: 20 },
        (_, i) =>
          `      a${i}: &a${i} [${
            i === 0
              ? 'x'
              : Array(9)
                  .fill(`*a${i - 1}`)
                  .join(', ')
          }]`,
      ).join('\n')}`,
    ),
    /^skein\.yaml:\d+: strategies\[0\]\.params\.\S+ repeats too much by aliases; allowed: aliases for 10000/,
  ],
  [
    'deep nesting',
    strategy(`    params: { a: ${'['.repeat(40)}${']'.repeat(40)} }`),
    /^skein\.yaml:3: .* is nested too deep; allowed: 32 levels$/,
  ],
  [
    'a large text',
    `# ${'x'.repeat(2 ** 20)}`,
    /^skein\.yaml: is too large; allowed: at most 1048576 bytes$/,
  ],
  [
    'a list as root',
    '- mode: paper',
    /^skein\.yaml:1: is a list; allowed: a mapping with mode, universe, instrument,/,
  ],
  [
    'a word as root',
    'paper',
    /^skein\.yaml:1: is not a mapping: "paper"; allowed: a mapping with mode/,
  ],
  // Variables.
  [
    'a variable not set',
    'mode: paper\naccount: { cash: ${CASH} }',
    /^skein\.yaml:2: account\.cash needs the variable CASH, which is not set; allowed: CASH set/,
  ],
  [
    'an empty variable',
    'account: { cash: ${EMPTY} }',
    /account\.cash needs the variable EMPTY, which is empty; allowed: EMPTY set/,
  ],
  [
    'a variable of Object',
    'account: { cash: ${constructor} }',
    /needs the variable constructor, which is not set/,
  ],
  [
    'a variable in part',
    'store: { journal: "${DIR}/j.db" }',
    /^skein\.yaml:1: store\.journal holds a variable in part: "\$\{DIR\}\/j\.db"; allowed: \$\{NAME\} as the whole/,
  ],
  [
    'two variables',
    'store: { journal: ${A}${B} }',
    /store\.journal holds a variable in part: "\$\{A\}\$\{B\}"/,
  ],
  [
    'a variable that stays open',
    'store:\n  journal: ${DIR',
    /^skein\.yaml:2: store\.journal holds a variable in part/,
  ],
  [
    'an odd name of a variable',
    'account: { cash: ${MY CASH} }',
    /account\.cash names no variable: "\$\{MY CASH\}"; allowed: letters/,
  ],
  ['a variable as key', '${KEY}: 1', /^skein\.yaml:1: has a key that is not text: "\$\{KEY\}"/],
  // Secrets.
  [
    'a placeholder',
    strategy('    params: { apiKey: changeme }'),
    /^skein\.yaml:3: strategies\[0\]\.params\.apiKey is a placeholder: "changeme"; allowed: the real one, best from/,
  ],
  [
    'a placeholder key',
    strategy('    params: { apikey: your-key-here }'),
    /params\.apikey is a placeholder: "your-key-here"/,
  ],
  [
    'a placeholder secret',
    strategy('    params: { api_secret: XXXX }'),
    /params\.api_secret is a placeholder: "XXXX"/,
  ],
  [
    'a placeholder token',
    strategy('    params: { token: <your token> }'),
    /params\.token is a placeholder: "<your token>"/,
  ],
  [
    'a placeholder password',
    strategy('    params: { PASSWORD: TODO }'),
    /params\.PASSWORD is a placeholder: "TODO"/,
  ],
  [
    'a database of another kind, whose password is not shown',
    'store: { database: "mysql://me:hidden@db/bars" }',
    /^skein\.yaml:1: store\.database is refused; allowed: postgres:\/\/user@host:5432\/name$/,
  ],
  [
    'an empty secret',
    strategy('    params: { secret: "" }'),
    /params\.secret is empty: ""; allowed: the real one/,
  ],
  [
    'a secret without value',
    strategy('    params:\n      secret:'),
    /^skein\.yaml:4: .*params\.secret is empty: null/,
  ],
  // Keys.
  [
    'an unknown key',
    'mode: paper\ncolour: red',
    /^skein\.yaml:2: colour is unknown; allowed: mode, universe, instrument,/,
  ],
  [
    'a misspelled key',
    'rsik: { leverage: 1 }',
    /^skein\.yaml:1: rsik is unknown \(did you mean risk\?\); allowed/,
  ],
  [
    'a misspelled inner key',
    'risk:\n  leverage: 1\n  maxpositions: 3',
    /^skein\.yaml:3: risk\.maxpositions is unknown \(did you mean maxPositions\?\); allowed: maxOrder/,
  ],
  ['a merge key', 'risk:\n  <<: { leverage: 1 }', /^skein\.yaml:2: risk\.<< is unknown; allowed/],
  ['a key of Object', '__proto__: { mode: live }', /^skein\.yaml:1: __proto__ is unknown; allowed/],
  // Venues.
  [
    'an unknown venue',
    'venues: { binance: {} }',
    /venues\.binance is unknown; allowed: alpaca, bybit$/,
  ],
  [
    'a key that is written into the file',
    'venues:\n  alpaca:\n    key: PKREALKEY123\n    secret: ${B}',
    /^skein\.yaml:3: venues\.alpaca\.key is written into the file; allowed: \$\{NAME\}, which/,
  ],
  [
    'a placeholder from the environment',
    'venues: { alpaca: { key: ${A}, secret: ${PLACEHOLDER} } }',
    /venues\.alpaca\.secret is a placeholder: "your-secret"; allowed: the real one/,
  ],
  [
    'a key with a space',
    'venues: { alpaca: { key: ${SPACED}, secret: ${A} } }',
    /venues\.alpaca\.key is not allowed, as it comes from \$\{SPACED\}; allowed: a key without/,
  ],
  [
    'a key without its secret',
    'venues: { alpaca: { key: ${A} } }',
    /venues\.alpaca\.secret is missing; allowed: both, as key is given/,
  ],
  [
    'a key beside a file of keys',
    'venues: { alpaca: { key: ${A}, secret: ${B}, keyFile: a.keys } }',
    /venues\.alpaca\.keyFile is there beside key or secret; allowed: either/,
  ],
  [
    'a foreign host without TLS',
    'venues: { alpaca: { hosts: { trading: "http://example.com" } } }',
    /hosts\.trading is not allowed: "http:\/\/example\.com"; allowed: https:\/\/host, or/,
  ],
  [
    'a host with a path',
    'venues: { alpaca: { hosts: { data: "https://data.alpaca.markets/v2" } } }',
    /hosts\.data is not allowed: .*; allowed: https:\/\/host, or/,
  ],
  [
    'a feed of its own',
    'venues: { alpaca: { feed: otc } }',
    /feed is not allowed: "otc"; allowed: iex or sip/,
  ],
  [
    'a batch of nothing',
    'venues: { alpaca: { subscribe: { batch: 0 } } }',
    /subscribe\.batch is too small: 0; allowed: a whole number from 1 to 10000/,
  ],
  [
    'a local venue beside hosts',
    'venues: { alpaca: { local: {}, hosts: { data: "https://data.alpaca.markets" } } }',
    /venues\.alpaca\.local is there beside hosts; allowed: one of them/,
  ],
  [
    'a local venue for real money',
    'venues: { alpaca: { paper: false, local: {} } }',
    /venues\.alpaca\.local is there with paper: false; allowed: one of them/,
  ],
  [
    'a local venue that is too fast for a run',
    'venues: { alpaca: { local: { speed: 1000 } } }',
    /local\.speed is too large: 1000; allowed: .*120/,
  ],
  [
    'an environment that Bybit does not have',
    'venues: { bybit: { environment: prod } }',
    /venues\.bybit\.environment is not allowed: "prod"; allowed: testnet, demo or mainnet/,
  ],
  [
    'a local Bybit beside real money',
    'venues: { bybit: { environment: mainnet, local: {} } }',
    /venues\.bybit\.local is there with environment: mainnet; allowed: one of them/,
  ],
  [
    'orders over a socket that Bybit does not offer',
    'venues: { bybit: { environment: demo, orderEntry: socket } }',
    /venues\.bybit\.orderEntry is not offered by the demo: "socket"; allowed: rest/,
  ],
  [
    'a key of Bybit without its secret',
    'venues: { bybit: { key: ${A} } }',
    /venues\.bybit\.secret is missing; allowed: both, as key is given/,
  ],
  ['paper as a word', 'venues: { alpaca: { paper: "no" } }', /alpaca\.paper is not true or false/],
  // Words.
  [
    'live money',
    'mode: live',
    /^skein\.yaml:1: mode is not allowed: "live"; allowed: paper or backtest, as live and dry-run come with a live venue$/,
  ],
  [
    'a misspelled mode',
    'mode: papper',
    /mode is not allowed \(did you mean paper\?\): "papper"; allowed: paper or backtest/,
  ],
  [
    'a queue model',
    'sim:\n  queue: first',
    /^skein\.yaml:2: sim\.queue is not allowed: "first"; allowed: touch, through or volume$/,
  ],
  [
    'trading hours',
    'risk: { tradingHours: never }',
    /risk\.tradingHours is not allowed: "never"; allowed: regular, extended or always/,
  ],
  [
    'a kind that nobody has',
    'instrument: { kind: swap }',
    /instrument\.kind is not allowed: "swap"; allowed: equity, crypto, future, perpetual or option/,
  ],
  [
    'a fee model',
    'sim: { fees: { type: percent } }',
    /sim\.fees\.type is not allowed: "percent"; allowed: none, per-share, fraction or per-contract/,
  ],
  [
    'a key of another fee model',
    'sim: { fees: { type: fraction, maker: 0, taker: 0, min: 1 } }',
    /sim\.fees\.min is unknown; allowed: type, maker, taker$/,
  ],
  [
    'a fee model without its numbers',
    'sim:\n  fees: { type: per-contract }',
    /^skein\.yaml:2: sim\.fees\.perContract is missing; allowed: a number from 0 to 1000, money/,
  ],
  [
    'a fee as a number',
    'sim: { fees: 5 }',
    /sim\.fees is not a mapping: 5; allowed: a mapping with type none, a mapping with type per-share/,
  ],
  // Numbers.
  [
    'text for a number',
    'account:\n  cash: lots',
    /^skein\.yaml:2: account\.cash is not a number: "lots"; allowed: a number > 0 and <= 1000000000000, money of the account$/,
  ],
  ['a quoted number', 'account: { cash: "5" }', /account\.cash is not a number: "5"/],
  [
    'not a number',
    'risk: { leverage: .nan }',
    /risk\.leverage is not a finite number: NaN; allowed: a number > 0 and <= 100, multiple/,
  ],
  [
    'infinity',
    'risk: { maxDailyLoss: .inf }',
    /risk\.maxDailyLoss is not a finite number: Infinity; allowed: off or a number > 0/,
  ],
  ['an overflow', 'account: { cash: 1e999 }', /account\.cash is not a finite number: Infinity/],
  ['no cash', 'account: { cash: 0 }', /account\.cash is too small: 0; allowed: a number > 0/],
  [
    'a count of zero',
    'risk:\n\n  maxPositions: 0',
    /^skein\.yaml:3: risk\.maxPositions is too small: 0; allowed: off or a whole number from 1 to 1000000, positions$/,
  ],
  [
    'half a millisecond',
    'sim: { latency: { entryMs: 0.5 } }',
    /sim\.latency\.entryMs is not a whole number: 0\.5; allowed: a whole number from 1 to 60000, milliseconds/,
  ],
  [
    'an answer at once',
    'sim: { latency: { responseMs: 0 } }',
    /sim\.latency\.responseMs is too small: 0/,
  ],
  [
    'a share above one',
    'sim: { participation: 1.5 }',
    /sim\.participation is too large: 1\.5; allowed: a number > 0 and <= 1, fraction of the volume/,
  ],
  [
    'a number that no double holds, told once',
    'sim: { seed: 9007199254740993 }',
    /^[^\n]*sim\.seed is too large: 9007199254740992; allowed: a whole number from 0 to \d+$/,
  ],
  [
    'a percentage for a fraction',
    'risk: { drawdown: { warning: 3 } }',
    /risk\.drawdown\.warning is too large: 3; allowed: off or a number > 0 and <= 1/,
  ],
  [
    'a limit that is neither',
    'risk: { maxPositions: none }',
    /risk\.maxPositions is not allowed: "none"; allowed: off or a whole number/,
  ],
  [
    'off where there must be a limit',
    'risk: { maxOpenOrders: off }',
    /risk\.maxOpenOrders is not a number: "off"/,
  ],
  ['off for leverage', 'risk: { leverage: off }', /risk\.leverage is not a number: "off"/],
  [
    'a step that is no decimal',
    'instrument: { tickSize: 0.333333333333333 }',
    /instrument\.tickSize is refused: 0\.333333333333333; allowed: a decimal/,
  ],
  [
    'a step of zero',
    'universe: [SPY, { symbol: ES, tickSize: 0 }]',
    /universe\[1\]\.tickSize is too small: 0; allowed: a number > 0/,
  ],
  [
    'a section without value',
    'risk:\nmode: paper',
    /^skein\.yaml:1: risk has no value: null; allowed: a mapping with maxOrder/,
  ],
  [
    'a list for a mapping',
    'account: [1]',
    /account is a list; allowed: a mapping with cash, currency/,
  ],
  // Symbols and strategies.
  [
    'an empty universe',
    'universe: []',
    /universe is too short; allowed: all or a list of 1 to 65536 values/,
  ],
  [
    'a word for a universe',
    'universe: SPY',
    /universe is not allowed: "SPY"; allowed: all or a list/,
  ],
  [
    'a number for a symbol',
    'universe: [1]',
    /universe\[0\] is not allowed: 1; allowed: a symbol of at most 32/,
  ],
  [
    'true for a symbol',
    'universe: [TRUE]',
    /universe\[0\] is not allowed: true; allowed: a symbol/,
  ],
  [
    'an instrument without symbol',
    'universe:\n  - { kind: future }',
    /^skein\.yaml:2: universe\[0\]\.symbol is missing; allowed: a symbol/,
  ],
  [
    'an unknown key of an instrument',
    'universe:\n  - SPY\n  - symbol: ES\n    ticksize: 1',
    /^skein\.yaml:4: universe\[1\]\.ticksize is unknown \(did you mean tickSize\?\)/,
  ],
  [
    'a symbol twice',
    'universe: [SPY, { symbol: SPY }]',
    /universe\[1\] is there twice: "SPY"; allowed: every symbol once/,
  ],
  [
    'a symbol outside',
    `universe: [SPY]\n${strategy('    on: [SPY, QQQ]')}`,
    /^skein\.yaml:4: strategies\[0\]\.on\[1\] is not in the universe: "QQQ"; allowed: SPY$/,
  ],
  [
    'a symbol of a strategy twice',
    strategy('    on: [SPY, SPY]'),
    /strategies\[0\]\.on\[1\] is there twice: "SPY"/,
  ],
  [
    'another currency',
    'universe: [{ symbol: X, currency: EUR }]',
    /universe\[0\]\.currency is not the currency of the account: "EUR"; allowed: USD/,
  ],
  [
    'a word for a currency',
    'account: { currency: dollar }',
    /account\.currency is not allowed: "dollar"; allowed: 3 to 5 capital letters/,
  ],
  [
    'no strategies',
    'strategies: []',
    /strategies is too short; allowed: a list of 1 to 100 values/,
  ],
  [
    'a strategy without use',
    'strategies:\n  - as: fast',
    /^skein\.yaml:2: strategies\[0\]\.use is missing; allowed: the name of a built-in strategy, or a path/,
  ],
  [
    'a strategy as a word',
    'strategies: [sma-cross]',
    /strategies\[0\] is not a mapping: "sma-cross"; allowed: a mapping with use, as, on, params/,
  ],
  [
    'a name in capitals',
    strategy('    as: Fast'),
    /^skein\.yaml:3: strategies\[0\]\.as is not allowed: "Fast"; allowed: 1 to 20 lower-case letters, digits and hyphens/,
  ],
  ['a long name', strategy(`    as: ${'a'.repeat(21)}`), /strategies\[0\]\.as is not allowed/],
  [
    'a name twice',
    `${strategy('    as: x')}\n  - use: sma-cross\n    as: x`,
    /^skein\.yaml:5: strategies\[1\]\.as is the name of an earlier strategy: "x"; allowed: another name in strategies\[1\]\.as/,
  ],
  [
    'a strategy twice',
    'strategies:\n  - use: sma-cross\n  - use: sma-cross',
    /^skein\.yaml:3: strategies\[1\]\.use is the name of an earlier strategy: "sma-cross"; allowed/,
  ],
  [
    'params as a list',
    strategy('    params: [5, 15]'),
    /strategies\[0\]\.params is a list; allowed: a mapping/,
  ],
  // Values together.
  [
    'a warning above the halt',
    'risk:\n  drawdown:\n    warning: 0.2',
    /^skein\.yaml:3: risk\.drawdown\.warning is not below halt: 0\.2; allowed: a number < 0\.05, which is risk\.drawdown\.halt/,
  ],
  [
    'a halt at the emergency',
    'risk: { drawdown: { halt: 0.1 } }',
    /risk\.drawdown\.halt is not below emergency: 0\.1; allowed: a number < 0\.1/,
  ],
  [
    'a warning above the emergency',
    'risk: { drawdown: { warning: 0.2, halt: off } }',
    /risk\.drawdown\.warning is not below emergency: 0\.2/,
  ],
  [
    'a recovery at its level',
    'risk: { drawdown: { recoverHalt: 0.05 } }',
    /risk\.drawdown\.recoverHalt is not below halt: 0\.05; allowed: a number < 0\.05/,
  ],
  [
    'one file for two',
    'store:\n  journal: a.db\n  archive: a.db',
    /^skein\.yaml:3: store\.archive is a file that has another use: "a\.db"; allowed: a file of its own/,
  ],
  ['an empty path', 'report: { html: "" }', /report\.html is not allowed: ""; allowed: a path/],
]

const VARIABLES = { EMPTY: '', A: 'PKA1', B: 'b2', SPACED: 'two words', PLACEHOLDER: 'your-secret' }

for (const [name, text, message] of BAD) {
  test(`refuses ${name}`, () => {
    const [first = ''] = refusalOf(() => parse(text, VARIABLES)).split('\n')

    assert.match(first, message)
  })
}

test('tells all problems of a file, in the order of its lines', () => {
  const text = 'sim: { seed: -1 }\nmode: fast\nrisk: { leverage: 0, x: 1 }\n'
  const lines = refusalOf(() => parse(text)).split('\n')

  assert.deepEqual(
    lines.map((line) => line.replace(/ (?:is|was) .*/, '')),
    [
      'skein.yaml:1: sim.seed',
      'skein.yaml:2: mode',
      'skein.yaml:3: risk.leverage',
      'skein.yaml:3: risk.x',
    ],
  )
})

test('tells twenty problems and how many more there are', () => {
  const symbols = Array.from({ length: 30_000 }, () => '5').join(',')
  const lines = refusalOf(() => parse(`universe: [${symbols}]`)).split('\n')

  assert.equal(lines.length, 21)
  assert.equal(lines.at(-1), 'and 29980 more')
})

test('anchors may save typing', () => {
  const config = parse(`
strategies:
  - { use: sma-cross, as: a, on: &both [SPY, QQQ] }
  - { use: sma-cross, as: b, on: *both }
`)

  assert.deepEqual(config.strategies[1]?.on, ['SPY', 'QQQ'])
})

test('defineConfig checks like a file', () => {
  const message = refusalOf(() => defineConfig({ risk: { maxPositions: 0 } }))

  assert.equal(defineConfig({ risk: { maxDailyLoss: 500 } }).risk.maxDailyLoss, 500)
  assert.match(message, /^configuration: risk\.maxPositions is too small: 0; allowed: off or/)
})

test('the hash is of what decides, not of how it is written or where it is kept', () => {
  const hash = (text: string, env: Record<string, string> = {}) => configHash(parse(text, env))

  assert.equal(hash(''), configHash(defaultConfig()))
  assert.equal(hash('risk: { leverage: 1 }\nmode: paper'), hash('mode: paper'))
  assert.equal(hash('account: { cash: 5 }'), hash('account: { cash: ${C} }', { C: '5' }))
  assert.equal(hash('store: { journal: other.db }\nreport: { html: x.html }'), hash(''))
  assert.equal(hash('strategies: [{ use: sma-cross, onStop: flatten }]'), hash(''))
  assert.equal(hash('venues: { bybit: { orderEntry: socket } }'), hash('venues: { bybit: {} }'))
  assert.notEqual(hash('venues: { bybit: {} }'), hash(''))
  assert.notEqual(hash('risk: { maxPositions: 9 }'), hash(''))
  assert.notEqual(hash('risk: { maxPositions: off }'), hash(''))
  assert.notEqual(hash('strategies: [{ use: sma-cross, params: { shorts: false } }]'), hash(''))
  assert.notEqual(hash('sim: { seed: 2 }'), hash(''))
  // Journals hold it: where it changes, they are of another configuration. A new setting changes it too.
  assert.equal(hash(''), '0b058cb0679103aa')
})

const folder = mkdtempSync(join(tmpdir(), 'skein-config-'))
after(() => rmSync(folder, { recursive: true }))

function written(name: string, bytes: string | Uint8Array): string {
  const file = join(folder, name)
  writeFileSync(file, bytes)
  return file
}

test('reads a file', () => {
  const file = written('good.yaml', 'account: { cash: ${CASH} }\n')
  const config = loadConfig(file, { CASH: '7' })

  assert.equal(config.account.cash, 7)
  assert.equal(config.source.file, file)
  assert.equal(config.source.folder, folder)
})

const KEYED = 'venues: { alpaca: { key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET} } }'
const ENV = { ALPACA_KEY: '007', ALPACA_SECRET: 'hunter2hunter2' }

test('Alpaca needs its keys and nothing else', () => {
  const terms = alpacaTermsOf(parse(KEYED, ENV))

  assert.deepEqual(terms, {
    keys: { key: '007', secret: 'hunter2hunter2' },
    isLive: false,
    feed: 'iex',
    codec: 'json',
    hosts: hostsOf(false),
    limits: { subscribe: { batch: 10, everyMs: 1_000, total: 30 } },
    hours: 'regular',
  })
})

test('engines meet in a file or in a database, and at no other address', () => {
  const leases = (place: string) => parse(`store: { leases: "${place}" }`).store.leases
  assert.equal(leases('./data/leases.db'), './data/leases.db')
  const there = leases('postgres://me:pw@db.example/skein')
  assert.ok(there instanceof Secret)
  assert.equal(there.reveal(), 'postgres://me:pw@db.example/skein')
  for (const place of ['https://db.example/skein', 'postgres:skein', 'postgres://'])
    assert.throws(
      () => leases(place),
      /store\.leases is (?:refused|not allowed).*a path, or postgres/,
    )
})

test('a local venue needs nothing: hosts come from its port, keys are its own, and patience grows with its pace', () => {
  const terms = alpacaTermsOf(parse('venues: { alpaca: { local: { port: 4999, speed: 60 } } }'))
  const keyed = parse(KEYED.replace(' } }', ', local: {} } }'), ENV)

  const host = '127.0.0.1:4999'
  assert.deepEqual(terms.keys, { key: 'local', secret: 'local' })
  assert.deepEqual(terms.hosts, {
    trading: `http://${host}`,
    data: `http://${host}`,
    stream: `ws://${host}`,
    orders: `ws://${host}/stream`,
  })
  assert.deepEqual(terms.patience, {
    answerMs: 300_000,
    liveness: { pongWithinMs: 300_000, dataWithinMs: 300_000 },
  })
  const bybit = bybitTermsOf(parse('venues: { bybit: { local: { port: 4999, speed: 60 } } }'))
  assert.deepEqual(bybit.patience, {
    answerMs: 300_000,
    recvWindowMs: 300_000,
    liveness: { pongWithinMs: 300_000 },
  })
  assert.equal(alpacaTermsOf(keyed).keys.key, '007')
  assert.equal(alpacaTermsOf(keyed).patience, undefined)
})

test('no text, no JSON and no hash of a configuration holds a key of a venue', () => {
  const config = parse(KEYED, ENV)
  const { source: _source, ...settings } = config
  const shown = `${JSON.stringify(settings)} ${inspect(config, { depth: 9 })} ${String(config.venues?.alpaca?.secret)}`

  assert.doesNotMatch(shown, /007|hunter2/)
  assert.equal(
    configHash(config),
    configHash(parse(KEYED, { ALPACA_KEY: 'A', ALPACA_SECRET: 'B' })),
  )
  assert.notEqual(
    configHash(config),
    configHash(parse(KEYED.replace(' } }', ', feed: sip } }'), ENV)),
  )
})

test('a configuration with keys can be checked again, and without them when it comes from a journal', () => {
  const { source: _source, ...settings } = parse(KEYED, ENV)
  const again = restoreConfig(settings, 'command line', folder)
  const kept = restoreConfig(JSON.parse(JSON.stringify(settings)), 'journal', folder)

  assert.equal(alpacaTermsOf(again).keys.secret, 'hunter2hunter2')
  assert.equal(
    refusalOf(() => alpacaTermsOf(kept)),
    'journal: venues.alpaca.key is missing; allowed: ${ALPACA_KEY} from the environment, or keyFile',
  )
})

test('reads the keys of a file, and shows nothing of it where it is wrong', () => {
  const told = (text: string): string => {
    written('alpaca.keys', text)
    const config = written('keyed.yaml', 'venues: { alpaca: { keyFile: ./alpaca.keys } }')
    return refusalOf(() => alpacaTermsOf(loadConfig(config, {}))).replace(folder, '')
  }
  const config = written('keyed.yaml', 'venues: { alpaca: { keyFile: ./alpaca.keys } }')
  written('alpaca.keys', '# paper\nkey: PK1\nsecret = hunter2\n')

  assert.deepEqual(alpacaTermsOf(loadConfig(config, {})).keys, { key: 'PK1', secret: 'hunter2' })
  assert.match(told('key: PK1\n'), /alpaca\.keys: secret is missing; allowed: two lines/)
  assert.match(told('hunter2\n'), /^\/alpaca\.keys:1: is no line of keys; allowed: two lines/)
  assert.match(told('key: changeme\n'), /alpaca\.keys:1: key is a placeholder; allowed: the real/)
  assert.match(told('key: a\nkey: hunter2\n'), /alpaca\.keys:2: key is there twice; allowed/)
  rmSync(join(folder, 'alpaca.keys'))
  assert.match(
    refusalOf(() => alpacaTermsOf(loadConfig(config, {}))),
    /alpaca\.keys: cannot be read \(ENOENT\); allowed: a file of two lines/,
  )
})

test('who needs Alpaca is told what is missing', () => {
  assert.equal(
    refusalOf(() => alpacaTermsOf(defaultConfig())),
    'configuration: venues.alpaca is missing; allowed: ' +
      'venues: { alpaca: { key: ${ALPACA_KEY}, secret: ${ALPACA_SECRET} } }',
  )
})

test('refuses what is no readable text', () => {
  const load = (path: string) => refusalOf(() => loadConfig(path, {})).replace(folder, '')
  mkdirSync(join(folder, 'folder.yaml'))
  const latin = Uint8Array.from([0x61, 0x3a, 0x31, 0x0a, 0x23, 0xe9, 0x0a])

  assert.equal(load(join(folder, 'none.yaml')), '/none.yaml: is missing; allowed: a YAML file')
  assert.equal(load(join(folder, 'folder.yaml')), '/folder.yaml: is a folder; allowed: a YAML file')
  assert.equal(
    load(written('latin.yaml', latin)),
    '/latin.yaml:2: is not UTF-8; allowed: UTF-8 text',
  )
  assert.equal(
    load(written('large.yaml', '#'.repeat(2 ** 20 + 1))),
    '/large.yaml: is too large: 1048577; allowed: at most 1048576 bytes',
  )
})
