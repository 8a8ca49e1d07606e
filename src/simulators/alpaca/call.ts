// Call and Reply: a request to an endpoint, and what the endpoint says.

export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly json?: unknown
}
