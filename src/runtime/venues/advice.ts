// Advice: what a person does about a fault of a venue. Most of it is the same for all of them.
import { unreachable } from '../../core/assert.ts'
import type { Fault } from '../../core/fault.ts'

/** What differs from venue to venue. */
export interface OwnAdvice {
  readonly unauthorized: string
  readonly rateLimited: string
  readonly notFound: string
}

export function advice({ code }: Fault, own: OwnAdvice): string {
  switch (code) {
    case 'unauthorized':
      return own.unauthorized
    case 'rate-limited':
      return own.rateLimited
    case 'network':
    case 'timeout':
    case 'venue-unavailable':
      return 'check the network and the hosts of the configuration, or try again later'
    case 'not-found':
      return own.notFound
    case 'corrupt-data':
      return 'nothing of this answer was used; if it stays so, report it with this message'
    case 'bad-request':
    case 'unsupported':
    case 'outcome-unknown':
      return 'ask for something else'
    default:
      return unreachable(code)
  }
}
