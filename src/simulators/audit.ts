// Audit: what reached a simulated venue and what left it, with times, for tests and for people to read.
import type { StreamName } from './fault-script.ts'

/** Entries kept of each kind; older ones are forgotten, half at a time. */
export const AUDIT_MAX = 100_000

/** `at` is the venue's time, `clockAt` that of the clock it was given; both in milliseconds. */
interface Times {
  readonly at: number
  readonly clockAt: number
}

export interface AuditedRequest extends Times {
  readonly n: number
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: string
  readonly account: string
  /** 0 where no answer left. */
  readonly status: number
  readonly answer: string
  readonly faults: readonly string[]
}

export interface AuditedFrame extends Times {
  readonly stream: StreamName
  readonly connection: number
  readonly direction: 'in' | 'out' | 'open' | 'close'
  readonly bytes: number
  /** The message as text; of market data out only its kinds, such as `t×3`. */
  readonly text: string
}

export interface AuditedOrder extends Times {
  readonly account: string
  readonly event: string
  readonly id: string
  readonly clientId: string
  readonly symbol: string
  readonly status: string
  readonly qty: number
  readonly filled: number
}

export interface AuditedFault extends Times {
  readonly fault: string
  readonly target: string
}

export class Audit {
  readonly requests: AuditedRequest[] = []
  readonly frames: AuditedFrame[] = []
  readonly orders: AuditedOrder[] = []
  readonly faults: AuditedFault[] = []
  readonly #times: () => Times

  constructor(times: () => Times) {
    this.#times = times
  }

  request(entry: Omit<AuditedRequest, keyof Times | 'n'>): void {
    const n = (this.requests.at(-1)?.n ?? 0) + 1
    keep(this.requests, { ...this.#times(), n, ...entry })
  }

  frame(entry: Omit<AuditedFrame, keyof Times>): void {
    keep(this.frames, { ...this.#times(), ...entry })
  }

  order(entry: Omit<AuditedOrder, keyof Times>): void {
    keep(this.orders, { ...this.#times(), ...entry })
  }

  fault(fault: string, target: string): void {
    keep(this.faults, { ...this.#times(), fault, target })
  }

  /** How often each fault was injected. */
  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { fault } of this.faults) counts[fault] = (counts[fault] ?? 0) + 1
    return counts
  }
}

function keep<T>(list: T[], item: T): void {
  list.push(item)
  if (list.length >= 2 * AUDIT_MAX) list.splice(0, list.length - AUDIT_MAX)
}
