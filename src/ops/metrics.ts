/*
 * Metrics: the numbers of one run, and their text for Prometheus. Each run has a registry of its own: what ran before in
 * the same process is not in it.
 *
 * What happens is told as it happens (`observe`, `add`); what is, is read when somebody asks (`onRead`).
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import {
  type CounterName,
  type Definition,
  DEFINITIONS,
  type GaugeName,
  type HistogramName,
  type MetricName,
} from './definitions.ts'

export type Labels = Readonly<Record<string, string>>

/** Label sets of one metric. More than this is an error of the program: those that come later are counted as `other`. */
const SERIES_MAX = 500

export class Metrics {
  readonly #registry = new Registry()
  readonly #counters = new Map<string, Counter>()
  readonly #gauges = new Map<string, Gauge>()
  readonly #histograms = new Map<string, Histogram>()
  readonly #known = new Map<string, Set<string>>()
  #onRead: () => void = () => {}

  constructor() {
    const registers = [this.#registry]
    for (const [name, definition] of Object.entries<Definition>(DEFINITIONS)) {
      const { help, labels = [] } = definition
      const about = { name, help, labelNames: [...labels], registers }
      if (definition.type === 'histogram') {
        const buckets = [...definition.buckets]
        this.#histograms.set(name, new Histogram({ ...about, buckets }))
      } else if (definition.type === 'gauge') {
        const gauge = new Gauge(about)
        // What nobody has told is not there: an equity of 0 would be a loss of all.
        gauge.remove({})
        this.#gauges.set(name, gauge)
      } else this.#counters.set(name, new Counter(about))
    }
  }

  /** Called before each reading: the moment to set gauges. */
  set onRead(read: () => void) {
    this.#onRead = read
  }

  observe(name: HistogramName, value: number, labels: Labels = {}): void {
    this.#histograms.get(name)!.observe(this.#bounded(name, labels), value)
  }

  add(name: CounterName, by = 1, labels: Labels = {}): void {
    this.#counters.get(name)!.inc(this.#bounded(name, labels), by)
  }

  /** Sets all series of a gauge; those that are not told are gone. */
  set(name: GaugeName, series: readonly (readonly [value: number, labels?: Labels])[]): void {
    const gauge = this.#gauges.get(name)!
    gauge.reset()
    for (const [value, labels = {}] of series) gauge.set({ ...labels }, value)
  }

  /** Sets a counter whose total is kept elsewhere, as all that a run has counted. */
  total(name: CounterName, value: number, labels: Labels = {}): void {
    const counter = this.#counters.get(name)!
    const its = this.#bounded(name, labels)
    counter.remove(its)
    counter.inc(its, value)
  }

  /** As Prometheus reads it, version 0.0.4. */
  text(): Promise<string> {
    this.#onRead()
    return this.#registry.metrics()
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  #bounded(name: MetricName, labels: Labels): Record<string, string> {
    const key = JSON.stringify(labels)
    let known = this.#known.get(name)
    if (known === undefined) {
      known = new Set()
      this.#known.set(name, known)
    }
    if (!known.has(key)) {
      if (known.size >= SERIES_MAX)
        return Object.fromEntries(Object.keys(labels).map((label) => [label, 'other']))
      known.add(key)
    }
    return { ...labels }
  }
}
