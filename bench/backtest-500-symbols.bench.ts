// Backtest of sma-cross on 500 symbols that share an account, 1 M bars together.
import { backtestBench } from './backtest.ts'

export const bench = backtestBench(
  'backtest-500-symbols',
  { symbols: 500, fraction: 0.001 },
  {
    atLeast: 3_000_000,
    ratioAtLeast: 0.08,
  },
)
