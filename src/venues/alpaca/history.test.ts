// Tests of history: pages to the end, cursors, and what is no page.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyOf } from '../../../test/alpaca/pages.ts'

test('reads all bars of all symbols, each once, and leaves out the one that still forms', async () => {
  const { read, urls, budget } = historyOf()
  const { bars, faults, cursors } = await read()
  assert.deepEqual(faults, [])
  // 30 bars of five symbols, without the last minute, which has not ended.
  assert.equal(bars.length, 5 * 29)
  assert.equal(new Set(bars.map(({ symbol, start }) => `${symbol} ${start}`)).size, 5 * 29)
  assert.equal(cursors.at(-1), undefined)
  assert.deepEqual(
    [...new Set(urls.map((url) => url.searchParams.get('symbols')))],
    ['A,B', 'C,D', 'E'],
  )
  // Pages of one query differ in their token only, and each one took its share of the budget.
  const rest = new Set(
    urls
      .slice(0, 3)
      .map((url) => [...url.searchParams].filter(([name]) => name !== 'page_token').join('&')),
  )
  assert.equal(rest.size, 1)
  assert.match([...rest][0]!, /feed,iex/)
  assert.match([...rest][0]!, /adjustment,split/)
  assert.equal(budget.stats().granted, urls.length)
})

test('a run that is stopped after any page goes on from its cursor and reads the same', async () => {
  const whole = (await historyOf().read()).bars
  for (let stop = 1; stop <= 20; stop++) {
    const { read } = historyOf()
    const first = await read(undefined, stop)
    const second = await read(first.cursors.at(-1))
    assert.deepEqual([...first.bars, ...second.bars], whole)
  }
})

test('takes null for no bars', async () => {
  const { read } = historyOf(() => ({ bars: null, next_page_token: null }))
  assert.deepEqual((await read()).faults, [])
})

test('refuses a cursor of another query', async () => {
  const { faults } = await historyOf().read('ZZZ|5')
  assert.match(faults[0]!, /another query/)
})

test('F520 a chunk whose token is refused half way is read anew, once', async () => {
  const refused = new Set([3])
  const refuse = (page: number) => (refused.has(page) ? 'invalid page_token' : undefined)
  const { read, urls } = historyOf((body) => body, refuse)
  const { bars, faults } = await read()
  assert.deepEqual(faults, [])
  assert.deepEqual(bars, (await historyOf().read()).bars)
  assert.equal(urls[3]!.search, urls[0]!.search)

  for (const page of [4, 5, 6]) refused.add(page)
  const worse = await historyOf((body) => body, refuse).read()
  assert.match(worse.faults.join(), /^bad-request .*invalid page_token/)
})
