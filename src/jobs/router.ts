/*
 * Router: a primary provider and those that stand in for it. One that fails is parked for five minutes, for all workers,
 * and the query goes to the next from its beginning; the last in line is asked whatever has happened. What is asked for too
 * often is not failing: its own limits make it wait.
 *
 * What a stand-in refuses says nothing about the primary: it is told as the primary's being away, with the symbol that is
 * lacking, where one is named, and is to be asked for again when the primary may be back.
 */
import { type Fault, fault } from '../core/fault.ts'
import type { BarPage, BarSource, JobStore, SourceQuery } from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { MINUTE } from '../core/time.ts'
import type { Io } from '../io/io.ts'

export const PARKED_MS = 5 * MINUTE

export interface RouterOptions {
  readonly store: Pick<JobStore, 'note' | 'noted'>
  readonly io: Pick<Io, 'now'>
  /** The primary first. */
  readonly sources: readonly BarSource[]
  readonly onParked?: (provider: string, why: string) => void
}

export class Router implements BarSource {
  readonly provider: string
  readonly limits: BarSource['limits']
  readonly splits?: NonNullable<BarSource['splits']>
  readonly #options: RouterOptions

  constructor(options: RouterOptions) {
    this.#options = options
    const [primary] = options.sources
    this.provider = primary!.provider
    this.limits = primary!.limits
    if (primary!.splits !== undefined) this.splits = primary!.splits
  }

  async *pages(query: SourceQuery): AsyncGenerator<Result<BarPage>> {
    const { sources } = this.#options
    for (const [i, source] of sources.entries()) {
      const isLast = i === sources.length - 1
      if (!isLast && (await this.#isParked(source.provider))) continue
      const isPrimary = i === 0
      let why: string | undefined
      const cursor = this.#cursorFor(query.cursor, source)
      for await (const page of source.pages({ ...query, cursor })) {
        if (!page.ok && !isLast && isFailing(page.fault)) {
          why = page.fault.message
          break
        }
        if (isPrimary) yield page
        else if (page.ok) yield ok(standIn(page.value, source.provider))
        else yield failed(this.#away(page.fault))
        if (!page.ok) return
      }
      if (why === undefined) return
      await this.#park(source.provider, why)
    }
  }

  /** A cursor is good for whoever gave it. */
  #cursorFor(cursor: string | undefined, { provider }: BarSource): string | undefined {
    const [primary, ...others] = this.#options.sources
    const giver = others.find((source) => cursor?.startsWith(beginningOf(source.provider)) === true)
    if (provider !== (giver ?? primary)?.provider) return undefined
    if (giver === undefined) return cursor
    const own = cursor!.slice(beginningOf(provider).length)
    return own === '' ? undefined : own
  }

  /** What a stand-in will never have may be there when the primary is back. */
  #away(told: Fault): Fault {
    if (told.retry === 'later') return told
    const message = `${this.provider} is away: ${told.message}`
    return fault('venue-unavailable', message, {
      lacks: told.context?.['symbol'],
      waitMs: PARKED_MS,
    })
  }

  async #isParked(provider: string): Promise<boolean> {
    const { store, io } = this.#options
    const leftMs = Number((await store.noted(noteOf(provider))) ?? 0) - io.now()
    // More than ever is noted by a clock that was ahead, and set back since.
    return leftMs > 0 && leftMs <= PARKED_MS
  }

  async #park(provider: string, why: string): Promise<void> {
    const { store, io, onParked } = this.#options
    await store.note(noteOf(provider), String(io.now() + PARKED_MS))
    onParked?.(provider, why)
  }
}

const noteOf = (provider: string): string => `parked ${provider}`

const isFailing = ({ code, retry }: { readonly code: string; readonly retry: string }): boolean =>
  retry === 'later' && code !== 'rate-limited'

const standIn = (page: BarPage, provider: string): BarPage => ({
  ...page,
  provider,
  cursor: page.cursor === undefined ? undefined : beginningOf(provider) + page.cursor,
})

/** The cursor of a stand-in's query that is read from its first page. */
export const beginningOf = (provider: string): string => `${provider}:`
