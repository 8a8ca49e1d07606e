// What commands give: the report in the terminal, as JSON and as a page.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { reportHtml } from '../report/html.ts'
import { printReport } from '../report/text.ts'
import type { Report } from '../report/report.ts'
import type { Ended, Observer } from '../runtime/observer.ts'

/** A run that came to its end and is not good: exit code 1. */
export class RunFailed extends Error {}

export interface OutputOptions {
  /** `true` prints it instead of the text; a path writes it there. */
  readonly json?: string | true
  readonly html?: string | true
}

export function withOutputOptions(command: Command): Command {
  return command
    .option('--json [file]', 'the report as JSON: to the file, or instead of the text')
    .option('--html [file]', 'the report as a page; to reports/ where no file is named')
}

/** Gives the report in every form that was asked for. */
export function giveReport(observer: Observer, ended: Ended, options: OutputOptions): Report {
  const report = observer.report(ended)
  const json = `${JSON.stringify(report, undefined, 2)}\n`
  if (options.json === true) process.stdout.write(json)
  else printReport(report, process.stdout)
  if (typeof options.json === 'string') {
    write(options.json, json)
    process.stderr.write(`report as JSON: ${shown(options.json)}\n`)
  }
  if (options.html !== undefined) {
    const path = options.html === true ? `reports/${ended.mode}.html` : options.html
    write(path, reportHtml(report, observer.charts))
    process.stderr.write(
      `report as a page: ${shown(path)}  (${pathToFileURL(resolve(path)).href})\n`,
    )
  }
  return report
}

function write(path: string, text: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true })
  writeFileSync(path, text)
}

const shown = (path: string): string => relative(process.cwd(), resolve(path)) || path

/** The command line as a person would type it. */
export const commandLine = (): string =>
  ['skein', ...process.argv.slice(2)]
    .map((word) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')

/** Aborts at the first Ctrl-C or SIGTERM, so that the run stops in order; the second ends the process. */
export function stopSignal(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController()
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130)
    process.stderr.write('\nstopping in order; once more to end at once\n')
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    },
  }
}
