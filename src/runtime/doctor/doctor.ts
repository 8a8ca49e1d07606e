/*
 * Doctor: what stands in the way of a run, found before it starts, and what to do about it.
 *
 * It changes nothing and takes nothing from a run that is under way: no stream is opened, because a venue may allow
 * one connection only, and what is written for a measurement is taken away again.
 */
import { BadInput } from '../../core/bad-input.ts'
import { Universe } from '../../core/universe.ts'
import { venueId } from '../../core/brand.ts'
import type { Io } from '../../io/io.ts'
import { systemIo } from '../../io/system.ts'
import { Metrics } from '../../ops/metrics.ts'
import { serveMetrics } from '../../ops/metrics-server.ts'
import type { Config } from '../config/config.ts'
import { toInstrumentSpec } from '../config/config.ts'
import { leasesFile } from '../live/account-lease.ts'
import { onLocalClock } from '../venues/local-clock.ts'
import { databaseFindings } from './databases.ts'
import { diskFindings, leasesFinding } from './disk.ts'
import { alpacaFindings } from './alpaca.ts'
import { bybitFindings } from './bybit.ts'
import type { Finding } from './finding.ts'
import { Secret } from '../config/secret.ts'
import { loadUses } from '../config/uses.ts'

export interface DoctorOptions {
  /** Reads the configuration; throws BadInput where it is wrong. */
  readonly config: () => Config
  /** That of the machine where not told; it is closed then. */
  readonly io?: Io
}

/** Least version of Node, as package.json has it. */
const NODE_LEAST = 24

/** Looks at everything, in the order in which a run would need it. */
export async function examine({ config: read, io }: DoctorOptions): Promise<readonly Finding[]> {
  const own = io === undefined ? systemIo() : undefined
  const used = io ?? own!
  try {
    const findings = [nodeFinding(process.versions.node)]
    const config = attempt(read)
    if (config instanceof BadInput) return [...findings, wrongConfig(config)]
    return [
      ...findings,
      await configFinding(config),
      ...(await venueLooked(config, used)),
      ...(await diskFindings(config, used)),
      ...(takesLeaseHere(config) ? [leasesFinding(() => leasesFile(config))] : []),
      ...(await databaseFindings(config, used)),
      await portsFinding(config.ops.metrics),
    ]
  } finally {
    await own?.close()
  }
}

/** A run whose orders go nowhere takes none; leases in a database are looked at with that. */
const takesLeaseHere = ({ store, venues = {} }: Config): boolean =>
  !(store.leases instanceof Secret) &&
  [venues.alpaca, venues.bybit].some((venue) => venue?.fills === 'venue')

/** Taken for a moment: a run that finds it taken does not start. */
async function portsFinding(port: number | undefined): Promise<Finding> {
  const check = 'ports'
  if (port === undefined) return { check, state: 'ok', text: 'the configuration opens no port' }
  const served = await serveMetrics({ metrics: new Metrics(), ailments: () => [], port })
  if (!served.ok) {
    const todo = 'where that is no run of this configuration, name another in ops.metrics'
    return { check, state: 'warn', text: served.fault.message, todo }
  }
  await served.value.close()
  const text = port === 0 ? 'any free one for metrics' : `${port} is free for metrics`
  return { check, state: 'ok', text }
}

const LOOKS = { alpaca: alpacaFindings, bybit: bybitFindings } as const

/** A local venue has a clock of its own, at a pace that the configuration must name. */
async function venueLooked(config: Config, io: Io): Promise<readonly Finding[]> {
  const { venues = {} } = config
  const names = (['alpaca', 'bybit'] as const).filter((name) => venues[name] !== undefined)
  if (names.length === 0) {
    const todo = '"skein data fetch" and live runs need venues.alpaca; all else works without'
    return [{ check: 'venue', state: 'warn', text: 'no venue is configured', todo }]
  }
  const findings: Finding[] = []
  for (const name of names) {
    try {
      const found = await onLocalClock(io, config, name)
      // A venue that does not answer is told by the look at its account.
      findings.push(...(await LOOKS[name](config, found.ok ? found.value : io)))
    } catch (error) {
      if (!(error instanceof BadInput)) throw error
      const todo = `let venues.${name}.local.speed be the --speed of "skein venue ${name}"`
      findings.push({ check: 'clock', state: 'fail', text: error.message, todo })
    }
  }
  return findings
}

export function nodeFinding(version: string): Finding {
  if (Number(version.split('.')[0]) >= NODE_LEAST)
    return { check: 'node', state: 'ok', text: version }
  const todo = `install Node ${NODE_LEAST} or newer; in a checkout, "npm ci" brings one`
  return { check: 'node', state: 'fail', text: `${version} is too old`, todo }
}

function attempt(read: () => Config): Config | BadInput {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadInput) return error
    throw error
  }
}

const wrongConfig = ({ message }: BadInput): Finding => ({
  check: 'configuration',
  state: 'fail',
  text: message,
  todo: 'correct it there; nothing else can be looked at before',
})

/** Reads the strategies too: they are part of what is configured. */
async function configFinding(config: Config): Promise<Finding> {
  const { universe, mode, source } = config
  const symbols = symbolsOf(config)
  try {
    const known = symbols.map((symbol) => toInstrumentSpec(config, symbol, venueId('sim')))
    const uses = universe === 'all' ? [] : await loadUses(config, new Universe(known))
    const names =
      uses.length === 0 ? config.strategies.map(({ use }) => use) : uses.map(({ name }) => name)
    const of = universe === 'all' ? 'all symbols' : `${symbols.length} symbols`
    const text = `${source.file}: mode ${mode}, ${of}, ${names.join(', ')}`
    return { check: 'configuration', state: 'ok', text }
  } catch (error) {
    if (error instanceof BadInput) return wrongConfig(error)
    throw error
  }
}

/** The symbols that the configuration names; none where it takes all. */
const symbolsOf = ({ universe }: Config): readonly string[] =>
  universe === 'all' ? [] : universe.map((one) => (typeof one === 'string' ? one : one.symbol))
