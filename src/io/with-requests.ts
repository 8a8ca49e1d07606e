// With requests: the same world, whose requests go through something else first. Members are named, because an Io may be a class.
import type { Io } from './io.ts'

export const withRequests = (io: Io, request: Io['http']['request']): Io => ({
  now: () => io.now(),
  monotonic: () => io.monotonic(),
  after: (delayMs, fire) => io.after(delayMs, fire),
  random: io.random,
  websocket: io.websocket,
  tcp: io.tcp,
  http: { request },
})
