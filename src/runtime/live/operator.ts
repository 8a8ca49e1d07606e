/*
 * Operator: hears once a second what people want of a run: the kill file, a changed configuration, and wishes. What is
 * taken becomes control inputs; what is refused is told.
 *
 * The kill switch holds for the gateway at once, not only when its turn comes. It is lifted by whoever is entitled: where
 * the file switched it on, by taking the file away; else by a wish, and by none as long as the file is there.
 */
import type { Turn } from '../../core/command.ts'
import { fault } from '../../core/fault.ts'
import type { Control, Input } from '../../core/input.ts'
import { failed, type Result } from '../../core/result.ts'
import type { Io } from '../../io/io.ts'
import type { Wanted, Wish, Wishes } from './wishes.ts'

const EVERY_MS = 1_000

/** Of these nothing else is told when they come into force, and who reads the log would look for a reason. */
const UNSEEN: ReadonlySet<Control['do']> = new Set([
  'pause',
  'resume',
  'cancel-all',
  'flatten',
  'release',
])

/** A control, or nothing where nothing is to be done. */
export type Resolved = Result<Control | undefined>

/** What a run has to work out before it is a control. */
export type Unresolved = Exclude<Wanted, { type: 'control' }>

export interface OperatorOptions {
  readonly io: Pick<Io, 'after'>
  /** Says why the kill switch should be on. */
  readonly isKilled?: () => string | undefined
  readonly wishes?: Pick<Wishes, 'waiting' | 'done' | 'refuse'>
  /** Why the engine's kill switch is on. */
  readonly killSwitch: () => string | undefined
  /** What a changed configuration comes to; undefined where it has not changed. */
  readonly changed: () => Resolved | undefined
  /** What a wish comes to that is no control by itself. */
  readonly resolve: (wanted: Unresolved) => Promise<Resolved>
  /** Hands a control over, as the input that it gives back; a kill switch stops the gateway at once. */
  readonly control: (control: Control, by: string) => Input
  /** Makes the turns so far durable. */
  readonly flush: () => void
  /** How something is: told once, however often it is found. */
  readonly tell: (text: string) => void
  /** What has happened, each time. */
  readonly say: (text: string) => void
}

export class Operator {
  readonly #options: OperatorOptions
  /** Wishes that are worked on, until they are durable. */
  readonly #working = new Set<string>()
  readonly #taken = new Map<Input, string>()
  /** What a changed configuration came to, until it is in force. */
  #retune: Input | undefined
  #fileWhy: string | undefined
  #isStopped = false
  #cancel = (): void => {}

  constructor(options: OperatorOptions) {
    this.#options = options
  }

  /** Looks now, and then every second. */
  start(): void {
    this.#lookAtFile()
    this.#lookAtConfiguration()
    this.#lookAtWishes()
    this.#cancel = this.#options.io.after(EVERY_MS, () => this.start())
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  onTurn({ inputs }: Turn): void {
    if (this.#retune !== undefined && inputs.includes(this.#retune)) this.#retune = undefined
    if (this.#taken.size === 0) return
    const done = inputs.filter((input) => this.#taken.has(input))
    if (done.length === 0) return
    this.#options.flush()
    for (const input of done) {
      this.#done(this.#taken.get(input)!)
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

  #lookAtConfiguration(): void {
    const { changed, control, tell } = this.#options
    // What the file says now is held against what is in force then.
    if (this.#retune !== undefined) return
    const resolved = changed()
    if (resolved === undefined) return
    if (!resolved.ok) tell(resolved.fault.message)
    else if (resolved.value !== undefined) this.#retune = control(resolved.value, 'configuration')
  }

  #lookAtWishes(): void {
    for (const wish of this.#options.wishes?.waiting() ?? []) {
      if (this.#working.has(wish.name)) continue
      this.#working.add(wish.name)
      const { wanted } = wish
      // At once: at a start nothing may leave before it.
      if (wanted.type === 'control') this.#take(wish, this.#allowed(wanted.control))
      else void this.#resolve(wish, wanted)
    }
  }

  /** Why the kill switch is on when what was taken before is done. */
  get #killed(): string | undefined {
    let why = this.#fileWhy ?? this.#options.killSwitch()
    for (const input of this.#taken.keys()) {
      if (input.type !== 'control' || input.control.do !== 'kill-switch') continue
      why = input.control.on ? input.control.why : undefined
    }
    return why
  }

  #allowed(control: Control): Resolved {
    const killed = this.#killed
    // It would wait until the switch is lifted, and nobody may want it then.
    if (control.do === 'flatten' && killed !== undefined) {
      const why = `nothing is closed while the kill switch is on (${killed}): lift it first`
      return failed(fault('bad-request', why))
    }
    const isLift = control.do === 'kill-switch' && !control.on
    if (!isLift || this.#fileWhy === undefined) return { ok: true, value: control }
    return failed(fault('bad-request', `the kill switch is not lifted: ${this.#fileWhy}`))
  }

  async #resolve(wish: Wish, wanted: Unresolved): Promise<void> {
    let resolved: Resolved
    try {
      resolved = await this.#options.resolve(wanted)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      resolved = failed(fault('bad-request', `${wanted.type} failed: ${why}`))
    }
    // Who stops works on no wish: the next start does.
    if (!this.#isStopped) this.#take(wish, resolved)
  }

  #take({ name, by }: Wish, resolved: Resolved): void {
    const { wishes, control, tell, say } = this.#options
    if (!resolved.ok) {
      tell(resolved.fault.message)
      wishes?.refuse(name, resolved.fault.message)
      this.#working.delete(name)
      return
    }
    const { value } = resolved
    if (value === undefined) return this.#done(name)
    if (UNSEEN.has(value.do)) {
      const why = 'why' in value && value.why !== undefined ? `: ${value.why}` : ''
      say(`${value.do}, wished for by ${by}${why}`)
    }
    this.#taken.set(control(value, by), name)
  }

  #done(name: string): void {
    this.#options.wishes?.done(name)
    this.#working.delete(name)
  }
}
