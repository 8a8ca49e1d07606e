import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canDraw, hasColour, Screen, type Terminal } from './screen.ts'

/** A terminal that remembers what was written, and can be resized. */
function terminal(columns = 20, rows = 4) {
  const listeners = new Set<() => void>()
  const written: string[] = []
  const size = { columns, rows }
  const stream: Terminal = {
    isTTY: true,
    get columns() {
      return size.columns
    },
    get rows() {
      return size.rows
    },
    write: (text) => written.push(text),
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
  }
  const resize = (to: Partial<typeof size>): void => {
    Object.assign(size, to)
    for (const listener of listeners) listener()
  }
  return { stream, written, resize, listeners }
}

const ESC = '\u001b'

test('takes the second page, hides the cursor, and gives both back', () => {
  const { stream, written, listeners } = terminal()
  const before = process.listenerCount('exit')
  const screen = new Screen(stream, () => ['one'])

  screen.open()
  screen.close()
  screen.close()

  assert.ok(written[0]!.includes(`${ESC}[?1049h`) && written[0]!.includes(`${ESC}[?25l`))
  assert.ok(written.at(-1)!.includes(`${ESC}[?25h`) && written.at(-1)!.endsWith(`${ESC}[?1049l`))
  assert.equal(written.filter((text) => text.includes(`${ESC}[?1049l`)).length, 1)
  assert.deepEqual([listeners.size, process.listenerCount('exit')], [0, before])
})

test('closes where the process exits by itself', () => {
  const { stream, written } = terminal()
  const screen = new Screen(stream, () => [])
  const before = process.listeners('exit')
  screen.open()
  const [added] = process.listeners('exit').filter((listener) => !before.includes(listener))

  added?.call(process, 0)

  assert.ok(written.at(-1)!.endsWith(`${ESC}[?1049l`))
})

test('writes what has changed, as one update, and nothing where nothing has', () => {
  const { stream, written } = terminal()
  let lines = ['one', 'two', 'three']
  const screen = new Screen(stream, () => lines)
  screen.open()
  written.length = 0

  screen.draw()
  lines = ['one', 'TWO']
  screen.draw()

  screen.close()
  assert.equal(written.length, 2)
  assert.equal(
    written[0],
    `${ESC}[?2026h${ESC}[2;1HTWO${ESC}[0m${ESC}[K${ESC}[3;1H${ESC}[0m${ESC}[K${ESC}[?2026l`,
  )
})

test('draws all of it again in the new size, and no more lines than there is room for', () => {
  const { stream, written, resize } = terminal(20, 2)
  const sizes: string[] = []
  const screen = new Screen(stream, ({ columns, rows }) => {
    sizes.push(`${columns}x${rows}`)
    return ['one', 'two', 'three']
  })
  screen.open()
  written.length = 0

  resize({ columns: 41, rows: 3 })

  screen.close()
  assert.deepEqual(sizes, ['19x2', '40x3'])
  assert.match(written[0]!, /2J.*one.*two.*three/s)
})

test('draws in terminals only, and in colour only where nobody objects', () => {
  assert.equal(canDraw({ isTTY: true }, { TERM: 'xterm' }), true)
  assert.equal(canDraw({ isTTY: true }, { TERM: 'dumb' }), false)
  assert.equal(canDraw({}, {}), false)
  assert.equal(hasColour({ isTTY: true }, {}), true)
  assert.equal(hasColour({ isTTY: true }, { NO_COLOR: '1' }), false)
  assert.equal(hasColour({}, {}), false)
})
