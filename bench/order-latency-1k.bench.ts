// From a trade to the order at 1,000 trades/s, beside a bare client.
import { latencyBench } from './order-latency.ts'

export const bench = latencyBench('order-latency-1k', 1_000, 'bare')
