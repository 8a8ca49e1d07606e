/*
 * Definitions: every metric of a run, by name. Labels are closed sets or bounded by the configuration, so that no metric
 * grows without end. Names that begin with `mm_` are as the market maker's dashboards have them; all times are
 * milliseconds, all money is in the account's currency.
 */
import type { Gauge } from '../core/gauges.ts'

interface Told {
  readonly help: string
  readonly labels?: readonly string[]
}

export type Definition =
  | (Told & { readonly type: 'counter' | 'gauge' })
  | (Told & { readonly type: 'histogram'; readonly buckets: readonly number[] })

/** From a tick within the machine to one that a busy venue answers. */
const TICK_MS = [1, 2, 5, 10, 20, 50, 100, 150, 200, 250, 300, 500, 1_000, 2_000, 5_000]
/** From a quote that is moved at once to an order that rests for a day. */
const AGE_MS = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 600_000, 3_600_000]

/** What a strategy tells of itself on a symbol. */
const ofLane = (help: string) => ({ type: 'gauge', help, labels: ['strategy', 'symbol'] }) as const

export const DEFINITIONS = {
  mm_tick_duration_ms: {
    type: 'histogram',
    help: 'From a turn that commands something to the last answer to it',
    buckets: TICK_MS,
  },
  mm_exchange_req_ms: {
    type: 'histogram',
    help: 'A request to the venue, from its first byte to its answer or its failure',
    labels: ['verb', 'api'],
    buckets: TICK_MS,
  },
  mm_order_age_ms: {
    type: 'histogram',
    help: 'Age of an order at its end',
    labels: ['reason'],
    buckets: AGE_MS,
  },
  mm_cmd_total: {
    type: 'counter',
    help: 'Commands of turns; of those that then did not leave, mm_answers_total tells',
    labels: ['op'],
  },
  mm_cmd_coalesced_total: {
    type: 'counter',
    help: 'Wishes that needed no command of their own, by what became of them',
    labels: ['op'],
  },
  mm_batches_total: { type: 'counter', help: 'Batches that left for the venue' },
  mm_calls_saved_total: {
    type: 'counter',
    help: 'Calls that one call for each wish would have made besides',
  },
  mm_answers_total: {
    type: 'counter',
    help: 'Answers to submits: accepted, rejected, unknown; unsent ones never left',
    labels: ['outcome'],
  },
  mm_deadline_misses_total: {
    type: 'counter',
    help: 'Quotes that were neither placed nor moved, because the deadline of their turn was over',
  },
  mm_denied_total: { type: 'counter', help: 'Orders that risk refused', labels: ['code'] },
  mm_fills_total: { type: 'counter', help: 'Fills', labels: ['side'] },
  mm_fees: { type: 'gauge', help: 'Fees paid since this process began; below zero are rebates' },
  mm_realised_profit: {
    type: 'gauge',
    help: 'Profit that fills have realised since this process began, before fees',
  },
  mm_requests_total: { type: 'counter', help: 'Requests that the venue budgets let pass' },
  mm_rate_limited_total: {
    type: 'counter',
    help: 'Requests that the venue refused for their rate',
  },
  mm_ws_reconnects_total: { type: 'counter', help: 'Times that the feed was lost and came back' },
  mm_reconcile_reports_total: { type: 'counter', help: 'Reports of the venue that were compared' },
  mm_reconcile_actions_total: {
    type: 'counter',
    help: 'Differences to the venue that its reports had, each time one was found',
    labels: ['kind'],
  },
  mm_clock_offset_ms: {
    type: 'gauge',
    help: 'How far the clock of the venue is ahead of ours; NaN where it is not asked',
  },
  mm_turns_total: { type: 'counter', help: 'Turns of the engine' },
  mm_reconcile_differences: {
    type: 'gauge',
    help: 'Differences to the venue that are not explained yet',
  },
  mm_equity: { type: 'gauge', help: 'Cash and positions at the last prices' },
  mm_inventory_abs: { type: 'gauge', help: 'Gross value of all positions' },
  mm_risk_ratio: { type: 'gauge', help: 'Gross value of all positions by equity' },
  mm_position: {
    type: 'gauge',
    help: 'Position in units, of symbols that are held',
    labels: ['symbol'],
  },
  mm_orders_open: { type: 'gauge', help: 'Orders that may trade' },
  mm_orders_unknown: { type: 'gauge', help: 'Orders of which the venue has not said what became' },
  mm_risk_paused: {
    type: 'gauge',
    help: '1 while nothing new is risked, by reason',
    labels: ['why'],
  },
  mm_symbols_halted: { type: 'gauge', help: 'Symbols that take no new risk', labels: ['cause'] },
  mm_strategies_halted: { type: 'gauge', help: 'Strategies that threw, by symbol' },
  mm_stream_up: { type: 'gauge', help: '1 while a stream of the venue is up', labels: ['stream'] },
  mm_ws_lag_ms: { type: 'gauge', help: 'Age of the newest price; NaN before the first' },
  mm_inbox_use: { type: 'gauge', help: 'Part of the inbox that is full, 0 to 1' },
  mm_inbox_dropped_total: { type: 'counter', help: 'Market inputs that had to make room' },
  mm_budget_use: {
    type: 'gauge',
    help: 'Part of a budget of requests that is used, 0 to 1',
    labels: ['budget'],
  },
  mm_taker_fees: {
    type: 'gauge',
    help: 'Fees of fills of orders that were not post-only, since this process began',
  },
  mm_spread_bps: ofLane('Between the best bid and the best ask that rest, of the mid'),
  mm_vola_1m_bps: ofLane('Movement of the mid in a minute'),
  mm_ob_imbalance: ofLane('From -1, all size is on the ask, to 1, all on the bid'),
  mm_queue_ahead: ofLane(
    'Ahead of its best quotes, by what the best three levels hold; with depth',
  ),
  mm_skew_bps: ofLane('By how much both quotes are shifted down; up where it is below zero'),
  mm_inventory_ratio: ofLane('Position by the largest that the strategy may hold, signed'),
  mm_quote_width: ofLane('How far quotes stand, by how far they would in a quiet market'),
  mm_throttle: ofLane('Part of its size that a strategy quotes, 0 to 1'),
  mm_mode: ofLane('0 active, 1 cooldown, 2 frozen'),
  mm_guard_level: ofLane('0 none, 1 soft, 2 hard'),
  mm_circuit_state: ofLane('0 closed, 1 probing, 2 open'),
  mm_net_bps: ofLane('Mean edge of the fills of 15 minutes, after fees'),
  mm_maker_taker_ratio: ofLane('Part of the fills of 15 minutes that made liquidity'),
  mm_maker_pnl: ofLane('Profit since the strategy began, at the mid, after fees'),
  mm_taker_fills_1h: ofLane('Fills of an hour that took liquidity'),
  mm_latency_p95_ms: ofLane('From an order to its acceptance, of the last hundred'),
  mm_leader: {
    type: 'gauge',
    help: '1 where this run trades the account, 0 where it follows another',
  },
  mm_takeovers_total: { type: 'counter', help: 'Times that this run took the account over' },
  mm_shared_bars_total: { type: 'counter', help: 'Closed bars that the shared database has taken' },
  mm_shared_bars_waiting: { type: 'gauge', help: 'Closed bars that wait for the shared database' },
  mm_shared_bars_dropped_total: {
    type: 'counter',
    help: 'Closed bars that were let go of: too many waited for the shared database, or it refused them',
  },
  mm_shared_failures_total: { type: 'counter', help: 'Writes to the shared database that failed' },
  mm_shared_away_ms: {
    type: 'gauge',
    help: 'For how long the shared database has taken nothing; 0 while it takes bars',
  },
  mm_forming_bars_total: { type: 'counter', help: 'Bars that were written while they formed' },
  mm_forming_skipped_total: {
    type: 'counter',
    help: 'Rounds of forming bars that were left out: a write was under way, or the store away',
  },
  mm_forming_failures_total: { type: 'counter', help: 'Writes of forming bars that failed' },
  mm_journal_bytes: { type: 'gauge', help: 'What the journal takes of its disk' },
  mm_journal_free_bytes: { type: 'gauge', help: 'What is left on the disk of the journal' },
  mm_journal_dropped_total: {
    type: 'counter',
    help: 'Old turns that this run has dropped from it',
  },
  mm_journal_pruned_age_ms: {
    type: 'gauge',
    help: 'Since this process last dropped old turns from it; NaN before',
  },
  mm_journal_stuck: {
    type: 'gauge',
    help: '1 where no turn can be dropped, and the journal grows',
  },
  mm_live_enable: { type: 'gauge', help: '1 where orders move real money' },
  mm_healthy: { type: 'gauge', help: '1 while nothing is as it should not be' },
} as const satisfies Readonly<Record<`mm_${string}` | `mm_${Gauge}`, Definition>>

type Definitions = typeof DEFINITIONS
export type MetricName = keyof Definitions
type NameOf<T extends Definition['type']> = {
  [K in MetricName]: Definitions[K]['type'] extends T ? K : never
}[MetricName]
export type CounterName = NameOf<'counter'>
export type GaugeName = NameOf<'gauge'>
export type HistogramName = NameOf<'histogram'>
