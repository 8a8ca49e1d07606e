// Answer: a request to a simulated venue, what goes back over the wire, and how faults spoil it.
import { unreachable } from '../core/assert.ts'
import type { RestFault } from './nemesis.ts'

export interface Request {
  readonly method: string
  /** Decoded. */
  readonly path: string
  readonly query: URLSearchParams
  /** As it came, without the question mark: what signatures are made of. */
  readonly search: string
  readonly body: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What goes over the wire, and how. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly delayMs: number
  /** `reset` cuts the connection after so many bytes of the body; `silence` never answers. */
  readonly wire: 'whole' | 'silence' | { readonly resetAfter: number }
}

/** The body of an error that a fault makes, in the venue's words. */
export type ErrorWords = (about: {
  readonly status: number
  /** The venue's own code; undefined where the fault names none. */
  readonly code?: number
  readonly message?: string
}) => string

/** Answers that leave before the request is looked at. */
export const isEarly = (fault: RestFault): boolean => 'when' in fault && fault.when === 'before'

/** The answer as the faults leave it. */
export function spoiled(answer: Answer, faults: readonly RestFault[], wordsOf: ErrorWords): Answer {
  let left = answer
  for (const fault of faults) left = withFault(left, fault, wordsOf)
  return left
}

function withFault(answer: Answer, fault: RestFault, wordsOf: ErrorWords): Answer {
  switch (fault.fault) {
    case 'status': {
      const retry =
        fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
      const body = fault.body ?? wordsOf({ status: fault.status })
      return { ...answer, status: fault.status, headers: { ...answer.headers, ...retry }, body }
    }
    case 'code': {
      const { status, code, message } = fault
      return { ...answer, status, body: wordsOf({ status, code, message }) }
    }
    case 'html': {
      const body = '<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>'
      const headers = { ...answer.headers, 'content-type': 'text/html' }
      return { ...answer, status: fault.status, headers, body }
    }
    case 'short':
      return { ...answer, body: answer.body.slice(0, fault.bytes) }
    case 'slow':
      return { ...answer, delayMs: answer.delayMs + fault.by }
    case 'silence':
      return { ...answer, wire: 'silence' }
    case 'reset':
      return { ...answer, wire: { resetAfter: fault.bytes } }
    default:
      return unreachable(fault)
  }
}
