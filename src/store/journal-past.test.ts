import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { ms } from '../core/time.ts'
import { A, bar } from '../testing/builders.ts'
import { dropAll, filled, kept, numbers, range, T0, turn, WIDE } from '../testing/pruned-journal.ts'
import { openJournal } from './journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-past-'))
after(() => rmSync(folder, { recursive: true }))
let files = 0
const freshPath = (): string => join(folder, `${++files}.db`)

describe('journal past', () => {
  it('keeps a snapshot that stays beside the last three, and begins there', () => {
    const path = freshPath()
    const journal = filled(openJournal(path))
    assert.equal(journal.past.beginning, undefined)
    assert.equal(dropAll(journal), 0)

    journal.past.begin(kept(200))
    const dropped = dropAll(journal)

    assert.equal(dropped, 200)
    assert.deepEqual(journal.past.beginning, { n: 200, at: T0 + 200 })
    assert.deepEqual(journal.past.kept, [])
    assert.equal(journal.past.stateAt(200), '{"state":200}')
    assert.equal(journal.past.stateAt(300), undefined)
    assert.deepEqual(numbers(journal, 200), range(201, 700))
    journal.close()
    const again = openJournal(path)
    again.verify()
    assert.equal(again.lastTurn(), 700)
    again.append(turn(701))
    assert.deepEqual(numbers(again, 600), range(601, 701))
    again.close()
  })

  it('refuses to read what was dropped, and to begin with what was not proven', () => {
    const journal = filled(openJournal(freshPath()))
    assert.throws(() => journal.past.begin(kept(200, false)), /proven/)
    journal.past.begin(kept(200))

    for (const from of [-1, 0, 199]) {
      assert.throws(() => numbers(journal, from), {
        code: 'pruned',
        message: /begins with turn 201: those before it were dropped \(store\.keepDays\)/,
      })
    }
    assert.throws(() => journal.past.begin(kept(100)), /moves on/)
    journal.close()
  })

  it('drops a few turns at a time', () => {
    const journal = filled(openJournal(freshPath()))
    journal.past.begin(kept(200))
    const pieces: number[] = []
    for (let more = journal.past.drop(); more > 0; more = journal.past.drop()) pieces.push(more)
    journal.close()

    const wide = openJournal(freshPath())
    const why = 'x'.repeat(200_000)
    for (let n = 1; n <= 10; n++)
      wide.append({ ...turn(n), inputs: [{ ...turn(n).inputs[0]!, why } as never] })
    wide.snapshot(9, '{}')
    wide.append(turn(11))
    wide.past.begin(kept(9))

    assert.deepEqual(pieces, [200])
    assert.equal(wide.past.drop(), 1)
    wide.close()
  })

  it('stops growing: what is written takes the place of what was dropped', () => {
    const path = freshPath()
    const journal = openJournal(path)
    const sizes: number[] = []
    const [every, keeps] = [2_000, 8_000]
    for (let n = 1; n <= 80_000; n++) {
      journal.append(turn(n))
      if (n % every !== 0) continue
      journal.snapshot(n, JSON.stringify(WIDE.repeat(100)))
      journal.past.keep([...journal.past.kept, kept(n)])
      const old = journal.past.kept.findLast((one) => one.n <= n - keeps)
      if (old !== undefined) journal.past.begin(old)
      dropAll(journal)
      sizes.push(statSync(path).size)
    }

    const [early, late] = [sizes[9]!, sizes.at(-1)!]
    assert.ok(late > 4_000_000, `${late} bytes`)
    assert.ok(late < early * 1.1, `${early} bytes after 20,000 turns, ${late} after 80,000`)
    assert.equal(numbers(journal, 72_000).length, 8_000)
    journal.close()
  })

  it('keeps the bars that were seen as they were, and replaces the same one', () => {
    const journal = openJournal(freshPath())
    const bars = range(1, 2_500).map((i) => ({
      i,
      bar: bar({ symbol: A, start: ms(T0 + i * 60_000), close: 100 + i / 3, high: 1e4 }),
    }))
    const filled = { ...bars[7]!.bar, filled: true as const }
    bars[7] = { i: 8, bar: filled }
    journal.past.noteBars(bars.slice(0, 100))
    journal.snapshot(1, '{}', bars.slice(50))

    const read = (count: number) => [...journal.past.bars({ symbol: A, timeframe: '1m' }, count)]

    assert.deepEqual(
      read(2_400).flat(),
      bars.slice(0, 2_400).map((seen) => seen.bar),
    )
    assert.equal(read(3_000).flat().length, 2_500)
    assert.deepEqual([...journal.past.bars({ symbol: A, timeframe: '5m' }, 10)], [])
    journal.close()
  })
})
