/*
 * Reload: the configuration of a run is read again while it runs. Only the limits of risk and batching are declared as
 * settings that may change then; what differs becomes one control input, whole or not at all.
 *
 *   the file is wrong              nothing is taken, and why is told
 *   it changes anything else       nothing is taken: that setting needs a restart
 *   it allows less than before     taken, as soon as the file has stayed the same for two looks
 *   it allows more than before     waits for a person, who repeats the token that names exactly these changes
 *
 * A start is no confirmation, because what starts a run after a crash is no person: limits in force are in the journal.
 */
import { statSync } from 'node:fs'
import { canonical } from '../../core/hash.ts'
import { BadInput } from '../../core/bad-input.ts'
import type { Control } from '../../core/input.ts'
import { fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { type Config, toBatching, toRiskLimits } from '../config/config.ts'
import {
  type InForce,
  isLooser,
  limitChanges,
  settingOf,
  tokenOf,
} from '../config/limit-changes.ts'
import { Secret } from '../config/secret.ts'
import { keyPath, type Path } from '../config/source.ts'

export interface ReloadOptions {
  /** Looked at for changes; none where the run has no file. */
  readonly file: string | undefined
  /** Reads the configuration as the command line has it. Throws BadInput where it is wrong. */
  readonly read: () => Config
  /** As the run began. */
  readonly config: Config
}

/** Undefined where nothing is to be changed. */
export type Reloaded = Result<Extract<Control, { do: 'retune' }> | undefined>

export class Reload {
  readonly #options: ReloadOptions
  /** The file as it was considered last, and as it was at the last look. */
  #considered: string
  #seen: string

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#considered = this.#seen = this.#mark()
  }

  /** Undefined where the file is as it was, or is still being written. */
  look(inForce: InForce): Reloaded | undefined {
    const mark = this.#mark()
    const isSettled = mark === this.#seen
    this.#seen = mark
    if (!isSettled || mark === this.#considered) return undefined
    this.#considered = mark
    return this.consider(inForce)
  }

  /** @param confirm The token of changes that allow more. */
  consider(inForce: InForce, confirm?: string): Reloaded {
    const { config, read } = this.#options
    let wanted: Config
    try {
      wanted = read()
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      return refused(`the configuration is wrong, the old one holds: ${error.message}`)
    }
    const others = differences(settled(config), settled(wanted))
    if (others.length > 0) {
      const need = others.length === 1 ? 'needs' : 'need'
      return refused(
        `${others.join(', ')} ${need} a restart; nothing of the configuration is taken`,
      )
    }
    const after = { risk: toRiskLimits(wanted), batching: toBatching(wanted) }
    const changes = limitChanges(inForce, after)
    if (changes.length === 0) return ok(undefined)
    const token = tokenOf(changes)
    const looser = changes.filter((change) => isLooser(change))
    if (looser.length > 0 && confirm !== token) {
      const list = looser.map(
        (change) => `${settingOf(change)} from ${change.before} to ${change.after}`,
      )
      const how = `confirm with "skein control reload --confirm ${token}"`
      return refused(`the configuration allows more: ${list.join(', ')}; ${how}`)
    }
    return ok({ do: 'retune', changes })
  }

  #mark(): string {
    const { file } = this.#options
    if (file === undefined) return ''
    try {
      const { ino, size, mtimeNs } = statSync(file, { bigint: true })
      return `${ino} ${size} ${mtimeNs}`
    } catch {
      // Why, whoever reads it says.
      return 'missing'
    }
  }
}

const refused = (text: string): Reloaded => failed(fault('bad-request', text))

/** What needs a restart. */
function settled({
  source: _source,
  risk: _risk,
  batching: _batching,
  ...settings
}: Config): unknown {
  return revealed(settings)
}

/** With its secrets, which differ as all else may, and of which no more than that is told. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return value.reveal()
  if (Array.isArray(value)) return value.map(revealed)
  if (!isMapping(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, revealed(one)]))
}

/** The settings that differ, by their paths; of a list of another length, the list. */
function differences(before: unknown, after: unknown, path: Path = []): readonly string[] {
  if (canonical(before) === canonical(after)) return []
  if (isMapping(before) && isMapping(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return keys.flatMap((key) => differences(before[key], after[key], [...path, key]))
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((one, i) => differences(one, after[i], [...path, i]))
  return [keyPath(path)]
}

const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
