// Fault: the one shape of an expected failure, from a closed list of codes.

export type FaultCode =
  | 'network'
  | 'timeout'
  | 'rate-limited'
  | 'unauthorized'
  | 'bad-request'
  | 'not-found'
  | 'venue-unavailable'
  | 'unsupported'
  | 'outcome-unknown'
  | 'corrupt-data'

export interface Fault {
  readonly code: FaultCode
  readonly message: string
  /** `never`: asking again gives the same answer. `later`: it may pass. `ask`: find out what happened first. */
  readonly retry: 'never' | 'later' | 'ask'
  readonly context?: Readonly<Record<string, unknown>>
}

const RETRY: Readonly<Record<FaultCode, Fault['retry']>> = {
  network: 'later',
  timeout: 'later',
  'rate-limited': 'later',
  unauthorized: 'never',
  'bad-request': 'never',
  'not-found': 'never',
  'venue-unavailable': 'later',
  unsupported: 'never',
  'outcome-unknown': 'ask',
  'corrupt-data': 'never',
}

/** Makes a fault; what to do about it follows from its code. */
export function fault(
  code: FaultCode,
  message: string,
  context?: Readonly<Record<string, unknown>>,
): Fault {
  const base = { code, message, retry: RETRY[code] }
  return context === undefined ? base : { ...base, context }
}
