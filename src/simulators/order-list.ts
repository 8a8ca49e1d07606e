// Order list: the orders that an account of a local venue knows, by either id, and its executions.

/** Orders and executions that are kept at least; at twice as many the older are forgotten, unless they are open. */
export const KEPT_MAX = 50_000

export interface OrderListOptions<O> {
  /** The client's id; empty where it gave none. */
  readonly clientIdOf: (order: O) => string
  /** It has ended, and nothing that is open hangs together with it. */
  readonly isDone: (order: O) => boolean
}

export class OrderList<O extends { readonly id: string }, E extends { readonly order: O }> {
  readonly #options: OrderListOptions<O>
  readonly #byId = new Map<string, O>()
  readonly #byClientId = new Map<string, O>()
  readonly #open = new Set<O>()
  #all: O[] = []
  #executions: E[] = []
  #made = 0

  constructor(options: OrderListOptions<O>) {
    this.#options = options
  }

  /** How many there were, those that are forgotten too. */
  get made(): number {
    return this.#made
  }

  /** Oldest first. */
  get all(): readonly O[] {
    return this.#all
  }

  get open(): ReadonlySet<O> {
    return this.#open
  }

  /** Oldest first. */
  get executions(): readonly E[] {
    return this.#executions
  }

  find(id: string): O | undefined {
    return this.#byId.get(id)
  }

  findByClientId(id: string): O | undefined {
    return this.#byClientId.get(id)
  }

  /** Adds an order; it is open. */
  add(order: O): void {
    this.#made++
    this.#all.push(order)
    this.#byId.set(order.id, order)
    const clientId = this.#options.clientIdOf(order)
    if (clientId !== '') this.#byClientId.set(clientId, order)
    this.#open.add(order)
    if (this.#all.length >= 2 * KEPT_MAX) this.#forgetOldest()
  }

  /** It is not open any more. Says whether it was. */
  close(order: O): boolean {
    return this.#open.delete(order)
  }

  addExecution(execution: E): void {
    this.#executions.push(execution)
    if (this.#executions.length >= 2 * KEPT_MAX) this.#executions = this.#executions.slice(KEPT_MAX)
  }

  /** Takes the last execution of an order away, and gives it. */
  takeExecution(order: O): E | undefined {
    const i = this.#executions.findLastIndex((each) => each.order === order)
    return i < 0 ? undefined : this.#executions.splice(i, 1)[0]
  }

  #forgetOldest(): void {
    const { clientIdOf, isDone } = this.#options
    const isKept = (order: O, i: number): boolean => i >= KEPT_MAX || !isDone(order)
    for (const [i, order] of this.#all.entries()) {
      if (isKept(order, i)) continue
      this.#byId.delete(order.id)
      this.#byClientId.delete(clientIdOf(order))
    }
    this.#all = this.#all.filter(isKept)
  }
}
