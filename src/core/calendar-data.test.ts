// Tests of the calendars against recorded ones and against recorded trading; every difference is explained.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { unzipSync } from 'fflate'
import { z } from 'zod'
import type { Ms } from './brand.ts'
import { type Calendar, calendarOf } from './calendar.ts'
import { dayOf, isWeekend } from './holidays.ts'
import { DAY, HOUR, iso, MINUTE, ms } from './time.ts'
import { Zone } from './zone.ts'

const DATA = new URL('../../../shared/data/', import.meta.url)
const skip = existsSync(DATA) ? false : 'no ../shared/data beside the repository'

const bytesOf = (path: string) => readFileSync(new URL(path, DATA))
const linesOf = (path: string) => gunzipSync(bytesOf(path)).toString().trim().split('\n')
const date = (day: number) => iso(day * DAY).slice(0, 10)

/** `9/1/2025` as `2025-09-01`, as the Lean database writes it. */
function dateOf(text: string): string {
  const [month, day, year] = text.split('/').map(Number)
  return date(dayOf(year ?? NaN, month ?? NaN, day ?? NaN))
}

const Dates = z.array(z.string()).transform((dates) => new Set(dates.map(dateOf)))
const Times = z
  .record(z.string(), z.string())
  .transform((times) => new Map(Object.entries(times).map(([d, t]) => [dateOf(d), t.slice(0, 5)])))
const Entry = z.object({ holidays: Dates, earlyCloses: Times, lateOpens: Times.optional() })

function entryOf(market: string): z.output<typeof Entry> {
  const text = gunzipSync(bytesOf('market_calendars/lean_market-hours-database.json.gz')).toString()
  const { entries } = z
    .object({ entries: z.record(z.string(), z.unknown()) })
    .parse(JSON.parse(text))
  return Entry.parse(entries[market])
}

/** The wall-clock close of each day's session, `closed` without one. */
function closes(calendar: Calendar, from: number, until: number): Map<string, string> {
  const zone = new Zone(calendar.zone)
  const found = new Map<string, string>()
  for (let day = from; day < until; day++) found.set(date(day), 'closed')
  for (const { close } of calendar.sessions(zone.utcOf(from * DAY), zone.utcOf(until * DAY))) {
    const local = iso(close + zone.offsetAt(close))
    found.set(local.slice(0, 10), local.slice(11, 16))
  }
  return found
}

function differences(
  ours: ReadonlyMap<string, string>,
  theirs: (date: string) => string,
): string[] {
  return [...ours]
    .filter(([date, close]) => close !== theirs(date))
    .map(([date, close]) => `${date} ours ${close}, theirs ${theirs(date)}`)
}

const isWeekendDate = (date: string) => isWeekend(Date.parse(date) / DAY)

test('US equities close as in the Lean database, 1998 to 2027', { skip }, () => {
  const lean = entryOf('Equity-usa-[*]')
  const ours = closes(calendarOf('us-equity'), dayOf(1998, 1, 1), dayOf(2028, 1, 1))
  const theirs = (date: string) =>
    isWeekendDate(date) || lean.holidays.has(date)
      ? 'closed'
      : (lean.earlyCloses.get(date) ?? '16:00')

  // Early closes that the database misses; the exchange's list of sessions has them.
  assert.deepEqual(differences(ours, theirs), [
    '1998-11-27 ours 13:00, theirs 16:00',
    '1998-12-24 ours 13:00, theirs 16:00',
    '1999-12-31 ours 13:00, theirs 16:00',
  ])
  // Entries without effect: New Year's Days that are Saturdays, and an early close on a Sunday.
  assert.deepEqual([...lean.holidays, ...lean.earlyCloses.keys()].filter(isWeekendDate), [
    '2011-01-01',
    '2022-01-01',
    '2017-12-24',
  ])
})

for (const symbol of ['ES', 'NQ', 'MNQ']) {
  test(`index futures close as Lean has them for ${symbol}, 2009 to 2026`, { skip }, () => {
    const lean = entryOf(`Future-cme-${symbol}`)
    // Lean adds the holidays of the whole market to those of a product; times of a product come first.
    const market = entryOf('Future-cme-[*]')
    const ours = closes(calendarOf('cme'), dayOf(2009, 1, 1), dayOf(2027, 1, 1))
    const theirs = (date: string): string => {
      const early = lean.earlyCloses.get(date)
      if (isWeekendDate(date)) return 'closed'
      if (early !== undefined && early !== '17:00') return chicago(early)
      const isClosed = lean.holidays.has(date) || market.holidays.has(date)
      // A late opening at 18:00 New York leaves nothing of the day itself.
      if (isClosed || lean.lateOpens?.get(date) === '18:00') return 'closed'
      // Lean gives today's hours to all years. Trading of October 2013, below, ends at 16:15.
      return date < '2015-09-21' ? '16:15' : '16:00'
    }

    assert.deepEqual(differences(ours, theirs), EXPLAINED)
  })

  test(`index futures reopen in the evening where Lean says so for ${symbol}`, { skip }, () => {
    const zone = new Zone('America/New_York')
    const missing = [...(entryOf(`Future-cme-${symbol}`).lateOpens ?? [])].filter(
      ([date, time]) => {
        const opens = zone.utcOf(Date.parse(`${date}T${time}Z`))
        return calendarOf('cme').sessionAt(opens)?.open !== opens
      },
    )

    assert.deepEqual(missing, [])
  })
}

/** `13:15` New York as `12:15` Chicago. */
const chicago = (time: string) => iso(Date.parse(`1970-01-01T${time}Z`) - HOUR).slice(11, 16)

const EXPLAINED = [
  // CME traded until 08:15 on both days of the storm (notices of 2012-10-28 and 29); Lean copies the stock
  // exchange's closure.
  '2012-10-29 ours 08:15, theirs closed',
  '2012-10-30 ours 08:15, theirs closed',
  // CME traded until 08:30 (notice of 2018-12-02).
  '2018-12-05 ours 08:30, theirs closed',
  // Half days that Lean misses. The stock exchange had them, CMES has the one of 2024-11-29, and the holiday
  // schedule of a data vendor (DTN, July 2024) has the one of 2024-07-03.
  '2023-07-03 ours 12:15, theirs 16:00',
  '2024-07-03 ours 12:15, theirs 16:00',
  '2024-11-29 ours 12:15, theirs 16:00',
  // CME traded until 08:30 (notice of 2024-12-30), which Lean misses.
  '2025-01-09 ours 08:30, theirs 16:00',
]

test('index futures are closed and cut short on the days of the CMES sessions', { skip }, () => {
  const zone = new Zone('America/Chicago')
  const theirs = new Map<string, string>()
  for (const line of linesOf('market_calendars/cmes_sessions.csv.gz').slice(1)) {
    const [day = '', , close = ''] = line.split(',')
    const at = Date.parse(close)
    theirs.set(day.slice(0, 10), iso(at + zone.offsetAt(at)).slice(11, 16))
  }
  const ours = closes(calendarOf('cme'), dayOf(2009, 1, 1), dayOf(2027, 7, 17))
  const kind = (close: string) => (close === 'closed' ? close : close < '16:00' ? 'short' : 'full')
  const kinds = new Map([...ours].map(([date, close]) => [date, kind(close)]))

  assert.deepEqual(
    differences(kinds, (date) => kind(theirs.get(date) ?? 'closed')),
    EXPLAINED_CMES,
  )
})

// CMES is one calendar for all products of the exchange.
const EXPLAINED_CMES = [
  // Good Fridays with an employment report: equity futures trade until 08:15 (Lean has them all).
  '2010-04-02 ours short, theirs closed',
  '2012-04-06 ours short, theirs closed',
  // Half days before Independence Day are equity futures' own; so are the two days of the storm.
  '2012-07-03 ours short, theirs full',
  '2012-10-29 ours short, theirs full',
  '2012-10-30 ours short, theirs full',
  '2013-07-03 ours short, theirs full',
  '2014-07-03 ours short, theirs full',
  '2015-04-03 ours short, theirs closed',
  '2017-07-03 ours short, theirs full',
  '2018-07-03 ours short, theirs full',
  // Mourning: equity futures trade until 08:30.
  '2018-12-05 ours short, theirs closed',
  '2019-07-03 ours short, theirs full',
  '2021-04-02 ours short, theirs closed',
  '2023-04-07 ours short, theirs closed',
  '2023-07-03 ours short, theirs full',
  '2024-07-03 ours short, theirs full',
  '2025-01-09 ours short, theirs closed',
  '2025-07-03 ours short, theirs full',
  '2026-04-03 ours short, theirs closed',
]

/** Checks that all trading is inside of sessions, and that it fills those that it spans. */
function assertTraded(calendar: Calendar, minutes: readonly Ms[]): number {
  const [first, last] = [minutes[0], minutes.at(-1)]
  assert.ok(first !== undefined && last !== undefined, 'there are bars')
  const traded = new Set(minutes)
  for (const minute of minutes) {
    assert.ok(calendar.sessionAt(minute, 'extended'), `${iso(minute)} is in a session`)
  }
  const whole = calendar
    .sessions(first, last, 'extended')
    .filter(({ open, close }) => open >= first && close <= last + MINUTE)
  for (const { open, close } of whole) {
    assert.ok(traded.has(open), `trading begins at ${iso(open)}`)
    assert.ok(traded.has(ms(close - MINUTE)), `trading ends at ${iso(close)}`)
  }
  return whole.length
}

const FUTURES = [
  ['ES_1m_2023-03-08_2023-03-23_et_noheader', 11],
  ['ES_1m_2023-09-24_2023-10-09_et', 11],
  ['NQ_1m_2023-11-19_2023-12-04_et', 11],
  ['NQ_1m_2026-05-24_2026-06-08_et', 11],
] as const

for (const [file, sessions] of FUTURES) {
  test(`${file} trades from open to close, and never outside`, { skip }, () => {
    const zone = new Zone('America/New_York')
    const minutes = linesOf(`index_futures_1m/${file}.csv.gz`)
      .map((line) => Date.parse(`${line.slice(0, 19).replace(' ', 'T')}Z`))
      .filter((local) => !Number.isNaN(local))
      .map((local) => zone.utcOf(local))

    assert.equal(assertTraded(calendarOf('cme'), minutes), sessions)
  })
}

test('ES of October 2013 trades from 17:00 to 16:15 Chicago', { skip }, () => {
  const minutes: Ms[] = []
  for (let day = dayOf(2013, 10, 6); day <= dayOf(2013, 10, 11); day++) {
    const file = `index_futures_1m/lean_es/${date(day).replaceAll('-', '')}_trade.zip`
    for (const [name, bytes] of Object.entries(unzipSync(bytesOf(file)))) {
      if (!name.includes('201312')) continue
      for (const line of Buffer.from(bytes).toString().trim().split('\n')) {
        minutes.push(ms(day * DAY + Number(line.split(',')[0])))
      }
    }
  }

  assert.equal(assertTraded(calendarOf('cme'), minutes), 5)
})

test('SPY has a daily bar on each day of trading, and on no other, 1998 to 2021', { skip }, () => {
  const [bytes] = Object.values(unzipSync(bytesOf('us_equity_daily/lean/daily/spy.zip')))
  assert.ok(bytes !== undefined, 'the archive holds a file')
  const lines = Buffer.from(bytes).toString().trim().split('\n')
  const bars = lines.map((line) => `${line.slice(0, 4)}-${line.slice(4, 6)}-${line.slice(6, 8)}`)
  const [first = '', last = ''] = [bars[0], bars.at(-1)]
  const ours = closes(calendarOf('us-equity'), Date.parse(first) / DAY, Date.parse(last) / DAY + 1)
  const days = [...ours].filter(([, close]) => close !== 'closed').map(([date]) => date)

  assert.deepEqual(days, bars)
  assert.ok(bars.length > 5800, `${bars.length} bars`)
})
