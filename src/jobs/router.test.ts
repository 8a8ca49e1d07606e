import assert from 'node:assert/strict'
import { test } from 'node:test'
import { barColumns } from '../core/columns.ts'
import { fault, type FaultCode } from '../core/fault.ts'
import type { BarPage, BarSource, SourceQuery } from '../core/jobs.ts'
import { failed, ok, type Result } from '../core/result.ts'
import { DAY, MINUTE, ms } from '../core/time.ts'
import { beginningOf, PARKED_MS, Router } from './router.ts'

const QUERY: SourceQuery = {
  symbols: ['A'],
  timeframe: '1h',
  adjustment: 'raw',
  from: ms(0),
  to: ms(DAY),
  cursor: undefined,
}
const LIMITS = { symbols: 10, rows: 10, perMinute: 10 }

class Source implements BarSource {
  readonly provider: string
  readonly limits = LIMITS
  readonly cursors: (string | undefined)[] = []
  /** Instead of its second page. */
  trouble: FaultCode | undefined

  constructor(provider: string) {
    this.provider = provider
  }

  async *pages({ cursor }: SourceQuery): AsyncGenerator<Result<BarPage>> {
    this.cursors.push(cursor)
    yield ok({ series: [{ symbol: 'A', bars: barColumns(0) }], cursor: 'next' })
    yield this.trouble === undefined
      ? ok({ series: [], cursor: undefined })
      : failed(fault(this.trouble, 'it is ill'))
  }
}

function routed() {
  const [first, second] = [new Source('first'), new Source('second')]
  const notes = new Map<string, string>()
  const clock = { now: 0 }
  const parked: string[] = []
  const router = new Router({
    io: { now: () => ms(clock.now) },
    store: {
      note: async (name, value) => void notes.set(name, value),
      noted: async (name) => notes.get(name),
    },
    sources: [first, second],
    onParked: (provider, why) => parked.push(`${provider}: ${why}`),
  })
  const told = async (query = QUERY): Promise<string[]> => {
    const pages: string[] = []
    for await (const page of router.pages(query))
      pages.push(page.ok ? `${page.value.provider ?? 'own'} ${page.value.cursor}` : page.fault.code)
    return pages
  }
  return { router, first, second, clock, parked, told }
}

test('the primary answers while it is well, and gives its name to the query', async () => {
  const { router, second, told } = routed()

  assert.deepEqual(await told(), ['own next', 'own undefined'])
  assert.equal(router.provider, 'first')
  assert.deepEqual(second.cursors, [])
})

test('one that fails is parked for five minutes, and the next begins the query again', async () => {
  const { first, second, clock, parked, told } = routed()
  first.trouble = 'venue-unavailable'

  const failing = await told()
  clock.now = PARKED_MS - 1
  const meanwhile = await told({ ...QUERY, cursor: 'second:next' })
  clock.now = PARKED_MS
  first.trouble = undefined
  const after = await told({ ...QUERY, cursor: 'second:next' })

  assert.equal(PARKED_MS, 5 * MINUTE)
  assert.deepEqual(failing, ['own next', 'second second:next', 'second undefined'])
  assert.deepEqual(parked, ['first: it is ill'])
  assert.deepEqual(meanwhile, ['second second:next', 'second undefined'])
  assert.deepEqual(second.cursors, [undefined, 'next'])
  assert.deepEqual(after, ['own next', 'own undefined'])
  // What another gave says nothing to it.
  assert.deepEqual(first.cursors, [undefined, undefined])
})

test('a query that a stand-in has read to its end is read again by whoever is asked next', async () => {
  const { first, second, clock, told } = routed()
  first.trouble = 'network'
  await told()

  await told({ ...QUERY, cursor: beginningOf('second') })
  clock.now = PARKED_MS
  await told({ ...QUERY, cursor: beginningOf('second') })

  assert.deepEqual(second.cursors.slice(1, 2), [undefined])
  assert.deepEqual(first.cursors.slice(1), [undefined])
})

test('what a stand-in refuses is told as the primary being away', async () => {
  for (const code of ['bad-request', 'unsupported', 'corrupt-data'] as const) {
    const { router, first, second } = routed()
    first.trouble = 'network'
    second.trouble = code
    const faults = []

    for await (const page of router.pages(QUERY)) if (!page.ok) faults.push(page.fault)

    assert.equal(faults.length, 1)
    assert.deepEqual([faults[0]!.code, faults[0]!.retry], ['venue-unavailable', 'later'])
    assert.equal(faults[0]!.message, 'first is away: it is ill')
    assert.equal(faults[0]!.context?.['waitMs'], PARKED_MS)
  }
})

test('what is refused, or asked for too often, is told and parks nobody', async () => {
  for (const code of ['bad-request', 'rate-limited', 'corrupt-data'] as const) {
    const { first, second, parked, told } = routed()
    first.trouble = code

    assert.deepEqual(await told(), ['own next', code])
    assert.deepEqual([second.cursors, parked], [[], []])
  }
})

test('the last in line is asked whatever has happened', async () => {
  const { first, second, parked, told } = routed()
  first.trouble = 'network'
  second.trouble = 'network'

  const once = await told()
  const twice = await told()

  assert.deepEqual(once, ['own next', 'second second:next', 'network'])
  assert.deepEqual(twice, ['second second:next', 'network'])
  assert.deepEqual(parked, ['first: it is ill'])
})

test('a provider that was parked by a clock that was ahead is asked when that is mended', async () => {
  const { first, clock, told } = routed()
  clock.now = 10 * DAY
  first.trouble = 'timeout'
  await told()
  first.trouble = undefined

  clock.now -= DAY

  assert.deepEqual(await told(), ['own next', 'own undefined'])
})
