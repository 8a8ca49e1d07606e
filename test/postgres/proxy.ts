// Proxy: a way to the database that is cut where it hurts: after the server has committed, before anybody hears of it.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The message of simple statements, the last of them a COMMIT: `Q`, its length, the text, a zero. */
export const COMMIT = /^Q[\s\S]{4}(?:[\s\S]*; )?commit\0$/i

export class Proxy {
  /** The address of the database, by way of the proxy. */
  readonly url: string
  #cuts = 0
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
      const upstream = connect(Number(port), '127.0.0.1')
      let isCut = false
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
      }
      client.on('data', (data: Buffer) => {
        if (proxy.#cuts > 0 && last.test(data.toString('latin1'))) {
          proxy.#cuts--
          isCut = true
        }
        upstream.write(data)
      })
      upstream.on('data', (data: Buffer) => {
        // The server has answered, so the transaction is there.
        if (isCut) client.destroy()
        else client.write(data)
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

  /** COMMITs that were to be lost and have not come. */
  get waiting(): number {
    return this.#cuts
  }

  close(): Promise<void> {
    return this.#close()
  }
}
