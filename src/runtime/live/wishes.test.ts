import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Wishes } from './wishes.ts'

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-wishes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a wish waits until it is done', (t) => {
  const wishes = new Wishes(join(folderOf(t), 'journal.db'))
  assert.deepEqual(wishes.waiting(), [])

  const name = wishes.put({ want: 'kill', why: 'because', by: 'test' })
  const wanted = {
    type: 'control',
    control: { do: 'kill-switch', on: true, why: 'because' },
  }
  assert.deepEqual(wishes.waiting(), [{ name, wanted, by: 'test' }])
  assert.ok(wishes.isWaiting(name))

  wishes.done(name)
  assert.deepEqual(wishes.waiting(), [])
})

test('a file that is no wish is refused, moved aside and told, once', (t) => {
  const folder = folderOf(t)
  const bad: string[] = []
  const wishes = new Wishes(join(folder, 'journal.db'), (why) => bad.push(why))
  const name = wishes.put({ want: 'pause', why: 'because', by: 'test' })
  const inside = join(folder, 'journal.db.wishes')
  writeFileSync(join(inside, '1.json'), '{"want":"kill"')
  writeFileSync(join(inside, '2.json'), '{"want":"buy","why":"","by":"me"}')

  assert.deepEqual(
    [...wishes.waiting(), ...wishes.waiting()].map((wish) => wish.name),
    [name, name],
  )
  assert.equal(bad.length, 2)
  assert.match(wishes.refusal('1.json')!, /is no wish that can be read, and is now 1\.json\.bad/)
  assert.match(wishes.refusal('2.json')!, /2\.json\.bad/)
  assert.deepEqual(readdirSync(inside).toSorted(), ['1.json.bad', '2.json.bad', name].toSorted())
})

test('a wish that cannot be taken away is told, and not taken again', (t) => {
  const folder = folderOf(t)
  const bad: string[] = []
  const wishes = new Wishes(join(folder, 'journal.db'), (why) => bad.push(why))
  const names = ['done', 'refused'].map((why) => wishes.put({ want: 'pause', why, by: 'test' }))
  assert.equal(wishes.waiting().length, 2)
  // A folder of its name cannot be removed as a file, whoever the tests run as.
  for (const name of names) {
    const path = join(folder, 'journal.db.wishes', name)
    rmSync(path)
    mkdirSync(path)
  }

  wishes.done(names[0]!)
  wishes.refuse(names[1]!, 'not now')

  assert.deepEqual(wishes.waiting(), [])
  assert.equal(bad.length, 2)
  assert.match(bad[0]!, /cannot be taken away, the next start takes it again/)
})
