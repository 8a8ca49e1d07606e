// Bars from 4 M trades of 31 symbols.
import { barsBench } from './bars.ts'

export const bench = barsBench('bars-from-trades-31', 31)
