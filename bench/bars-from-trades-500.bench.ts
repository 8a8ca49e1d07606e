// Bars from 4 M trades of 500 symbols.
import { barsBench } from './bars.ts'

export const bench = barsBench('bars-from-trades-500', 500)
