/*
 * Draft: the numbers of one message, until all its keys are read and it is known what it is. Both scanners fill one,
 * and here alone it becomes a row.
 */
import { BAR, QUOTE, TRADE } from '../../core/market-rows.ts'
import { type RowKind, type Rows, UPDATED } from './rows.ts'
import { STRANGER } from './symbol-table.ts'

// Where the numbers of a message wait; bit n of `seen` says that n came. The scanners and json-reader.ts
// have the names that they need again, on purpose: V8 folds a constant of the same module into the code, and looks one of
// another module up each time that it is used, which is for every value. Change one, change all.
const P = 0
const S = 1
const BP = 2
const BS = 3
const AP = 4
const AS = 5
const O = 6
const H = 7
const L = 8
const C = 9
const V = 10
const N = 11
const TS = 12
const ID_HIGH = 13
const ID_LOW = 14

const HAS_TRADE = (1 << P) | (1 << S)
const HAS_QUOTE = (1 << BP) | (1 << BS) | (1 << AP) | (1 << AS)
const HAS_BAR = (1 << O) | (1 << H) | (1 << L) | (1 << C) | (1 << V)

export class Draft {
  /** Doubles wait here and not in fields of their own, which would be an object for each. */
  readonly numbers = new Float64Array(16)

  clear(): void {
    const { numbers } = this
    numbers[TS] = NaN
    numbers[ID_HIGH] = -1
    numbers[ID_LOW] = -1
  }

  /**
   * Writes the row; the caller has seen to it that there is room. False where it is nothing that becomes a row.
   *
   * @param type The byte of the type, `t` for example.
   * @param seen The numbers that came, a bit each.
   */
  write(type: number, seen: number, symbol: number, rows: Rows): boolean {
    const { numbers } = this
    const ts = numbers[TS]!
    const kind = kindOf(type, seen)
    if (kind === 0 || symbol < STRANGER || Number.isNaN(ts)) return false
    if (symbol === STRANGER) {
      rows.strangers++
      return true
    }
    const at = rows.next(kind, symbol, ts)
    const { values } = rows
    if (kind === QUOTE) {
      values[at] = numbers[BP]!
      values[at + 1] = numbers[BS]!
      values[at + 2] = numbers[AP]!
      values[at + 3] = numbers[AS]!
    } else if (kind === TRADE) {
      values[at] = numbers[P]!
      values[at + 1] = numbers[S]!
      values[at + 2] = numbers[ID_HIGH]!
      values[at + 3] = numbers[ID_LOW]!
    } else {
      for (let i = 0; i < 5; i++) values[at + i] = numbers[O + i]!
      values[at + 5] = (seen & (1 << N)) === 0 ? 0 : numbers[N]!
    }
    return true
  }
}

function kindOf(type: number, seen: number): RowKind | 0 {
  switch (type) {
    case 113:
      return (seen & HAS_QUOTE) === HAS_QUOTE ? QUOTE : 0
    case 116:
      return (seen & HAS_TRADE) === HAS_TRADE ? TRADE : 0
    case 98:
      return (seen & HAS_BAR) === HAS_BAR ? BAR : 0
    case 117:
      return (seen & HAS_BAR) === HAS_BAR ? UPDATED : 0
    default:
      return 0
  }
}
