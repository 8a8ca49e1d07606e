// From a trade to the order at 1,000 trades/s, beside a client that makes its order durable too, and no more.
import { latencyBench } from './order-latency.ts'

export const bench = latencyBench('order-durable-1k', 1_000, 'durable')
