import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { BoundedMap } from './bounded-map.ts'

/** What it promises, as it would be written without a care for time. */
class Slow {
  entries: [string, number][] = []
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  set(key: string, value: number): void {
    const found = this.entries.find(([known]) => known === key)
    if (found !== undefined) found[1] = value
    else this.entries.push([key, value])
    if (this.entries.length > this.#limit) this.entries.shift()
  }

  delete(key: string): void {
    this.entries = this.entries.filter(([known]) => known !== key)
  }
}

test('keeps the last keys in the order in which they came', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 12 }), fc.boolean())
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(step, { maxLength: 200 }),
      (limit, all) => {
        const [map, slow] = [new BoundedMap<string, number>(limit), new Slow(limit)]
        for (const [i, [n, isSet]] of all.entries()) {
          if (isSet) {
            map.set(`k${n}`, i)
            slow.set(`k${n}`, i)
          } else {
            map.delete(`k${n}`)
            slow.delete(`k${n}`)
          }
          assert.deepEqual(
            [...map.keys()],
            slow.entries.map(([key]) => key),
          )
          assert.deepEqual(
            [...map.values()],
            slow.entries.map(([, value]) => value),
          )
          assert.equal(map.size, slow.entries.length)
          for (let k = 0; k <= 12; k++) {
            const value = slow.entries.find(([key]) => key === `k${k}`)?.[1]
            assert.equal(map.get(`k${k}`), value)
            assert.equal(map.has(`k${k}`), value !== undefined)
          }
        }
      },
    ),
  )
})

test('a limit of no key is refused', () => {
  for (const limit of [0, -1, 1.5, NaN])
    assert.throws(() => new BoundedMap(limit), /a limit counts keys/)
})
