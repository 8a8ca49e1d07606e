/*
 * Live metrics: a run at a venue as numbers. It listens to turns and requests, and reads the rest when it is asked; the run
 * does not depend on it.
 */
import type { Ms } from '../../core/brand.ts'
import type { Turn } from '../../core/command.ts'
import { GAUGES } from '../../core/gauges.ts'
import { MARKET_CAUSES } from '../../core/input.ts'
import type { Notice } from '../../core/notice.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Universe } from '../../core/universe.ts'
import type { Venue } from '../../core/venue.ts'
import { DIFFERENCES } from '../../engine/reconcile-terms.ts'
import type { Io } from '../../io/io.ts'
import { apiOf, type TimedRequest, timedIo } from '../../io/timed.ts'
import { Metrics } from '../../ops/metrics.ts'
import { type MetricsServer, serveMetrics } from '../../ops/metrics-server.ts'
import { ailmentsOf, type Health } from './health.ts'
import type { Live } from './live.ts'

const CAUSES = ['unknown-order', 'position', 'operator', ...MARKET_CAUSES] as const
/** Turns whose answers are waited for at once; the gateway holds fewer batches. */
const TICKS_MAX = 10_000

export class LiveMetrics {
  readonly metrics = new Metrics()
  /** Batches without an answer, by the time of their turns; below zero while answers are ahead of their turn. */
  readonly #ticks = new Map<Ms, number>()
  readonly #universe: Universe
  readonly #isLive: boolean
  #health: (() => Health) | undefined
  #server: MetricsServer | undefined
  #fees = 0
  #takerFees = 0
  #profit = 0

  /** @param isLive Where orders move real money. */
  constructor(universe: Universe, isLive: boolean) {
    this.#universe = universe
    this.#isLive = isLive
    // As /health says: a run that starts does not trade.
    this.metrics.set('mm_healthy', [[0]])
  }

  /** The same world, whose requests are timed. */
  timed(io: Io): Io {
    return timedIo(io, (request) => this.onTimed(request))
  }

  /** Each request that was answered or given up; those over sockets are told by their venue. */
  onTimed({ method, url, durationMs }: TimedRequest): void {
    this.metrics.observe('mm_exchange_req_ms', durationMs, { verb: method, api: apiOf(url) })
  }

  /** Serves the numbers on a port of this machine; gives where. Fails where the port is taken. */
  async serve(port: number): Promise<Result<string>> {
    const { metrics } = this
    const served = await serveMetrics({ metrics, port, ailments: () => this.#ailments() })
    if (!served.ok) return served
    this.#server = served.value
    return ok(served.value.url)
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  /** Each turn, after its batches were handed to the gateway. */
  onTurn({ at, batches, notices }: Turn): void {
    if (batches.length > 0) this.#tick(at, batches.length, at)
    for (const { kind, commands } of batches)
      this.metrics.add('mm_cmd_total', commands.length, { op: kind })
    for (const notice of notices) this.#onNotice(notice)
  }

  /** Each batch, when all its commands have been answered. */
  onAnswered(at: Ms, now: Ms): void {
    this.#tick(at, -1, now)
  }

  /** From now on its state is read whenever somebody asks for the metrics. */
  watch(live: Live, venue: Venue): void {
    this.#health = () => live.health
    this.metrics.onRead = () => {
      this.#readWork(live, venue)
      this.#readMoney(live, venue)
      this.#readStrategies(live)
      this.#readHealth(live.health)
    }
  }

  #ailments(): readonly string[] {
    return this.#health === undefined ? ['it is starting'] : ailmentsOf(this.#health())
  }

  #tick(at: Ms, batches: number, now: Ms): void {
    const left = (this.#ticks.get(at) ?? 0) + batches
    if (left !== 0) {
      // What is not answered any more, as after a stop, is let go.
      if (this.#ticks.size >= TICKS_MAX) this.#ticks.clear()
      this.#ticks.set(at, left)
      return
    }
    this.#ticks.delete(at)
    this.metrics.observe('mm_tick_duration_ms', now - at)
  }

  #onNotice(notice: Notice): void {
    if (notice.type === 'fill') {
      this.metrics.add('mm_fills_total', 1, { side: notice.order.side })
      this.#fees += notice.fill.fee
      if (notice.order.postOnly !== true) this.#takerFees += notice.fill.fee
      this.#profit += notice.profit
    } else if (notice.type === 'order.changed' && notice.isEnd) {
      const { createdAt, updatedAt, reason = 'unknown' } = notice.order
      this.metrics.observe('mm_order_age_ms', updatedAt - createdAt, { reason })
    }
  }

  #readWork(live: Live, { statistics: asked }: Venue): void {
    const { metrics } = this
    const { engine, gateway, inbox, reports, open, found } = live.statistics
    for (const [op, count] of Object.entries(engine.outbox.folded))
      metrics.total('mm_cmd_coalesced_total', count, { op })
    for (const [code, count] of Object.entries(engine.denied))
      metrics.total('mm_denied_total', count, { code })
    for (const outcome of ['accepted', 'rejected', 'unknown', 'unsent'] as const)
      metrics.total('mm_answers_total', gateway[outcome], { outcome })
    metrics.total('mm_deadline_misses_total', gateway.late)
    metrics.total('mm_batches_total', gateway.batches)
    metrics.total('mm_calls_saved_total', engine.outbox.saved)
    metrics.total('mm_turns_total', engine.turns)
    metrics.total('mm_reconcile_reports_total', reports)
    for (const kind of DIFFERENCES)
      metrics.total('mm_reconcile_actions_total', found.get(kind) ?? 0, { kind })
    metrics.set('mm_clock_offset_ms', [[asked?.clockOffsetMs ?? NaN]])
    metrics.total('mm_inbox_dropped_total', inbox.dropped)
    metrics.total('mm_requests_total', asked?.requests ?? 0)
    metrics.total('mm_rate_limited_total', asked?.limited ?? 0)
    metrics.total('mm_ws_reconnects_total', asked?.gaps ?? 0)
    metrics.set('mm_reconcile_differences', [[open]])
    metrics.set('mm_orders_open', [[engine.orders.live]])
    metrics.set('mm_inbox_use', [[inbox.utilisation]])
    metrics.set(
      'mm_budget_use',
      (asked?.budgets ?? []).map(({ name, used, limit }) => [used / limit, { budget: name }]),
    )
  }

  #readMoney({ engine }: Live, { id }: Venue): void {
    const { metrics } = this
    const { equity, exposure } = engine
    const { killSwitch, safeMode, isPaused, hold, down } = engine.safety
    metrics.set('mm_equity', [[equity]])
    metrics.set('mm_inventory_abs', [[exposure]])
    metrics.set('mm_risk_ratio', [[exposure / equity]])
    metrics.set(
      'mm_position',
      engine.ours.positions.map(({ symbol, qty }) => [
        qty,
        { symbol: this.#universe.at(symbol).symbol },
      ]),
    )
    metrics.set('mm_fees', [[this.#fees]])
    metrics.set('mm_taker_fees', [[this.#takerFees]])
    metrics.set('mm_realised_profit', [[this.#profit]])
    metrics.set('mm_live_enable', [[this.#isLive ? 1 : 0]])
    const reasons = [
      ['kill-switch', killSwitch !== undefined],
      ['safe-mode', safeMode !== undefined],
      ['paused', isPaused],
      ['hold', hold !== undefined],
    ] as const
    metrics.set(
      'mm_risk_paused',
      reasons.map(([why, isOn]) => [isOn ? 1 : 0, { why }]),
    )
    metrics.set(
      'mm_stream_up',
      (['feed', 'orders'] as const).map((stream) => [
        down.includes(`${id} ${stream}`) ? 0 : 1,
        { stream },
      ]),
    )
  }

  #readStrategies({ engine }: Live): void {
    const told = engine.lanes.map((lane) => {
      const labels = {
        strategy: lane.strategy,
        symbol: this.#universe.at(lane.symbol).symbol,
      }
      return { gauges: lane.gauges(), labels }
    })
    for (const gauge of GAUGES) {
      this.metrics.set(
        `mm_${gauge}`,
        told.flatMap(({ gauges, labels }) => {
          const value = gauges[gauge]
          return value === undefined ? [] : [[value, labels] as const]
        }),
      )
    }
  }

  #readHealth(health: Health): void {
    const { metrics } = this
    const { halts, unknownOrders, haltedLanes, dataAgeMs = NaN } = health
    metrics.set('mm_orders_unknown', [[unknownOrders.length]])
    metrics.set(
      'mm_symbols_halted',
      CAUSES.map((cause) => [halts.filter((halt) => halt.cause === cause).length, { cause }]),
    )
    metrics.set('mm_leader', [[health.isFollowing ? 0 : 1]])
    metrics.total('mm_takeovers_total', health.takeovers)
    metrics.set('mm_strategies_halted', [[haltedLanes.length]])
    metrics.set('mm_ws_lag_ms', [[dataAgeMs]])
    if (health.journal !== undefined) {
      const { bytes, freeBytes, dropped = 0, prunedAt = NaN, flaw } = health.journal
      metrics.set('mm_journal_bytes', [[bytes]])
      metrics.set('mm_journal_free_bytes', [[freeBytes]])
      metrics.total('mm_journal_dropped_total', dropped)
      metrics.set('mm_journal_pruned_age_ms', [[health.at - prunedAt]])
      metrics.set('mm_journal_stuck', [[flaw === undefined ? 0 : 1]])
    }
    if (health.shared !== undefined) {
      const { waiting, written, dropped, failures, away } = health.shared
      metrics.total('mm_shared_bars_total', written)
      metrics.set('mm_shared_bars_waiting', [[waiting]])
      metrics.total('mm_shared_bars_dropped_total', dropped)
      metrics.total('mm_shared_failures_total', failures)
      metrics.set('mm_shared_away_ms', [[away?.ms ?? 0]])
    }
    if (health.forming !== undefined) {
      metrics.total('mm_forming_bars_total', health.forming.written)
      metrics.total('mm_forming_skipped_total', health.forming.skipped)
      metrics.total('mm_forming_failures_total', health.forming.failures)
    }
    metrics.set('mm_healthy', [[ailmentsOf(health).length === 0 ? 1 : 0]])
  }
}
