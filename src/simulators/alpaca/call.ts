// Call and Reply: a request to an endpoint, and what the endpoint says.
import type { Request } from '../answer.ts'

export type Call = Pick<Request, 'method' | 'path' | 'query' | 'body'>

export interface Reply {
  readonly status: number
  readonly json?: unknown
}
