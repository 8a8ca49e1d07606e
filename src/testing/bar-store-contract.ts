/*
 * Bar store contract: what every archive promises, in a file or in a database, as tests of node:test. Each test makes a
 * fresh one.
 *
 *   describeBarStore({ name: 'my store', make: async () => ({ store: await connect(), remove: async () => {} }) })
 */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { BarStore } from '../core/store.ts'
import { DAY, HOUR, MINUTE, ms } from '../core/time.ts'
import { minutes, read, rowsOf, SPY, T0, told } from './made-bars.ts'

export interface BarStoreContract {
  readonly name: string
  make(): Promise<MadeStore>
}

export interface MadeStore {
  readonly store: BarStore
  /** After it was closed. */
  readonly remove: () => Promise<void>
}

/** So many minutes after the first. */
const at = (minute: number) => ms(T0 + minute * MINUTE)

export function describeBarStore(contract: BarStoreContract): void {
  const fresh = async (t: TestContext): Promise<BarStore> => {
    const { store, remove } = await contract.make()
    t.after(async () => {
      await store.close()
      await remove()
    })
    return store
  }

  describe(`bars in ${contract.name}`, () => {
    it('gives back what was put, over many messages and pages', async (t) => {
      const archive = await fresh(t)
      const bars = minutes(0, 25_037)

      const { written } = await archive.putBars('SPY', '1m', bars)

      assert.equal(written, 25_037)
      assert.deepEqual(await read(archive.bars(SPY)), rowsOf(bars))
      assert.deepEqual(await read(archive.bars({ ...SPY, pageSize: 999 })), rowsOf(bars))
    })

    it('gives back what a provider told, whatever page of it is asked for', async (t) => {
      const archive = await fresh(t)
      const all = rowsOf(told(0, 12_345))
      await archive.putBars('SPY', '1m', told(0, 12_345))
      const within = (first: number, last: number, pageSize: number) =>
        read(archive.bars({ ...SPY, from: at(first), to: at(last), pageSize }))

      assert.deepEqual(await read(archive.bars(SPY)), all)
      assert.deepEqual(await within(1_000, 9_000, 1_777), all.slice(1_000, 9_000))
      assert.deepEqual(await within(5_000, 5_001, 10), all.slice(5_000, 5_001))
      assert.deepEqual(rowsOf(await archive.latest({ ...SPY, limit: 3_000 })), all.slice(-3_000))
      const latest = await archive.latest({ ...SPY, limit: 1_500, before: at(7_000) })
      assert.deepEqual(rowsOf(latest), all.slice(5_500, 7_000))
    })

    it('puts what is written later among what a provider told', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', told(0, 500))
      await archive.putBars('SPY', '1m', told(600, 500))

      await archive.putBars('SPY', '1m', told(450, 200, 3))
      await archive.putBars('SPY', '1m', told(700, 1, 7))
      await archive.putBars('SPY', '1m', told(1_090, 20, 9), { rank: 'closed' })

      const rows = await read(archive.bars(SPY))
      const expected = [
        ...rowsOf(told(0, 500)).slice(0, 450),
        ...rowsOf(told(450, 200, 3)),
        ...rowsOf(told(600, 500)).slice(50, 100),
        ...rowsOf(told(700, 1, 7)),
        ...rowsOf(told(600, 500)).slice(101),
        ...rowsOf(told(1_090, 20, 9)).slice(10),
      ]
      assert.deepEqual(rows, expected)
      const [run, ...others] = await archive.coverage('SPY', '1m')
      assert.deepEqual([run, others], [{ from: T0, to: at(1_110), bars: 1_110 }, []])
    })

    it('leaves the columns of the caller alone', async (t) => {
      const archive = await fresh(t)
      const bars = minutes(0, 10)

      await archive.putBars('SPY', '1m', bars)

      assert.deepEqual(rowsOf(bars), rowsOf(minutes(0, 10)))
    })

    it('lets a later write win', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 100))

      await archive.putBars('SPY', '1m', minutes(50, 10, 7))

      const rows = await read(archive.bars(SPY))
      assert.equal(rows.length, 100)
      assert.deepEqual(rows.slice(50, 60), rowsOf(minutes(50, 10, 7)))
      assert.deepEqual(rows.slice(60), rowsOf(minutes(0, 100)).slice(60))
    })

    it('counts the bars that gave way to others, and none of what was not kept', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', told(0, 500))
      await archive.putBars('SPY', '1m', told(0, 500))
      const others = archive.writing(async (write) => {
        await write('SPY', '1m', told(450, 20, 3))
        await write('AMD', '1m', told(0, 5))
        await write('AMD', '1m', told(0, 2, 3))
      })
      await others
      const lost = archive.writing(async (write) => {
        await write('SPY', '1m', told(0, 9, 5))
        throw new Error('lost')
      })
      await assert.rejects(lost, /lost/)

      const counts = await archive.jobs.revised({})

      assert.deepEqual(
        counts.map(({ symbol, bars }) => [symbol, bars]),
        [
          ['AMD', 2],
          ['SPY', 20],
        ],
      )
    })

    it('does not let a stream write over what the venue told as history', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 5, 1), { rank: 'closed' })
      await archive.putBars('SPY', '1m', minutes(2, 5, 7))

      await archive.putBars('SPY', '1m', minutes(0, 10, 3), { rank: 'closed' })
      await archive.putBars('SPY', '1m', minutes(0, 10, 4), { rank: 'forming' })

      const rows = await read(archive.bars(SPY))
      const [final, closed] = [rowsOf(minutes(2, 5, 7)), rowsOf(minutes(0, 10, 3))]
      assert.deepEqual(rows, [...closed.slice(0, 2), ...final, ...closed.slice(7)])
    })

    it('keeps symbols and timeframes apart', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 5))
      await archive.putBars('QQQ', '1m', minutes(0, 3, 1))
      await archive.putBars('SPY', '5m', minutes(0, 1, 2))

      assert.deepEqual(await archive.series(), [
        { symbol: 'QQQ', timeframe: '1m', bars: 3, first: T0, last: T0 + 2 * MINUTE },
        { symbol: 'SPY', timeframe: '1m', bars: 5, first: T0, last: T0 + 4 * MINUTE },
        { symbol: 'SPY', timeframe: '5m', bars: 1, first: T0, last: T0 },
      ])
      assert.deepEqual(await read(archive.bars({ symbol: 'IWM', timeframe: '1m' })), [])
    })

    it('gives ranges with the first included and the last excluded', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 50))

      const rows = await read(archive.bars({ ...SPY, from: at(10), to: at(13), pageSize: 2 }))

      assert.deepEqual(rows, rowsOf(minutes(0, 50)).slice(10, 13))
    })

    it('gives the latest bars oldest first', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 50))
      const all = rowsOf(minutes(0, 50))

      assert.deepEqual(rowsOf(await archive.latest({ ...SPY, limit: 3 })), all.slice(47))
      assert.deepEqual(rowsOf(await archive.latest({ ...SPY, limit: 99 })), all)
      assert.deepEqual(
        rowsOf(await archive.latest({ ...SPY, limit: 2, before: at(10) })),
        all.slice(8, 10),
      )
      assert.equal((await archive.latest({ ...SPY, limit: 0 })).length, 0)
    })

    it('tells the unbroken runs of a series', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 10))
      await archive.putBars('SPY', '1m', minutes(12, 1))
      await archive.putBars('SPY', '1m', minutes(20, 5))

      assert.deepEqual(await archive.coverage('SPY', '1m'), [
        { from: T0, to: T0 + 10 * MINUTE, bars: 10 },
        { from: T0 + 12 * MINUTE, to: T0 + 13 * MINUTE, bars: 1 },
        { from: T0 + 20 * MINUTE, to: T0 + 25 * MINUTE, bars: 5 },
      ])
      assert.deepEqual(await archive.coverage('QQQ', '1m'), [])
    })

    for (const [what, field, value] of [
      ['a price that is not a number', 'close', NaN],
      ['an infinite price', 'high', Infinity],
      ['a price of zero', 'low', 0],
      ['a high below the low', 'high', 1],
      ['an open above the high', 'open', 1e6],
      ['a negative volume', 'volume', -1],
      ['half a trade', 'trades', 0.5],
      ['a start that is off the grid', 'start', T0 + 1],
      ['a start before the one before', 'start', T0],
    ] as const) {
      it(`refuses ${what} and stays as it was`, async (t) => {
        const archive = await fresh(t)
        await archive.putBars('SPY', '1m', minutes(0, 3))
        const bars = minutes(0, 20_000, 5)
        bars[field][15_000] = value

        await assert.rejects(archive.putBars('SPY', '1m', bars), {
          name: 'BadInput',
          message: new RegExp(`^bars of SPY 1m:15001: ${field} is refused: .*; allowed: `),
        })

        assert.deepEqual(await read(archive.bars(SPY)), rowsOf(minutes(0, 3)))
      })
    }

    it('tells which symbols have a timeframe, in the order of their bytes', async (t) => {
      const archive = await fresh(t)
      for (const symbol of ['b', 'BTC/USD', 'BRK.B', 'A']) {
        await archive.putBars(symbol, '1m', minutes(0, 2))
        await archive.putBars(`${symbol}1`, '5m', minutes(0, 1))
      }
      await archive.putBars('FORMS', '1m', minutes(0, 1), { rank: 'forming' })

      assert.deepEqual(await archive.symbolsOf('1m'), ['A', 'BRK.B', 'BTC/USD', 'b'])
      assert.deepEqual(await archive.symbolsOf('1h'), [])
      const all = (await archive.series()).map(({ symbol }) => symbol)
      assert.deepEqual(all, ['A', 'A1', 'BRK.B', 'BRK.B1', 'BTC/USD', 'BTC/USD1', 'b', 'b1'])
    })

    it('keeps adjustments apart, and tells raw bars where none is named', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 3))
      await archive.putBars('SPY', '1m', minutes(0, 2, 5), { adjustment: 'split' })

      assert.deepEqual(await read(archive.bars(SPY)), rowsOf(minutes(0, 3)))
      const split = await read(archive.bars({ ...SPY, adjustment: 'split' }))
      assert.deepEqual(split, rowsOf(minutes(0, 2, 5)))
    })

    it('takes days through a change of the clock for unbroken', async (t) => {
      const archive = await fresh(t)
      const days = minutes(0, 3)
      const from = Date.UTC(2026, 9, 30, 4)
      days.start.set([from, from + DAY, from + 2 * DAY + HOUR])
      await archive.putBars('SPY', '1d', days)

      const to = from + 3 * DAY + HOUR
      assert.deepEqual(await archive.coverage('SPY', '1d'), [{ from, to, bars: 3 }])
    })

    it('keeps all that is written together, or nothing', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 2))

      const failing = archive.writing(async (write) => {
        await write('SPY', '1m', minutes(2, 3))
        await write('QQQ', '1m', minutes(0, 3))
        throw new Error('the last file is bad')
      })
      await assert.rejects(failing, /the last file is bad/)
      assert.deepEqual(await read(archive.bars(SPY)), rowsOf(minutes(0, 2)))
      assert.deepEqual(await archive.symbolsOf('1m'), ['SPY'])

      const bars = await archive.writing(async (write) => {
        await write('SPY', '1m', minutes(2, 3))
        await write('QQQ', '1m', minutes(0, 3))
        return 6
      })
      assert.equal(bars, 6)
      assert.deepEqual(
        await read(archive.bars(SPY)),
        rowsOf(minutes(0, 2)).concat(rowsOf(minutes(2, 3))),
      )
      assert.deepEqual(await archive.symbolsOf('1m'), ['QQQ', 'SPY'])
    })

    it('lets a reader leave early', async (t) => {
      const archive = await fresh(t)
      await archive.putBars('SPY', '1m', minutes(0, 500))

      for await (const page of archive.bars({ ...SPY, pageSize: 10 })) {
        assert.equal(page.length, 10)
        break
      }
    })
  })
}
