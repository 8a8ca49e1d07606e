/*
 * Fenced: what changes something leaves only while we may, over http and over sockets. It is the last thing that is asked
 * before the first byte, below every queue and budget, so what waited there while the right was lost does not leave either.
 */
import { fault } from '../core/fault.ts'
import { failed } from '../core/result.ts'
import type { Connection, Io, WebSocketOptions } from './io.ts'
import { withRequests } from './with-requests.ts'

/** `whyNot` says why nothing may leave now. Reading is always allowed. */
export const fencedIo = (io: Io, whyNot: () => string | undefined): Io => ({
  ...withRequests(io, async (request) => {
    const why = request.method === 'GET' ? undefined : whyNot()
    if (why === undefined) return await io.http.request(request)
    return failed(fault('network', `nothing was sent: ${why}`, { sent: 'no' }))
  }),
  websocket: { connect: (options) => fenced(options, io.websocket.connect(options), whyNot) },
})

/** The connection as it is, but for frames that change something. */
const fenced = (
  { changes }: WebSocketOptions,
  connection: Connection,
  whyNot: () => string | undefined,
): Connection =>
  changes === undefined
    ? connection
    : {
        send: (data) => !(changes(data) && whyNot() !== undefined) && connection.send(data),
        ping: () => connection.ping(),
        get waitingBytes() {
          return connection.waitingBytes
        },
        close: (code, reason) => connection.close(code, reason),
        abort: () => connection.abort(),
      }
