// Notices: what a turn tells. Collected during the turn, delivered after its batches have left.
import type { Notice } from '../core/notice.ts'

/** Most notices kept for late readers; the oldest go first. */
export const HISTORY_LIMIT = 1_000

type Handler<N extends Notice> = (notice: N) => void
interface Subscription {
  readonly handler: Handler<Notice>
}
/** The notices of a type, also of those types that share one shape, which `Extract` would not find. */
type Of<T extends Notice['type'], N extends Notice = Notice> = N extends Notice
  ? T extends N['type']
    ? N & { readonly type: T }
    : never
  : never

const NONE: readonly Notice[] = []

/** A handler that throws is counted and told to `onError`; the other handlers still run. */
export class Notices {
  /** Lists are replaced, never changed: one that is being delivered to stays as it was. */
  readonly #handlers = new Map<Notice['type'], readonly Subscription[]>()
  readonly #history: Notice[] = []
  readonly #onError: (error: unknown, notice: Notice) => void
  #oldest = 0
  #pending: Notice[] | undefined
  #published = 0
  #failures = 0
  #wantsBars = false

  constructor(onError: (error: unknown, notice: Notice) => void = () => {}) {
    this.#onError = onError
  }

  /** Calls `handler` for each notice of a type, in the order of subscription. Returns how to stop it. */
  on<T extends Notice['type']>(type: T, handler: Handler<Of<T>>): () => void {
    const subscription = { handler: handler as Handler<Notice> }
    this.#set(type, [...(this.#handlers.get(type) ?? []), subscription])
    return () => {
      const others = this.#handlers.get(type) ?? []
      this.#set(
        type,
        others.filter((other) => other !== subscription),
      )
    }
  }

  /** False lets the engine skip making a notice for every bar where nobody reads them. */
  get wantsBars(): boolean {
    return this.#wantsBars
  }

  publish(notice: Notice): void {
    this.#published++
    // A list that begins with what it holds takes room for that alone; an empty one that is pushed to, for 17.
    if (this.#pending === undefined) this.#pending = [notice]
    else this.#pending.push(notice)
    if (this.#history.length < HISTORY_LIMIT) {
      this.#history.push(notice)
      return
    }
    this.#history[this.#oldest] = notice
    this.#oldest = (this.#oldest + 1) % HISTORY_LIMIT
  }

  /** The notices of the turn that ends now; the next turn begins with none. */
  take(): readonly Notice[] {
    const taken = this.#pending ?? NONE
    this.#pending = undefined
    return taken
  }

  /** Hands notices to their handlers. The runner calls it after the turn's batches have left. */
  deliver(notices: readonly Notice[]): void {
    for (const notice of notices) {
      const handlers = this.#handlers.get(notice.type)
      if (handlers === undefined) continue
      for (const { handler } of handlers) {
        try {
          handler(notice)
        } catch (error) {
          this.#failures++
          this.#onError(error, notice)
        }
      }
    }
  }

  /** The last notices, oldest first. */
  get history(): readonly Notice[] {
    return [...this.#history.slice(this.#oldest), ...this.#history.slice(0, this.#oldest)]
  }

  get statistics(): { readonly published: number; readonly failures: number } {
    return { published: this.#published, failures: this.#failures }
  }

  #set(type: Notice['type'], subscriptions: readonly Subscription[]): void {
    this.#handlers.set(type, subscriptions)
    if (type === 'bar.closed') this.#wantsBars = subscriptions.length > 0
  }
}
