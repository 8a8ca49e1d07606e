/*
 * Wishes: what a person wants of a run, put as files into a folder beside its journal. A run takes them once a second, and
 * at its start before anything else may leave; a wish is a file until it is durable in the journal, so that none is lost
 * by a kill. One that is done twice changes nothing. One that is refused is answered with the reason, as a file that
 * whoever waits for it takes away. A file that is no wish is refused likewise, and moved aside, never guessed at. Where the
 * files cannot be changed, as in a folder that another user made, the run goes on, and a person is told.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { unreachable } from '../../core/assert.ts'
import type { Control } from '../../core/input.ts'

/** Each is taken back by its neighbour; `cancel` and what follows is done once. */
export const WANTS = [
  'kill',
  'lift',
  'safe-mode',
  'clear-safe-mode',
  'pause',
  'resume',
  'cancel',
  'flatten',
  'reload',
  'adopt',
  'release',
] as const
export type Want = (typeof WANTS)[number]

const form = z.strictObject({
  want: z.enum(WANTS),
  why: z.string().max(200),
  by: z.string(),
  /** The token of changes that a person has read. */
  confirm: z.string().max(64).exactOptional(),
  /** What is to be adopted, and for which strategy; of which strategy lanes are released, and where. */
  symbol: z.string().max(64).exactOptional(),
  lane: z.string().max(64).exactOptional(),
})
export type Wished = z.output<typeof form>

/** What is wanted: a control as it is, or something that the run has to work out first. */
export type Wanted =
  | { readonly type: 'control'; readonly control: Control }
  | { readonly type: 'reload'; readonly confirm?: string }
  | { readonly type: 'adopt'; readonly symbol: string; readonly lane: string | undefined }
  /** Without a symbol, on all of them. */
  | { readonly type: 'release'; readonly symbol: string | undefined; readonly lane: string }

export interface Wish {
  /** Name of its file. */
  readonly name: string
  readonly wanted: Wanted
  readonly by: string
}

/** Files that one look takes. */
const WISHES_MAX = 100
const TAIL = '.json'
const REFUSED = '.refused'

export class Wishes {
  readonly #folder: string
  readonly #onBad: (why: string) => void
  /** Those that are over and could not be taken away. */
  readonly #stuck = new Set<string>()
  #put = 0

  /** @param onBad Told of a file that is no wish, or cannot be taken away. */
  constructor(journal: string, onBad: (why: string) => void = () => {}) {
    this.#folder = `${journal}.wishes`
    this.#onBad = onBad
  }

  /** Gives the name under which it waits. */
  put(wish: Wished): string {
    mkdirSync(this.#folder, { recursive: true })
    // Taken in the order of their names.
    const name = `${Date.now()}-${process.pid}-${++this.#put}${TAIL}`
    this.#write(name, JSON.stringify(wish))
    return name
  }

  waiting(): readonly Wish[] {
    const found: Wish[] = []
    const names = this.#names(TAIL).filter((name) => !this.#stuck.has(name))
    for (const name of names.slice(0, WISHES_MAX)) {
      const wish = read(join(this.#folder, name))
      if (wish === undefined) this.#setAside(name)
      else found.push({ name, wanted: wantedOf(wish), by: wish.by })
    }
    return found
  }

  #setAside(name: string): void {
    const path = join(this.#folder, name)
    const what = `is no wish that can be read, and is now ${name}.bad`
    this.#end(name, () => {
      this.#answer(name, `it ${what}`)
      renameSync(path, `${path}.bad`)
      this.#onBad(`${path} ${what}`)
    })
  }

  isWaiting(name: string): boolean {
    return this.#names(TAIL).includes(name)
  }

  done(name: string): void {
    this.#end(name, () => this.#remove(name))
  }

  /** It is not done, and whoever waits for it is told why. */
  refuse(name: string, why: string): void {
    this.#end(name, () => {
      this.#answer(name, why)
      this.#remove(name)
    })
  }

  /** One that stays is not taken again by this process. */
  #end(name: string, work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#stuck.add(name)
      const why = error instanceof Error ? error.message : String(error)
      this.#onBad(`${name} is over and cannot be taken away, the next start takes it again: ${why}`)
    }
  }

  /** Of answers that nobody took, the oldest go. */
  #answer(name: string, why: string): void {
    const kept = this.#names(REFUSED)
    for (const old of kept.slice(0, Math.max(0, kept.length + 1 - WISHES_MAX))) this.#remove(old)
    this.#write(`${name}${REFUSED}`, why)
  }

  #remove(name: string): void {
    rmSync(join(this.#folder, name), { force: true })
  }

  /** Why it was refused, told once; undefined where it was not. */
  refusal(name: string): string | undefined {
    const path = join(this.#folder, `${name}${REFUSED}`)
    try {
      const why = readFileSync(path, 'utf8')
      rmSync(path)
      return why
    } catch {
      return undefined
    }
  }

  #write(name: string, text: string): void {
    const part = join(this.#folder, `${name}.part`)
    writeFileSync(part, text, { flush: true })
    renameSync(part, join(this.#folder, name))
  }

  #names(tail: string): readonly string[] {
    try {
      return readdirSync(this.#folder)
        .filter((name) => name.endsWith(tail))
        .toSorted()
    } catch {
      // Nobody has wished anything yet.
      return []
    }
  }
}

function read(path: string): Wished | undefined {
  try {
    return form.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}

function wantedOf({ want, why, confirm, symbol, lane }: Wished): Wanted {
  const control = (control: Control): Wanted => ({ type: 'control', control })
  const given = why === '' ? {} : { why }
  const told = why === '' ? `${want} by command` : why
  switch (want) {
    case 'kill':
    case 'lift':
      return control({ do: 'kill-switch', on: want === 'kill', why: told })
    case 'safe-mode':
    case 'clear-safe-mode':
      return control({ do: 'safe-mode', on: want === 'safe-mode', why: told })
    case 'cancel':
      return control({ do: 'cancel-all', ...given })
    case 'pause':
    case 'resume':
    case 'flatten':
      return control({ do: want, ...given })
    case 'reload':
      return { type: 'reload', ...(confirm === undefined ? {} : { confirm }) }
    case 'adopt':
      return { type: 'adopt', symbol: symbol ?? '', lane }
    case 'release':
      return { type: 'release', symbol, lane: lane ?? '' }
    default:
      return unreachable(want)
  }
}
