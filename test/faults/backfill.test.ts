// Faults of backfill jobs: what goes wrong on the wire and with workers ends in complete data or in a failure with a name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type JobDefinition, type JobLane, type NewRun } from '../../src/core/jobs.ts'
import { DAY, HOUR, MINUTE, ms, plus } from '../../src/core/time.ts'
import { Estimate } from '../../src/jobs/estimate.ts'
import { finerOf } from '../../src/jobs/finer.ts'
import { Turns } from '../../src/jobs/loop.ts'
import { packFirst } from '../../src/jobs/pack.ts'
import { readmit } from '../../src/jobs/readmit.ts'
import { tick, type TickReport } from '../../src/jobs/tick.ts'
import { HOST, type Spoil, TO, Wire } from '../backfill/wire.ts'

const PAGE = { symbols: 50, rows: 10_000 }

interface Page {
  readonly bars: Record<string, Record<string, unknown>[]>
  next_page_token: string | null
}

/** Changes the page of one request. */
const onPage =
  (at: number, change: (page: Page) => unknown): Spoil =>
  ({ body }, n) =>
    n === at ? { body: JSON.stringify(change(JSON.parse(body) as Page)) } : undefined

/** One worker is refused; gives how long it takes until the request of another leaves. */
async function refusedThenOther(wire: Wire): Promise<number> {
  const [one, two] = [wire.worker('one'), wire.worker('two')]
  const query = `symbols=AAA&timeframe=1Hour&start=2025-12-01T00:00:00Z&end=2025-12-02T00:00:00Z`
  const request = {
    method: 'GET',
    url: `${HOST}/v2/stocks/bars?${query}`,
    timeoutMs: 1_000,
  } as const
  await one.meter.io.http.request(request)
  await two.meter.io.http.request(request)
  for (const worker of [one, two]) worker.close()
  return wire.asked[1]!.at - wire.asked[0]!.at
}

const refusedAt =
  (times: readonly number[], headers: Readonly<Record<string, string>>): Spoil =>
  (_answer, n) =>
    times.includes(n) ? { status: 429, headers, body: '{}' } : undefined

test('F201 a refusal that says for how long stops every worker for so long', async (t) => {
  const wire = await Wire.open(t, { spoil: refusedAt([1, 5], { 'retry-after': '40' }) })

  const waitedMs = await refusedThenOther(wire)
  await wire.work()

  assert.ok(waitedMs >= 40_000 && waitedMs < 60_000, `another worker asked after ${waitedMs} ms`)
  assert.deepEqual(await wire.wrong(), [])
})

test('F202 a refusal that does not say for how long stops every worker for a while', async (t) => {
  const wire = await Wire.open(t, { spoil: refusedAt([1, 5], {}) })

  const waitedMs = await refusedThenOther(wire)
  await wire.work()

  assert.ok(waitedMs >= 5_000 && waitedMs < 60_000, `another worker asked after ${waitedMs} ms`)
  assert.deepEqual(await wire.wrong(), [])
})

test('F426 a refusal that says for long leaves runs with the workers that wait for its end', async (t) => {
  const wire = await Wire.open(t, { count: 5, spoil: refusedAt([1], { 'retry-after': '900' }) })
  const from = wire.now
  let stale = 0
  const onTick = ({ requeued, failed }: TickReport): void => void (stale += requeued + failed)

  await Promise.all(['one', 'two', 'three'].map((name) => wire.work(name, { onTick })))

  assert.equal(stale, 0)
  assert.ok(wire.asked[1]!.at - from >= 900_000)
  assert.equal((await wire.store.counts()).failed, 0)
  assert.deepEqual(await wire.wrong(), [])
})

test('F203 a provider that is down for minutes is asked again later, from the page where it was', async (t) => {
  const until = { at: Infinity }
  const spoil: Spoil = (_answer, n, { at }) => {
    if (n === 4) until.at = at + 2 * MINUTE
    return n >= 4 && at < until.at ? { status: 503, body: 'unavailable' } : undefined
  }
  const wire = await Wire.open(t, { spoil })

  await wire.work()

  assert.deepEqual(await wire.wrong(), [])
  const { failed, success } = await wire.store.counts()
  assert.ok(failed === 0 && success > 0)
  assert.equal(new Set(wire.asked.slice(0, 3).map(({ query }) => query)).size, 3)
  const again = wire.asked.filter(({ query }) => query === wire.asked[0]!.query)
  assert.equal(again.length, 1)
})

test('F619 a provider that is away for an hour fails no run, and is asked again soon', async (t) => {
  const until = { at: Infinity }
  const spoil: Spoil = (_answer, n, { at }) => {
    if (n === 4) until.at = at + HOUR
    return n >= 4 && at < until.at ? 'reset' : undefined
  }
  const wire = await Wire.open(t, { spoil })

  await wire.work()

  assert.equal((await wire.store.counts()).failed, 0)
  assert.deepEqual(await wire.wrong(), [])
  assert.ok(wire.now - until.at < 5 * MINUTE, `${wire.now - until.at} ms`)
  // A query of each run every two minutes.
  assert.ok(wire.asked.length < 400, `${wire.asked.length} requests`)
})

test('F619 an hour without a provider fails no run that was begun days before', async (t) => {
  const until = { at: Infinity }
  const spoil: Spoil = (_answer, _n, { at }) => (at < until.at ? 'reset' : undefined)
  const wire = await Wire.open(t, { count: 1, days: 20, spoil })

  await wire.work('w', { packsMax: 1 })
  wire.pass(3 * DAY)
  until.at = wire.now + HOUR
  await wire.work()

  assert.equal((await wire.store.counts()).failed, 0)
  assert.deepEqual(await wire.wrong(), [])
})

for (const [what, spoiled] of [
  ['is cut', (body: string) => ({ body: body.slice(0, body.length / 2) })],
  ['is HTML', () => ({ headers: { 'content-type': 'text/html' }, body: '<html>502</html>' })],
] as const) {
  test(`F204 a page whose body ${what} is asked for again`, async (t) => {
    const wire = await Wire.open(t, {
      spoil: ({ body }, n) => (n === 3 ? spoiled(body) : undefined),
    })

    await wire.work()

    assert.deepEqual(await wire.wrong(), [])
    assert.equal((await wire.store.counts()).failed, 0)
  })
}

test('F205 nothing is used of a page that is out of order', async (t) => {
  const spoil = onPage(2, ({ bars, ...rest }) => ({
    ...rest,
    bars: Object.fromEntries(
      Object.entries(bars).map(([symbol, list]) => [symbol, list.toReversed()]),
    ),
  }))
  const wire = await Wire.open(t, { spoil })

  await wire.work()

  assert.deepEqual(await wire.wrong(), [])
  assert.deepEqual(await wire.store.flaws(), [])
})

test('F206 rows that two pages share are stored and counted once', async (t) => {
  let before: Page | undefined
  const spoil: Spoil = ({ body }, n) => {
    const page = JSON.parse(body) as Page
    const former = before
    before = page
    if (n !== 3 || former === undefined) return undefined
    const [symbol, list] = Object.entries(former.bars).at(-1)!
    const bars = { ...page.bars, [symbol]: [...list, ...(page.bars[symbol] ?? [])] }
    return { body: JSON.stringify({ ...page, bars }) }
  }
  const wire = await Wire.open(t, { spoil })

  const rows = await wire.work()

  assert.deepEqual(await wire.wrong(), [])
  assert.equal(
    rows,
    wire.symbols.reduce((sum, symbol) => sum + wire.rowsOf(symbol).length, 0),
  )
})

for (const rows of [1_000, 20]) {
  test(`F207 ${rows} rows that are lost between two pages are found by the calendar, and fetched`, async (t) => {
    const spoil = onPage(3, ({ bars, ...rest }) => {
      let left = rows
      const kept = Object.entries(bars).map(([symbol, list]) => {
        const gone = Math.min(left, list.length)
        left -= gone
        return [symbol, list.slice(gone)]
      })
      return { ...rest, bars: Object.fromEntries(kept) as Page['bars'] }
    })
    const wire = await Wire.open(t, { spoil })

    await wire.work()

    assert.deepEqual(await wire.wrong(), [])
    assert.deepEqual(await wire.store.holes({}), [])
    const repairs = await wire.store.runs({ status: ['success'], limit: 1_000 })
    assert.ok(repairs.some(({ lane }) => lane === 'repair'))
  })
}

test('F208 a ticker that the provider refuses is left out, and the other 49 are fetched', async (t) => {
  const bad = 'AAM'
  const spoil: Spoil = (_answer, _n, { symbols }) =>
    symbols.includes(bad)
      ? { status: 400, body: JSON.stringify({ message: `invalid symbol: ${bad}` }) }
      : undefined
  const wire = await Wire.open(t, { spoil })

  await wire.work()
  await wire.work()

  assert.deepEqual(await wire.wrong(), [bad])
  assert.deepEqual(await wire.storedOf(bad), [])
  const [found, ...more] = await wire.store.quarantined('alpaca')
  assert.deepEqual([found?.symbol, more.length], [bad, 0])
  assert.match(found!.reason, /invalid symbol: AAM/)
  assert.equal(wire.asked.filter(({ symbols }) => symbols.includes(bad)).length, 1)
})

test('F617 a symbol that was refused while its hole was asked for again is asked for it when readmitted', async (t) => {
  let isRefused = true
  const lost = { from: TO - 20 * DAY, to: TO - 14 * DAY }
  const spoil: Spoil = ({ body }, n, { symbols }) => {
    if (n > 1) {
      const message = `invalid symbol: ${symbols.join()}`
      return isRefused ? { status: 400, body: JSON.stringify({ message }) } : undefined
    }
    const page = JSON.parse(body) as Page
    for (const [symbol, rows] of Object.entries(page.bars)) {
      page.bars[symbol] = rows.filter(({ t: at }) => {
        const start = Date.parse(String(at))
        return start < lost.from || start >= lost.to
      })
    }
    return { body: JSON.stringify(page) }
  }
  const wire = await Wire.open(t, { count: 1, spoil })
  await wire.work()
  const left = (await wire.store.holes({})).length
  isRefused = false
  wire.pass(HOUR)

  await readmit(wire.store, { symbols: wire.symbols, provider: 'alpaca', now: wire.now })
  await wire.work()

  assert.equal(left, 1)
  assert.deepEqual(await wire.wrong(), [])
  assert.deepEqual(await wire.store.holes({}), [])
})

test('F213 tickers that are refused and not named are found by halves, and the others are fetched', async (t) => {
  const bad = ['AAM', 'ABD']
  const spoil: Spoil = (_answer, _n, { symbols }) =>
    symbols.some((symbol) => bad.includes(symbol))
      ? { status: 400, body: JSON.stringify({ message: 'invalid request' }) }
      : undefined
  const wire = await Wire.open(t, { spoil })

  await wire.work()
  const asked = wire.asked.length
  await wire.work()

  assert.deepEqual(await wire.wrong(), bad)
  const found = await wire.store.quarantined('alpaca')
  assert.deepEqual(
    found.map(({ symbol }) => symbol),
    bad,
  )
  assert.match(found[0]!.reason, /refused alone, while others were not: .*invalid request/)
  assert.equal((await wire.store.counts()).failed, 0)
  const pages = wire.symbols.reduce((sum, one) => sum + wire.rowsOf(one).length, 0) / 1_000
  assert.ok(asked <= Math.ceil(pages) + 22, `${asked} requests for ${Math.ceil(pages)} pages`)
  assert.equal(wire.asked.length, asked)
})

test('F213 nobody is quarantined where the question is refused, whoever it is about', async (t) => {
  const spoil: Spoil = () => ({ status: 400, body: JSON.stringify({ message: 'invalid feed' }) })
  const wire = await Wire.open(t, { spoil })

  await wire.work()

  assert.deepEqual(await wire.store.quarantined('alpaca'), [])
  const [failed] = await wire.store.runs({ status: ['failed'], limit: 1 })
  assert.match(failed?.errorMessage ?? '', /invalid feed/)
  assert.ok(wire.asked.length < 40, `${wire.asked.length} requests`)
})

for (const [what, change, named] of [
  [
    'a number that became text',
    (row: Record<string, unknown>): unknown => ({ ...row, o: String(row['o']) }),
    /bars\.\w+\[0\]\.o is "/,
  ],
  [
    'a name that changed',
    ({ c, ...row }: Record<string, unknown>): unknown => ({ ...row, close: c }),
    /bars\.\w+\[0\]\.c is missing/,
  ],
] as const) {
  test(`F209 ${what} ends as a failure that names it, and nothing of such a page is used`, async (t) => {
    const spoil: Spoil = ({ body }, n) => {
      if (n < 3) return undefined
      const page = JSON.parse(body) as Page
      const bars = Object.entries(page.bars).map(([symbol, list]) => [symbol, list.map(change)])
      return { body: JSON.stringify({ ...page, bars: Object.fromEntries(bars) as Page['bars'] }) }
    }
    const wire = await Wire.open(t, { spoil })

    const rows = await wire.work()

    const failed = await wire.store.runs({ status: ['failed'], limit: 1 })
    assert.equal(failed[0]?.errorCode, 'corrupt-data')
    assert.match(failed[0].errorMessage ?? '', named)
    assert.equal(rows, 2_000)
    const stored = await Promise.all(wire.symbols.map((symbol) => wire.storedOf(symbol)))
    assert.equal(stored.flat().length, 2_000)
  })
}

test('F210 a worker that dies goes on at the page that it was reading', async (t) => {
  const wire = await Wire.open(t)
  const never = new Promise<void>(() => {})
  wire.hold = (n) => (n === 5 ? never : undefined)
  void wire.work('dies')
  while (wire.asked.length < 5) await new Promise((resolve) => setImmediate(resolve))

  await wire.work('dies')

  assert.deepEqual(await wire.wrong(), [])
  const queries = wire.asked.map(({ query }) => query)
  assert.equal(queries.length - new Set(queries).size, 1)
  assert.equal(queries.lastIndexOf(queries[4]!), 5)
})

test('a worker that waits says for which run, and who holds it, once', async (t) => {
  const wire = await Wire.open(t)
  const never = new Promise<void>(() => {})
  wire.hold = (n) => (n === 5 ? never : undefined)
  void wire.work('dies')
  while (wire.asked.length < 5) await new Promise((resolve) => setImmediate(resolve))
  const waits: (string | undefined)[] = []

  await wire.work('other', { onWait: ({ worker }) => waits.push(worker) })

  assert.deepEqual(waits, ['dies'])
  assert.deepEqual(await wire.wrong(), [])
})

test('F520 a query whose token is refused half way is read anew, once', async (t) => {
  const refusal = { status: 400, body: JSON.stringify({ message: 'invalid page_token' }) }
  const wire = await Wire.open(t, { spoil: (_answer, n) => (n === 3 ? refusal : undefined) })

  await wire.work()

  assert.deepEqual(await wire.wrong(), [])
  assert.equal((await wire.store.counts()).failed, 0)
  assert.equal(wire.asked[3]!.query, wire.asked[0]!.query)
  const worse = await Wire.open(t, { spoil: (_answer, n) => (n >= 3 ? refusal : undefined) })
  await worse.work()
  assert.ok((await worse.store.counts()).failed > 0)
  assert.ok(worse.asked.length < 40, `${worse.asked.length} requests`)
})

test('F211 a worker that stood still past its lease writes nothing when it wakes', async (t) => {
  const wire = await Wire.open(t)
  const wakes = Promise.withResolvers<void>()
  wire.hold = (n) => (n === 3 ? wakes.promise : undefined)
  let late = 0
  const sleeper = wire.worker('sleeps')
  const slept = sleeper.work({ packsMax: 1, onPage: ({ rows }) => (late += rows) })
  while (wire.asked.length < 3) await new Promise((resolve) => setImmediate(resolve))
  const before = late
  wire.pass(HOUR)

  await wire.work('other')
  const hash = await wire.storedOf(wire.symbols[0]!)
  const coverage = await wire.store.coverage({})
  wakes.resolve()
  await slept
  sleeper.close()

  assert.equal(late, before)
  assert.deepEqual(await wire.wrong(), [])
  assert.deepEqual(await wire.storedOf(wire.symbols[0]!), hash)
  assert.deepEqual(await wire.store.coverage({}), coverage)
})

test('F212 old single jobs and new batches take turns, however many there are of either', async (t) => {
  const wire = await Wire.open(t)
  await wire.plan('single')
  const definitions = await wire.store.definitions()
  const [batch] = definitions.filter(({ batchVersion }) => batchVersion === 2)
  const single = definitions.filter(({ batchVersion }) => batchVersion === 1)
  const runs = (lane: JobLane, { id, symbols }: JobDefinition): NewRun[] =>
    // Every second day: they cannot be one query.
    Array.from({ length: 12 }, (_, i) => {
      const from = ms(wire.from + 2 * i * DAY)
      const about = { definition: id, symbols, triggeredBy: 'user' } as const
      return { ...about, id: `${id} ${i}`, lane, from, to: plus(from, DAY) }
    })
  const ids = definitions.map(({ id }) => id)
  await wire.store.enable({ ids, isEnabled: false, at: wire.now })
  await tick(wire.store, wire.now)
  await wire.store.enable({ ids, isEnabled: true, at: wire.now })
  await wire.store.enqueue(
    [...single.flatMap((one) => runs('single', one)), ...runs('batch', batch!)],
    wire.now,
  )
  const lanes: JobLane[] = []
  const estimate = new Estimate()
  const turns = new Turns()

  for (let i = 0; i < 10; i++) {
    const pack = packFirst(turns.next(await wire.store.queued(wire.now, 1_000)), PAGE, estimate)
    lanes.push(pack!.lane)
    await wire.store.shift({
      ids: pack!.runs.map(({ id }) => id),
      from: ['queued'],
      to: 'cancelled',
      at: wire.now,
    })
  }

  assert.deepEqual(
    [
      lanes.filter((lane) => lane === 'batch').length,
      lanes.filter((lane) => lane === 'single').length,
    ],
    [8, 2],
  )
})

const QUARTERS = { count: 3, days: 40, timeframes: ['15m', '1h'], isDeriving: true } as const

for (const [what, lose] of [
  [
    'that no definition keeps',
    async ({ store, now, from }: Wire) => {
      const definitions = (await store.definitions()).filter(({ timeframe }) => timeframe === '15m')
      const later = definitions.map((one) => ({ ...one, from: plus(ms(from), 14 * DAY) }))
      await store.putDefinitions(later, now)
    },
  ],
  [
    'whose definition is switched off',
    async ({ store, now }: Wire) => {
      await tick(store, now)
      const quarters = (await store.definitions()).filter(({ timeframe }) => timeframe === '15m')
      const ids = quarters.map(({ id }) => id)
      await store.enable({ ids, isEnabled: false, at: now })
    },
  ],
  [
    'whose runs were taken out of the queue',
    async ({ store, now }: Wire) => {
      await tick(store, now)
      const queued = await store.queued(now, 100)
      const ids = queued.filter(({ timeframe }) => timeframe === '15m').map(({ id }) => id)
      await store.shift({ ids, from: ['queued'], to: 'paused', at: now })
    },
  ],
] as const) {
  test(`F427 hours are fetched themselves where they would be made from quarters ${what}`, async (t) => {
    const wire = await Wire.open(t, QUARTERS)
    await lose(wire)

    await wire.work('w', { packsMax: 40 })

    const counts = await wire.store.counts()
    const hours = await wire.store.runs({ definition: 'BATCH_STOCK_1/1h/v2', limit: 100 })
    assert.ok(hours.length > 0 && hours.every(({ status }) => status === 'success'))
    assert.deepEqual([counts.running, counts.failed], [0, 0])
    assert.deepEqual(await wire.wrong('1h'), [])
  })
}

test('F427 hours are not made from quarters that another provider has left a hole in', async (t) => {
  const wire = await Wire.open(t, QUARTERS)
  await wire.work()
  const [symbol] = wire.symbols
  const day = { from: plus(ms(wire.from), 7 * DAY), to: plus(ms(wire.from), 8 * DAY) }
  const query = { ...day, finer: '15m', adjustment: 'raw', assetClass: 'stock' } as const
  const about = { ...query, symbols: [symbol!], provider: 'alpaca', now: wire.now }

  const before = await finerOf(wire.store, about)
  const hole = { ...day, symbol: symbol!, timeframe: '15m', adjustment: 'raw', bars: 9 } as const
  await wire.store.reopen([{ ...hole, status: 'open', expiresAt: wire.now + HOUR }])
  const away = await finerOf(wire.store, about)
  const due = await finerOf(wire.store, { ...about, now: wire.now + HOUR })

  assert.deepEqual([before, away, due], ['there', 'never', 'coming'])
})

test('F428 a worker ends when its own work is done, and says what is left of another provider', async (t) => {
  const wire = await Wire.open(t, { count: 3 })
  const [own] = await wire.store.definitions()
  const other = { ...own!, id: 'OTHER/1h/v2', label: 'OTHER', provider: 'files', symbols: ['ZZZ'] }
  await wire.store.putDefinitions([other], wire.now)
  const stop = new AbortController()
  let ticks = 0
  const left: string[] = []

  await wire.work('w', {
    signal: stop.signal,
    onTick: () => {
      if (++ticks > 5) stop.abort()
    },
    onLeft: (runs) => left.push(...new Set(runs.map(({ provider }) => provider))),
  })

  assert.ok(!stop.signal.aborted, 'it waits for runs that it does not work')
  assert.deepEqual(left, ['files'])
  assert.deepEqual(await wire.wrong(), [])
})

test('F501 the bar of a day is asked for when the day is over where it is traded', async (t) => {
  const wire = await Wire.open(t, { count: 3, timeframes: ['1d'] })
  const [kept] = await wire.store.definitions()
  await wire.store.putDefinitions([{ ...kept!, to: undefined }], wire.now)
  // It is 19:20 in New York, and shares are traded until 20:00.
  wire.pass(Date.UTC(2025, 11, 30, 0, 20) - wire.now)
  const last = async (): Promise<number> =>
    Number((await wire.storedOf('AAA')).at(-1)!.split(',')[0])

  await wire.work()
  const evening = await last()
  wire.pass(5 * HOUR)
  await wire.work()

  assert.equal(evening, Date.UTC(2025, 11, 26, 5))
  assert.equal(await last(), Date.UTC(2025, 11, 29, 5))
})

for (const [what, hours] of [
  ['begins', { from: 17.5 }],
  ['ends', { to: 17.5 }],
] as const) {
  test(`F502 an hour in which a range ${what} is the provider's whole one`, async (t) => {
    const wire = await Wire.open(t, { ...QUARTERS, timeframes: ['15m', '1h', '4h'] })
    const { from = 0, to = 24 } = { from: undefined, to: undefined, ...hours }
    const range = {
      from: ms(Date.UTC(2025, 11, 1) + from * HOUR),
      to: ms(Date.UTC(2025, 11, 30) + to * HOUR),
    }
    const all = await wire.store.definitions()
    await wire.store.putDefinitions(
      all.map((one) => ({ ...one, ...range })),
      wire.now,
    )

    await wire.work()

    assert.equal((await wire.store.counts()).failed, 0)
    for (const timeframe of ['1h', '4h'] as const) {
      const due = wire.rowsOf('BBB', timeframe).filter((row) => {
        const start = Number(row.split(',')[0])
        return start >= range.from && start < range.to
      })
      assert.deepEqual(await wire.storedOf('BBB', timeframe), due)
    }
  })
}

test('F503 a half day that a page has lost is asked for again', async (t) => {
  const isHalfDay = (bar: Record<string, unknown>): boolean =>
    String(bar['t']).startsWith('2025-11-28')
  const spoil = onPage(1, (page) => ({
    ...page,
    bars: Object.fromEntries(
      Object.entries(page.bars).map(([symbol, bars]) => [
        symbol,
        bars.filter((bar) => !isHalfDay(bar)),
      ]),
    ),
  }))
  const wire = await Wire.open(t, { count: 3, timeframes: ['15m'], pageRows: 10_000, spoil })

  await wire.work()

  assert.deepEqual(await wire.wrong(), [])
})

test('F526 volumes that a provider rounded after a split are no hours that were made otherwise', async (t) => {
  const failedOf = async (more: number): Promise<string | undefined> => {
    const kept = { count: 3, timeframes: ['15m', '1h'], isDeriving: true } as const
    const spoil: Spoil = ({ body }, _n, { query }) =>
      query.includes('timeframe=1Hour')
        ? { body: body.replaceAll(/"v":(\d+)/g, (_all, v: string) => `"v":${Number(v) + more}`) }
        : undefined
    const wire = await Wire.open(t, { ...kept, adjustment: 'split', spoil })
    await wire.work()
    return (await wire.store.runs({ status: ['failed'], limit: 1 }))[0]?.errorMessage
  }

  // 3:2 makes 1.5 shares of one: four quarters of 2 are 8, and their hour is told as 6.
  assert.equal(await failedOf(1), undefined)
  assert.match((await failedOf(3)) ?? '', /AAA 1h does not follow from 15m: volume at 2025-/)
})

test('F604 a worker whose clock is an hour ahead stores nothing until it is mended', async (t) => {
  let isAhead = true
  const spoil: Spoil = ({ headers }, _n, { at }) =>
    isAhead ? { headers: { ...headers, date: new Date(at - HOUR).toUTCString() } } : undefined
  const wire = await Wire.open(t, { count: 5, spoil })

  const faults: string[] = []
  const rows = await wire.work('w', {
    packsMax: 2,
    onPack: (_pack, outcome) => {
      if ('fault' in outcome) faults.push(outcome.fault.message)
    },
  })
  assert.equal(rows, 0)
  assert.match(faults.join(), /the clock of this machine is 360\d s ahead of the provider's/)
  assert.deepEqual(await wire.store.coverage({}), [])

  isAhead = false
  await wire.work()
  assert.deepEqual(await wire.wrong(), [])
})

test('F605 a worker looks each minute for what is due, though its clock was set back by an hour', async (t) => {
  const wire = await Wire.open(t, { count: 2 })
  const stop = new AbortController()
  let backMs = 0
  const worker = wire.worker('w', { ...wire.io, now: () => ms(Math.floor(wire.now) - backMs) })
  const ticks: number[] = []
  const onTick = (): void => {
    ticks.push(wire.now)
    if (ticks.length === 2) backMs = HOUR
    if (ticks.length === 4) stop.abort()
  }

  await worker.work({ signal: stop.signal, onTick })
  worker.close()

  assert.ok(ticks[3]! - ticks[1]! < 5 * MINUTE, `${ticks[3]! - ticks[1]!} ms for two looks`)
})

test('F695 runs that a clock which was ahead gave back are tried when it is mended, and not hours later', async (t) => {
  let aheadMs = 3 * HOUR
  const spoil: Spoil = ({ headers }, _n, { at }) => ({
    headers: { ...headers, date: new Date(at).toUTCString() },
  })
  const wire = await Wire.open(t, { count: 5, spoil })
  const io = { ...wire.io, now: () => ms(Math.floor(wire.now) + aheadMs) }
  const ahead = wire.worker('w', io)
  await ahead.work({
    packsMax: 2,
    onPack: (_pack, outcome) => assert.equal(outcome.type, 'given-back'),
  })
  ahead.close()

  aheadMs = 0
  const mendedAt = wire.now
  await wire.work('v')

  assert.deepEqual(await wire.wrong(), [])
  assert.ok(wire.now - mendedAt < 10 * MINUTE, `${wire.now - mendedAt} ms`)
})
