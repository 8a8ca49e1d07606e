// Churn: a strategy that always has something under way: markets, limits that rest, cancels, brackets, closes.
import { sma } from '../../src/indicators/index.ts'
import { defineStrategy, z } from '../../src/strategy/index.ts'

export default defineStrategy({
  name: 'churn',
  params: z.strictObject({ every: z.int().min(1).default(4) }),
  needs: () => ({ bars: ['1m', '5m'], warmup: 2, trades: true }),
  state: () => 0,
  symbol(ctx, { every }) {
    const lot = (part: number): number => Math.max(1, Math.round(part * 7))
    const enter = (price: number, n: number): void => {
      const qty = lot((n % 5) / 5)
      switch (n % 4) {
        case 0:
          ctx.buy({ qty })
          return
        case 1:
          ctx.buy({ qty, limit: price * 0.999 })
          return
        case 2:
          ctx.bracket({ side: 'buy', qty, stop: price * 0.995, target: price * 1.005 })
          return
        default:
          ctx.buy({ qty, limit: price * 1.001 })
      }
    }
    const average = sma(3)
    let mean = 0
    return {
      // What is derived from bars decides too, so a lane that is rebuilt wrongly is found out.
      onBar({ timeframe, close }) {
        if (timeframe === '5m') mean = average.push(close)
      },
      onTrade({ price }) {
        const tick = ctx.state
        ctx.state = tick + 1
        if (tick % every !== 0) return
        const n = tick / every + (price > mean ? 1 : 0)
        const [first] = ctx.orders
        if (first !== undefined && n % 3 === 0) ctx.cancel(first.id)
        else if (ctx.position.isFlat) enter(price, n)
        else if (n % 3 === 1) ctx.close()
      },
    }
  },
})
