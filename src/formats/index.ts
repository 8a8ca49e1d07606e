// Recorded market data on disk, as tapes.
export { CSV_HEADER, exportCsv } from './export-csv.ts'
export { openTape, type RecordedTape } from './open-tape.ts'
export type { Skipped, TapeOptions } from './options.ts'
