// Gauges: the numbers that a strategy may tell of itself, by name: a closed list, so that dashboards can be made for it.
export const GAUGES = [
  'spread_bps',
  'vola_1m_bps',
  'ob_imbalance',
  'queue_ahead',
  'skew_bps',
  'inventory_ratio',
  'quote_width',
  'throttle',
  'mode',
  'guard_level',
  'circuit_state',
  'net_bps',
  'maker_taker_ratio',
  'maker_pnl',
  'taker_fills_1h',
  'latency_p95_ms',
] as const
export type Gauge = (typeof GAUGES)[number]
/** NaN, or not there, where it has no value now. */
export type Gauges = Readonly<Partial<Record<Gauge, number>>>
