// What commands give: the report in the terminal, as JSON and as a page.
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import { reportHtml } from '../report/html.ts'
import { printReport } from '../report/text.ts'
import type { Config } from '../runtime/config/config.ts'
import type { Ended, Observer } from '../runtime/replay/observer.ts'
import { withoutSecrets } from '../runtime/config/secret.ts'
import { shownPath, storedAt } from './paths.ts'

/** A run that came to its end and is not good: exit code 1. */
export class RunFailed extends Error {}

export interface OutputOptions {
  /** `true` prints it instead of the text; a path writes it there. */
  readonly json?: string | true
  /** `true` writes it to reports/. */
  readonly html?: string | true
}

/** Where the report goes, checked before the run: what cannot be written is not found out after an hour. */
export interface Outputs {
  readonly isJsonPrinted: boolean
  readonly json: string | undefined
  readonly html: string | undefined
}

export function withOutputOptions(command: Command): Command {
  return command
    .option('--json [file]', 'the report as JSON: to the file, or instead of the text')
    .option('--html [file]', 'the report as a page; to reports/ where no file is named')
}

/** What the command line asks for, else what the configuration does. Throws BadInput for a path of a folder. */
export function outputsOf(options: OutputOptions, mode: Ended['mode'], config?: Config): Outputs {
  const configured = (path: string | undefined): string | undefined =>
    path === undefined || config === undefined ? undefined : storedAt(config, path)
  const isJsonPrinted = options.json === true
  const json = typeof options.json === 'string' ? options.json : configured(config?.report.json)
  const page = options.html === true ? `reports/${mode}.html` : options.html
  const html = page ?? configured(config?.report.html)
  checkPath('--json', json)
  checkPath('--html', html)
  if (json !== undefined && html !== undefined && resolve(json) === resolve(html)) {
    const place = { file: 'command line', field: '--html' }
    throw new BadInput(place, 'is the file of --json', html, 'another file')
  }
  return { isJsonPrinted, json, html }
}

function checkPath(field: string, path: string | undefined): void {
  if (path === undefined) return
  const place = { file: 'command line', field }
  if (path.trim() === '') throw new BadInput(place, 'is empty', path, 'a path of a file')
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new BadInput(place, 'is a folder', path, 'a path of a file')
  }
  if (partOf(path) === path) return accessSync(path, constants.W_OK)
  // The folder where it will be, or the nearest that is there.
  let folder = dirname(resolve(path))
  while (!existsSync(folder)) folder = dirname(folder)
  if (!statSync(folder).isDirectory()) {
    throw new BadInput(place, 'lies below a file', path, 'a path in a folder')
  }
  accessSync(folder, constants.W_OK)
}

/** Gives the report in every form that was asked for. */
export function giveReport(observer: Observer, ended: Ended, outputs: Outputs): void {
  const report = observer.report(ended)
  const json = `${JSON.stringify(report, undefined, 2)}\n`
  if (outputs.isJsonPrinted) process.stdout.write(json)
  else printReport(report, process.stdout)
  if (outputs.json !== undefined) {
    writeWhole(outputs.json, json)
    process.stderr.write(`report as JSON: ${shownPath(outputs.json)}\n`)
  }
  if (outputs.html !== undefined) {
    writeWhole(outputs.html, reportHtml(report, observer.charts))
    const { href } = pathToFileURL(resolve(outputs.html))
    process.stderr.write(`report as a page: ${shownPath(outputs.html)}  (${href})\n`)
  }
}

/** Writes a file whole or not at all: what was there stays until the new one is complete. */
function writeWhole(path: string, text: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true })
  const part = partOf(path)
  try {
    writeFileSync(part, text)
    if (part !== path) renameSync(part, path)
  } catch (error) {
    if (part !== path) rmSync(part, { force: true })
    throw about(error, path)
  }
}

/** An error of the system with the file that it is about: a write that fails does not name it. */
export const about = (error: unknown, path: string): unknown =>
  error instanceof Error ? Object.assign(error, { path }) : error

/** Where a file is written until it is whole; a device or a pipe is written as it is. */
export function partOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined || found.isFile() ? `${path}.part` : path
}

/** The command line as a person would type it, for reports: the password of a database is left out. */
export const commandLine = (): string =>
  ['skein', ...process.argv.slice(2).map((word) => withoutSecrets(word))]
    .map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')

/**
 * Aborts at the first Ctrl-C, SIGTERM, or end of the terminal that it talks to, so that the run stops in order; the
 * second ends the process. Where nobody sees stderr, SIGHUP is left as it is: `nohup` has it ignored.
 */
export function stopSignal(say?: (text: string) => void): {
  readonly signal: AbortSignal
  release(): void
} {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    const text = 'stopping in order; once more to end at once'
    if (say === undefined) process.stderr.write(`\n${text}\n`)
    else say(text)
    controller.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', ...(process.stderr.isTTY ? ['SIGHUP'] : [])]
  for (const name of signals) process.on(name, stop)
  return {
    signal: controller.signal,
    release: () => {
      for (const name of signals) process.off(name, stop)
    },
  }
}
