// Alpaca's frames of JSON to inputs, beside JSON.parse alone.
import { decodeBench } from './decode-alpaca.ts'

export const bench = decodeBench('decode-alpaca-json', 'json')
