/*
 * Strategy console: what strategies print with `console` goes to stderr, a line under the name of its strategy. stdout is
 * for what a command gives, which may be JSON for a program. Nothing of ours prints with `console`: all of it is theirs, or
 * of what they import.
 */
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { strategyIn } from '../runtime/config/strategy-files.ts'

/** Frames between what a strategy prints and here, and its own. */
const FRAMES = 50

/** Takes over the console of the process, until what it gives is called. */
export function takeConsole(
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): () => void {
  const stream = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      const name = speaker()
      for (const line of text.replace(/\n$/, '').split('\n')) say(`${name}: ${line}`)
      done()
    },
  })
  const theirs = new Console({ stdout: stream, stderr: stream })
  const before = { ...console }
  Object.assign(console, theirs)
  return () => void Object.assign(console, before)
}

function speaker(): string {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = FRAMES
  const { stack = '' } = new Error('who speaks?')
  Error.stackTraceLimit = stackTraceLimit
  return strategyIn(stack) ?? 'a strategy'
}
