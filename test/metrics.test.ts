// Metrics: what a run tells machines, over http; and the dashboards and alerts that are made for it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { GAUGES } from '../src/core/gauges.ts'
import { ms } from '../src/core/time.ts'
import { systemIo } from '../src/io/system.ts'
import { apiOf } from '../src/io/timed.ts'
import { DEFINITIONS } from '../src/ops/definitions.ts'
import { Metrics } from '../src/ops/metrics.ts'
import { LiveMetrics } from '../src/runtime/live/metrics.ts'
import { marketMaker } from '../src/strategies/market-maker.ts'
import type { Strategy } from '../src/strategy/index.ts'
import { A } from '../src/testing/builders.ts'
import { Bench, MINUTE } from './live/bench.ts'

const DEPLOY = join(import.meta.dirname, '..', 'deploy')

/** Each series of a text: `name{label="value"}` and its value. */
const seriesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ')
        return [line.slice(0, at), Number(line.slice(at + 1))]
      }),
  )

async function running(t: TestContext) {
  const bench = new Bench(t)
  const watched = new LiveMetrics(bench.universe, false)
  await bench.start({
    onTurn: (turn) => watched.onTurn(turn),
    onAnswered: (at, now) => watched.onAnswered(at, now),
  })
  watched.watch(bench.live, bench.venue)
  const read = async () => seriesOf(await watched.metrics.text())
  return { bench, watched, read }
}

test('a run that starts is not healthy, and tells nothing that it does not know', async (t) => {
  const watched = new LiveMetrics(new Bench(t).universe, false)

  const series = seriesOf(await watched.metrics.text())

  const gauges = Object.entries(DEFINITIONS).filter(([, { type }]) => type === 'gauge')
  assert.deepEqual(
    gauges.flatMap(([name]) => (series.has(name) ? [[name, series.get(name)]] : [])),
    [['mm_healthy', 0]],
  )
})

test('a run that buys and sells counts commands, answers, fills, ticks and what it holds', async (t) => {
  const { bench, read } = await running(t)

  await bench.bar(1)
  const held = await read()
  await bench.bar(4)
  const flat = await read()

  assert.equal(held.get('mm_cmd_total{op="submit"}'), 1)
  assert.equal(held.get('mm_answers_total{outcome="accepted"}'), 1)
  assert.equal(held.get('mm_fills_total{side="buy"}'), 1)
  assert.equal(held.get('mm_position{symbol="A"}'), 10)
  assert.equal(held.get('mm_inventory_abs'), 1_000)
  assert.equal(held.get('mm_tick_duration_ms_count'), 1)
  assert.equal(held.get('mm_healthy'), 1)
  assert.equal(held.get('mm_live_enable'), 0)
  assert.equal(flat.get('mm_turns_total'), bench.live.engine.turns)
  assert.equal(flat.get('mm_fills_total{side="sell"}'), 1)
  assert.equal(flat.get('mm_position{symbol="A"}'), undefined)
  assert.equal(flat.get('mm_order_age_ms_count{reason="filled"}'), 2)
})

test('what a market maker sees and makes of it is told, by strategy and symbol', async (t) => {
  const bench = new Bench(t)
  const watched = new LiveMetrics(bench.universe, false)
  const params = marketMaker.params.parse({})
  const uses = [{ name: 'mm', strategy: marketMaker as Strategy, params, on: [A] }]
  await bench.start({ kinds: ['quotes'], setup: { ...bench.setup, uses } })
  watched.watch(bench.live, bench.venue)
  const at = bench.world.now
  const sides = { bid: 99.99, bidSize: 30, ask: 100.01, askSize: 10 }
  bench.venue.say({ type: 'quote', at, quote: { symbol: A, ts: at, ...sides } })
  await bench.world.run(100)

  const series = seriesOf(await watched.metrics.text())
  const of = (name: string) => series.get(`${name}{strategy="mm",symbol="A"}`)

  assert.equal(of('mm_ob_imbalance'), 0.5)
  assert.equal(of('mm_throttle'), 1)
  assert.equal(of('mm_inventory_ratio'), 0)
  for (const gauge of [
    'mm_mode',
    'mm_guard_level',
    'mm_circuit_state',
    'mm_skew_bps',
    'mm_maker_pnl',
  ])
    assert.equal(of(gauge), 0, gauge)
  assert.equal(of('mm_net_bps'), NaN)
  for (const gauge of GAUGES) assert.notEqual(of(`mm_${gauge}`), undefined, gauge)
})

test('what is wrong is seen: a switch, and a stream that is down', async (t) => {
  const { bench, read } = await running(t)
  bench.live.control({ do: 'kill-switch', on: true, why: 'smoke' }, 'test')
  const { venue, world } = bench
  venue.say({ type: 'venue.down', at: world.now, venue: venue.id, stream: 'feed' })
  await world.run(10)

  const series = await read()

  assert.equal(series.get('mm_risk_paused{why="kill-switch"}'), 1)
  assert.equal(series.get('mm_risk_paused{why="safe-mode"}'), 0)
  assert.equal(series.get('mm_stream_up{stream="feed"}'), 0)
  assert.equal(series.get('mm_stream_up{stream="orders"}'), 1)
  assert.equal(series.get('mm_healthy'), 0)
})

test('a tick lasts from its turn to the last answer, whichever is told first', async () => {
  const { universe } = new Bench({ after: () => {} } as unknown as TestContext)
  const watched = new LiveMetrics(universe, false)
  const batch = { venue: 'v', kind: 'cancel', commands: [] } as never
  const turn = { n: 1, at: ms(1_000), inputs: [], notices: [], batches: [batch, batch] }

  watched.onTurn(turn)
  watched.onAnswered(ms(1_000), ms(1_040))
  assert.equal(seriesOf(await watched.metrics.text()).get('mm_tick_duration_ms_count'), 0)
  watched.onAnswered(ms(1_000), ms(1_070))
  watched.onAnswered(ms(2_000), ms(2_000))
  watched.onTurn({ ...turn, at: ms(2_000), batches: [batch] })

  const series = seriesOf(await watched.metrics.text())
  assert.equal(series.get('mm_tick_duration_ms_count'), 2)
  assert.equal(series.get('mm_tick_duration_ms_sum'), 70)
})

test('what reports find is counted, by its kind', async (t) => {
  const { bench, read } = await running(t)
  const { venue } = bench
  venue.moveBy(A, 7)
  await bench.world.run(3 * 60_000)

  const series = await read()

  assert.ok((series.get('mm_reconcile_actions_total{kind="position"}') ?? 0) > 0)
  assert.equal(series.get('mm_reconcile_actions_total{kind="missed-fill"}'), 0)
  assert.equal(series.get('mm_clock_offset_ms'), NaN)
})

test('a database that takes no bars is seen, with what waits for it', async (t) => {
  const bench = new Bench(t)
  const watched = new LiveMetrics(bench.universe, false)
  const away = { ms: 61_000, why: 'it was away' }
  const statistics = { waiting: 7, written: 30, outranked: 0, failures: 4, dropped: 2, away }
  const shared = { watch: () => {}, flush: () => Promise.resolve(), statistics }
  const forming = {
    onTurn: () => {},
    statistics: { written: 40, skipped: 3, failures: 1 },
  }
  await bench.start({ shared, forming })
  watched.watch(bench.live, bench.venue)

  const series = seriesOf(await watched.metrics.text())

  assert.deepEqual(
    ['away_ms', 'bars_waiting', 'bars_total', 'bars_dropped_total', 'failures_total'].map((name) =>
      series.get(`mm_shared_${name}`),
    ),
    [61_000, 7, 30, 2, 4],
  )
  assert.deepEqual(
    ['bars', 'skipped', 'failures'].map((name) => series.get(`mm_forming_${name}_total`)),
    [40, 3, 1],
  )
  assert.equal(series.get('mm_healthy'), 0)
})

test('of a journal it is told when it was last pruned, and whether it is stuck', async (t) => {
  const bench = new Bench(t)
  const watched = new LiveMetrics(bench.universe, false)
  await bench.start({ keepMs: MINUTE, snapshotEvery: 2 })
  watched.watch(bench.live, bench.venue)
  const read = async () => seriesOf(await watched.metrics.text())
  const before = await read()
  for (let i = 0; i < 20; i++) await bench.bar(0)
  await bench.live.pruned()
  await bench.world.run(MINUTE)

  const after = await read()

  assert.equal(before.get('mm_journal_pruned_age_ms'), NaN)
  const ageMs = after.get('mm_journal_pruned_age_ms')!
  assert.ok(ageMs >= MINUTE && ageMs < 5 * MINUTE, `${ageMs}`)
  assert.ok(after.get('mm_journal_dropped_total')! > 0)
  assert.equal(after.get('mm_journal_stuck'), 0)
})

test('two runs of one process have numbers of their own', async () => {
  const [one, other] = [new Metrics(), new Metrics()]
  one.add('mm_fills_total', 3, { side: 'buy' })
  assert.equal(seriesOf(await one.text()).get('mm_fills_total{side="buy"}'), 3)
  assert.equal(seriesOf(await other.text()).get('mm_fills_total{side="buy"}'), undefined)
})

test('a metric whose labels have no end keeps 500 series, and counts the rest as other', async () => {
  const metrics = new Metrics()
  for (let i = 0; i < 600; i++) metrics.add('mm_denied_total', 1, { code: `c${i}` })
  const series = [...seriesOf(await metrics.text())].filter(([name]) =>
    name.startsWith('mm_denied'),
  )
  assert.equal(series.length, 501)
  assert.equal(series.find(([name]) => name.includes('other'))?.[1], 100)
})

test('serves numbers and health on loopback, changes nothing, and names what it has', async (t) => {
  const { bench, watched } = await running(t)
  const served = await watched.serve(0)
  assert.ok(served.ok)
  t.after(() => watched.close())
  assert.match(served.value, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  const at = (path: string) => served.value.replace('/metrics', path)

  const metrics = await fetch(served.value)
  assert.equal(metrics.status, 200)
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await metrics.text(), /^# TYPE mm_tick_duration_ms histogram$/m)
  await bench.bar(0)
  const healthy = await fetch(at('/health'))
  assert.deepEqual([healthy.status, await healthy.json()], [200, { status: 'healthy' }])
  bench.live.control({ do: 'pause' }, 'test')
  await bench.world.run(10)
  const ill = await fetch(at('/health'))
  assert.equal(ill.status, 503)
  assert.match(await ill.text(), /trading is paused/)
  assert.equal((await fetch(at('/else'))).status, 404)
  assert.equal((await fetch(served.value, { method: 'POST' })).status, 405)
})

test('a port that is taken is an error with the port in it', async (t) => {
  const [one, other] = [await running(t), await running(t)]
  const first = await one.watched.serve(0)
  t.after(() => one.watched.close())
  assert.ok(first.ok)
  const port = Number(new URL(first.value).port)

  const second = await other.watched.serve(port)

  assert.ok(!second.ok)
  assert.match(second.fault.message, new RegExp(`127\\.0\\.0\\.1:${port}.*give another port`))
})

test('requests are timed by verb and by address, without what differs from one to the next', async (t) => {
  const io = systemIo({ seed: 1 })
  t.after(() => io.close())
  const { watched } = await running(t)
  const served = await watched.serve(0)
  t.after(() => watched.close())
  assert.ok(served.ok)
  const url = served.value.replace('/metrics', '/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d')

  await watched.timed(io).http.request({ method: 'GET', url, headers: {}, timeoutMs: 5_000 })

  const series = seriesOf(await watched.metrics.text())
  assert.equal(series.get('mm_exchange_req_ms_count{verb="GET",api="/v2/orders/:id"}'), 1)
})

test('addresses are cut to what the programmers of a venue have written', () => {
  const api = (path: string): string => apiOf(`https://venue.test${path}`)
  assert.equal(
    api('/v2/orders:by_client_order_id?client_order_id=a-1'),
    '/v2/orders:by_client_order_id',
  )
  assert.equal(api('/v2/positions/AAPL'), '/v2/positions/:id')
  assert.equal(api('/v1beta3/crypto/us/bars'), '/v1beta3/crypto/us')
  assert.equal(api('/v5/order/create-batch'), '/v5/order/create-batch')
  assert.equal(api('/'), '/')
})

const board = z.looseObject({
  panels: z.array(
    z.looseObject({
      title: z.string(),
      targets: z.array(z.looseObject({ expr: z.string(), legendFormat: z.string() })).min(1),
    }),
  ),
})
const rules = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string().regex(/^\d+[smh]$/),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})

const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8')
const panels = board.parse(JSON.parse(read('grafana/run.json'))).panels
const alerts = rules
  .parse(parse(read('prometheus/alerts.yml')))
  .groups.flatMap((group) => group.rules)
const queries = [
  ...panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ of: title, expr, legend: legendFormat })),
  ),
  ...alerts.map(({ alert, expr }) => ({ of: alert, expr, legend: '' })),
]

/** What is wrong with a query: a metric or a label that no run has, or a reading that its type does not allow. */
function flawsOf(expr: string, legend = ''): string[] {
  const flaws: string[] = []
  const labels = new Set(['job', 'le'])
  const names = expr.match(/\bmm_\w+/g) ?? []
  for (const full of names) {
    const base = full.replace(/_(bucket|sum|count)$/, '')
    const name = full in DEFINITIONS ? full : base
    const definition = Object.entries(DEFINITIONS).find(([known]) => known === name)?.[1]
    if (definition === undefined) {
      flaws.push(`no run has ${full}`)
      continue
    }
    for (const label of 'labels' in definition ? definition.labels : []) labels.add(label)
    const isBucket = full.endsWith('_bucket')
    if ((definition.type === 'histogram') !== isBucket)
      flaws.push(`${full} is a ${definition.type}`)
    if (isBucket && !/histogram_quantile\(0\.\d+, sum by \(le\b[^)]*\) \(rate\(/.test(expr))
      flaws.push(`${full} is read by a quantile of rates, by le`)
    const isRated = new RegExp(`(rate|increase)\\(${full}[^)]*\\[`).test(expr)
    if (definition.type === 'counter' && !isRated) flaws.push(`${full} only grows: it is rated`)
    if (definition.type === 'gauge' && isRated)
      flaws.push(`${full} goes up and down: it is not rated`)
  }
  const used = [
    ...(expr.match(/by \(([^)]*)\)/g) ?? []).flatMap((by) => by.slice(4, -1).split(', ')),
    ...(expr.match(/(\w+)(?==~?"|!~?")/g) ?? []),
    ...(legend.match(/(?<=\{\{)\w+/g) ?? []),
  ]
  for (const label of used)
    if (!labels.has(label)) flaws.push(`no metric of it has the label ${label}`)
  return flaws
}

test('each query of the dashboard and of the alerts reads metrics and labels that exist, as their types allow', () => {
  assert.ok(panels.length > 10 && alerts.length > 10)
  for (const { of, expr, legend } of queries) assert.deepEqual(flawsOf(expr, legend), [], of)
})

test('a query that is wrong is found', () => {
  for (const [expr, flaw] of [
    ['mm_no_such > 1', 'no run has mm_no_such'],
    ['mm_turns_total', 'mm_turns_total only grows: it is rated'],
    ['rate(mm_equity[5m])', 'mm_equity goes up and down: it is not rated'],
    ['sum by (side) (rate(mm_cmd_total[5m]))', 'no metric of it has the label side'],
    ['mm_stream_up{strem="feed"} == 0', 'no metric of it has the label strem'],
    ['mm_tick_duration_ms > 5', 'mm_tick_duration_ms is a histogram'],
    [
      'histogram_quantile(0.95, rate(mm_tick_duration_ms_bucket[5m]))',
      'mm_tick_duration_ms_bucket is read by a quantile of rates, by le',
    ],
  ] as const)
    assert.deepEqual(flawsOf(expr), [flaw])
})

test('each metric is on the dashboard or in an alert, or is one that only people ask for', () => {
  const text = queries.map(({ expr }) => expr).join(' ')
  const unread = Object.keys(DEFINITIONS).filter((name) => !text.includes(name))
  assert.deepEqual(unread, [
    'mm_requests_total',
    'mm_reconcile_reports_total',
    'mm_turns_total',
    'mm_orders_open',
    'mm_live_enable',
  ])
})

test('Prometheus reads the port that the page names, and the alerts that are beside it', () => {
  const config = parse(read('prometheus/prometheus.yml'))
  assert.deepEqual(config.rule_files, ['alerts.yml'])
  assert.deepEqual(config.scrape_configs[0].static_configs[0].targets, ['127.0.0.1:9464'])
  const page = readFileSync(join(import.meta.dirname, '..', 'docs', 'commands', 'run.md'), 'utf8')
  assert.ok(page.includes('--metrics 9464'), 'the page names the port')
})
