// Http of the virtual world: one request over one wire, and what is certain about its bytes.
import { fault } from '../core/fault.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { ANSWER_BYTES_MAX, type Http, type HttpRequest, type HttpResponse } from './io.ts'
import { Wire, type Link } from './link.ts'
import type { Place, ServedAnswer, ServedRequest } from './virtual-host.ts'

/** Bytes of a handshake: the smallest thing that travels. */
const HANDSHAKE_BYTES = 1

/** `https://venue.test/v2?a=1` as `venue.test:443` and `/v2?a=1`. */
export function addressOf(url: string): { readonly host: string; readonly path: string } {
  const { hostname, port, protocol, pathname, search } = new URL(url)
  const schemePort = protocol === 'https:' || protocol === 'wss:' ? '443' : '80'
  return { host: `${hostname}:${port === '' ? schemePort : port}`, path: `${pathname}${search}` }
}

/** A copy: nobody changes what is on the way. */
export const copyOf = (data: string | Uint8Array): string | Uint8Array =>
  typeof data === 'string' ? data : new Uint8Array(data)

/** Bytes on the wire. */
export const bytesIn = (data: string | Uint8Array): number =>
  typeof data === 'string' ? Buffer.byteLength(data) : data.length

export const lowerCase = (headers: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

export class VirtualHttp implements Http {
  readonly #node: Place
  /** Hosts with a connection that is kept, and what their link had seen when it was made. */
  readonly #kept = new Map<string, { readonly halfOpenings: number; readonly resets: number }>()

  constructor(node: Place) {
    this.#node = node
  }

  request(request: HttpRequest): Promise<Result<HttpResponse>> {
    const { host } = addressOf(request.url)
    const link = this.#node.world.link(this.#node.name, host)
    if (this.#node.isClosed) return Promise.resolve(notSent('the node is closed'))
    if (request.signal?.aborted === true) {
      return Promise.resolve(notSent('canceled before it was sent'))
    }
    return new Promise((resolve) => this.#send(request, link, resolve))
  }

  #send(request: HttpRequest, link: Link, resolve: (result: Result<HttpResponse>) => void): void {
    const { timeoutMs, signal, answerBytesMax = ANSWER_BYTES_MAX } = request
    const node = this.#node
    const known = this.#kept.get(link.host)
    const kept = known?.resets === link.resets ? known : undefined
    const wire = new Wire(link, kept !== undefined && kept.halfOpenings < link.halfOpenings)
    let sent: 'no' | 'maybe' = 'no'

    const settle = (result: Result<HttpResponse>): void => {
      if (!node.ends.delete(onEnd)) return
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
      wire.finish()
      if (result.ok) {
        this.#kept.set(link.host, { halfOpenings: link.halfOpenings, resets: link.resets })
      } else this.#kept.delete(link.host)
      resolve(result)
    }
    const give = (code: 'network' | 'timeout' | 'corrupt-data', why: string): void =>
      settle(failed(fault(code, why, { sent })))
    const onAbort = (): void => give('network', 'canceled by its signal')
    const onEnd = (): void => give('network', 'io was closed')
    node.ends.add(onEnd)
    const stopTimer = node.after(timeoutMs, () =>
      give('timeout', `no answer within ${timeoutMs} ms`),
    )
    signal?.addEventListener('abort', onAbort)
    wire.onReset = () => give('network', 'the connection was reset')

    const onAnswer = (answer: ServedAnswer): void => {
      const body = Buffer.from(answer.body ?? '')
      const headers = lowerCase(answer.headers)
      wire.down.send(sizeOf(headers, body), () => {
        node.world.note(`${node.name} < ${link.host} ${answer.status} ${body.toString('latin1')}`)
        if (body.length > answerBytesMax) {
          give('corrupt-data', `the answer is longer than ${answerBytesMax} bytes`)
        } else settle(ok({ status: answer.status, headers, body }))
      })
    }
    const write = (): void => {
      sent = 'maybe'
      const served = servedOf(request, node.name)
      wire.up.send(sizeOf(served.headers, served.body) + served.path.length, () => {
        const { method, path, body } = served
        node.world.note(`${node.name} > ${link.host} ${method} ${path} ${body.toString('latin1')}`)
        this.#serve(link, served, onAnswer, () => wire.reset())
      })
    }

    if (kept !== undefined) write()
    else connect(node, wire, () => node.world.hostAt(link.host)?.http !== undefined, write, give)
  }

  #serve(
    link: Link,
    request: ServedRequest,
    onAnswer: (answer: ServedAnswer) => void,
    onGone: () => void,
  ): void {
    const { world } = this.#node
    const handler = world.hostAt(link.host)?.http
    if (handler === undefined) {
      onGone()
      return
    }
    // A handler that throws is a mistake in the test, not a fault of the world: the run fails.
    Promise.resolve()
      .then(() => handler(request))
      .then(onAnswer)
      .catch((cause: unknown) => world.timeline.fail(cause))
  }
}

/** One round trip, after which the host has taken the connection or refused it. */
function connect(
  node: Place,
  wire: Wire,
  listens: () => boolean,
  onOpen: () => void,
  give: (code: 'network', why: string) => void,
): void {
  const { link } = wire
  wire.up.send(HANDSHAKE_BYTES, () => {
    const isTaken = !link.isRefusing && listens()
    wire.down.send(HANDSHAKE_BYTES, () => {
      if (node.isClosed) return
      if (isTaken) onOpen()
      else give('network', `${link.host} refuses connections`)
    })
  })
}

function servedOf(request: HttpRequest, from: string): ServedRequest & { readonly body: Buffer } {
  return {
    method: request.method,
    path: addressOf(request.url).path,
    headers: lowerCase(request.headers),
    body: Buffer.from(request.body ?? ''),
    from,
  }
}

const sizeOf = (headers: Readonly<Record<string, string>>, body: Uint8Array): number =>
  Object.entries(headers).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0) +
  body.length +
  20

const notSent = (why: string): Result<never> => failed(fault('network', why, { sent: 'no' }))
