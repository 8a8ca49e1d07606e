// skein control: tells a run what a person wants of it, and waits until it is written down there.
import { setTimeout } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Argument, Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { WANTS, type Want, Wishes } from '../runtime/wishes.ts'
import { storedAt } from './inputs.ts'
import { RunFailed } from './output.ts'
import { type ConfigOptions, configOf, withConfigFile } from './settings.ts'
import { pathOf } from './values.ts'

interface Options extends Pick<ConfigOptions, 'config'> {
  readonly journal?: string
  readonly why?: string
}

const WAIT_MS = 5_000
const LOOK_EVERY_MS = 100

export function controlCommand(): Command {
  return withConfigFile(new Command('control'))
    .description('Tells a run at a venue: kill switch, safe mode, pause, cancel, flatten.')
    .addArgument(new Argument('<want>', 'what it should do').choices(WANTS))
    .option('--journal <file>', 'the journal of the run; data/journal.db if not given', pathOf)
    .option('--why <text>', 'stands in the journal and in what is denied')
    .addHelpText(
      'after',
      '\nExample:\n  skein control kill --why "prices look wrong"\n  skein control lift\n\n' +
        'kill stops new risk and cancels resting entries; what protects a position stays. It holds, as\n' +
        'safe mode does, over restarts until it is lifted or cleared. Exit code 1 where no run took it\n' +
        'within 5 s: the next start on that journal does.',
    )
    .action(tellRun)
}

async function tellRun(want: Want, options: Options): Promise<void> {
  const config = configOf(options)
  const path = options.journal ?? storedAt(config, config.store.journal)
  if (!existsSync(path)) {
    throw new BadInput({ file: path }, 'is missing', undefined, 'the journal of a run')
  }
  const wishes = new Wishes(path)
  const why = (options.why ?? `${want} by command`).slice(0, 200)
  const name = wishes.put({ want, why, by: `command of ${userInfo().username}` })
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_EVERY_MS) {
    if (!wishes.isWaiting(name)) {
      process.stdout.write(`${want}: the run at ${path} has taken it\n`)
      return
    }
    await setTimeout(LOOK_EVERY_MS)
  }
  throw new RunFailed(`${want}: no run has taken it; the next start on ${path} does`)
}
