// Alpaca's frames of msgpack to inputs, beside JSON.parse alone.
import { decodeBench } from './decode-alpaca.ts'

export const bench = decodeBench('decode-alpaca-msgpack', 'msgpack')
