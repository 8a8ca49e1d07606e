// skein doctor: what stands in the way of a run, and what to do about it; with --for, whether live data hold for a while.
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { checkpoint, checkpointUniverse } from '../runtime/doctor/checkpoint.ts'
import type { Config } from '../runtime/config/config.ts'
import { examine } from '../runtime/doctor/doctor.ts'
import type { Finding } from '../runtime/doctor/finding.ts'
import { venueIo, venueOf } from '../runtime/venues/venues.ts'
import { momentOf } from './moment.ts'
import { RunFailed, stopSignal } from './output.ts'
import { alpacaConfigOf, type ConfigOptions, withConfigFile } from './settings.ts'
import { Show } from './show.ts'
import { durationOf } from './values.ts'

interface Options extends Pick<ConfigOptions, 'config'> {
  readonly json?: true
  readonly for?: number
}

export function doctorCommand(): Command {
  return withConfigFile(new Command('doctor'))
    .description('Checks configuration, keys, account, clock, plan and disk, and says what to do.')
    .option('--json', 'the findings as JSON')
    .option(
      '--for <time>',
      'then watches the universe live for so long, such as 60m, without an order',
      durationOf,
    )
    .addHelpText(
      'after',
      '\nExample:\n  skein doctor --config skein.yaml\n  skein doctor --config skein.yaml --for 60m\n\n' +
        'It changes nothing. Exit code 1 where a check fails; a warning is no failure.',
    )
    .action(examineAll)
}

async function examineAll(options: Options): Promise<void> {
  const config = (): Config => alpacaConfigOf(options)
  const found = await examine({ config })
  const isWell = !found.some(({ state }) => state === 'fail')
  // What stands in the way of a run stands in the way of this one too.
  const watched = options.for !== undefined && isWell ? await watch(config(), options.for) : []
  const findings = [...found, ...watched]
  const failures = findings.filter(({ state }) => state === 'fail').length
  const text =
    options.json === true
      ? JSON.stringify({ schema: 'skein-doctor/1', isWell: failures === 0, findings })
      : findings.map(lineOf).join('\n')
  process.stdout.write(`${text}\n`)
  if (failures === 0) return
  throw new RunFailed(`${failures} of ${findings.length} checks failed`)
}

const NAME = 'alpaca'

/** The checkpoint run: the streams of the universe, bars, and an archive, for a while. */
async function watch(config: Config, forMs: number): Promise<readonly Finding[]> {
  const universe = checkpointUniverse(config, NAME)
  if (universe.size === 0 || config.venues?.alpaca === undefined) {
    const place = { file: 'command line', field: '--for' }
    const allowed = 'with a configuration that has venues.alpaca and lists its universe'
    throw new BadInput(place, 'has nothing to watch', undefined, allowed)
  }
  const reached = await venueIo(NAME, config)
  if (!reached.ok) throw new RunFailed(reached.fault.message)
  const { io, limits, speed } = reached.value
  const stop = stopSignal((text) => show.say(text))
  const show = new Show({ title: `checkpoint: ${universe.size} symbols, no orders`, universe })
  const began = performance.now()
  try {
    const venue = await venueOf(NAME, {
      config,
      io,
      consent: { mode: 'dry-run', account: undefined },
      universe,
      onTrouble: (why) => show.say(why),
    })
    return await checkpoint({
      config,
      io,
      universe,
      venue,
      limits,
      forMs,
      signal: stop.signal,
      onTurn: (turn) => show.take(turn),
      onStart: (live) => {
        const equityStart = live.engine.equity
        const about = { speed, equityStart }
        show.watch(() => momentOf(live, venue, { ...about, elapsedMs: performance.now() - began }))
      },
    })
  } finally {
    show.end()
    stop.release()
    await reached.value.close()
  }
}

/** `fail  plan           31 symbols do not fit a 30-symbol plan`, and below it what to do. */
function lineOf({ check, state, text, todo }: Finding): string {
  const indent = ' '.repeat(21)
  const line = `${state.padEnd(6)}${check.padEnd(15)}${text.replaceAll('\n', `\n${indent}`)}`
  return todo === undefined ? line : `${line}\n${indent}→ ${todo}`
}
