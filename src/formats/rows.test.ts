import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { rowsOf } from './rows.ts'

describe('rows', () => {
  it('counts lines through empty ones, carriage returns and quoted line ends', () => {
    assert.deepEqual(rowsOf('x', 'a,b\r\n\r\n1,2\n'), [
      { line: 1, cells: ['a', 'b'] },
      { line: 3, cells: ['1', '2'] },
    ])
    assert.deepEqual(rowsOf('x', 'a,b\n"1\n1",2\n\n3,"4"'), [
      { line: 1, cells: ['a', 'b'] },
      { line: 2, cells: ['1\n1', '2'] },
      { line: 5, cells: ['3', '4'] },
    ])
  })

  it('gives the same for quoted and unquoted text', () => {
    const cell = fc.stringMatching(/^[a-z0-9.:+-]{1,6}$/)
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { minLength: 1 }),
        (rows) => {
          const plain = rows.map((cells) => cells.join(',')).join('\n')
          const quoted = rows.map((cells) => cells.map((text) => `"${text}"`).join(',')).join('\n')
          assert.deepEqual(rowsOf('x', quoted), rowsOf('x', plain))
        },
      ),
    )
  })
})
