// WebSockets and tcp connections of the virtual world: the node's end, the host's end, and the wire between.
import type { Connection, Refusal, TcpConnection, TcpOptions, WebSocketOptions } from './io.ts'
import { MESSAGE_BYTES_MAX } from './io.ts'
import { Wire } from './link.ts'
import { addressOf, bytesIn, copyOf, lowerCase } from './virtual-http.ts'
import type { Place, ServedSocket, ServedTcp, SocketHandlers } from './virtual-host.ts'

/** Bytes of an upgrade, and of a frame without a payload. */
const UPGRADE_BYTES = 200
const FRAME_BYTES = 6

type Phase = 'connecting' | 'open' | 'closing' | 'closed'

/** What both kinds of connection do at the node's end: one phase, one timer, one end. */
class NodeEnd {
  readonly node: Place
  readonly wire: Wire
  phase: Phase = 'connecting'
  #stopTimer: () => void
  readonly #onEnd: (code: number, reason: string, refusal?: Refusal) => void
  readonly #timeoutMs: number

  constructor(
    node: Place,
    host: string,
    timeoutMs: number,
    onEnd: (code: number, reason: string, refusal?: Refusal) => void,
  ) {
    this.node = node
    this.#onEnd = onEnd
    this.#timeoutMs = timeoutMs
    this.wire = new Wire(node.world.link(node.name, host))
    this.wire.onReset = () => this.finish(1006, 'the connection was reset')
    node.ends.add(this.abort)
    this.#stopTimer = node.after(timeoutMs, () => this.#expire('not open'))
    // A node that has ended opens nothing.
    if (node.isClosed) this.abort()
  }

  /** The host was reached; false where the node has given up meanwhile. */
  open(): boolean {
    if (this.phase !== 'connecting') return false
    this.phase = 'open'
    this.#stopTimer()
    return true
  }

  closing(): void {
    this.phase = 'closing'
    this.#stopTimer()
    this.#stopTimer = this.node.after(this.#timeoutMs, () => this.#expire('not closed'))
  }

  /** Ends at once; the host hears of it one latency later, if the wire still carries anything. */
  readonly abort = (): void => {
    if (this.phase === 'closed') return
    this.#leave()
    this.node.world.timeline.add(0, {
      owner: this.node.name,
      rank: 'arrival',
      fire: () => this.#tell(1006, 'ended by us'),
    })
  }

  /** The end has arrived here. */
  finish(code: number, reason: string, refusal?: Refusal): void {
    if (this.phase === 'closed') return
    this.phase = 'closed'
    this.#release()
    this.#tell(code, reason, refusal)
  }

  #expire(what: string): void {
    if (this.phase === 'closed') return
    this.#leave()
    this.#tell(1006, `${what} within ${this.#timeoutMs} ms`)
  }

  #leave(): void {
    this.phase = 'closed'
    this.wire.reset()
    this.#release()
  }

  #release(): void {
    this.#stopTimer()
    this.wire.finish()
    this.node.ends.delete(this.abort)
  }

  #tell(code: number, reason: string, refusal?: Refusal): void {
    if (!this.node.isClosed) this.#onEnd(code, reason, refusal)
  }
}

export function openWebSocket(node: Place, options: WebSocketOptions): Connection {
  const { host, path } = addressOf(options.url)
  const { timeoutMs, messageBytesMax = MESSAGE_BYTES_MAX } = options
  const end = new NodeEnd(node, host, timeoutMs, (code, reason, refusal) =>
    options.onClose(code, reason, refusal),
  )
  const { wire } = end
  const { link } = wire
  let handlers: SocketHandlers | undefined
  // The host says no more; the host was told that it is over.
  let isHostDone = false
  let isHostOver = false

  const endHost = (code: number, reason: string): void => {
    if (isHostOver) return
    isHostDone = true
    isHostOver = true
    handlers?.onClose?.(code, reason)
  }
  wire.onHostReset = () => endHost(1006, '')

  const deliver = (data: string | Uint8Array): void => {
    wire.down.send(FRAME_BYTES + bytesIn(data), () => {
      if (end.phase !== 'open' && end.phase !== 'closing') return
      node.world.note(`${node.name} < ${host} ${textOf(data)}`)
      if (bytesIn(data) > messageBytesMax) {
        wire.up.send(FRAME_BYTES, () => endHost(1009, ''))
        end.abort()
      } else if (options.textAs === 'bytes') options.onMessage(Buffer.from(data))
      else options.onMessage(data)
    })
  }
  const served: ServedSocket = {
    send(data) {
      if (isHostDone || wire.isOver) return false
      if (link.isMute) return true
      const copy = copyOf(data)
      const times = link.random() < link.duplicates ? 2 : 1
      for (let i = 0; i < times; i++) {
        if (link.random() >= link.reorders) deliver(copy)
        else {
          const fire = (): void => deliver(copy)
          node.world.timeline.add(link.reordersByMs, { owner: host, rank: 'arrival', fire })
        }
      }
      return true
    },
    close(code = 1000, reason = '') {
      if (isHostDone) return
      isHostDone = true
      wire.down.send(FRAME_BYTES, () => {
        wire.up.send(FRAME_BYTES, () => endHost(code, reason))
        end.finish(code, reason)
      })
    },
    abort() {
      isHostDone = true
      wire.reset()
    },
  }

  wire.up.send(UPGRADE_BYTES, () => {
    const handler = link.isRefusing ? undefined : node.world.hostAt(host)?.webSocket
    if (handler === undefined) {
      wire.down.send(FRAME_BYTES, () => end.finish(1006, `${host} refuses connections`))
      return
    }
    // What the host sends from inside the handler is sent after the answer to the upgrade.
    const early: (() => void)[] = []
    const held: ServedSocket = {
      send: (data) => later(() => served.send(data)),
      close: (code, reason) => void later(() => served.close(code, reason)),
      abort: () => void later(() => served.abort()),
    }
    const later = (call: () => void): boolean => {
      if (handlers === undefined) early.push(call)
      else call()
      return !isHostDone && !wire.isOver
    }
    const taken = handler(held, { path, headers: lowerCase(options.headers), from: node.name })
    if ('status' in taken) {
      const refusal = { status: taken.status, headers: lowerCase(taken.headers) }
      const why = `the upgrade was answered with ${taken.status}`
      isHostDone = true
      wire.down.send(FRAME_BYTES, () => end.finish(1006, why, refusal))
      return
    }
    wire.down.send(UPGRADE_BYTES, () => {
      if (!end.open()) return
      node.world.note(`${node.name} < ${host} open`)
      options.onOpen()
    })
    handlers = taken
    for (const call of early) call()
  })

  return {
    send(data) {
      if (end.phase !== 'open') return false
      const copy = copyOf(data)
      wire.up.send(FRAME_BYTES + bytesIn(copy), () => {
        node.world.note(`${node.name} > ${host} ${textOf(copy)}`)
        if (!isHostOver) handlers?.onMessage(copy)
      })
      return true
    },
    ping() {
      if (end.phase !== 'open') return
      wire.up.send(FRAME_BYTES, () => {
        if (isHostOver || handlers?.onPing?.() === false) return
        wire.down.send(FRAME_BYTES, () => {
          if (end.phase === 'open') options.onPong?.()
        })
      })
    },
    get waitingBytes() {
      return wire.up.waitingBytes
    },
    close(code = 1000, reason = '') {
      if (end.phase === 'connecting') end.abort()
      if (end.phase !== 'open') return
      end.closing()
      wire.up.send(FRAME_BYTES, () => {
        endHost(code, reason)
        wire.down.send(FRAME_BYTES, () => end.finish(code, reason))
      })
    },
    abort: end.abort,
  }
}

const textOf = (data: string | Uint8Array): string =>
  typeof data === 'string' ? data : Buffer.from(data).toString('latin1')

export function openTcp(node: Place, options: TcpOptions): TcpConnection {
  const host = `${options.host}:${options.port}`
  const end = new NodeEnd(node, host, options.timeoutMs, (_, reason) => options.onClose(reason))
  const { wire } = end
  const { link } = wire
  let handlers: ReturnType<NonNullable<ReturnType<typeof handlerOf>>> | undefined
  // The host says no more; the host was told that it is over.
  let isHostDone = false
  let isHostOver = false
  const handlerOf = () => (link.isRefusing ? undefined : node.world.hostAt(host)?.tcp)

  const endHost = (): void => {
    if (isHostOver) return
    isHostDone = true
    isHostOver = true
    handlers?.onClose?.()
  }
  wire.onHostReset = endHost
  const served: ServedTcp = {
    send(data) {
      if (isHostDone || wire.isOver) return false
      if (link.isMute) return true
      const copy = new Uint8Array(data)
      wire.down.send(copy.length, () => {
        if (end.phase !== 'open' && end.phase !== 'closing') return
        node.world.note(`${node.name} < ${host} ${textOf(copy)}`)
        options.onData(copy)
      })
      return true
    },
    close() {
      if (isHostDone) return
      isHostDone = true
      wire.down.send(1, () => {
        wire.up.send(1, endHost)
        end.finish(1000, 'closed')
      })
    },
  }

  wire.up.send(1, () => {
    const handler = handlerOf()
    if (handler === undefined) {
      wire.down.send(1, () => end.finish(1006, `${host} refuses connections`))
      return
    }
    wire.down.send(1, () => {
      if (end.open()) options.onOpen()
    })
    handlers = handler(served, node.name)
  })

  return {
    send(data) {
      if (end.phase !== 'open') return false
      const copy = new Uint8Array(data)
      wire.up.send(copy.length, () => {
        node.world.note(`${node.name} > ${host} ${textOf(copy)}`)
        if (!isHostOver) handlers?.onData(copy)
      })
      return true
    },
    get waitingBytes() {
      return wire.up.waitingBytes
    },
    close() {
      if (end.phase === 'connecting') end.abort()
      if (end.phase !== 'open') return
      end.closing()
      wire.up.send(1, () => {
        endHost()
        wire.down.send(1, () => end.finish(1000, 'closed'))
      })
    },
  }
}
