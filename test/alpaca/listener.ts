// Listener: a bare WebSocket client, which shows what the local Alpaca really sends.
import { decode } from '@msgpack/msgpack'
import { WebSocket } from 'ws'
import { KEY, until } from './local.ts'

export type Message = Readonly<Record<string, unknown>>

export class Listener {
  /** Objects in the order in which they came; arrays are taken apart. */
  readonly heard: Message[] = []
  /** Frames that are no JSON or msgpack. */
  readonly broken: (string | Uint8Array)[] = []
  readonly frames: { readonly isBinary: boolean; readonly items: number }[] = []
  closeCode: number | undefined
  status: number | undefined
  pongs = 0
  readonly #socket: WebSocket

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#socket = new WebSocket(url, { headers, perMessageDeflate: false })
    this.#socket.on('message', (data: Buffer, isBinary) => this.#take(data, isBinary))
    this.#socket.on('pong', () => this.pongs++)
    this.#socket.on('close', (code) => (this.closeCode = code))
    this.#socket.on('unexpected-response', (_request, response) => {
      this.status = response.statusCode
      this.#socket.terminate()
    })
    this.#socket.on('error', () => {})
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  ping(): void {
    this.#socket.ping()
  }

  close(): void {
    this.#socket.terminate()
  }

  has(part: string): boolean {
    return this.heard.some((message) => JSON.stringify(message).includes(part))
  }

  async hears(part: string): Promise<void> {
    await until(
      () => this.has(part),
      `it hears ${part}; it heard ${JSON.stringify(this.heard.slice(-5))}`,
    )
  }

  async isClosed(): Promise<void> {
    await until(() => this.closeCode !== undefined, 'it is closed')
  }

  /** Connects to the data stream and authenticates. */
  async login(): Promise<this> {
    await this.hears('connected')
    this.send({ action: 'auth', ...KEY })
    await this.hears('authenticated')
    return this
  }

  of(kind: string): Message[] {
    return this.heard.filter(({ T }) => T === kind)
  }

  #take(data: Buffer, isBinary: boolean): void {
    let parsed: unknown
    try {
      parsed = JSON.parse(data.toString())
    } catch {
      try {
        parsed = decode(data)
      } catch {
        this.broken.push(isBinary ? data : data.toString())
        return
      }
    }
    const items = Array.isArray(parsed) ? (parsed as Message[]) : [parsed as Message]
    this.frames.push({ isBinary, items: items.length })
    this.heard.push(...items)
  }
}
