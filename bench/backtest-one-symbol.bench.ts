// Backtest of sma-cross on one symbol, 1 M bars.
import { backtestBench } from './backtest.ts'

export const bench = backtestBench(
  'backtest-one-symbol',
  { symbols: 1, fraction: 0.05 },
  {
    atLeast: 5_000_000,
    ratioAtLeast: 0.08,
  },
)
