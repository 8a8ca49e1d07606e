// The command line: its commands. What comes of an error is in failure.ts.
import { Command } from 'commander'
import { VERSIONS } from '../runtime/session/version.ts'
import { backfillCommand } from './backfill.ts'
import { backtestCommand } from './backtest.ts'
import { controlCommand } from './control.ts'
import { coverageCommand } from './coverage.ts'
import { dataCommand } from './data.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { exitCodeOf, onLostOutput, onUnfinished } from './failure.ts'
import { jobsCommand } from './jobs.ts'
import { lookaheadCommand } from './lookahead.ts'
import { replayCommand } from './replay.ts'
import { runCommand } from './run.ts'
import { statusCommand } from './status.ts'
import { takeConsole } from './strategy-console.ts'
import { venueCommand } from './venue.ts'

/** All commands, in the order of the help. */
export const commands = (): readonly Command[] => [
  demoCommand(),
  backtestCommand(),
  lookaheadCommand(),
  runCommand(),
  controlCommand(),
  statusCommand(),
  replayCommand(),
  dataCommand(),
  backfillCommand(),
  jobsCommand(),
  coverageCommand(),
  doctorCommand(),
  venueCommand(),
]

/** Runs one command line and gives the exit code of the process. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('skein')
    .description('Runs many symbols as one: backtest, paper run, replay, and the data they need.')
    .version(VERSIONS.skein)
    .addHelpText(
      'after',
      '\nExample:\n  skein demo\n\n' +
        'Exit codes: 0 done, 1 the run failed, 2 the command line, a file or the configuration is wrong.',
    )
  for (const command of commands()) program.addCommand(command)
  settle(program, 'skein')
  for (const stream of [process.stdout, process.stderr])
    stream.off('error', onLostOutput).on('error', onLostOutput)
  const giveConsole = takeConsole()
  process.once('exit', onUnfinished)
  try {
    await program.parseAsync([...argv])
    return 0
  } catch (error) {
    return exitCodeOf(error)
  } finally {
    giveConsole()
    process.off('exit', onUnfinished)
  }
}

/** Every command throws where Commander would exit, and says after an error where its help is. */
function settle(command: Command, path: string): void {
  command.exitOverride().showHelpAfterError(`("${path} --help" shows what it takes)`)
  for (const child of command.commands) settle(child, `${path} ${child.name()}`)
}
