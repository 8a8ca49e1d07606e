/*
 * Timed: how long each request takes, told to whoever counts. Requests that never left, because a fence or a budget above
 * kept them, are not seen here.
 */
import type { Io } from './io.ts'
import { withRequests } from './with-requests.ts'

export interface TimedRequest {
  readonly method: string
  readonly url: string
  /** Of the answer; undefined where none came. */
  readonly status: number | undefined
  readonly durationMs: number
}

export const timedIo = (io: Io, onRequest: (request: TimedRequest) => void): Io =>
  withRequests(io, async (request) => {
    const { method, url } = request
    const began = io.monotonic()
    const answer = await io.http.request(request)
    const status = answer.ok ? answer.value.status : undefined
    onRequest({ method, url, status, durationMs: io.monotonic() - began })
    return answer
  })

/** The path of an address without what differs from request to request: `/v2/orders/:id`. At most three parts of it. */
export function apiOf(url: string): string {
  const parts = new URL(url).pathname.split('/').filter((part) => part !== '')
  const kept = parts.slice(0, 3).map((part) => (isWord(part) ? part : ':id'))
  return `/${kept.join('/')}`
}

/** `v2`, `v1beta3`, `orders`, `orders:by_client_order_id`: written by the venue's programmers, and not by its data. */
const isWord = (part: string): boolean => /^(?:v\d+(?:beta\d+)?|[a-z][a-z_:-]*)$/.test(part)
