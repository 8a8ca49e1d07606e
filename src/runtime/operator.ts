/*
 * Operator: hears once a second what people want of a run: the kill file, and wishes. Both become control inputs.
 *
 * The kill switch holds for the gateway at once, not only when its turn comes. It is lifted by whoever is entitled: where
 * the file switched it on, by taking the file away; else by a wish, and by none as long as the file is there.
 */
import type { Turn } from '../core/command.ts'
import type { Control, Input } from '../core/input.ts'
import type { Io } from '../io/io.ts'
import type { Wish } from './wishes.ts'

const EVERY_MS = 1_000

export interface OperatorOptions {
  readonly io: Pick<Io, 'after'>
  /** Says why the kill switch should be on. */
  readonly isKilled?: () => string | undefined
  readonly wishes?: {
    readonly waiting: () => readonly Wish[]
    readonly done: (name: string) => void
  }
  /** Why the engine's kill switch is on. */
  readonly killSwitch: () => string | undefined
  /** Hands a control over, as the input that it gives back; a kill switch stops the gateway at once. */
  readonly control: (control: Control, by: string) => Input
  /** Makes the turns so far durable. */
  readonly flush: () => void
  readonly tell: (text: string) => void
}

export class Operator {
  readonly #options: OperatorOptions
  /** Wishes that were handed over, until they are durable. */
  readonly #taken = new Map<Input, string>()
  #fileWhy: string | undefined
  #cancel = (): void => {}

  constructor(options: OperatorOptions) {
    this.#options = options
  }

  /** Looks now, and then every second. */
  start(): void {
    this.#lookAtFile()
    this.#lookAtWishes()
    this.#cancel = this.#options.io.after(EVERY_MS, () => this.start())
  }

  stop(): void {
    this.#cancel()
  }

  onTurn({ inputs }: Turn): void {
    if (this.#taken.size === 0) return
    const done = inputs.filter((input) => this.#taken.has(input))
    if (done.length === 0) return
    const { wishes, flush } = this.#options
    flush()
    for (const input of done) {
      wishes?.done(this.#taken.get(input)!)
      this.#taken.delete(input)
    }
  }

  #lookAtFile(): void {
    const { isKilled, killSwitch, control } = this.#options
    const why = isKilled?.()
    const before = this.#fileWhy
    if (why === before) return
    this.#fileWhy = why
    const now = killSwitch()
    if (why !== undefined && now === undefined) {
      control({ do: 'kill-switch', on: true, why }, 'kill-file')
    }
    // What a person or a signal switched on stays.
    if (why === undefined && now === before) {
      control({ do: 'kill-switch', on: false, why: 'the file is gone' }, 'kill-file')
    }
  }

  #lookAtWishes(): void {
    const { wishes, control, tell } = this.#options
    const handed = new Set(this.#taken.values())
    for (const { name, control: wanted, by } of wishes?.waiting() ?? []) {
      if (handed.has(name)) continue
      const isLift = wanted.do === 'kill-switch' && !wanted.on
      if (isLift && this.#fileWhy !== undefined) {
        tell(`the kill switch is not lifted: ${this.#fileWhy}`)
        wishes?.done(name)
        continue
      }
      this.#taken.set(control(wanted, by), name)
    }
  }
}
