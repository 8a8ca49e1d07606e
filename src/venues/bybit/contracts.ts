// Contracts: what the venue says of the symbols of a run, each with its grid, or why it may not be traded.
import type { VenueId } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { type Json, textOf } from '../../io/json.ts'
import type { Category } from './category.ts'
import { instrumentsOf } from './lookup.ts'
import type { Rest } from './rest.ts'
import { specOf } from './wire.ts'

/** By symbol, in the order of the symbols. */
export async function contractsOf(
  rest: Rest,
  category: Category,
  { symbols, venue }: { readonly symbols: readonly string[]; readonly venue: VenueId },
): Promise<Result<ReadonlyMap<string, Result<InstrumentSpec>>>> {
  const rows = await instrumentsOf(rest, category, symbols)
  if (!rows.ok) return rows
  const bySymbol = new Map(rows.value.map((row) => [textOf(row['symbol']), row]))
  const contract = (symbol: string): Result<InstrumentSpec> =>
    contractOf(bySymbol.get(symbol), category, { symbol, venue })
  return ok(new Map(symbols.map((symbol) => [symbol, contract(symbol)])))
}

function contractOf(
  row: Json | undefined,
  category: Category,
  { symbol, venue }: { readonly symbol: string; readonly venue: VenueId },
): Result<InstrumentSpec> {
  if (row === undefined)
    return failed(fault('not-found', `bybit has no ${category.word} ${symbol}`))
  if (row['status'] !== 'Trading')
    return failed(fault('bad-request', `${symbol} cannot be traded at bybit`))
  const spec = specOf(row, venue, category)
  if (spec === undefined)
    return failed(fault('corrupt-data', `what bybit says of ${symbol} cannot be read`))
  if (spec.currency === category.coin) return ok(spec)
  const text = `${symbol} is paid in ${spec.currency}, the account counts in ${category.coin}: set account.currency`
  return failed(fault('unsupported', text))
}

/** Whether the venue says that it is not traded any more: a row that cannot be read says nothing. */
export const isGone = ({ code }: Fault): boolean => code === 'not-found' || code === 'bad-request'
