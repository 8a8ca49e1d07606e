/*
 * Disk: a folder as a power cut leaves it. cut.c has written down what a process did to its files, in order; here that is
 * done again, and then what no fsync had reached is taken away.
 *
 *   lost   no write is on the disk but those that were synced, no name but those whose folder was synced
 *   torn   of the rest, any 512-byte sectors are on the disk and any names, drawn from a seed
 *
 * A file's bytes are safe when the file was synced after they were written; a name, its removal and its change when the
 * folder was synced after it. That is what POSIX promises; most file systems do better.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Random } from '../../src/core/random.ts'

/** Compiles cut.c into a folder; undefined where there is no compiler, or no Linux. */
export function compileCut(folder: string): string | undefined {
  if (process.platform !== 'linux') return undefined
  const library = join(folder, 'cut.so')
  const source = join(import.meta.dirname, 'cut.c')
  const words = ['-shared', '-fPIC', '-O2', '-o', library, source, '-ldl', '-lpthread']
  const { error, status, stderr } = spawnSync('cc', words, { encoding: 'utf8' })
  if (error !== undefined) return undefined
  if (status !== 0) throw new Error(`cut.c does not compile: ${stderr}`)
  return library
}

export const NO_COMPILER = 'skipped: no C compiler (cc) on this machine, or no Linux'

/** Files of the folder by name. */
type Files = ReadonlyMap<string, Uint8Array>

export function readFolder(folder: string): Files {
  const names = readdirSync(folder).filter((name) => !name.endsWith('-shm'))
  return new Map(names.map((name) => [name, readFileSync(join(folder, name))]))
}

export function writeFolder(folder: string, files: Files): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
}

interface Change {
  readonly offset: number
  /** Undefined cuts the file to `offset`. */
  readonly bytes?: Uint8Array
}

interface Content {
  /** What is on the disk. */
  synced: Uint8Array
  /** What waits for a sync. */
  readonly waiting: Change[]
}

/** A change of one name: what it stands for now; undefined where it was removed. */
interface Naming {
  readonly name: string
  readonly content: Content | undefined
}

export class Disk {
  readonly #contents = new Map<number, Content>()
  /** Names on the disk, and what waits for a sync of the folder. */
  readonly #names: Map<string, Content>
  readonly #naming: Naming[] = []
  /** Syncs of files: how much was promised. */
  syncs = 0

  /** @param before The folder as it was when the process started; all of it is on the disk. */
  constructor(before: Files) {
    const safe = (synced: Uint8Array): Content => ({ synced, waiting: [] })
    this.#names = new Map([...before].map(([name, bytes]) => [name, safe(bytes)]))
  }

  /** Does again what a process has written down. */
  follow(path: string): void {
    const log = readFileSync(path)
    const HEAD = 32
    for (let i = 0; i + HEAD <= log.length;) {
      const operation = String.fromCharCode(log[i]!)
      const [file = 0, offset = 0, length = 0] = [8, 16, 24].map((k) =>
        Number(log.readBigUInt64LE(i + k)),
      )
      const size = 'ocwur'.includes(operation) ? length : 0
      // The last record of a process that was killed may be torn.
      if (i + HEAD + size > log.length) return
      this.#do(operation, file, offset, log.subarray(i + HEAD, i + HEAD + size))
      i += HEAD + size
    }
  }

  /** Changes that no sync has reached. */
  get waiting(): number {
    const contents = new Set(this.#contents.values())
    return [...contents].reduce((n, { waiting }) => n + waiting.length, this.#naming.length)
  }

  /** The folder as the process saw it. */
  seen(): Files {
    return this.#after(() => true)
  }

  /** The folder after a cut. */
  cut(how: 'lost' | 'torn', random: Random): Files {
    return this.#after(how === 'lost' ? () => false : () => random() < 0.5)
  }

  #do(operation: string, file: number, offset: number, bytes: Buffer): void {
    switch (operation) {
      case 'c':
      case 'o':
        this.#open(file, basename(bytes.toString()), operation === 'c')
        return
      case 'w':
        this.#contents.get(file)!.waiting.push({ offset, bytes })
        return
      case 't':
        this.#contents.get(file)!.waiting.push({ offset })
        return
      case 's': {
        const content = this.#contents.get(file)!
        content.synced = applied(content, () => true)
        content.waiting.length = 0
        this.syncs++
        return
      }
      case 'd':
        for (const { name, content } of this.#naming.splice(0)) rename(this.#names, name, content)
        return
      case 'u':
        this.#naming.push({ name: basename(bytes.toString()), content: undefined })
        return
      case 'r': {
        const [from = '', to = ''] = bytes
          .toString()
          .split('\0')
          .map((path) => basename(path))
        const content = this.#find(from)
        this.#naming.push({ name: to, content }, { name: from, content: undefined })
        return
      }
      default:
        throw new Error(`cut.c met something that it does not follow: ${operation}`)
    }
  }

  #open(file: number, name: string, isNew: boolean): void {
    if (!isNew) {
      const known = this.#find(name)
      if (known === undefined) throw new Error(`${name} was opened and never made`)
      this.#contents.set(file, known)
      return
    }
    const content: Content = { synced: new Uint8Array(0), waiting: [] }
    this.#contents.set(file, content)
    this.#naming.push({ name, content })
  }

  /** What a name stands for, for the process. */
  #find(name: string): Content | undefined {
    const last = this.#naming.findLast((naming) => naming.name === name)
    return last === undefined ? this.#names.get(name) : last.content
  }

  #after(isKept: () => boolean): Files {
    const names = new Map(this.#names)
    for (const { name, content } of this.#naming) if (isKept()) rename(names, name, content)
    return new Map([...names].map(([name, content]) => [name, applied(content, isKept)]))
  }
}

function rename(names: Map<string, Content>, name: string, content: Content | undefined): void {
  if (content === undefined) names.delete(name)
  else names.set(name, content)
}

const SECTOR = 512

/** The content with those of its waiting changes that are kept, sector by sector. */
function applied({ synced, waiting }: Content, isKept: () => boolean): Uint8Array {
  if (waiting.length === 0) return synced
  const room = waiting.map(({ offset, bytes }) => offset + (bytes?.length ?? 0))
  const file = new Uint8Array(Math.max(synced.length, ...room))
  file.set(synced)
  let length = synced.length
  for (const { offset, bytes } of waiting) {
    if (bytes === undefined) {
      if (!isKept()) continue
      // What is cut off reads as zeros where the file grows again.
      file.fill(0, offset)
      length = offset
      continue
    }
    for (let from = 0; from < bytes.length;) {
      const sector = SECTOR - ((offset + from) % SECTOR)
      const part = bytes.subarray(from, from + sector)
      if (isKept()) {
        file.set(part, offset + from)
        length = Math.max(length, offset + from + part.length)
      }
      from += part.length
    }
  }
  return file.slice(0, length)
}

/** The environment of a process whose changes of `folder` are written down. */
export function cutEnvironment(
  library: string,
  folder: string,
  log: string,
): Record<string, string> {
  rmSync(log, { force: true })
  mkdirSync(dirname(log), { recursive: true })
  return { LD_PRELOAD: library, SKEIN_CUT_FOLDER: folder, SKEIN_CUT_LOG: log }
}
