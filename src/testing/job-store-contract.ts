/*
 * Job store contract: what every implementation of the port JobStore promises, as tests of node:test. Each test makes a
 * fresh database; `open` connects to it once more, as another process would.
 *
 *   describeJobStore({ name: 'my store', make: async () => ({ open: async () => connect(), remove: async () => {} }) })
 */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Ms } from '../core/brand.ts'
import { barColumns, type BarColumns } from '../core/columns.ts'
import type { JobDefinition, JobStore, NewRun, PageCommit, Settlement } from '../core/jobs.ts'
import { ATTEMPTS_MAX } from '../core/jobs.ts'
import { DAY, HOUR, MINUTE, ms } from '../core/time.ts'

export interface JobStoreContract {
  readonly name: string
  make(): Promise<JobDatabase>
}

export interface JobDatabase {
  open(): Promise<JobStore & { close(): Promise<void> }>
  /** After all connections were closed. */
  remove(): Promise<void>
}

const T0 = Date.UTC(2026, 0, 5)
const HOUR_BARS = { timeframe: '1h', adjustment: 'raw' } as const

const definitionOf = (over: Partial<JobDefinition> = {}): JobDefinition => {
  const { label = 'BATCH_STOCK_1', timeframe = '1h', batchVersion = 2 } = over
  return {
    id: `${label}/${timeframe}/v${batchVersion}`,
    label,
    timeframe,
    batchVersion,
    jobType: 'fetch_historical',
    adjustment: 'raw',
    assetClass: 'stock',
    provider: 'alpaca',
    symbols: ['AAPL', 'MSFT'],
    batchNumber: 1,
    totalBatches: 1,
    from: ms(T0),
    to: undefined,
    derivedFrom: undefined,
    priority: 100,
    isEnabled: true,
    ...over,
  }
}

/** A run of the n-th day. */
const runOf = (n: number, definition = definitionOf(), over: Partial<NewRun> = {}): NewRun => ({
  id: `${definition.id}/${n}`,
  definition: definition.id,
  lane: 'batch',
  symbols: definition.symbols,
  from: ms(T0 + n * DAY),
  to: ms(T0 + (n + 1) * DAY),
  triggeredBy: 'cron',
  ...over,
})

const claimOf = (token: string, at = T0) => ({
  token,
  pack: 'pack',
  worker: `worker of ${token}`,
  at,
  leaseUntil: at + MINUTE,
})

/** Hours from T0 on, whose prices tell which they are. */
function hours(from: number, count: number, price = 100): BarColumns {
  const bars = barColumns(count)
  for (let i = 0; i < count; i++) {
    bars.start[i] = T0 + (from + i) * HOUR
    for (const column of [bars.open, bars.high, bars.low, bars.close]) {
      column[i] = price + (from + i) / 8
    }
    bars.volume[i] = 10
    bars.trades[i] = i
  }
  return bars
}

const pageOf = (token: string, over: Partial<PageCommit> = {}): PageCommit => ({
  ...HOUR_BARS,
  token,
  at: T0 + 1,
  leaseUntil: T0 + 2 * MINUTE,
  series: [{ symbol: 'AAPL', bars: hours(0, 3) }],
  cursor: 'after 3',
  request: undefined,
  flaws: [],
  ...over,
})

const settlementOf = (token: string, over: Partial<Settlement> = {}): Settlement => ({
  ...HOUR_BARS,
  token,
  at: T0 + 2,
  provider: 'alpaca',
  results: [],
  covered: [],
  holes: [],
  ...over,
})

const HOURS = { ...HOUR_BARS, symbol: 'AAPL', from: ms(T0), to: ms(T0 + 30 * DAY) }
const ALL_HOURS = { ...HOURS, symbols: ['AAPL'] }

/** Declares the tests of the contract. */
export function describeJobStore(contract: JobStoreContract): void {
  describe(`${contract.name} keeps the job store contract`, () => {
    const connect = async (t: TestContext) => {
      const database = await contract.make()
      const opened: { close(): Promise<void> }[] = []
      t.after(async () => {
        for (const store of opened) await store.close()
        await database.remove()
      })
      const open = async (): Promise<JobStore> => {
        const store = await database.open()
        opened.push(store)
        return store
      }
      return { store: await open(), open }
    }
    /** One definition with two runs. */
    const withRuns = async (t: TestContext, ...runs: readonly NewRun[]) => {
      const { store, open } = await connect(t)
      await store.putDefinitions([definitionOf()], T0)
      await store.enqueue(runs.length > 0 ? runs : [runOf(0), runOf(1)], T0)
      return { store, open }
    }
    const idsOf = async (store: JobStore, at = T0) =>
      (await store.queued(at, 100)).map(({ id }) => id)

    it('keeps a definition once, and the switch that a person set', async (t) => {
      const { store } = await connect(t)
      const first = definitionOf()
      const single = definitionOf({
        label: 'AAPL',
        batchVersion: 1,
        symbols: ['AAPL'],
        priority: 1,
      })

      const made = await store.putDefinitions([first, single], T0)
      const again = await store.putDefinitions([first, single], T0 + 1)
      const switched = await store.enable({ ids: [first.id, 'none'], isEnabled: false, at: T0 })
      const grown = { ...first, symbols: [...first.symbols, 'NVDA'], to: ms(T0 + DAY) }
      const changed = await store.putDefinitions([grown], T0 + 2)

      assert.deepEqual(
        [made, again],
        [
          { created: 2, changed: 0 },
          { created: 0, changed: 0 },
        ],
      )
      assert.equal(switched, 1)
      assert.deepEqual(changed, { created: 0, changed: 1 })
      assert.deepEqual(await store.definitions(), [{ ...grown, isEnabled: false }, single])
    })

    it('queues a run once', async (t) => {
      const { store } = await withRuns(t, runOf(0), runOf(1))

      assert.equal(await store.enqueue([runOf(1), runOf(2)], T0), 1)

      assert.equal((await store.counts()).queued, 3)
      const [newest] = await store.queued(T0, 10)
      const { id, symbols, from, to, timeframe, provider, attempt, pack } = newest!
      assert.deepEqual(
        { id, symbols, from, to, timeframe, provider, attempt, pack },
        {
          ...HOURS_RUN,
          id: runOf(2).id,
          symbols: ['AAPL', 'MSFT'],
          from: runOf(2).from,
          to: runOf(2).to,
        },
      )
    })

    it('gives the queue by timeframe, then the newest window, then priority', async (t) => {
      const { store } = await connect(t)
      const quarter = definitionOf({ timeframe: '15m' })
      const urgent = definitionOf({ label: 'BATCH_STOCK_2', priority: 200 })
      const off = definitionOf({ label: 'BATCH_STOCK_3' })
      await store.putDefinitions([definitionOf(), quarter, urgent, off], T0)
      await store.enable({ ids: [off.id], isEnabled: false, at: T0 })
      const all = [definitionOf(), quarter, urgent, off].flatMap((one) => [
        runOf(0, one),
        runOf(1, one),
      ])

      await store.enqueue(all, T0)

      assert.deepEqual(await idsOf(store), [
        runOf(1, quarter).id,
        runOf(0, quarter).id,
        runOf(1, urgent).id,
        runOf(1).id,
        runOf(0, urgent).id,
        runOf(0).id,
      ])
    })

    it('gives the queue of one provider, however many others wait', async (t) => {
      const { store } = await connect(t)
      const other = definitionOf({ label: 'BATCH_STOCK_2', provider: 'files' })
      await store.putDefinitions([definitionOf(), other], T0)
      await store.enqueue([runOf(0), runOf(1, other), runOf(2, other)], T0)

      const ours = await store.queued(T0, 1, 'alpaca')

      assert.deepEqual(
        ours.map(({ id }) => id),
        [runOf(0).id],
      )
      assert.deepEqual(await store.queued(T0, 1, 'nobody'), [])
      assert.equal((await store.queued(T0, 10)).length, 3)
    })

    it('gives at most so many of each lane', async (t) => {
      const single = runOf(5, definitionOf(), { id: 'old', lane: 'single' })
      const { store } = await withRuns(t, runOf(0), runOf(1), runOf(2), single)

      const lanes = (await store.queued(T0, 2)).map(({ lane }) => lane)

      assert.deepEqual(lanes.toSorted(), ['batch', 'batch', 'single'])
    })

    it('gives a claim to one worker, all of it or nothing', async (t) => {
      const { store, open } = await withRuns(t, runOf(0), runOf(1), runOf(2))
      const other = await open()
      const [a, b, c] = [runOf(0).id, runOf(1).id, runOf(2).id]

      const both = await Promise.all([
        store.claim([a, b], claimOf('one')),
        other.claim([b, c], claimOf('two')),
      ])

      assert.deepEqual(both.toSorted(), [false, true])
      const { queued, running } = await store.counts()
      assert.deepEqual({ queued, running }, { queued: 1, running: 2 })
    })

    it('stores a page with its cursor, and goes on from there after the worker was lost', async (t) => {
      const { store, open } = await withRuns(t)
      const ids = [runOf(0).id, runOf(1).id]
      await store.claim(ids, claimOf('one'))

      assert.ok(await store.commitPage(pageOf('one')))

      assert.deepEqual(await store.requeueStale(T0 + MINUTE), { requeued: 0, failed: 0 })
      assert.deepEqual(await store.requeueStale(T0 + 3 * MINUTE), { requeued: 2, failed: 0 })
      const queued = await (await open()).queued(T0, 10)
      assert.deepEqual(
        queued.map(({ pack, cursor, pages, attempt }) => ({ pack, cursor, pages, attempt })),
        ids.map(() => ({ pack: 'pack', cursor: 'after 3', pages: 1, attempt: 2 })),
      )
      assert.deepEqual(await store.bars(HOURS), hours(0, 3))
    })

    it('gives a worker that begins again what it had, and leaves the others theirs', async (t) => {
      const { store } = await withRuns(t)
      await store.claim([runOf(0).id], claimOf('one'))
      await store.claim([runOf(1).id], claimOf('two'))

      assert.deepEqual(await store.requeueStale(T0, 'worker of one'), { requeued: 1, failed: 0 })

      assert.deepEqual(await idsOf(store), [runOf(0).id])
      assert.equal(await store.commitPage(pageOf('one')), undefined)
      assert.ok(await store.commitPage(pageOf('two')))
    })

    it('lets a worker that lost its claim write nothing', async (t) => {
      const { store, open } = await withRuns(t)
      const other = await open()
      const ids = [runOf(0).id, runOf(1).id]
      await store.claim(ids, claimOf('one'))
      await other.requeueStale(T0 + 2 * MINUTE)
      await other.claim(ids, claimOf('two', T0 + 2 * MINUTE))

      const cover = { symbol: 'AAPL', from: ms(T0), to: ms(T0 + DAY), rows: 3 }
      const back = {
        token: 'one',
        at: T0,
        notBefore: 0,
        code: 'x',
        message: 'x',
        retry: 'never',
      } as const
      const flaws = [{ symbol: 'AAPL', start: T0, rule: 'jump', isRejected: false }]
      const tries = [
        await store.commitPage(pageOf('one', { flaws })),
        await store.settle(settlementOf('one', { covered: [cover] })),
        await store.giveBack(back),
        await store.renew('one', T0 + 9 * MINUTE, T0),
      ]

      assert.deepEqual(tries, [undefined, false, false, false])
      assert.equal((await store.bars(HOURS)).length, 0)
      assert.deepEqual([await store.coverage({}), await store.flaws()], [[], []])
      assert.ok(await other.commitPage(pageOf('two')))
      assert.equal((await store.counts()).running, 2)
    })

    it('fails runs whose worker dies again and again, but not while pages come', async (t) => {
      const { store } = await withRuns(t, runOf(0))
      const die = async (token: string, pages: number) => {
        assert.equal(await store.claim([runOf(0).id], claimOf(token)), true)
        for (let i = 0; i < pages; i++) await store.commitPage(pageOf(token))
        return store.requeueStale(T0 + 10 * MINUTE)
      }

      for (let n = 1; n <= 2 * ATTEMPTS_MAX; n++) {
        assert.deepEqual(await die(`lucky ${n}`, 1), { requeued: 1, failed: 0 })
      }
      for (let n = 2; n < ATTEMPTS_MAX; n++) {
        assert.deepEqual(await die(`unlucky ${n}`, 0), { requeued: 1, failed: 0 })
      }
      assert.deepEqual(await die('last', 0), { requeued: 0, failed: 1 })

      const [run] = await store.runs({ status: ['failed'], limit: 10 })
      assert.deepEqual([run?.errorCode, run?.attempt], ['STALE_RUNNING', ATTEMPTS_MAX + 1])
      assert.deepEqual(await idsOf(store), [])
    })

    it('tries again what may pass, later and five times, and at once what was only stopped', async (t) => {
      const { store } = await withRuns(t, runOf(0))
      const [id] = [runOf(0).id]
      const back = async (token: string, retry: 'later' | 'stopped' | 'never') => {
        await store.claim([id], claimOf(token))
        const about = { token, at: T0, code: 'network', message: 'no answer', retry }
        return store.giveBack({ ...about, notBefore: retry === 'later' ? T0 + MINUTE : 0 })
      }

      assert.equal(await back('stopped', 'stopped'), true)
      assert.deepEqual(await idsOf(store), [id])
      for (let n = 1; n < ATTEMPTS_MAX; n++) {
        await back(`try ${n}`, 'later')
        assert.deepEqual(await idsOf(store), [])
        assert.deepEqual(await idsOf(store, T0 + MINUTE), [id])
      }
      await back('last', 'later')

      const [run] = await store.runs({ limit: 1 })
      const { status, errorCode, errorMessage, attempt } = run!
      assert.deepEqual(
        { status, errorCode, errorMessage, attempt },
        {
          status: 'failed',
          errorCode: 'network',
          errorMessage: 'no answer',
          attempt: ATTEMPTS_MAX,
        },
      )
      assert.equal(await store.shift({ ids: [id], from: ['failed'], to: 'queued', at: T0 }), 1)
      await back('for ever', 'never')
      assert.equal((await store.counts()).failed, 1)
    })

    it('opens what is to be asked for again beside the holes that it knows, once', async (t) => {
      const { store, open } = await connect(t)
      const hole = (symbol: string, expiresAt: number) =>
        ({ ...HOURS, symbol, bars: 3, status: 'no_data', expiresAt }) as const

      await store.reopen([])
      await store.reopen([hole('AAPL', 7), { ...hole('AAPL', 8), adjustment: 'split' }])
      await store.reopen([hole('AAPL', 9), hole('NVDA', 9)])

      const known = await (await open()).holes({})
      assert.deepEqual(
        known.map(({ symbol, adjustment, bars, expiresAt }) => [
          symbol,
          adjustment,
          bars,
          expiresAt,
        ]),
        [
          ['AAPL', 'raw', 3, 9],
          ['AAPL', 'split', 3, 8],
          ['NVDA', 'raw', 3, 9],
        ],
      )
    })

    it('settles runs with what is covered, joined, and with the holes in it', async (t) => {
      const { store } = await withRuns(t)
      const day = (n: number) => ms(T0 + n * DAY)
      const settle = async (n: number, from: Ms, to: Ms, holes: Settlement['holes'] = []) => {
        await store.enqueue([runOf(n)], T0)
        await store.claim([runOf(n).id], claimOf(`token ${n}`))
        const results = [
          { run: runOf(n).id, symbol: 'AAPL', rows: 4, status: 'success' },
          { run: runOf(n).id, symbol: 'MSFT', rows: 0, status: 'no_data' },
        ] as const
        const covered = [{ symbol: 'AAPL', from, to, rows: 4 }]
        return store.settle(settlementOf(`token ${n}`, { results, covered, holes }))
      }
      const hole = { symbol: 'AAPL', bars: 7, status: 'open', expiresAt: T0 + 7 * DAY } as const

      assert.equal(await settle(0, day(0), day(1), [{ ...hole, from: day(0), to: day(1) }]), true)
      await settle(2, day(2), day(3))
      const apart = await store.coverage({ symbols: ['AAPL'], timeframe: '1h' })
      await settle(1, day(1), day(2), [{ ...hole, from: day(1), to: day(2), status: 'no_data' }])
      await settle(3, day(0), day(1))

      assert.deepEqual(
        apart.map(({ from, to }) => [from, to]),
        [
          [day(0), day(1)],
          [day(2), day(3)],
        ],
      )
      const [whole, ...more] = await store.coverage({})
      assert.equal(more.length, 0)
      assert.deepEqual(whole, {
        ...HOUR_BARS,
        symbol: 'AAPL',
        from: day(0),
        to: day(3),
        lastSuccessAt: T0 + 2,
        lastRows: 4,
        lastProvider: 'alpaca',
      })
      assert.deepEqual(await store.holes({ symbols: ['AAPL', 'NVDA'] }), [
        { ...hole, ...HOUR_BARS, from: day(1), to: day(2), status: 'no_data' },
      ])
      assert.deepEqual(await store.holes({ symbols: ['NVDA'] }), [])
      const [run] = await store.runs({ status: ['success'], limit: 1 })
      assert.deepEqual([run?.rows, run?.status], [4, 'success'])
      assert.deepEqual(await store.results(runOf(0).id), [
        { symbol: 'AAPL', rows: 4, status: 'success', message: undefined },
        { symbol: 'MSFT', rows: 0, status: 'no_data', message: undefined },
      ])
    })

    it('keeps adjustments apart', async (t) => {
      const { store } = await withRuns(t)
      await store.claim([runOf(0).id], claimOf('one'))
      const split = [{ symbol: 'AAPL', bars: hours(0, 3, 50) }]

      await store.commitPage(pageOf('one'))
      await store.commitPage(pageOf('one', { adjustment: 'split', series: split }))

      assert.deepEqual(await store.bars(HOURS), hours(0, 3))
      assert.deepEqual(await store.bars({ ...HOURS, adjustment: 'split' }), hours(0, 3, 50))
      assert.equal((await store.bars({ ...HOURS, adjustment: 'all' })).length, 0)
    })

    it('keeps bars of a page once, whatever is repeated', async (t) => {
      const { store } = await withRuns(t)
      await store.claim([runOf(0).id], claimOf('one'))

      await store.commitPage(pageOf('one'))
      await store.commitPage(pageOf('one', { series: [{ symbol: 'AAPL', bars: hours(2, 4) }] }))

      const stored = await store.bars(HOURS)
      assert.deepEqual([...stored.start], [...hours(0, 6).start])
      assert.deepEqual([...stored.close], [...hours(0, 6).close])
      const part = { ...HOURS, from: ms(T0 + HOUR), to: ms(T0 + 3 * HOUR) }
      const symbols = ['NVDA', 'AAPL']
      assert.deepEqual(await startsOf(store, { ...part, symbols }), [[], [...hours(1, 2).start]])
      assert.deepEqual(await store.counted({ ...part, symbols }), [0, 2])
    })

    it('stores bars that were heard, which give way to history and never the other way round', async (t) => {
      const { store, open } = await withRuns(t)
      const heard = (rank: 'forming' | 'closed', from: number, count: number, price: number) => ({
        ...HOUR_BARS,
        rank,
        series: [{ symbol: 'AAPL', bars: hours(from, count, price) }],
      })

      const merged = [
        await store.merge(heard('forming', 0, 4, 90)),
        await store.merge(heard('closed', 0, 3, 91)),
        await store.merge(heard('closed', 0, 3, 91)),
        await store.merge(heard('forming', 0, 4, 92)),
      ]
      const closed = await store.bars(HOURS)
      const before = [await store.coverage({}), await startsOf(store, ALL_HOURS)]
      assert.deepEqual(await store.counted(ALL_HOURS), [0])
      await store.claim([runOf(0).id], claimOf('one'))
      const kept = await store.commitPage(
        pageOf('one', { series: [{ symbol: 'AAPL', bars: hours(1, 2) }] }),
      )
      const late = await store.merge(heard('closed', 0, 5, 93))

      assert.deepEqual(merged, [
        { bars: 4, revised: 0, outranked: 0 },
        { bars: 3, revised: 0, outranked: 0 },
        { bars: 3, revised: 0, outranked: 0 },
        { bars: 4, revised: 0, outranked: 3 },
      ])
      assert.deepEqual([...closed.close], [...hours(0, 3, 91).close])
      assert.deepEqual(before, [[], [[]]])
      assert.deepEqual(kept, { revised: 2, isGranted: false })
      assert.deepEqual(late, { bars: 5, revised: 1, outranked: 2 })
      const other = await open()
      const { close } = await other.bars(HOURS)
      assert.deepEqual([...close], [93, 100 + 1 / 8, 100 + 2 / 8, 93 + 3 / 8, 93 + 4 / 8])
      assert.deepEqual(await startsOf(other, ALL_HOURS), [[...hours(1, 2).start]])
      assert.deepEqual(await other.revised({ symbols: ['AAPL'] }), [
        { ...HOUR_BARS, symbol: 'AAPL', bars: 3 },
      ])
      assert.deepEqual(await other.revised({ timeframe: '1d' }), [])
      await store.merge(heard('forming', 6, 1, 94))
      const asked = { ...HOUR_BARS, symbols: ['AAPL', 'MSFT'] }
      assert.deepEqual(await other.lasts(asked), [{ symbol: 'AAPL', start: T0 + 4 * HOUR }])
      assert.deepEqual(await other.lasts({ ...asked, adjustment: 'split' }), [])
    })

    it('keeps splits by the range that was asked for, and what is told again replaces them', async (t) => {
      const { store, open } = await connect(t)
      const split = (id: string, symbol: string, day: number, newRate = 2) => ({
        id,
        symbol,
        exAt: ms(T0 + day * DAY),
        oldRate: 1,
        newRate,
      })
      const tell = (from: number, to: number, splits: readonly ReturnType<typeof split>[]) => ({
        provider: 'alpaca',
        symbols: ['MSFT', 'AAPL'],
        from: ms(T0 + from * DAY),
        to: ms(T0 + to * DAY),
        splits,
        at: T0,
      })

      await store.putSplits(
        tell(0, 10, [split('b', 'MSFT', 5), split('a', 'AAPL', 3), split('c', 'AAPL', 7)]),
      )
      await store.putSplits(tell(5, 20, [split('c', 'AAPL', 8, 3)]))

      const other = await open()
      assert.deepEqual(await other.splits(['MSFT', 'AAPL', 'NVDA']), [
        split('a', 'AAPL', 3),
        split('c', 'AAPL', 8, 3),
      ])
      assert.deepEqual(await other.splitsAsked('alpaca'), [
        { symbol: 'AAPL', from: T0, to: T0 + 20 * DAY },
        { symbol: 'MSFT', from: T0, to: T0 + 20 * DAY },
      ])
      assert.deepEqual(await other.splitsAsked('other'), [])
    })

    it('grants no more requests than fit the window, to all together', async (t) => {
      const { store, open } = await connect(t)
      const other = await open()
      const ask = (i: number, at: number) => ({
        id: `request ${i}`,
        provider: 'alpaca',
        worker: `worker ${i % 2}`,
        at,
        timeframe: '1h' as const,
        symbols: 50,
        limit: 10,
        windowMs: MINUTE,
      })

      const first = await Promise.all(
        Array.from({ length: 24 }, (_, i) =>
          (i % 2 === 0 ? store : other).takeRequest(ask(i, T0 + i)),
        ),
      )

      const granted = first.filter(({ waitMs }) => waitMs === 0)
      assert.equal(granted.length, 10)
      assert.ok(first.every(({ waitMs }) => waitMs >= 0 && waitMs <= MINUTE + 24))
      assert.equal((await store.requests({ since: T0, limit: 100 })).length, 10)
      assert.equal((await store.takeRequest(ask(100, T0 + MINUTE + 24))).waitMs, 0)
      assert.equal((await other.takeRequest({ ...ask(101, T0 + 24), provider: 'b' })).waitMs, 0)
    })

    it('grants the next request with a page, where the limit lets it and the page is kept', async (t) => {
      const { store, open } = await withRuns(t)
      const ask = (n: number) =>
        ({
          id: `request ${n}`,
          provider: 'alpaca',
          worker: 'w',
          at: T0 + n,
          timeframe: '1h',
          symbols: 50,
          limit: 2,
          windowMs: MINUTE,
        }) as const
      await store.claim([runOf(0).id], claimOf('one'))
      const isGranted = async (token: string, n: number) =>
        (await store.commitPage(pageOf(token, { next: ask(n) })))?.isGranted

      const granted = [
        await isGranted('lost', 0),
        await isGranted('one', 1),
        await isGranted('one', 2),
        await isGranted('one', 3),
      ]

      assert.deepEqual(granted, [undefined, true, true, false])
      const other = await open()
      const rows = await other.requests({ since: T0, limit: 10 })
      assert.deepEqual(
        rows.map(({ id, status }) => [id, status]),
        [
          ['request 2', undefined],
          ['request 1', undefined],
        ],
      )
      assert.equal((await other.takeRequest(ask(4))).waitMs, MINUTE + 1 - 4)
    })

    it('counts requests that were only written down', async (t) => {
      const { store, open } = await connect(t)
      const request = { provider: 'alpaca', worker: 'run', timeframe: '1m', symbols: 30 } as const
      for (let i = 0; i < 12; i++) await store.book({ ...request, id: `live ${i}`, at: T0 + i })
      await store.answered({ id: 'live 0', status: 200, at: T0 + 5 })

      const ask = { ...request, id: 'job', worker: 'w', at: T0 + 100, limit: 10, windowMs: MINUTE }
      const other = await open()
      const full = await other.takeRequest(ask)
      // When the third of them has left the window, nine are in it.
      const later = await other.takeRequest({ ...ask, at: T0 + MINUTE + 2 })

      assert.deepEqual([full.waitMs, later.waitMs], [MINUTE + 2 - 100, 0])
      assert.equal((await other.requests({ since: T0, limit: 20 })).length, 13)
    })

    it('lets nobody ask before a stop is over', async (t) => {
      const { store, open } = await connect(t)
      const ask = { id: 'a', provider: 'alpaca', worker: 'w', timeframe: '1h', symbols: 1 } as const
      await store.stopRequests('alpaca', T0 + 30_000)
      await store.stopRequests('alpaca', T0 + 10_000)

      const other = await open()
      const early = await other.takeRequest({ ...ask, at: T0, limit: 10, windowMs: MINUTE })
      const late = await other.takeRequest({ ...ask, at: T0 + 30_000, limit: 10, windowMs: MINUTE })

      assert.deepEqual([early.waitMs, late.waitMs], [30_000, 0])
    })

    it('writes down what came of each request', async (t) => {
      const { store } = await withRuns(t)
      const ask = { provider: 'alpaca', worker: 'w', timeframe: '1h', symbols: 2 } as const
      const budget = { limit: 10, windowMs: MINUTE }
      for (const [i, id] of ['good', 'bad', 'none'].entries()) {
        await store.takeRequest({ ...ask, ...budget, id, at: T0 + i })
      }
      await store.claim([runOf(0).id], claimOf('one'))

      await store.commitPage(pageOf('one', { request: 'good' }))
      await store.answered({ id: 'bad', status: 503, at: T0 + 5 })

      assert.deepEqual(await store.requests({ since: T0, limit: 2 }), [
        { ...ask, id: 'none', at: T0 + 2, status: undefined, rows: 0 },
        { ...ask, id: 'bad', at: T0 + 1, status: 503, rows: 0 },
      ])
      const [good] = await store.requests({ since: T0, limit: 3 }).then((all) => all.slice(-1))
      assert.deepEqual([good?.status, good?.rows], [200, 3])
    })

    it('answers the monitoring queries, and forgets what is old', async (t) => {
      const { store } = await withRuns(t)
      const budget = { provider: 'alpaca', worker: 'w', symbols: 2, limit: 9, windowMs: MINUTE }
      await store.takeRequest({ ...budget, timeframe: '1h', id: 'old', at: T0 - 5 * HOUR })
      await store.takeRequest({ ...budget, timeframe: '1h', id: 'new', at: T0 + 1 })
      await store.claim([runOf(0).id], claimOf('one'))
      await store.commitPage(pageOf('one', { request: 'new' }))
      const results = [{ run: runOf(0).id, symbol: 'AAPL', rows: 3, status: 'success' }] as const
      await store.settle(settlementOf('one', { results }))
      const numbers = (rows: readonly Readonly<Record<string, unknown>>[], ...names: string[]) =>
        rows.map((row) => names.map((name) => Number(row[name])))

      const versions = await store.monitor('versions', T0 + 5)
      const requests = await store.monitor('requests', T0 + 5)
      const rows = await store.monitor('rows', T0 + 5)
      const runs = await store.monitor('runs', T0 + 5)

      assert.deepEqual(numbers(versions, 'batch_version', 'definitions', 'symbols'), [[2, 1, 2]])
      assert.deepEqual(numbers(requests, 'hour', 'requests', 'rows_returned'), [
        [T0, 1, 3],
        [T0 - 5 * HOUR, 1, 0],
      ])
      assert.deepEqual(
        rows.map(({ symbol, provider }) => [symbol, provider]),
        [['AAPL', 'alpaca']],
      )
      assert.deepEqual(numbers(rows, 'rows_written'), [[3]])
      assert.deepEqual(
        runs.map(({ id }) => id),
        [runOf(0).id, runOf(1).id],
      )
      assert.equal(await store.prune(T0), 1)
      assert.equal((await store.requests({ since: 0, limit: 9 })).length, 1)
    })

    it('forgets runs that were done before a time, and not what they have covered', async (t) => {
      const { store } = await withRuns(t, runOf(0), runOf(1), runOf(2))
      const late = T0 + 30 * DAY
      for (const [n, at] of [T0 + DAY, late].entries()) {
        await store.claim([runOf(n).id], claimOf(`token ${n}`, at))
        const results = [{ run: runOf(n).id, symbol: 'AAPL', rows: 3, status: 'success' }] as const
        const covered = [
          { symbol: 'AAPL', from: ms(T0 + n * DAY), to: ms(T0 + (n + 1) * DAY), rows: 3 },
        ]
        await store.settle(settlementOf(`token ${n}`, { at, results, covered }))
      }
      const known = await store.coverage({})

      const pruned = await store.prune(late)

      assert.equal(pruned, 1)
      assert.deepEqual((await store.runs({ limit: 9 })).map(({ id }) => id).toSorted(), [
        runOf(1).id,
        runOf(2).id,
      ])
      assert.deepEqual(await store.results(runOf(0).id), [])
      assert.equal((await store.results(runOf(1).id)).length, 1)
      assert.deepEqual(
        known.map(({ from, to }) => [from, to]),
        [[T0, T0 + 2 * DAY]],
      )
      assert.deepEqual(await store.coverage({}), known)
    })

    it('moves runs between statuses by id, or all of them', async (t) => {
      const { store } = await withRuns(t, runOf(0), runOf(1), runOf(2))

      const paused = await store.shift({
        ids: [runOf(0).id],
        from: ['queued'],
        to: 'paused',
        at: T0,
      })
      const canceled = await store.shift({ from: ['queued'], to: 'cancelled', at: T0 })
      const resumed = await store.shift({ from: ['paused', 'failed'], to: 'queued', at: T0 })

      assert.deepEqual([paused, canceled, resumed], [1, 2, 1])
      assert.deepEqual(await idsOf(store), [runOf(0).id])
    })

    it('takes a definition out of work with its runs, and may have it again', async (t) => {
      const { store } = await withRuns(t)

      assert.equal(await store.archiveDefinitions([definitionOf().id, 'none'], T0), 1)

      assert.deepEqual(await store.definitions(), [])
      assert.equal((await store.counts()).queued, 0)
      assert.deepEqual(await store.putDefinitions([definitionOf()], T0), { created: 1, changed: 0 })
      assert.equal(await store.enqueue([runOf(0)], T0), 1)
    })

    it('remembers notes, heartbeats, quarantine and flaws', async (t) => {
      const { store, open } = await withRuns(t)
      const beat = { name: 'dispatcher', at: T0, status: 'healthy', message: '' } as const
      const quarantined = { symbol: 'FOO', provider: 'alpaca', reason: 'unknown', since: T0 }
      const flaw = { symbol: 'AAPL', rule: 'spike', isRejected: true }
      await store.note('a', '1')
      await store.note('a', '2')
      await store.beat(beat)
      await store.beat({ ...beat, at: T0 + 1, status: 'warning', message: 'late' })
      await store.quarantine([quarantined])
      await store.quarantine([{ ...quarantined, reason: 'again' }])
      await store.claim([runOf(0).id], claimOf('one'))
      const flaws = [0, 1].map((n) => ({ ...flaw, start: T0 + n * HOUR }))
      await store.commitPage(pageOf('one', { flaws }))
      await store.commitPage(pageOf('one', { flaws }))

      const other = await open()
      assert.deepEqual([await other.noted('a'), await other.noted('b')], ['2', undefined])
      assert.deepEqual(await other.beats(), [
        { ...beat, at: T0 + 1, status: 'warning', message: 'late' },
      ])
      assert.deepEqual(await other.quarantined('alpaca'), [quarantined])
      assert.deepEqual(await other.quarantined('other'), [])
      assert.equal(await other.readmit({ symbols: ['FOO'], provider: 'other' }), 0)
      assert.equal(await other.readmit({ symbols: ['BAR', 'FOO'], provider: 'alpaca' }), 1)
      assert.deepEqual(await store.quarantined('alpaca'), [])
      assert.deepEqual(await other.flaws(), [{ ...flaw, bars: 2 }])
    })
  })
}

const HOURS_RUN = { timeframe: '1h', provider: 'alpaca', attempt: 1, pack: undefined } as const

async function startsOf(
  store: JobStore,
  query: Parameters<JobStore['starts']>[0],
): Promise<readonly (readonly number[])[]> {
  return (await store.starts(query)).map((starts) => [...starts])
}
