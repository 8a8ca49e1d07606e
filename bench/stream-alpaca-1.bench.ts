// Alpaca's stream of frames with one message each to inputs, beside a socket that only counts.
import { streamBench } from './stream-alpaca.ts'

export const bench = streamBench('stream-alpaca-1', 1)
