// BadInput: what a person gave us that cannot be used. Commands that meet it exit with 2.

/** Where in a file a value stands. Lines and columns count from 1. */
export interface Position {
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
  readonly position: Position

  constructor(position: Position, what: string, value: unknown, allowed: string) {
    const place = position.line === undefined ? position.file : `${position.file}:${position.line}`
    const field = position.field === undefined ? '' : `${position.field} `
    const shown = value === undefined ? '' : `: ${shorten(JSON.stringify(value) ?? String(value))}`
    super(`${place}: ${field}${what}${shown}; allowed: ${allowed}`)
    this.name = 'BadInput'
    this.position = position
  }
}

const shorten = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}...` : text)
