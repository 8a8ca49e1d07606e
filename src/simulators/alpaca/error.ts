// ApiError: what Alpaca refuses with: an HTTP status, a code, words.

/** Thrown inside a request's handling, caught where its answer is made. */
export class ApiError extends Error {
  readonly status: number
  /** Undefined on the market-data hosts, whose errors have words only. */
  readonly code: number | undefined
  readonly extra: Readonly<Record<string, unknown>>

  constructor(
    status: number,
    code: number | undefined,
    message: string,
    extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.extra = extra
  }

  get body(): string {
    const { code, message, extra } = this
    return JSON.stringify(code === undefined ? { message } : { code, message, ...extra })
  }
}

export const badRequest = (message: string): ApiError => new ApiError(400, 40010000, message)
export const unauthorized = (): ApiError => new ApiError(401, 40110000, 'request is not authorized')
export const forbidden = (message: string, extra?: Readonly<Record<string, unknown>>): ApiError =>
  new ApiError(403, 40310000, message, extra)
export const notFound = (message: string): ApiError => new ApiError(404, 40410000, message)
export const unprocessable = (message: string): ApiError => new ApiError(422, 42210000, message)
/** The code of duplicate ids, and of this: the words tell them apart. ccxt has it from the venue. */
export const invalidType = (message: string): ApiError => new ApiError(422, 40010001, message)
/** Proof that an earlier attempt was taken. */
export const duplicateId = (): ApiError =>
  new ApiError(422, 40010001, 'client_order_id must be unique')
export const badData = (message: string): ApiError => new ApiError(400, undefined, message)
