// The command line: commands, help, and the exit codes 0 (done), 1 (the run failed), 2 (wrong usage or input).
import { Command, CommanderError } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { VERSIONS } from '../runtime/version.ts'
import { backtestCommand } from './backtest.ts'
import { dataCommand } from './data.ts'
import { demoCommand } from './demo.ts'
import { replayCommand } from './replay.ts'
import { runCommand } from './run.ts'
import { RunFailed } from './output.ts'
import { venueCommand } from './venue.ts'

/** Runs one command line and gives the exit code of the process. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('skein')
    .description('Runs many symbols as one: backtest, paper run, replay, and the data they need.')
    .version(VERSIONS.skein)
    .showHelpAfterError('(skein help <command> shows what it takes)')
  for (const command of [
    demoCommand(),
    backtestCommand(),
    runCommand(),
    replayCommand(),
    dataCommand(),
    venueCommand(),
  ]) {
    program.addCommand(command)
  }
  throwInsteadOfExit(program)
  try {
    await program.parseAsync([...argv])
    return 0
  } catch (error) {
    return exitCodeOf(error)
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride()
  for (const child of command.commands) throwInsteadOfExit(child)
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof BadInput) {
    process.stderr.write(`error: ${error.message}\n`)
    return 2
  }
  if (error instanceof RunFailed) {
    process.stderr.write(`failed: ${error.message}\n`)
    return 1
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`failed: ${text}\n`)
  return 1
}
