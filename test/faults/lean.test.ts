// Faults of files in Lean's layout: what is none of a stock is not read as one.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { zipSync } from 'fflate'
import { iso } from '../../src/core/time.ts'
import { openTape } from '../../src/formats/index.ts'
import { put, temporary } from '../cli/skein.ts'

/** A new folder with these files. */
function given(t: TestContext, files: Readonly<Record<string, Uint8Array>>): string {
  const folder = temporary(t)
  for (const [path, content] of Object.entries(files)) put(folder, path, content)
  return folder
}

const zip = (entries: Readonly<Record<string, string>>): Uint8Array =>
  zipSync(
    Object.fromEntries(
      Object.entries(entries).map(([name, text]) => [name, new TextEncoder().encode(text)]),
    ),
  )

/** Its bars as text: start, open, high, low, close, volume. */
async function firstOf(t: TestContext, files: Parameters<typeof given>[1]): Promise<string[]> {
  const [series] = (await openTape(given(t, files))).series
  assert.equal(series?.kind, 'bars')
  const rows: string[] = []
  for await (const { length, start, open, high, low, close, volume } of series.pages()) {
    for (let i = 0; i < length; i++) {
      const cells = [open, high, low, close, volume].map((column) => column[i])
      rows.push([iso(start[i] ?? NaN).replace(':00.000Z', 'Z'), ...cells].join(' '))
    }
  }
  return rows
}

test('F527 reads minutes and days of coins, and quotes of forex, in Lean’s folders by their own rules', async (t) => {
  const minute = '34260000,614,615,613,614,1.1545\n'
  const minutes = {
    'crypto/gdax/minute/btcusd/20161007_trade.zip': zip({
      '20161007_btcusd_minute_trade.csv': minute,
    }),
  }
  const days = {
    'crypto/gdax/daily/btcusd_trade.zip': zip({
      'btcusd.csv': '20141201 00:00,370,378.5,370,378,15.01\n20141202 00:00,378,378,377,378,2\n',
    }),
  }
  const row = '0,1.39291,1.39299,1.39289,1.39296,0,1.39301,1.39311,1.39299,1.39306,0\n'
  const forexOf = async (market: string): Promise<unknown[]> => {
    const entry = zip({ '20140507_eurusd_minute_quote.csv': row })
    const path = `forex/${market}/minute/eurusd/20140507_quote.zip`
    const [series] = (await openTape(given(t, { [path]: entry }))).series
    assert.equal(series?.kind, 'quotes')
    const quotes: unknown[] = []
    for await (const { ts, bid, ask } of series.pages())
      quotes.push(iso(ts[0] ?? NaN), bid[0], ask[0])
    return quotes
  }

  assert.deepEqual(await firstOf(t, minutes), ['2016-10-07T09:31Z 614 615 613 614 1.1545'])
  assert.deepEqual(await firstOf(t, days), [
    '2014-12-01T00:00Z 370 378.5 370 378 15.01',
    '2014-12-02T00:00Z 378 378 377 378 2',
  ])
  assert.deepEqual(await forexOf('oanda'), ['2014-05-07T00:00:59.999Z', 1.39296, 1.39306])
  assert.deepEqual(await forexOf('fxcm'), ['2014-05-07T05:00:59.999Z', 1.39296, 1.39306])
})

test('refuses what Lean has of coins and forex in columns that are not read, and where it may be of stocks', async (t) => {
  const refused = async (path: string, entry: string, text: string, expected: RegExp) => {
    await assert.rejects(openTape(given(t, { [path]: zip({ [entry]: text }) })), expected)
  }
  const minute = '34260000,614,615,613,614,1\n'

  await refused(
    'crypto/gdax/tick/btcusd/20161007_trade.zip',
    '20161007_btcusd_tick_trade.csv',
    '0,614.5,1\n',
    /20161007_btcusd_tick_trade\.csv holds what is not read of crypto; allowed: bars of seconds/,
  )
  await refused(
    'cfd/oanda/hour/xauusd.zip',
    'xauusd.csv',
    '20140507 01:00,1,1,1,1,0,2,2,2,2,0\n',
    /holds what is not read of cfd/,
  )
  await refused(
    'crypto/btcusd/20161007_trade.zip',
    '20161007_btcusd_minute_trade.csv',
    minute,
    /lies in a folder crypto and may be of it or not.*allowed: folders as Lean has them/,
  )
  const spy = zip({ '20161007_spy_minute_trade.csv': minute })
  const stock = { 'crypto/lean/equity/usa/minute/spy/20161007_trade.zip': spy }
  assert.deepEqual(await firstOf(t, stock), ['2016-10-07T13:31Z 0.0614 0.0615 0.0613 0.0614 1'])
})
