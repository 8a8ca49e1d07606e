// Rows: csv text as cells, each row with the line it starts on.
import { CsvError, parse } from 'csv-parse/sync'
import { BadInput } from '../core/bad-input.ts'

export interface Row {
  /** Counts from 1. */
  readonly line: number
  readonly cells: readonly string[]
}

/**
 * The rows of a text with commas, without its empty lines. Text without a quotation mark is simply split,
 * which measured five times as fast as csv-parse (45,000 bars: 30 ms against 150 ms); ticks need that.
 */
export function rowsOf(name: string, text: string): Row[] {
  if (text.includes('"')) return quotedRowsOf(name, text)
  const rows: Row[] = []
  let line = 0
  for (const raw of text.split('\n')) {
    line++
    const kept = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (kept.length > 0) rows.push({ line, cells: kept.split(',') })
  }
  return rows
}

function quotedRowsOf(name: string, text: string): Row[] {
  let nextLine = 1
  try {
    const rows = parse(text, {
      relax_column_count: true,
      skip_empty_lines: true,
      info: true,
    })
    return rows.map((found: unknown) => {
      const { record, info } = found as { record: string[]; info: { lines: number } }
      const line = Math.max(nextLine, info.lines - record.join('').split('\n').length + 1)
      nextLine = info.lines + 1
      return { line, cells: record }
    })
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = 'lines' in error && typeof error.lines === 'number' ? { line: error.lines } : {}
    const what = `is not csv (${error.message})`
    throw new BadInput({ file: name, ...line }, what, undefined, 'quotation marks in pairs')
  }
}
