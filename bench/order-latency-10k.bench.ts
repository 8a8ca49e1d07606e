// From a trade to the order at 10,000 trades/s, beside a bare client.
import { latencyBench } from './order-latency.ts'

export const bench = latencyBench('order-latency-10k', 10_000, 'bare')
