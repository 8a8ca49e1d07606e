// The terminal of a run, which may stop taking text for as long as it likes. A pipe stands in for it.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Screen, takerOf, type Terminal } from '../../src/cli/screen.ts'
import { temporary } from '../cli/skein.ts'

/** More than a pipe holds. */
const FRAMES = 40
const LINE = 10_000
const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l']

/** A screen on a pipe that nobody reads before `read`. */
function screenOn(t: TestContext) {
  const path = join(temporary(t), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  t.after(() => closeSync(reader))
  const waited: string[] = []
  const terminal: Terminal = {
    isTTY: true,
    columns: LINE + 1,
    write: (text) => waited.push(text),
    on: () => {},
    off: () => {},
  }
  let frames = 0
  const compose = (): string[] => [String.fromCharCode(97 + (frames++ % 26)).repeat(LINE)]
  const screen = new Screen(terminal, compose, () => takerOf(path))
  t.after(() => screen.close())
  screen.open()
  const read = (): string => {
    const buffer = Buffer.alloc(FRAMES * LINE * 2)
    const length = readSync(reader, buffer)
    return buffer.toString('utf8', 0, length)
  }
  return { screen, waited, read, composed: () => frames }
}

test('F585 a terminal that takes nothing for a while is not waited for, and has whole frames afterwards', (t) => {
  const { screen, waited, read, composed } = screenOn(t)

  for (let i = 0; i < FRAMES; i++) screen.draw()
  const before = composed()
  const first = read()
  screen.draw()
  const text = first + read()

  assert.ok(before < FRAMES, `${before} frames`)
  assert.deepEqual(waited.length, 1, 'only that it opens was waited for')
  assert.equal(composed(), before + 1, 'it is drawn again')
  const drawn = text.split(BEGIN).slice(1)
  assert.equal(drawn.length, before + 1)
  assert.ok(drawn.every((frame) => frame.endsWith(END)))
})

test('F585 what the terminal has not taken at the end comes before the end', (t) => {
  const { screen, waited, read } = screenOn(t)
  for (let i = 0; i < FRAMES; i++) screen.draw()

  screen.close()

  const text = read() + waited.at(-1)!
  const drawn = text.split(BEGIN).slice(1)
  assert.ok(drawn.every((frame) => frame.includes(END)))
  assert.ok(text.endsWith('\u001b[?1049l'))
})
