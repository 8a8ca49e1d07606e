// BadInput: what a person gave us that cannot be used. Commands that meet it exit with 2.

/** Where in a file a value stands. Lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  /** A column's name in a table, or a key's path in a configuration. */
  readonly field?: string
}

/**
 * One clear error about given data: where, what, which value, and what is allowed.
 *
 * @example new BadInput({ file: 'SPY.csv', line: 7, field: 'Close' }, 'is not a number', 'abc', 'a finite price > 0')
 * // SPY.csv:7: Close is not a number: "abc"; allowed: a finite price > 0
 */
export class BadInput extends Error {
  readonly place: Place

  constructor(place: Place, what: string, value: unknown, allowed: string) {
    const where = place.line === undefined ? place.file : `${place.file}:${place.line}`
    const field = place.field === undefined ? '' : `${place.field} `
    const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
    const shown = value === undefined ? '' : `: ${shorten(text)}`
    super(`${where}: ${field}${what}${shown}; allowed: ${allowed}`)
    this.name = 'BadInput'
    this.place = place
  }
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text)
