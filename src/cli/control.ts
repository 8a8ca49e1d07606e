// skein control: tells a run what a person wants of it, and waits until it is written down there.
import { setTimeout } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Argument, Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { WANTS, type Want, Wishes } from '../runtime/live/wishes.ts'
import { present } from './inputs.ts'
import { storedAt } from './paths.ts'
import { RunFailed } from './output.ts'
import { type ConfigOptions, configOf, withConfigFile } from './settings.ts'
import { pathOf } from './values.ts'

interface Options extends Pick<ConfigOptions, 'config'> {
  readonly journal?: string
  readonly why?: string
  readonly confirm?: string
  readonly lane?: string
}

/** What is done for a reason that a person may give. */
const REASONED = WANTS.filter((want) => !['reload', 'adopt', 'release'].includes(want))

const WAIT_MS = 5_000
const LOOK_EVERY_MS = 100

export function controlCommand(): Command {
  return withConfigFile(new Command('control'))
    .description(
      'Tells a run at a venue: kill switch, safe mode, pause, cancel, flatten, reload, adopt, release.',
    )
    .addArgument(new Argument('<want>', 'what it should do').choices(WANTS))
    .addArgument(new Argument('[symbol]', 'of adopt and release: which'))
    .option('--journal <file>', 'the journal of the run; data/journal.db if not given', pathOf)
    .option('--why <text>', 'stands in the journal, and in what the kill switch and safe mode deny')
    .option('--confirm <token>', 'of reload: these changes may allow more than before')
    .option(
      '--lane <strategy>',
      "of adopt: whose position it will be, nobody's if not given; of release: which strategy",
    )
    .addHelpText(
      'after',
      '\nExample:\n  skein control kill --why "prices look wrong"\n  skein control lift\n\n' +
        'kill stops new risk and cancels resting entries; what protects a position stays. It holds, as\n' +
        'safe mode does, over restarts until it is lifted or cleared. reload reads the configuration again.\n' +
        "adopt takes over a position that halts its symbol, as the venue has it, at the venue's price.\n" +
        'release lets a strategy that threw go on, with what it remembers; it did not see what came meanwhile.\n' +
        'Exit code 1 where the run refused it, or where none took it within 5 s: one that is busy does\n' +
        'later, or the next start on that journal.',
    )
    .action(tellRun)
}

async function tellRun(want: Want, symbol: string | undefined, options: Options): Promise<void> {
  const { confirm, lane } = options
  checkAbout({ want, of: REASONED, what: '--why', given: options.why })
  checkAbout({ want, of: ['reload'], what: '--confirm', given: confirm })
  checkAbout({ want, of: ['adopt', 'release'], what: '--lane', given: lane })
  checkAbout({ want, of: ['adopt', 'release'], what: 'symbol', given: symbol })
  if (want === 'adopt') checkGiven('symbol', symbol, 'skein control adopt SYMBOL')
  if (want === 'release') checkGiven('--lane', lane, 'skein control release --lane STRATEGY')
  const path = options.journal ?? journalOf(options)
  if (!existsSync(path)) {
    throw new BadInput({ file: path }, 'is missing', undefined, 'the journal of a run')
  }
  const wishes = new Wishes(path)
  const why = (options.why ?? '').slice(0, 200)
  const by = `command of ${nameOfUser()}`
  const name = wishes.put({ want, why, by, ...present({ confirm, symbol, lane }) })
  for (let waited = 0; waited < WAIT_MS; waited += LOOK_EVERY_MS) {
    if (!wishes.isWaiting(name)) {
      const refusal = wishes.refusal(name)
      if (refusal !== undefined) throw new RunFailed(`${want}: ${refusal}`)
      process.stdout.write(`${want}: the run at ${path} has taken it\n`)
      return
    }
    await setTimeout(LOOK_EVERY_MS)
  }
  const rest = `one that is busy does, or the next start on ${path}`
  throw new RunFailed(`${want}: no run has taken it within ${WAIT_MS / 1_000} s; ${rest}`)
}

/** What would be ignored in silence is an error. */
function checkAbout(about: {
  readonly want: Want
  readonly of: readonly Want[]
  readonly what: string
  readonly given: string | undefined
}): void {
  const { want, of, what, given } = about
  if (given === undefined || of.includes(want)) return
  const place = { file: 'command line', field: what }
  const wants = of.join(' or ')
  throw new BadInput(place, `is about ${wants}`, given, `together with ${wants}`)
}

function checkGiven(field: string, given: string | undefined, form: string): void {
  if (given !== undefined) return
  throw new BadInput({ file: 'command line', field }, 'is missing', undefined, form)
}

const journalOf = (options: Options): string => {
  const config = configOf(options)
  return storedAt(config, config.store.journal)
}

/** In a container a user may have a number and no name. */
function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`
  }
}
