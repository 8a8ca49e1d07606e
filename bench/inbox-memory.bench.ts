// Memory of 10,000 trades that wait in the inbox, beside an array of 10,000 trade objects.
import { symbolId } from '../src/core/brand.ts'
import type { Trade } from '../src/core/market.ts'
import { ms } from '../src/core/time.ts'
import { Inbox } from '../src/engine/inbox.ts'
import { type Bench, bytesOf } from './bench.ts'
import { FROM } from './market.ts'

const TRADES = 10_000

export const bench: Bench = {
  name: 'inbox-memory',
  unit: 'bytes',
  goal: { atMost: 1_000_000 },
  run: {
    skein: () => {
      const { bytes, made } = bytesOf(() => {
        const inbox = new Inbox({ capacity: TRADES, maxAgeMs: Infinity })
        for (let i = 0; i < TRADES; i++) {
          const trade = tradeOf(i)
          inbox.push({ type: 'trade', at: trade.ts, trade })
        }
        return inbox
      })
      const trades: Trade[] = []
      while (made.nextAt < Infinity) {
        for (const input of made.takeTurn(0)) if (input.type === 'trade') trades.push(input.trade)
      }
      return { value: bytes, check: sumOf(trades) }
    },
    reference: () => {
      const { bytes, made } = bytesOf(() => {
        const trades: Trade[] = []
        for (let i = 0; i < TRADES; i++) trades.push(tradeOf(i))
        return trades
      })
      return { value: bytes, check: sumOf(made) }
    },
  },
}

const tradeOf = (i: number): Trade => ({
  symbol: symbolId(i % 500),
  ts: ms(FROM + i),
  price: 100 + (i % 1_000) / 100,
  size: 1 + (i % 97),
})

function sumOf(trades: readonly Trade[]): string {
  let sum = 0
  for (const { symbol, ts, price, size } of trades) sum += symbol + (ts - FROM) + price + size
  return `${trades.length} trades, sum ${sum}`
}
