// Source: where a configuration came from, and where in the file each of its values stands.
import type { Place } from '../../core/bad-input.ts'

export type Path = readonly PropertyKey[]

/** What is remembered of a value. */
export interface Mark {
  readonly line: number
  /** The variable that the value came from. */
  readonly variable?: string
}

/** Where a configuration came from: the file, and the place of each of its values. */
export class Source {
  readonly file: string
  /** Paths in the configuration are relative to it. */
  readonly folder: string
  readonly #marks: ReadonlyMap<string, Mark>

  constructor(file: string, folder: string, marks: ReadonlyMap<string, Mark> = new Map()) {
    this.file = file
    this.folder = folder
    this.#marks = marks
  }

  /** The place of a value; where it is not written, of what it would stand in. */
  place(path: Path): Place {
    const field = keyPath(path)
    const at = { file: this.file, ...(field === '' ? {} : { field }) }
    for (let length = path.length; length >= 0; length--) {
      const mark = this.#marks.get(keyPath(path.slice(0, length)))
      if (mark !== undefined) return { ...at, line: mark.line }
    }
    return at
  }

  /** The variable that the value came from; undefined where it is written in the file. */
  variableOf(path: Path): string | undefined {
    return this.#marks.get(keyPath(path))?.variable
  }
}

/** `strategies[0].params.pairs`; '' for the whole. */
export const keyPath = (path: Path): string =>
  path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${String(key)}`))
    .join('')
