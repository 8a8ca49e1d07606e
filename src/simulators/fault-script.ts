// Fault script: the schema of what a nemesis does, and how YAML becomes it.
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { BadInput } from '../core/bad-input.ts'
import { parseDuration } from '../core/time.ts'

const duration = z.string().transform((text, context) => {
  const value = parseDuration(text)
  if (value !== undefined) return value
  context.addIssue({ code: 'custom', message: 'a duration such as 250ms, 30s, 5m' })
  return z.NEVER
})
const when = z.enum(['before', 'after']).default('before')
const count = z.int().min(0)

/** When a rule acts, and on what. Times are venue time since the start. */
const timing = {
  /** For counters and the audit log; the fault's own name where not given. */
  name: z.string().min(1).optional(),
  at: duration.default(0),
  /** How long it lasts; to the end where not given. One-time faults happen once, at `at`. */
  for: duration.optional(),
  /** Repeats a one-time fault. */
  every: duration.refine((ms) => ms > 0, 'longer than nothing').optional(),
  chance: z.number().gt(0).max(1).default(1),
  /** Lets so many chances pass first. */
  skip: count.default(0),
  /** No more often than this. */
  times: z.int().min(1).optional(),
}

const rest = {
  ...timing,
  on: z.literal('rest'),
  method: z.enum(['GET', 'POST', 'PATCH', 'DELETE']).optional(),
  /** Begins the path, such as /v2/orders. */
  path: z.string().startsWith('/').optional(),
}

/** Streams of a venue: its market data, the account's orders, and where orders are entered over a socket. */
const STREAMS = ['data', 'trading', 'entry'] as const
export type StreamName = (typeof STREAMS)[number]

const stream = { ...timing, on: z.enum(STREAMS) }

/** Frames that a stream fault concerns: those whose text holds this. */
const frames = { ...stream, holding: z.string().min(1).optional() }

const once = { ...timing }

const ORDER_TYPES = ['market', 'limit', 'stop', 'stop_limit', 'trailing_stop'] as const

/** An order of the first account: of the symbol, and of the type and side where they are given. */
const theirs = {
  ...once,
  on: z.literal('orders'),
  symbol: z.string(),
  type: z.enum(ORDER_TYPES).optional(),
  side: z.enum(['buy', 'sell']).optional(),
}

const RULE = z.discriminatedUnion('fault', [
  // Requests. `after`: the venue has done what was asked, and only the answer suffers.
  z.strictObject({
    ...rest,
    fault: z.literal('status'),
    status: z.int().min(200).max(599),
    when,
    /** Seconds in a Retry-After header; none where not given. */
    retryAfter: count.optional(),
    body: z.string().optional(),
  }),
  /** Refuses with a code of the venue's own, whatever became of the request. */
  z.strictObject({
    ...rest,
    fault: z.literal('code'),
    code: z.int(),
    message: z.string().default('refused by a fault'),
    status: z.int().min(200).max(599).default(200),
    when,
  }),
  z.strictObject({ ...rest, fault: z.literal('reset'), when, bytes: count.default(0) }),
  z.strictObject({ ...rest, fault: z.literal('silence'), when }),
  z.strictObject({ ...rest, fault: z.literal('slow'), by: duration }),
  z.strictObject({ ...rest, fault: z.literal('html'), when, status: z.int().default(200) }),
  z.strictObject({ ...rest, fault: z.literal('short'), bytes: count }),
  // Streams.
  z.strictObject({
    ...stream,
    fault: z.literal('close'),
    code: z.int().min(1000).max(4999),
    reason: z.string().default(''),
  }),
  z.strictObject({ ...stream, fault: z.literal('cut-off') }),
  /** Tells all order events of its life again, from the first. */
  z.strictObject({ ...once, on: z.literal('trading'), fault: z.literal('replay') }),
  z.strictObject({ ...stream, fault: z.literal('mute') }),
  z.strictObject({ ...stream, fault: z.literal('half-open') }),
  z.strictObject({ ...stream, fault: z.literal('refuse'), status: z.int().default(503) }),
  z.strictObject({ ...stream, fault: z.literal('error'), code: z.int(), msg: z.string() }),
  z.strictObject({ ...stream, fault: z.literal('no-ack') }),
  z.strictObject({
    ...stream,
    fault: z.literal('partial-ack'),
    without: z.int().min(1).default(1),
  }),
  z.strictObject({
    ...frames,
    fault: z.literal('malformed'),
    text: z.string().default('[{"T":"t",'),
  }),
  z.strictObject({ ...frames, fault: z.literal('cut-frame') }),
  z.strictObject({ ...frames, fault: z.literal('drop') }),
  z.strictObject({ ...frames, fault: z.literal('duplicate'), copies: z.int().min(1).default(1) }),
  z.strictObject({ ...frames, fault: z.literal('delay'), by: duration }),
  // Orders, clock and market.
  z.strictObject({
    ...timing,
    on: z.literal('orders'),
    fault: z.literal('late-fill'),
    by: duration,
  }),
  z.strictObject({ ...timing, on: z.literal('orders'), fault: z.literal('hide'), by: duration }),
  z.strictObject({
    ...once,
    on: z.literal('orders'),
    fault: z.literal('position'),
    symbol: z.string(),
    qty: z.number(),
  }),
  z.strictObject({
    ...once,
    on: z.literal('orders'),
    fault: z.literal('foreign'),
    symbol: z.string(),
    side: z.enum(['buy', 'sell']),
    qty: z.number().gt(0),
  }),
  /** Executes so much of the youngest order, in whatever state it is: late, beyond its quantity, both exits. */
  z.strictObject({
    ...theirs,
    fault: z.literal('execution'),
    qty: z.number().gt(0),
    price: z.number().gt(0).optional(),
  }),
  /** Takes back the last execution. */
  z.strictObject({ ...theirs, fault: z.literal('bust') }),
  /** Cancels the youngest open order, which nobody asked for. */
  z.strictObject({ ...theirs, fault: z.literal('revoke') }),
  /** Cancels all open orders of the first account, as a switch for a client that is gone. */
  z.strictObject({ ...once, on: z.literal('orders'), fault: z.literal('revoke-all') }),
  /** The position of the symbol has two sides from now on, by somebody's hand. */
  z.strictObject({
    ...once,
    on: z.literal('orders'),
    fault: z.literal('hedge'),
    symbol: z.string(),
  }),
  /** Of a batch only this share is booked; by chance, each order for itself. */
  z.strictObject({
    ...timing,
    on: z.literal('orders'),
    fault: z.literal('subset'),
    share: z.number().min(0).max(1),
  }),
  /** An order is taken, and rejected a moment later. */
  z.strictObject({
    ...timing,
    on: z.literal('orders'),
    fault: z.literal('late-reject'),
    reason: z.string().default('EC_Others'),
  }),
  /** Takes so much money, as a fee that is charged late. */
  z.strictObject({
    ...once,
    on: z.literal('orders'),
    fault: z.literal('charge'),
    amount: z.number(),
  }),
  /** Its owner brings so much money, or takes it where it is below zero. */
  z.strictObject({
    ...once,
    on: z.literal('orders'),
    fault: z.literal('transfer'),
    amount: z.number(),
    /** Alpaca's kind of the activity; a deposit or a withdrawal where not told. */
    kind: z.enum(['JNL', 'JNLC', 'ACATC']).optional(),
  }),
  z.strictObject({ ...timing, on: z.literal('clock'), fault: z.literal('skew'), by: z.number() }),
  z.strictObject({
    ...once,
    on: z.literal('market'),
    fault: z.literal('correct'),
    symbol: z.string(),
    by: z.number(),
  }),
  /** The service of the order books begins anew: it counts from one, and tells whole books. */
  z.strictObject({ ...once, on: z.literal('market'), fault: z.literal('restart') }),
  z.strictObject({
    ...once,
    on: z.literal('market'),
    fault: z.literal('print'),
    symbol: z.string(),
    price: z.number().gt(0),
    size: z.number().gt(0).default(100),
  }),
])

export type Rule = z.infer<typeof RULE>
export type FaultName = Rule['fault']
export type RuleOf<F extends FaultName> = Extract<Rule, { readonly fault: F }>

const SCRIPT = z.strictObject({ seed: z.int().default(1), faults: z.array(RULE).max(1_000) })
export type FaultScript = z.infer<typeof SCRIPT>
/** A rule as people write it: durations as text, defaults left out. */
export type RuleText = z.input<typeof RULE>

export const NO_FAULTS: FaultScript = { seed: 1, faults: [] }

export const parseRule = (rule: RuleText): Rule => RULE.parse(rule)

/** Reads a script. Throws BadInput, which names the place. */
export function parseFaults(text: string, file: string): FaultScript {
  const document = parseDocument(text, { prettyErrors: true })
  const [broken] = document.errors
  if (broken !== undefined) {
    const line = broken.linePos?.[0].line ?? 1
    throw new BadInput({ file, line }, 'is not YAML', broken.message.split('\n')[0], 'YAML')
  }
  const parsed = SCRIPT.safeParse(document.toJS())
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const field = issue?.path.map(String).join('.') ?? ''
  throw new BadInput(
    { file, field },
    'is not a fault',
    issue?.message,
    'see docs/venues/alpaca-local.md',
  )
}
