// Secret: a value that is used and never shown. Where it is written, printed or inspected, nothing of it is there.
import { inspect } from 'node:util'
import { REDACTED, redactor } from '../../io/redact.ts'

/** JSON leaves it out, so neither a journal nor the hash of a configuration holds it. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The value itself, for the one place that needs it. */
  reveal(): string {
    return this.#text
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): undefined {
    return undefined
  }

  [inspect.custom](): string {
    return REDACTED
  }
}

/** What stands in examples where the real one belongs. */
export const isPlaceholder = (value: unknown): boolean =>
  value === null ||
  (typeof value === 'string' &&
    /^(?:|change[-_ ]?me|your[-_ ].*|x{3,}|<.*>|todo\b.*|placeholder|\.{3})$/is.test(value.trim()))

/** What somebody has typed, as it may be shown: without the password of an address, and what is named as a secret. */
export const withoutSecrets = redactor().text
