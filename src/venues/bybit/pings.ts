// Pings: Bybit wants a word from us now and then, on each connection.
import type { Io } from '../../io/io.ts'
import type { Session } from '../../io/socket.ts'

const PING_MS = 20_000

export class Pings {
  readonly #io: Pick<Io, 'after'>
  #cancel: (() => void) | undefined

  constructor(io: Pick<Io, 'after'>) {
    this.#io = io
  }

  /** Pings this connection, and no other, as long as it takes what is sent. */
  start(session: Session): void {
    this.stop()
    this.#cancel = this.#io.after(PING_MS, () => {
      if (session.send('{"op":"ping"}')) this.start(session)
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }
}
