// skein control: what the command says where a run takes its wish, and where none does.
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Wishes } from '../src/runtime/live/wishes.ts'
import { put, skein, start, temporary } from './cli/skein.ts'

test('a wish that no run takes is kept, and the command says so', async (t) => {
  const folder = temporary(t)
  put(folder, 'journal.db', '')

  const words = ['control', 'kill', '--journal', 'journal.db', '--why', 'enough']
  const { code, stderr } = await skein(folder, ...words)

  assert.equal(code, 1)
  assert.match(stderr, /within 5 s; one that is busy does, or the next start on journal\.db$/m)
  const [wish] = new Wishes(join(folder, 'journal.db')).waiting()
  assert.deepEqual(wish!.wanted, {
    type: 'control',
    control: { do: 'kill-switch', on: true, why: 'enough' },
  })
})

test('a reason is kept with whatever it may be given for, and refused where nobody would read it', async (t) => {
  const folder = temporary(t)
  put(folder, 'journal.db', '')
  const wishes = new Wishes(join(folder, 'journal.db'))
  for (const [want, why] of [
    ['pause', 'news'],
    ['flatten', ''],
    ['lift', ''],
  ] as const)
    wishes.put({ want, why, by: 'ann' })
  assert.deepEqual(
    wishes.waiting().map(({ wanted }) => wanted.type === 'control' && wanted.control),
    [
      { do: 'pause', why: 'news' },
      { do: 'flatten' },
      { do: 'kill-switch', on: false, why: 'lift by command' },
    ],
  )

  const words = ['control', 'release', '--lane', 's', '--journal', 'journal.db', '--why', 'x']
  const { code, stderr } = await skein(folder, ...words)

  assert.equal(code, 2)
  assert.match(stderr, /--why is about kill or lift or .* or flatten: "x"/)
})

test('a wish that is taken is told', async (t) => {
  const folder = temporary(t)
  put(folder, 'journal.db', '')
  const wishes = new Wishes(join(folder, 'journal.db'))
  const taker = setInterval(() => {
    for (const { name } of wishes.waiting()) wishes.done(name)
  }, 10)
  t.after(() => clearInterval(taker))

  const { code, stdout } = await skein(folder, 'control', 'lift', '--journal', 'journal.db')

  assert.equal(code, 0)
  assert.equal(stdout, 'lift: the run at journal.db has taken it\n')
})

/** Of a user that the system has no name for, as in a container. */
const NAMELESS = 54_321

test(
  'a user with a number and no name is heard too',
  { skip: process.getuid?.() === 0 ? false : 'only a superuser becomes another' },
  async (t) => {
    const folder = temporary(t)
    put(folder, 'journal.db', '')
    chmodSync(folder, 0o777)
    const words = ['control', 'kill', '--journal', 'journal.db']

    const { code, stderr } = await start(folder, words, { as: NAMELESS }).ended

    assert.equal(code, 1)
    assert.match(stderr, /^failed: kill: no run has taken it within 5 s/)
    const [wish] = new Wishes(join(folder, 'journal.db')).waiting()
    assert.equal(wish!.by, `command of user ${NAMELESS}`)
  },
)

test('a wish that its run cannot read is no wish that was taken', async (t) => {
  const folder = temporary(t)
  put(folder, 'journal.db', '')
  const wishes = new Wishes(join(folder, 'journal.db'))
  const taker = setInterval(() => wishes.waiting(), 10)
  t.after(() => clearInterval(taker))

  const lane = 'x'.repeat(65)
  const words = ['control', 'adopt', 'A', '--lane', lane, '--journal', 'journal.db']
  const { code, stdout, stderr } = await skein(folder, ...words)

  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /adopt: it is no wish that can be read/)
})

test('a journal that is missing, and an unknown wish, are refused', async (t) => {
  const folder = temporary(t)

  const missing = await skein(folder, 'control', 'kill')
  const unknown = await skein(folder, 'control', 'buy')

  assert.deepEqual([missing.code, unknown.code], [2, 2])
  assert.match(missing.stderr, /data\/journal\.db: is missing/)
})

test('whom a wish is about is said, and only where it is about somebody', async (t) => {
  const folder = temporary(t)
  put(folder, 'journal.db', '')
  const control = async (...words: string[]) => {
    const { code, stderr } = await skein(folder, 'control', ...words, '--journal', 'journal.db')
    assert.equal(code, 2)
    return stderr
  }

  assert.match(await control('release'), /--lane is missing.*skein control release --lane STRATEGY/)
  assert.match(await control('adopt'), /symbol is missing.*skein control adopt SYMBOL/)
  assert.match(await control('kill', '--lane', 's'), /--lane is about adopt or release/)
})
