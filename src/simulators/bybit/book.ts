/*
 * Depth: the order book around the top of the market. Only the top is the market's own; the levels below are made from
 * their prices, so a level keeps its size while the top moves over it, and a change of the top changes few of them.
 */
import type { Instrument } from '../../core/instrument.ts'
import type { KeptQuote } from '../history.ts'

/** Prices and sizes, the best first. */
export interface Levels {
  readonly bids: readonly Level[]
  readonly asks: readonly Level[]
}
export type Level = readonly [price: number, size: number]

export function levelsOf(quote: KeptQuote, instrument: Instrument, depth: number): Levels {
  const { bid, bidSize, ask, askSize } = quote
  return {
    bids: side(instrument, depth, { top: bid, size: bidSize, step: -instrument.tickSize }),
    asks: side(instrument, depth, { top: ask, size: askSize, step: instrument.tickSize }),
  }
}

function side(
  instrument: Instrument,
  depth: number,
  { top, size, step }: { readonly top: number; readonly size: number; readonly step: number },
): Level[] {
  const levels: Level[] = [[top, size]]
  for (let i = 1; i < depth; i++) {
    const price = instrument.px(top + i * step)
    if (price <= 0) break
    levels.push([price, sizeAt(instrument, price)])
  }
  return levels
}

/** From 10 to 90 lots and more, by the price alone. */
const sizeAt = (instrument: Instrument, price: number): number => {
  const ticks = Math.round(price / instrument.tickSize)
  return instrument.qty(10 * (1 + ((ticks * 7) % 9)) * Math.max(1, instrument.lotSize))
}

/** What turns the one side into the other: sizes that changed, 0 where a level is gone. */
export function changes(before: readonly Level[], after: readonly Level[]): readonly Level[] {
  const old = new Map(before)
  const changed: Level[] = []
  for (const [price, size] of after) {
    if (old.get(price) !== size) changed.push([price, size])
    old.delete(price)
  }
  for (const price of old.keys()) changed.push([price, 0])
  return changed
}
