/*
 * Proxy: a way to the database that is cut where it hurts (after the server has committed, before anybody hears of it), or
 * on which everything stops, as it does when the process at its end is stopped.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The message of simple statements, the last of them a COMMIT: `Q`, its length, the text, a zero. */
export const COMMIT = /^Q[\s\S]{4}(?:[\s\S]*; )?commit\0$/i
/** A message that copies rows, and whatever is sent with it. */
const COPY = /^Q[\s\S]{4}savepoint adding; copy /

export class Proxy {
  /** The address of the database, by way of the proxy. */
  readonly url: string
  /** How often somebody has connected. */
  connections = 0
  #cuts = 0
  #unsent: number | undefined
  readonly #stopped = new Set<Socket>()
  readonly #close: () => Promise<void>

  /** @param last What is sent last, as latin1: the answer to it is what may be lost.
   *  @param at Its port; a free one where not told. */
  static async open(target: string, last: RegExp = COMMIT, at = 0): Promise<Proxy> {
    const { port } = new URL(target)
    const sockets = new Set<Socket>()
    const server = createServer()
    server.listen(at, '127.0.0.1')
    await once(server, 'listening')
    const url = new URL(target)
    url.port = String((server.address() as AddressInfo).port)
    const proxy = new Proxy(url.href, async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    })
    server.on('connection', (client) => {
      proxy.connections++
      const upstream = connect(Number(port), '127.0.0.1')
      let isCut = false
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          sockets.delete(socket)
          if (!proxy.#stopped.has(client)) client.destroy()
          upstream.destroy()
        })
      }
      client.on('data', (data: Buffer) => {
        if (proxy.#cuts > 0 && last.test(data.toString('latin1'))) {
          proxy.#cuts--
          isCut = true
        }
        const unsent = proxy.#unsent
        if (unsent !== undefined && COPY.test(data.toString('latin1'))) {
          proxy.#unsent = undefined
          proxy.#stopped.add(client.pause())
          upstream.write(data.subarray(0, data.length - unsent))
        } else upstream.write(data)
      })
      upstream.on('data', (data: Buffer) => {
        // The server has answered, so the transaction is there.
        if (isCut) client.destroy()
        else if (!proxy.#stopped.has(client)) client.write(data)
      })
    })
    return proxy
  }

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.#close = close
  }

  /** The answer to the next COMMIT, or whatever is sent last, is lost, and its connection with it. */
  loseCommit(): void {
    this.#cuts++
  }

  /** Whoever copies rows next is stopped when all but so many bytes of them have left it. */
  stopCopy(unsent: number): void {
    this.#unsent = unsent
  }

  /** Whoever was stopped finds its connection at its end. */
  wake(): void {
    for (const client of this.#stopped) client.destroy()
    this.#stopped.clear()
  }

  /** COMMITs that were to be lost and have not come. */
  get waiting(): number {
    return this.#cuts
  }

  close(): Promise<void> {
    return this.#close()
  }
}
