import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type BarColumns, barColumns } from '../core/columns.ts'
import type { Tape, TapeSeries } from '../core/tape.ts'
import { MINUTE } from '../core/time.ts'
import { openArchive } from './archive.ts'
import { importTape } from './import.ts'

const folder = mkdtempSync(join(tmpdir(), 'skein-import-'))
after(() => rmSync(folder, { recursive: true }))

const T0 = Date.UTC(2026, 2, 23, 13, 30)

function page(from: number, count: number, price = 100): BarColumns {
  const bars = barColumns(count)
  for (let i = 0; i < count; i++) {
    bars.start[i] = T0 + (from + i) * MINUTE
    for (const column of [bars.open, bars.high, bars.low, bars.close]) column[i] = price
  }
  return bars
}

const series = (symbol: string, ...pages: readonly BarColumns[]): TapeSeries => ({
  kind: 'bars',
  symbol,
  timeframe: '1m',
  async *pages() {
    yield* pages
  },
})
const tape = (...all: readonly TapeSeries[]): Tape => ({
  name: 'test',
  instruments: [],
  series: all,
})

describe('import', () => {
  it('writes all series, tells how far it is, and skips what is not bars', async () => {
    const archive = await openArchive(join(folder, 'all.db'))
    const trades: TapeSeries = { kind: 'trades', symbol: 'SPY', async *pages() {} }
    const told: number[] = []

    const report = await importTape(
      tape(series('SPY', page(0, 10), page(10, 5)), trades, series('QQQ', page(0, 3))),
      archive,
      ({ bars }) => told.push(bars),
    )

    assert.deepEqual(report, { series: 2, bars: 18, skipped: 1 })
    assert.deepEqual(told, [10, 15, 18])
    assert.deepEqual(
      (await archive.series()).map(({ symbol, bars }) => [symbol, bars]),
      [
        ['QQQ', 3],
        ['SPY', 15],
      ],
    )
    await archive.close()
  })

  it('keeps nothing of any series when one page is bad, and the archive goes on', async () => {
    const archive = await openArchive(join(folder, 'bad.db'))
    await archive.putBars('SPY', '1m', page(0, 5, 7))
    const bad = page(20, 3)
    bad.low[2] = NaN

    await assert.rejects(
      importTape(tape(series('QQQ', page(0, 12_000)), series('SPY', page(0, 20), bad)), archive),
      { name: 'BadInput', message: /bars of SPY 1m:3: low is refused: NaN/ },
    )

    assert.deepEqual(
      (await archive.series()).map(({ symbol, bars }) => [symbol, bars]),
      [['SPY', 5]],
    )
    assert.deepEqual(
      [...(await archive.latest({ symbol: 'SPY', timeframe: '1m', limit: 9 })).close],
      [7, 7, 7, 7, 7],
    )
    await importTape(tape(series('SPY', page(5, 1))), archive)
    assert.equal((await archive.series())[0]?.bars, 6)
    await archive.close()
  })

  it('keeps nothing when the disk is full', async () => {
    const archive = await openArchive(join(folder, 'full.db'), { maxBytes: 200_000 })

    await assert.rejects(importTape(tape(series('SPY', page(0, 5), page(5, 60_000))), archive), {
      code: 'disk-full',
    })

    assert.deepEqual(await archive.series(), [])
    await importTape(tape(series('SPY', page(0, 5))), archive)
    assert.equal((await archive.series())[0]?.bars, 5)
    await archive.close()
  })
})
