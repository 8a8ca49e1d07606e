/*
 * Terms: what orders Alpaca takes, by kind of instrument; https://docs.alpaca.markets/docs/orders-at-alpaca and
 * /docs/crypto-trading, and `OrderType`, `TimeInForce` and `OrderClass` of its OpenAPI (read 2026-11).
 *
 * What is held is held for the order that would sell it: a sale beside it is `insufficient qty available for order`, of
 * a coin `insufficient balance`.
 */
import type { OrderTerms, TermsByKind } from '../../core/terms.ts'

/**
 * The legs of a bracket become active when its entry is completely filled, and have its time in force. Fractions would be day
 * orders alone.
 */
const SHARES: OrderTerms = {
  takes: {
    market: ['day', 'gtc', 'ioc', 'fok'],
    limit: ['day', 'gtc', 'ioc', 'fok'],
    stop: ['day', 'gtc'],
    'stop-limit': ['day', 'gtc'],
  },
  postOnly: false,
  shorts: true,
  fractions: false,
  brackets: 'native',
  protectsParts: false,
  oneTif: true,
  exitsBesideLegs: false,
  exits: 'one',
}

/**
 * A stop of a coin rests as a stop-limit, so it is there while nobody is here. Its limit is 5 % beyond: once it has
 * triggered it takes whatever is bid down to that, as a market order would, and waits below. A stop that is kept in the
 * engine would sell at any price, and not at all while the process is down or cut off.
 */
const COINS: OrderTerms = {
  takes: { market: ['gtc', 'ioc'], limit: ['gtc', 'ioc'], 'stop-limit': ['gtc', 'ioc'] },
  postOnly: false,
  shorts: false,
  fractions: true,
  brackets: 'emulated',
  protectsParts: false,
  exitsBesideLegs: false,
  exits: 'one',
  stopCollar: 0.05,
  // https://alpaca.markets/support, on notional orders: market orders of coins become limits 2 % beyond (read 2026-11).
  marketRests: true,
}

const OPTIONS: OrderTerms = {
  takes: { market: ['day'], limit: ['day'] },
  postOnly: false,
  shorts: true,
  fractions: false,
  brackets: 'none',
  protectsParts: false,
  exitsBesideLegs: false,
  exits: 'one',
}

export const ALPACA_TERMS: TermsByKind = { equity: SHARES, crypto: COINS, option: OPTIONS }
