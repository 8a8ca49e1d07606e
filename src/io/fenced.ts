/*
 * Fenced: requests that change something leave only while we may. It is the last thing that is asked before the first
 * byte, below every queue and budget, so what waited there while the right was lost does not leave either.
 */
import { fault } from '../core/fault.ts'
import { failed } from '../core/result.ts'
import type { Io } from './io.ts'
import { withRequests } from './with-requests.ts'

/** `whyNot` says why nothing may leave now. Reading is always allowed. */
export const fencedIo = (io: Io, whyNot: () => string | undefined): Io =>
  withRequests(io, async (request) => {
    const why = request.method === 'GET' ? undefined : whyNot()
    if (why === undefined) return await io.http.request(request)
    return failed(fault('network', `nothing was sent: ${why}`, { sent: 'no' }))
  })
