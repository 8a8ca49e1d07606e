/*
 * OrderEntry: the way of an order to the venue: over the trade socket while it is up, else over REST.
 *
 *   up                   one frame, out of the budget that REST has too: the venue counts both together
 *   not up, not sent     REST at once: no byte has left
 *   sent, not answered   an unknown outcome, as over REST; it takes no other way, whoever asks next looks it up by its id
 *
 * Whichever way it takes, it is the same body, with the same id.
 */
import type { Fault } from '../../core/fault.ts'
import { failed, type Result } from '../../core/result.ts'
import type { Json } from '../../io/json.ts'
import { type Bucket, laneOf, type Reply, replyOf, type Rest, type WriteTerms } from './rest.ts'
import { headersIn, type TradeStream } from './trade-stream.ts'

type Verb = 'create' | 'amend' | 'cancel'
/** One order, or several of them; each is a path over REST, an operation of the socket, and a budget. */
export type Request = Extract<Bucket, Verb | `${Verb}-batch`>

export interface OrderEntryOptions {
  readonly rest: Rest
  /** Undefined where all goes over REST. */
  readonly trade?: TradeStream | undefined
}

type Terms = Omit<WriteTerms, 'bucket'>

const LIMITED = 10006

export class OrderEntry {
  readonly #rest: Rest
  readonly #trade: TradeStream | undefined

  constructor({ rest, trade }: OrderEntryOptions) {
    this.#rest = rest
    this.#trade = trade
  }

  /** Sends once; again only where nothing was looked at. */
  send(request: Request, body: Json, terms: Terms = {}): Promise<Result<Reply>> {
    return this.#rest.persist(async (waitMaxMs) => {
      const trade = this.#trade
      if (trade?.isUp === true) {
        const answer = await this.#overSocket(trade, request, body, { ...terms, waitMaxMs })
        if (answer.ok || !isUnsent(answer.fault)) return answer
      }
      const about = { ...terms, bucket: request, waitMaxMs }
      return this.#rest.attempt(`/v5/order/${request}`, body, about)
    })
  }

  async #overSocket(
    trade: TradeStream,
    request: Request,
    body: Json,
    { cost = 1, refusal, waitMaxMs }: Terms & { readonly waitMaxMs: number },
  ): Promise<Result<Reply>> {
    const rest = this.#rest
    const budget = rest.budgets[request]
    const granted = await budget.take({ lane: laneOf(request), cost, waitMaxMs })
    if (!granted.ok) return granted
    const refused = refusal?.()
    if (refused !== undefined) return failed(refused)
    const op = `order.${request}`
    const answer = await trade.ask(op, body, rest.writeMs)
    if (!answer.ok) return answer
    const message = answer.value
    budget.heard(rest.heardIn(headersIn(message), message['retCode'] === LIMITED))
    return replyOf({ ...message, result: message['data'] }, op, true)
  }
}

const isUnsent = ({ code, context }: Fault): boolean =>
  code === 'network' && context?.['sent'] === 'no'
