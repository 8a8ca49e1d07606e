/*
 * HISTDATA: MetaTrader minutes in a zip with a status report beside them, no header.
 *
 *   DAT_MT_NSXUSD_M1_202602.csv     2026.02.01,18:00,25387.779000,25418.319000,25387.231000,25405.264000,0
 *
 * Stamps are the start of the minute in New York's winter time all year (UTC-5); prices are bids; the volume is
 * always 0. The rows become rows of a csv with one stamp, and are read as such.
 */
const ENTRY = /^DAT_MT_([A-Z0-9]+)_M1_\d{4,6}\.csv$/i

/** Etc/GMT+5 is UTC-5: the names of the zones count the other way. */
export const HISTDATA_ZONE = 'Etc/GMT+5'
export const HISTDATA_COLUMNS = ['timestamp', 'open', 'high', 'low', 'close', 'volume']

/** The symbol of an entry; undefined where it is not of HISTDATA. */
export const histdataSymbol = (entry: string): string | undefined =>
  ENTRY.exec(entry)?.[1]?.toUpperCase()

/** Joins day and time of each row into one stamp; lines stay where they are. */
export const histdataText = (text: string): string =>
  text.replace(/^(\d{4}\.\d\d\.\d\d),(\d\d:\d\d),/gm, '$1 $2,')
