// Codes: what Bybit refuses with: a number and words, in an envelope that answers 200.

/** Thrown inside a request's handling, caught where its answer is made. */
export class BybitError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const badParameter = (message: string): BybitError => new BybitError(10001, message)
export const stale = (stamp: string, now: number, recvWindow: number): BybitError =>
  new BybitError(
    10002,
    'invalid request, please check your server timestamp or recv_window param. ' +
      `req_timestamp[${stamp}],server_timestamp[${now}],recv_window[${recvWindow}]`,
  )
export const badKey = (): BybitError => new BybitError(10003, 'API key is invalid.')
export const badSign = (): BybitError =>
  new BybitError(10004, 'error sign! please check your signature generation algorithm.')
export const TOO_MANY = [10006, 'Too many visits. Exceeded the API Rate Limit.'] as const
export const tooMany = (): BybitError => new BybitError(...TOO_MANY)
export const SERVER_ERROR = [10016, 'Server error'] as const

/** Of derivatives, and of spot: the same fact has another number there. */
type Pair = readonly [derivatives: number, spot: number, message: string]

const FACTS = {
  unknown: [110001, 170213, 'order not exists or too late to cancel'],
  filled: [110008, 170139, 'The order has been completed or cancelled.'],
  canceled: [110010, 170142, 'The order has been cancelled.'],
  duplicate: [110072, 170141, 'OrderLinkedID is duplicate'],
  price: [110003, 170134, 'Order price is not on the grid or out of range.'],
  quantity: [10001, 170137, 'The number of contracts is not on the grid or out of range.'],
  notional: [110094, 170140, 'Order does not meet minimum order value 5USDT'],
  balance: [110007, 170131, 'ab not enough for new order'],
  rising: [110092, 170203, 'expect Rising, but trigger_price <= current??LastPrice'],
  falling: [110093, 170204, 'expect Falling, but trigger_price >= current??LastPrice'],
  reduce: [110017, 170130, 'current position is zero, cannot fix reduce-only order qty'],
  cap: [110020, 170810, 'Not allowed to have more than 500 active orders.'],
  mode: [10001, 10001, 'position idx not match position mode'],
  unchanged: [
    10001,
    170130,
    'The order remains unchanged as the parameters entered match the existing ones.',
  ],
} as const satisfies Readonly<Record<string, Pair>>

export type Fact = keyof typeof FACTS

export function refused(fact: Fact, isSpot: boolean): BybitError {
  const [derivatives, spot, message] = FACTS[fact]
  return new BybitError(isSpot ? spot : derivatives, message)
}
