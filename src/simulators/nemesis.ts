// Nemesis: decides from a script, on the venue's time line and from a seed, what goes wrong and when.
import { type Random, seeded } from '../core/random.ts'
import type { Audit } from './audit.ts'
import {
  type FaultName,
  type FaultScript,
  parseRule,
  type Rule,
  type RuleOf,
  type RuleText,
  type StreamName,
} from './fault-script.ts'

/** Faults of which one happening is the whole of it. */
const ONCE = [
  'close',
  'cut-off',
  'replay',
  'position',
  'foreign',
  'execution',
  'bust',
  'revoke',
  'revoke-all',
  'hedge',
  'restart',
  'charge',
  'transfer',
  'correct',
  'print',
] as const satisfies readonly FaultName[]

/** Faults that are a state, not an event. */
const STATES: readonly FaultName[] = ['mute', 'half-open']

interface Armed {
  readonly rule: Rule
  /** Since the start: times in the rule count from here. */
  readonly armedAt: number
  chances: number
  happened: number
  nextAt: number
}

export interface RestTarget {
  readonly method: string
  readonly path: string
}

const REST = ['status', 'code', 'reset', 'silence', 'slow', 'html', 'short'] as const
export type RestFault = RuleOf<(typeof REST)[number]>
const FRAME = ['malformed', 'cut-frame', 'drop', 'duplicate', 'delay'] as const
export type FrameFault = RuleOf<(typeof FRAME)[number]>
export type OneTime = RuleOf<(typeof ONCE)[number]>

export class Nemesis {
  readonly #audit: Audit
  readonly #elapsed: () => number
  readonly #random: Random
  #armed: Armed[]

  /** `elapsed` gives the venue's time since its start, in milliseconds. */
  constructor(script: FaultScript, audit: Audit, elapsed: () => number) {
    this.#audit = audit
    this.#elapsed = elapsed
    this.#random = seeded(script.seed)
    this.#armed = script.faults.map((rule) => arm(rule, 0))
  }

  /** Adds a fault now: its times count from this moment. Gives how to take it back. */
  inject(rule: RuleText): () => void {
    const armed = arm(parseRule(rule), this.#elapsed())
    this.#armed.push(armed)
    return () => {
      this.#armed = this.#armed.filter((each) => each !== armed)
    }
  }

  clear(): void {
    this.#armed = []
  }

  /** What happens to a request: at most one of each kind. */
  onRequest({ method, path }: RestTarget): readonly RestFault[] {
    const found: RestFault[] = []
    for (const fault of REST) {
      const rule = this.#strike(
        fault,
        `${method} ${path}`,
        (rule) =>
          (rule.method === undefined || rule.method === method) &&
          (rule.path === undefined || path.startsWith(rule.path)),
      )
      if (rule !== undefined) found.push(rule)
    }
    return found
  }

  /** What happens to a frame that is about to leave. */
  onFrame(stream: StreamName, text: string): FrameFault | undefined {
    for (const fault of FRAME) {
      const rule = this.#strike(
        fault,
        stream,
        (rule) => rule.on === stream && (rule.holding === undefined || text.includes(rule.holding)),
      )
      if (rule !== undefined) return rule
    }
    return undefined
  }

  /** A fault of a stream's state or of one of its answers, where one strikes. */
  onStream<F extends 'mute' | 'half-open' | 'refuse' | 'error' | 'no-ack' | 'partial-ack'>(
    fault: F,
    stream: StreamName,
  ): RuleOf<F> | undefined {
    return this.#strike(fault, stream, (rule: Rule) => rule.on === stream)
  }

  lateness(): number {
    return this.#strike('late-fill', 'fill', () => true)?.by ?? 0
  }

  /** How long an order that comes now is not found by those who look for it. */
  hiding(): number {
    return this.#strike('hide', 'order', () => true)?.by ?? 0
  }

  /** Tells of each order of a batch whether it is booked. */
  subset(): () => boolean {
    const share = this.#strike('subset', 'batch', () => true)?.share
    return share === undefined ? () => true : () => this.#random() < share
  }

  /** The reason why an order that comes now is rejected after it was taken. */
  rejection(): string | undefined {
    return this.#strike('late-reject', 'order', () => true)?.reason
  }

  /** Milliseconds by which the venue's clock is wrong; not counted as a happening. */
  skew(): number {
    const found = this.#armed.find((armed) => armed.rule.fault === 'skew' && this.#isActive(armed))
    return found?.rule.fault === 'skew' ? found.rule.by : 0
  }

  /** One-time faults that have become due. */
  due(): readonly OneTime[] {
    const elapsed = this.#elapsed()
    const due: OneTime[] = []
    for (const armed of this.#armed) {
      const { rule } = armed
      if (!isOneTime(rule) || elapsed < armed.nextAt) continue
      const hasEnded = rule.for !== undefined && elapsed >= armed.armedAt + rule.at + rule.for
      armed.nextAt = rule.every === undefined || hasEnded ? Infinity : armed.nextAt + rule.every
      if (hasEnded || !this.#happens(armed)) continue
      due.push(rule)
      this.#audit.fault(rule.name ?? rule.fault, 'symbol' in rule ? rule.symbol : rule.on)
    }
    return due
  }

  /** When the next one-time fault is due, since the start; Infinity where none is. */
  nextAt(): number {
    let next = Infinity
    for (const { rule, nextAt } of this.#armed) if (isOneTime(rule)) next = Math.min(next, nextAt)
    return next
  }

  #strike<F extends FaultName>(
    fault: F,
    target: string,
    concerns: (rule: RuleOf<F>) => boolean,
  ): RuleOf<F> | undefined {
    for (const armed of this.#armed) {
      if (armed.rule.fault !== fault) continue
      const rule = armed.rule as RuleOf<F>
      if (!this.#isActive(armed) || !concerns(rule) || !this.#happens(armed)) continue
      // A state is one happening, however often it is looked at.
      if (!STATES.includes(fault) || armed.happened === 1)
        this.#audit.fault(rule.name ?? fault, target)
      return rule
    }
    return undefined
  }

  #isActive({ rule, armedAt }: Armed): boolean {
    const since = this.#elapsed() - armedAt - rule.at
    return since >= 0 && (rule.for === undefined || since < rule.for)
  }

  #happens(armed: Armed): boolean {
    const { rule } = armed
    if (rule.times !== undefined && armed.happened >= rule.times) return false
    if (armed.chances++ < rule.skip) return false
    if (rule.chance < 1 && this.#random() >= rule.chance) return false
    armed.happened++
    return true
  }
}

const arm = (rule: Rule, armedAt: number): Armed => ({
  rule,
  armedAt,
  chances: 0,
  happened: 0,
  nextAt: armedAt + rule.at,
})

const isOneTime = (rule: Rule): rule is OneTime =>
  (ONCE as readonly FaultName[]).includes(rule.fault)
