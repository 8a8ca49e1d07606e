// From a trade to the order at 10,000 trades/s, beside a client that makes its order durable too, and no more.
import { latencyBench } from './order-latency.ts'

export const bench = latencyBench('order-durable-10k', 10_000, 'durable')
