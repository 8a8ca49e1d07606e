/*
 * Lease mark: a journal remembers the token of the lease with which its run led last. Tokens rise by one with each holder
 * of an account, so one that does not come next says that another engine has had the account since.
 */
const LEASE = 'lease'

export interface MarkedJournal {
  meta(key: string): string | undefined
  setMeta(key: string, value: string): void
}

export class LeaseMark {
  readonly #journal: MarkedJournal
  readonly #token: () => number | undefined

  /** @param token Of the lease that was taken last; undefined before. */
  constructor(journal: MarkedJournal, token: () => number | undefined) {
    this.#journal = journal
    this.#token = token
  }

  /** Asked when the account was taken. False where the run has never led: what it finds is a person's to explain. */
  get wasAnothers(): boolean {
    const before = this.#journal.meta(LEASE)
    return before !== undefined && this.#token() !== Number(before) + 1
  }

  /** This run leads now. */
  set(): void {
    const token = this.#token()
    if (token !== undefined) this.#journal.setMeta(LEASE, String(token))
  }
}
