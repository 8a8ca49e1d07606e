/*
 * Strays: promises that a hook began, kept to itself, and that were rejected. Nobody waits for them, and Node would end the
 * process: a run would leave what it holds alone because a message to somebody's phone did not get through. So each
 * hook runs in a context that names its lane; what is rejected in it halts that lane, as what a hook throws does. What is
 * rejected in no such context is a fault of ours, and ends the process as before.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { SymbolId } from '../../core/brand.ts'
import { thrownText } from '../../core/thrown.ts'
import type { Use } from '../../engine/lanes.ts'
import { HOOK_NAMES, type Hooks, type Strategy } from '../../strategy/index.ts'

/** A lane whose promise was rejected, and why. */
export interface Stray {
  readonly strategy: string
  readonly symbol: SymbolId
  readonly why: string
}

type Owner = Pick<Stray, 'strategy' | 'symbol'>

const owners = new AsyncLocalStorage<Owner>()

/** The same, its hooks in a context of their lane. */
export function owned(use: Use): Use {
  const { strategy: theirs } = use
  const strategy: Strategy = {
    name: theirs.name,
    params: theirs.params,
    needs: (params) => theirs.needs(params),
    ...(theirs.state === undefined ? {} : { state: () => theirs.state!() }),
    symbol: (ctx, params) => {
      const owner = { strategy: use.name, symbol: ctx.symbol }
      return hooksIn(
        owner,
        owners.run(owner, () => theirs.symbol(ctx, params)),
      )
    },
  }
  return { ...use, strategy }
}

/** What is no hooks is left to the lane, which says so. */
function hooksIn(owner: Owner, hooks: Hooks): Hooks {
  if (typeof hooks !== 'object' || hooks === null || hooks instanceof Promise) return hooks
  const theirs = hooks as Readonly<Record<string, ((told: unknown) => unknown) | undefined>>
  // A class has its hooks in its prototype; what is none is left to the lane as well.
  const names = new Set([
    ...HOOK_NAMES.filter((name) => theirs[name] !== undefined),
    ...Object.keys(hooks),
  ])
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      (told: unknown) => owners.run(owner, () => theirs[name]!(told)),
    ]),
  )
}

/** Rejections of a process, from its making until `end`. */
export class Strays {
  /** Those that nobody listened to yet. */
  readonly #waiting: Stray[] = []
  #listener: ((stray: Stray) => void) | undefined

  constructor() {
    process.on('unhandledRejection', this.#take)
  }

  /** Told of each, those of before first. */
  listen(listener: (stray: Stray) => void): void {
    this.#listener = listener
    for (const stray of this.#waiting.splice(0)) listener(stray)
  }

  end(): void {
    process.off('unhandledRejection', this.#take)
  }

  readonly #take = (reason: unknown): void => {
    const owner = owners.getStore()
    if (owner === undefined) throw reason
    const why = `a promise was rejected that nobody waits for: ${thrownText(reason)}`
    const stray = { ...owner, why }
    if (this.#listener === undefined) this.#waiting.push(stray)
    else this.#listener(stray)
  }
}
