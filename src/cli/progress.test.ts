import assert from 'node:assert/strict'
import { test } from 'node:test'
import { progress, type ProgressOptions } from './progress.ts'

/** A bar on a stand-in for the terminal, with a clock that only the test moves. */
function barOf(options: Partial<ProgressOptions> & { readonly isTTY: boolean }) {
  const written: string[] = []
  let at = 5_000
  const bar = progress({
    label: 'backtest',
    unit: 'bars',
    now: () => at,
    stream: { isTTY: options.isTTY, columns: 100, write: (text) => written.push(text) },
    ...options,
  })
  return { bar, written, wait: (lengthMs: number) => (at += lengthMs) }
}

test('shows nothing for work of less than two seconds', () => {
  const { bar, written, wait } = barOf({ isTTY: true, total: 100 })
  wait(1_999)
  bar.update(99)
  bar.end()

  assert.deepEqual(written, [])
})

test('draws a bar with rate and time left on one line of a terminal', () => {
  const { bar, written, wait } = barOf({ isTTY: true, total: 1_000_000 })
  wait(2_000)
  bar.update(250_000, 'AAPL')

  assert.deepEqual(written, [
    '\rbacktest  ██████░░░░░░░░░░░░░░░░░░  25%  250.0k bars, 125.0k/s  0:06 left  AAPL\u001b[K',
  ])
})

test('makes a note only when it is drawn', () => {
  const { bar, written, wait } = barOf({ isTTY: false, total: 10 })
  let made = 0
  for (let i = 0; i < 5; i++) {
    wait(1_000)
    bar.update(i, () => `note ${++made}`)
  }

  assert.equal(made, 1)
  assert.match(written[0]!, / {2}note 1\n$/)
})

test('redraws at most ten times a second', () => {
  const { bar, written, wait } = barOf({ isTTY: true, total: 10_000 })
  wait(2_000)
  for (let i = 0; i < 1_000; i++) {
    bar.update(i)
    wait(1)
  }

  assert.equal(written.length, 10)
})

test('leaves no trace of the bar in a terminal', () => {
  const { bar, written, wait } = barOf({ isTTY: true, total: 10 })
  wait(3_000)
  bar.update(5)
  bar.end()
  bar.end()
  bar.update(6)

  assert.deepEqual(written.slice(1), ['\r\u001b[K'])
})

test('writes a plain line every ten seconds where there is no terminal, and one at the end', () => {
  const { bar, written, wait } = barOf({ isTTY: false, total: 100, unit: 'pages' })
  for (let second = 1; second <= 25; second++) {
    wait(1_000)
    bar.update(second * 2)
  }
  bar.end()

  assert.deepEqual(
    written.map((line) => line.replace(/[█░]+ +/, '')),
    [
      'backtest  4%  4 pages, 2/s  0:48 left\n',
      'backtest  24%  24 pages, 2/s  0:38 left\n',
      'backtest  44%  44 pages, 2/s  0:28 left\n',
      'backtest  50%  50 pages, 2/s  0:25 left\n',
    ],
  )
})

test('counts up where the total is not known', () => {
  const { bar, written, wait } = barOf({ isTTY: false })
  wait(3_723_000)
  bar.update(12)

  assert.deepEqual(written, ['backtest  12 bars, 0/s  1:02:03\n'])
})

test('keeps to one line of a narrow terminal, whatever the note holds', () => {
  const written: string[] = []
  const stream = { isTTY: true, columns: 30, write: (text: string) => written.push(text) }
  const { bar, wait } = barOf({ isTTY: true, total: 10, stream })
  wait(2_000)
  bar.update(20, 'two\nlines')

  const [line = ''] = written
  assert.ok(!line.includes('\n'))
  assert.equal(line.replace('\r', '').replace('\u001b[K', '').length, 29)
})

test('says nothing of a rate before anything is done', () => {
  const { bar, written, wait } = barOf({ isTTY: false, total: 10 })
  wait(2_000)
  bar.update(0)

  assert.match(written[0]!, /^backtest {2}░{24} {3}0% {2}0 bars, 0\/s\n$/)
})
