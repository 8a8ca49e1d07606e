// skein doctor: what stands in the way of a run, and what to do about it.
import { Command } from 'commander'
import { examine } from '../runtime/doctor.ts'
import type { Finding } from '../runtime/finding.ts'
import { RunFailed } from './output.ts'
import { alpacaConfigOf, type ConfigOptions, withConfigFile } from './settings.ts'

interface Options extends Pick<ConfigOptions, 'config'> {
  readonly json?: true
}

export function doctorCommand(): Command {
  return withConfigFile(new Command('doctor'))
    .description('Checks configuration, keys, account, clock, plan and disk, and says what to do.')
    .option('--json', 'the findings as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  skein doctor --config skein.yaml\n\n' +
        'It changes nothing. Exit code 1 where a check fails; a warning is no failure.',
    )
    .action(examineAll)
}

async function examineAll(options: Options): Promise<void> {
  const findings = await examine({ config: () => alpacaConfigOf(options) })
  const failures = findings.filter(({ state }) => state === 'fail').length
  const text =
    options.json === true
      ? JSON.stringify({ schema: 'skein-doctor/1', isWell: failures === 0, findings })
      : findings.map(lineOf).join('\n')
  process.stdout.write(`${text}\n`)
  if (failures === 0) return
  throw new RunFailed(`${failures} of ${findings.length} checks failed`)
}

/** `fail  plan           31 symbols do not fit a 30-symbol plan`, and below it what to do. */
function lineOf({ check, state, text, todo }: Finding): string {
  const indent = ' '.repeat(21)
  const line = `${state.padEnd(6)}${check.padEnd(15)}${text.replaceAll('\n', `\n${indent}`)}`
  return todo === undefined ? line : `${line}\n${indent}→ ${todo}`
}
