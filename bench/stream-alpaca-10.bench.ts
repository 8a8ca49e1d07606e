// Alpaca's stream of frames with ten messages each to inputs, beside a socket that only counts.
import { streamBench } from './stream-alpaca.ts'

export const bench = streamBench('stream-alpaca-10', 10)
