/*
 * Kept: what of bought coins is ours. Bybit takes the fee of a purchase in spot out of the coins: who buys 1 has 0.999.
 * Positions are whole lots, so each execution counts for the lots that it has made complete, and what is not a lot yet
 * waits for the next one of its order; at its end it is dust, which no order could sell.
 *
 *   bought 1, fee 0.001, lots of 0.01     0.99 at its price; the 0.01 that are missing were paid for: they are its fee in money
 *
 * The same execution comes by the stream and by reports, and counts the same: what was said of it is remembered.
 */
import type { Instrument } from '../../core/instrument.ts'
import type { WireExecution } from './wire.ts'

/** What an execution is for the position; no quantity where it has not completed a lot. */
export interface Net {
  readonly qty: number
  /** In money. */
  readonly fee: number
}

/** Of an order so far. */
interface Tally {
  /** Coins that are ours, exactly, and those that were told. */
  owned: number
  told: number
  /** Money that was paid and is in nothing that was told. */
  unpaid: number
}

/** Executions and orders that are remembered; the oldest go first. */
const REMEMBERED_MAX = 50_000

export class Kept {
  readonly #said = new Map<string, Net>()
  readonly #orders = new Map<string, Tally>()

  /** Executions of an order come in the order of their times. */
  net(execution: WireExecution, instrument: Instrument): Net {
    const { id, venueId, qty, price, fee } = execution
    if (isMoney(execution, instrument)) return { qty, fee }
    // A rebate in coins is dust, and a fee in a coin that is neither is none of our money: derivatives may be paid in MNT.
    if (!isInCoins(execution, instrument)) return { qty, fee: 0 }
    const said = this.#said.get(id)
    if (said !== undefined) return said
    const tally = this.#orders.get(venueId) ?? { owned: 0, told: 0, unpaid: 0 }
    tally.owned += qty - fee
    tally.unpaid += qty * price
    const lots = instrument.qty(Math.max(0, instrument.qty(tally.owned, 'down') - tally.told))
    const net = lots > 0 ? { qty: lots, fee: tally.unpaid - lots * price } : { qty: 0, fee: 0 }
    if (lots > 0) {
      tally.told = instrument.qty(tally.told + lots)
      tally.unpaid = 0
    }
    remember(this.#orders, venueId, tally)
    remember(this.#said, id, net)
    return net
  }

  /** What was told of an order; undefined where nothing of it was paid in coins. */
  toldOf(venueId: string): number | undefined {
    return this.#orders.get(venueId)?.told
  }
}

const isMoney = ({ feeCoin }: WireExecution, { spec }: Instrument): boolean =>
  feeCoin === undefined || feeCoin === spec.currency

const isInCoins = ({ fee, feeCoin }: WireExecution, instrument: Instrument): boolean =>
  instrument.kind === 'crypto' &&
  fee > 0 &&
  feeCoin === coinIn(instrument.symbol, instrument.spec.currency)

/** The coins of an execution that are in the wallet and were not counted with it. */
export function leftOf(
  execution: WireExecution,
  { symbol, spec }: Instrument,
  qty: number,
): number {
  const isInCoin = execution.feeCoin === coinIn(symbol, spec.currency)
  const fee = isInCoin ? execution.fee : 0
  const bought = execution.side === 'buy' ? execution.qty - qty : 0
  return bought - fee
}

/** `BTCUSDT` in USDT is BTC. */
export const coinIn = (symbol: string, currency: string): string =>
  symbol.endsWith(currency) ? symbol.slice(0, -currency.length) : symbol

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size <= REMEMBERED_MAX) return
  const oldest = map.keys().next().value
  if (oldest !== undefined) map.delete(oldest)
}
