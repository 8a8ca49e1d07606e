/*
 * Faults: the one table that turns what Alpaca says into a Fault.
 *
 * A write that may have been taken is `outcome-unknown`, whatever the text: no answer, a reset after the first byte,
 * any 5xx. It is `rate-limited` only with a 429, which the limiter gives before the order is looked at, and proved
 * rejected only with another 4xx. A read has no such doubt: it may be asked again. The classes of statuses are the
 * http client's (io/http.ts); here is what Alpaca's own codes add to them.
 *
 * https://docs.alpaca.markets/docs/trading-api, https://docs.alpaca.markets/docs/streaming-market-data (read 2026-11)
 */
import { type Fault, fault, type FaultCode } from '../../core/fault.ts'
import { decimalOf, isObject, textOf } from '../../io/json.ts'

/**
 * Codes in the body of an error: `{"code":40310000,"message":"insufficient buying power"}`. The http client would call
 * a 403 a lack of rights; with this code it is money or a rule, and the order is rejected.
 */
const BODIES: Readonly<Record<number, FaultCode>> = {
  40010001: 'bad-request',
  40110000: 'unauthorized',
  40310000: 'bad-request',
  40410000: 'not-found',
  42210000: 'bad-request',
  42910000: 'rate-limited',
}

/**
 * 422 with this code may say that an earlier attempt with the same client order id was taken: it is also the code of
 * `us_equity orders not allowed for account` (https://github.com/Petersoj/alpaca-java/issues/147).
 */
const DUPLICATE_ID = 40010001

/** Error codes of the market-data stream: `[{"T":"error","code":405,"msg":"symbol limit exceeded"}]`. */
const STREAM: Readonly<Record<number, FaultCode>> = {
  400: 'bad-request',
  401: 'network',
  402: 'unauthorized',
  403: 'bad-request',
  404: 'timeout',
  405: 'rate-limited',
  406: 'rate-limited',
  407: 'network',
  408: 'unsupported',
  409: 'unauthorized',
  410: 'unsupported',
  411: 'unauthorized',
  412: 'unsupported',
  413: 'unsupported',
  429: 'rate-limited',
  500: 'venue-unavailable',
}

export interface VenueError {
  readonly status: number
  readonly code: number
  readonly message: string
}

/** What the venue said, where it said anything. */
export function errorOf({ context }: Fault): VenueError | undefined {
  const status = decimalOf(context?.['status'])
  if (status === undefined) return undefined
  const body = isObject(context?.['body']) ? context['body'] : {}
  return { status, code: decimalOf(body['code']) ?? 0, message: textOf(body['message']) ?? '' }
}

/** A fault of the http client, with what Alpaca's own code says about it. */
export function refine(told: Fault): Fault {
  const error = errorOf(told)
  // After a 5xx the body may say what it wants: the order may stand.
  const code =
    told.code === 'outcome-unknown' || error === undefined ? undefined : BODIES[error.code]
  return code === undefined || code === told.code ? told : fault(code, told.message, told.context)
}

/** An earlier attempt was taken. */
export const isDuplicate = (told: Fault): boolean =>
  errorOf(told)?.status === 422 &&
  /client[\s_-]?order[\s_-]?id must be unique/i.test(errorOf(told)?.message ?? '')

/** Words are no promise of the venue's, and the code is that of other refusals too: whether the order is there, it tells. */
export const mayBeDuplicate = (told: Fault): boolean =>
  isDuplicate(told) || (errorOf(told)?.status === 422 && errorOf(told)?.code === DUPLICATE_ID)

/** The order is between two states, and nothing was changed: `cannot replace order in pending_replace status`. */
export const isNotYet = (told: Fault): boolean =>
  told.code === 'bad-request' &&
  /cannot replace order in (?:accepted|pending_\w+) status/.test(errorOf(told)?.message ?? '')

/** The order is already what the replace asked for. */
export const isUnchanged = (told: Fault): boolean =>
  told.code === 'bad-request' && /parameters are not changed/.test(errorOf(told)?.message ?? '')

/** The fault of an error message on a market-data stream. */
export const faultOfStream = (code: number, message: string): Fault =>
  fault(STREAM[code] ?? 'venue-unavailable', `alpaca's stream says ${code}, ${message}`, { code })
