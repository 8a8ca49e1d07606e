// Shared bars: what a database that is away, refuses or is slow means for a run: nothing but bars that wait.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ms, symbolId } from '../../core/brand.ts'
import type { Merge } from '../../core/jobs.ts'
import type { Bar } from '../../core/market.ts'
import { MINUTE, type Timeframe } from '../../core/time.ts'
import { Engine } from '../../engine/engine.ts'
import { RISK_DEFAULTS } from '../../engine/risk-limits.ts'
import { VirtualWorld } from '../../io/virtual.ts'
import { StoreError } from '../../store/index.ts'
import { limitsOf, SIM, universeOf } from '../../testing/builders.ts'
import { columnsOf } from '../session/recorder.ts'
import { SharedBars, type SharedStore } from './shared-bars.ts'

const START = Date.UTC(2026, 2, 23, 13, 30)
const SECOND = 1_000

const barAt = (i: number, symbol = 0, timeframe: Timeframe = '1m'): Bar => ({
  symbol: symbolId(symbol),
  timeframe,
  start: (START + i * MINUTE) as Ms,
  open: 100,
  high: 101,
  low: 99,
  close: 100,
  volume: 10,
  trades: 1,
})

const engine = (): Engine =>
  new Engine({
    universe: universeOf('A', 'B'),
    uses: [],
    limits: new Map([[SIM, limitsOf()]]),
    risk: RISK_DEFAULTS,
    run: 'r',
    currency: 'USD',
    calendar: '24/7',
    base: '1m',
    latenessMs: 0,
    maxFill: 0,
  })

const GONE = new StoreError('cannot-open', 'the database was away')

/** Shared bars on virtual time, and the database as a list of starts by series. */
function fixture({ waitingMax = 200_000, archived = [] as readonly Bar[] } = {}) {
  const world = new VirtualWorld({ seed: 1, startAt: START as Ms })
  const told: string[] = []
  const merges: Merge[] = []
  /** Series that were asked for again, and from which whole minute. */
  const asked: string[] = []
  const archive: Bar[] = [...archived]
  const universe = universeOf('A', 'B')
  /** What the database says to a write. */
  const database = {
    answer: (): Promise<void> => Promise.resolve(),
    isOpen: true,
    closed: 0,
  }
  const store = {
    lasts: ({ timeframe, symbols }: Parameters<SharedStore['lasts']>[0]) => {
      const all = stored()
      const found = symbols.flatMap((symbol) => {
        const minutes = all[`${timeframe} ${symbol}`]
        if (minutes === undefined) return []
        return [{ symbol, start: (START + Math.max(...minutes) * MINUTE) as Ms }]
      })
      return Promise.resolve(found)
    },
    merge: async (merge: Merge) => {
      await database.answer()
      merges.push(merge)
      return { bars: 0, revised: 0, outranked: 0 }
    },
    close: () => {
      database.closed++
      return Promise.resolve()
    },
  }
  const shared = new SharedBars({
    io: world.node('engine'),
    open: () => (database.isOpen ? Promise.resolve(store) : Promise.reject(GONE)),
    tell: (text) => told.push(text),
    past: async function* ({ symbol, timeframe, from }) {
      asked.push(`${timeframe} ${symbol} ${Math.ceil((from - START) / MINUTE)}`)
      const id = universe.find(symbol)!.id
      const isAsked = (bar: Bar): boolean =>
        bar.symbol === id && bar.timeframe === timeframe && bar.start >= from
      const found = archive.filter(isAsked)
      if (found.length > 0) yield columnsOf(found)
    },
    waitingMax,
  })
  const of = engine()
  shared.watch(of)
  const tell = (...bars: readonly Bar[]): void => {
    archive.push(...bars)
    of.notices.deliver(bars.map((bar) => ({ type: 'bar.closed', bar })))
  }
  /** Minutes since the start, by timeframe and symbol. */
  const stored = (): Readonly<Record<string, readonly number[]>> => {
    const found: Record<string, number[]> = {}
    for (const { timeframe, series } of merges)
      for (const { symbol, bars } of series)
        for (const start of bars.start)
          (found[`${timeframe} ${symbol}`] ??= []).push((start - START) / MINUTE)
    return found
  }
  return { world, shared, tell, told, merges, database, stored, asked }
}

test('closed bars are in the database within a second, one write for each timeframe', async () => {
  const { world, tell, merges, stored, told } = fixture()
  tell(barAt(0), barAt(0, 1), barAt(0, 0, '5m'))
  tell(barAt(1))
  await world.run(SECOND)

  assert.deepEqual(stored(), { '1m A': [0, 1], '1m B': [0], '5m A': [0] })
  assert.deepEqual(
    merges.map(({ timeframe, rank, adjustment }) => [timeframe, rank, adjustment]),
    [
      ['1m', 'closed', 'raw'],
      ['5m', 'closed', 'raw'],
    ],
  )
  assert.deepEqual(told, [])
})

test('bars wait for a database that is away, which is told once, and all come when it is back', async () => {
  const { world, shared, tell, told, database, stored } = fixture()
  database.isOpen = false
  shared.connect()
  for (let i = 0; i < 100; i++) {
    tell(barAt(i))
    await world.run(MINUTE)
  }
  const { away, waiting, failures } = shared.statistics
  database.isOpen = true
  await world.run(MINUTE)

  assert.equal(waiting, 100)
  assert.equal(Math.round(away!.ms / MINUTE), 100)
  assert.ok(failures > 100 && failures < 250, `${failures} tries in 100 minutes`)
  assert.deepEqual(stored()['1m A'], [...Array(100).keys()])
  assert.deepEqual([shared.statistics.waiting, shared.statistics.dropped], [0, 0])
  assert.equal(shared.statistics.away, undefined)
  assert.equal(told.length, 2, told.join('\n'))
  assert.match(told[0]!, /^the database takes no bars, which wait for it: the database was away$/)
  assert.match(told[1]!, /^the database takes bars again, after \d+ s$/)
})

test('a connection that is lost in the middle of a write loses no bar of it', async () => {
  const { world, shared, tell, database, stored } = fixture()
  let writes = 0
  database.answer = () => (++writes === 2 ? Promise.reject(GONE) : Promise.resolve())
  tell(barAt(0), barAt(0, 0, '5m'))
  await world.run(10 * SECOND)

  // What was written before is written again, which changes nothing there.
  assert.deepEqual(stored(), { '1m A': [0, 0], '5m A': [0] })
  assert.equal(shared.statistics.written, 2)
})

test('where too many bars wait the oldest go, which is told once, and they come from the archive', async () => {
  const { world, shared, tell, told, database, stored } = fixture({ waitingMax: 10 })
  tell(barAt(0))
  await world.run(SECOND)
  database.answer = () => Promise.reject(GONE)
  for (let i = 1; i <= 50; i++) tell(barAt(i))
  await world.run(SECOND)
  const { waiting, dropped } = shared.statistics
  database.answer = () => Promise.resolve()
  await world.run(MINUTE)

  assert.deepEqual([waiting, dropped], [10, 40])
  assert.deepEqual([...new Set(stored()['1m A'])], [...Array(51).keys()])
  assert.equal(
    told.filter((text) => /^more than 10 bars wait .*come from the archive/.test(text)).length,
    1,
  )
})

test('what is refused five times is let go, and what comes after it is written', async () => {
  const { world, shared, tell, told, database, stored } = fixture()
  database.answer = () => Promise.reject(new Error('permission denied for table bars'))
  tell(barAt(0))
  await world.run(5 * MINUTE)
  database.answer = () => Promise.resolve()
  tell(barAt(1))
  await world.run(MINUTE)

  assert.deepEqual(stored()['1m A'], [1])
  assert.equal(shared.statistics.dropped, 1)
  assert.match(told.join('\n'), /has refused 1 bars 5 times \(permission denied/)
})

test('a database that does not answer holds nobody up: bars wait, and one write is under way', async () => {
  const { world, shared, tell, database, merges } = fixture()
  let asked = 0
  database.answer = () => {
    asked++
    return new Promise(() => {})
  }
  for (let i = 0; i < 5_000; i++) tell(barAt(i))
  await world.run(10 * MINUTE)

  assert.deepEqual([asked, merges.length, shared.statistics.waiting], [1, 0, 5_000])
})

test('a long queue is written in parts, so that none takes the processor for long', async () => {
  const { world, shared, tell, merges } = fixture()
  for (let i = 0; i < 5_000; i++) tell(barAt(i))
  await world.run(SECOND)

  assert.deepEqual(
    merges.map(({ series }) => series[0]!.bars.length),
    [2_000, 2_000, 1_000],
  )
  assert.equal(shared.statistics.written, 5_000)
})

test('the end of a run writes what waits, and what cannot be written is told', async () => {
  const well = fixture()
  well.tell(barAt(0))
  await well.shared.flush()
  await well.shared.close()
  const ill = fixture()
  ill.database.isOpen = false
  ill.tell(barAt(0))
  await ill.shared.flush()
  await ill.shared.close()
  ill.tell(barAt(1))

  assert.deepEqual(well.stored()['1m A'], [0])
  assert.equal(well.database.closed, 1)
  assert.deepEqual(well.told, [])
  assert.match(ill.told.at(-1)!, /^the database was not given 1 bars: the next start gives them/)
  assert.equal(ill.shared.statistics.waiting, 1)
})

test('an engine that is built anew tells its bars again, and they are there once', async () => {
  const { world, shared, tell, stored } = fixture()
  tell(barAt(0), barAt(1))
  const again = engine()
  shared.watch(again)
  again.notices.deliver([0, 1, 2].map((i) => ({ type: 'bar.closed', bar: barAt(i) })))
  tell(barAt(9))
  await world.run(SECOND)

  assert.deepEqual(stored()['1m A'], [0, 1, 2])
})

test('what waited when the process before was killed is given first, each series after its last bar', async () => {
  const before = Array.from({ length: 6 }, (_, i) => barAt(i))
  const old = barAt(-8 * 24 * 60, 1)
  const { world, tell, merges, stored, asked } = fixture({ archived: [...before, old] })
  const has = (symbol: string, bar: Bar): Merge => {
    const series = [{ symbol, bars: columnsOf([bar]) }]
    return { timeframe: '1m', adjustment: 'raw', rank: 'final', series }
  }
  merges.push(has('A', barAt(2)), has('B', barAt(-9 * 24 * 60, 1)))
  tell(barAt(6))
  await world.run(SECOND)
  tell(barAt(7))
  await world.run(SECOND)

  // B is asked for a week at most, and what was known is not given again.
  assert.deepEqual(asked, ['1m A 3', `1m B ${-7 * 24 * 60 + 1}`])
  assert.deepEqual(stored()['1m A'], [2, 3, 4, 5, 6, 6, 7])
  assert.equal(stored()['1m B']!.length, 1)
})

test('an archive that cannot be read is told, and new bars are written all the same', async () => {
  const { shared, told, stored, tell, world, merges } = fixture()
  tell(barAt(0))
  await world.run(SECOND)
  const again = engine()
  shared.watch(again)
  assert.ok(merges.length > 0)
  const broken = new SharedBars({
    io: world.node('other'),
    open: () =>
      Promise.resolve({
        lasts: () => Promise.reject(new Error('permission denied for table symbols')),
        merge: (merge: Merge) => {
          merges.push(merge)
          return Promise.resolve({ bars: 1, revised: 0, outranked: 0 })
        },
        close: () => Promise.resolve(),
      }),
    past: async function* () {},
    tell: (text) => told.push(text),
  })
  broken.watch(again)
  again.notices.deliver([{ type: 'bar.closed', bar: barAt(1) }])
  await world.run(SECOND)
  await world.run(SECOND)

  assert.ok(stored()['1m A']!.includes(1))
  assert.deepEqual(told, [
    'what the database may lack was not given to it again: permission denied for table symbols',
  ])
})
