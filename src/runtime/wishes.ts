/*
 * Wishes: what a person wants of a run, put as files into a folder beside its journal. A run takes them once a second, and
 * at its start before anything else may leave; a wish is a file until it is durable in the journal, so that none is lost
 * by a kill. One that is done twice changes nothing. A file that is no wish is moved aside and told, never guessed at.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { unreachable } from '../core/assert.ts'
import type { Control } from '../core/input.ts'

/** Each is taken back by its neighbour; `cancel` and `flatten` are done once. */
export const WANTS = [
  'kill',
  'lift',
  'safe-mode',
  'clear-safe-mode',
  'pause',
  'resume',
  'cancel',
  'flatten',
] as const
export type Want = (typeof WANTS)[number]

const form = z.strictObject({ want: z.enum(WANTS), why: z.string().max(200), by: z.string() })

export interface Wish {
  /** Name of its file. */
  readonly name: string
  readonly control: Control
  readonly by: string
}

/** Files that one look takes. */
const WISHES_MAX = 100
const TAIL = '.json'

export class Wishes {
  readonly #folder: string
  readonly #onBad: (why: string) => void
  #put = 0

  /** @param onBad Told of a file that is no wish. */
  constructor(journal: string, onBad: (why: string) => void = () => {}) {
    this.#folder = `${journal}.wishes`
    this.#onBad = onBad
  }

  /** Gives the name under which it waits. */
  put(wish: { readonly want: Want; readonly why: string; readonly by: string }): string {
    mkdirSync(this.#folder, { recursive: true })
    // Taken in the order of their names.
    const name = `${Date.now()}-${process.pid}-${++this.#put}${TAIL}`
    const part = join(this.#folder, `${name}.part`)
    writeFileSync(part, JSON.stringify(wish), { flush: true })
    renameSync(part, join(this.#folder, name))
    return name
  }

  waiting(): readonly Wish[] {
    const found: Wish[] = []
    for (const name of this.#names().slice(0, WISHES_MAX)) {
      const path = join(this.#folder, name)
      const wish = read(path)
      if (wish !== undefined) {
        found.push({ name, control: controlOf(wish), by: wish.by })
        continue
      }
      renameSync(path, `${path}.bad`)
      this.#onBad(`${path} is no wish, and is now ${name}.bad`)
    }
    return found
  }

  isWaiting(name: string): boolean {
    return this.#names().includes(name)
  }

  done(name: string): void {
    rmSync(join(this.#folder, name), { force: true })
  }

  #names(): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name.endsWith(TAIL))
        .toSorted()
    } catch {
      // Nobody has wished anything yet.
      return []
    }
  }
}

function read(path: string): z.output<typeof form> | undefined {
  try {
    return form.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

function controlOf({ want, why }: z.output<typeof form>): Control {
  switch (want) {
    case 'kill':
    case 'lift':
      return { do: 'kill-switch', on: want === 'kill', why }
    case 'safe-mode':
    case 'clear-safe-mode':
      return { do: 'safe-mode', on: want === 'safe-mode', why }
    case 'cancel':
      return { do: 'cancel-all' }
    case 'pause':
    case 'resume':
    case 'flatten':
      return { do: want }
    default:
      return unreachable(want)
  }
}
