/*
 * Check: holds what a run has written down against what the venue saw. It shares no code with the run: the journal
 * and the archive are read as tables, the venue's side is its audit and its account.
 *
 *   at any moment   no order id was posted twice, and none that the journal does not hold
 *   at the end      every intent has an outcome, and it is the venue's; every execution is booked once;
 *                   positions and cash are the venue's; every closed bar is in the archive, once, as the venue tells it
 *   where turns     those that were dropped are in copies, as they were; what is left is done again, by the command that
 *   are dropped     a person has for it, and comes out as it was
 */
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { timeframeOf } from '../../src/core/time.ts'
import type { VenueOrder } from '../../src/simulators/alpaca/order.ts'
import { type JournalFile, readDeadJournal, readJournal } from './journal-file.ts'
import { SYMBOLS, type World } from './world.ts'

export interface Checked {
  readonly problems: readonly string[]
  readonly intents: number
  readonly orders: number
  readonly fills: number
  readonly bars: number
  readonly turns: number
  readonly dropped: number
  readonly held: number
}

/** After a crash, before the next start. `lost` are orders at the venue that the journal does not hold. */
export function checkCrash(world: World): { readonly problems: string[]; readonly lost: string[] } {
  const problems: string[] = []
  const posts = new Map<string, number>()
  for (const { method, path, body } of world.server.audit.requests) {
    if (method !== 'POST' || path !== '/v2/orders') continue
    const { client_order_id: id } = JSON.parse(body) as { client_order_id: string }
    posts.set(id, (posts.get(id) ?? 0) + 1)
  }
  for (const [id, times] of posts)
    if (times > 1) problems.push(`order ${id} was sent ${times} times`)
  // A process that dies early has made no file, or no table yet.
  const file = readDeadJournal(world)
  problems.push(...(file?.problems ?? []))
  const intents = new Set((file?.submits ?? []).map(({ id }) => id))
  const lost = [...posts.keys()].filter((id) => !intents.has(id))
  problems.push(...lost.map((id) => `order ${id} was sent and is not in the journal`))
  return { problems, lost }
}

/** Intents of which nothing is known yet: why a run is not settled. */
export function openIntents(world: World): string[] {
  const { submits, accepted, over, fills } = readJournal(world)
  const filled = new Set([...fills.values()].map(({ order }) => order))
  return submits
    .filter(({ id }) => !accepted.has(id) && !over.has(id) && !filled.has(id))
    .map(({ id }) => id)
}

/** After a run that stopped in order at `until`, by the venue's clock. */
export async function checkEnd(world: World, until: number): Promise<Checked> {
  const problems = [...checkCrash(world).problems]
  const file = readJournal(world)
  const account = world.server.venue.accounts[0]!
  const byClient = new Map<string, VenueOrder>()
  for (const order of account.orders) byClient.set(order.clientId, order)
  if (byClient.size < account.orders.length) problems.push('the venue has two orders of one id')
  checkOrders(file, byClient, problems)
  checkFills(file, account.executions, problems)
  checkMoney(file, account, problems)
  const bars = await checkBars(world, until, problems)
  if (world.isPruned) checkPast(world, file, problems)
  return {
    problems,
    intents: file.submits.length,
    orders: account.orders.length,
    fills: account.executions.length,
    bars,
    turns: file.turns,
    dropped: file.dropped,
    held: file.book?.positions.size ?? 0,
  }
}

const isOpen = ({ status }: VenueOrder): boolean =>
  !['filled', 'canceled', 'expired', 'rejected', 'replaced'].includes(status)

function checkOrders(
  { submits, book, accepted, over }: JournalFile,
  theirs: ReadonlyMap<string, VenueOrder>,
  problems: string[],
): void {
  const ours = new Set<VenueOrder>()
  for (const { id, qty, legs } of submits) {
    const order = theirs.get(id)
    const mine = book?.orders.get(id)
    if (mine === undefined) {
      problems.push(`intent ${id} is not in the run's book`)
      continue
    }
    if (order === undefined) {
      // Not at the venue: then it was given up, by proof, and not forgotten.
      if (mine.phase !== 'done' || mine.filled !== 0)
        problems.push(`intent ${id} was lost: ${mine.phase}`)
      if (!over.has(id)) problems.push(`intent ${id} never had an outcome`)
      continue
    }
    ours.add(order)
    for (const leg of order.legs) ours.add(leg)
    if (order.legs.length !== legs.length)
      problems.push(`order ${id} has ${order.legs.length} legs`)
    if (order.qty !== qty) problems.push(`order ${id} is for ${order.qty} there and ${qty} here`)
    if (!accepted.has(id) && !over.has(id) && order.filled === 0)
      problems.push(`intent ${id} never had an outcome`)
    if (mine.filled !== order.filled)
      problems.push(`order ${id} has filled ${order.filled} there and ${mine.filled} here`)
    if ((mine.phase === 'done') === isOpen(order))
      problems.push(`order ${id} is ${order.status} there and ${mine.phase} here`)
  }
  for (const order of theirs.values()) {
    if (!ours.has(order)) problems.push(`the venue's order ${order.clientId} is of no intent`)
  }
  for (const halt of book?.halts ?? []) problems.push(`a symbol is still halted: ${halt}`)
}

/** What is left of a journal can be done again. */
function checkPast(world: World, { dropped }: JournalFile, problems: string[]): void {
  if (dropped === 0) problems.push('nothing was dropped from the journal')
  const flaw = world.replay()
  if (flaw !== undefined) problems.push(flaw)
}

type Account = World['server']['venue']['accounts'][number]

function checkFills(
  { fills, submits }: JournalFile,
  executions: Account['executions'],
  problems: string[],
): void {
  const known = new Set(submits.flatMap(({ id, legs }) => [id, ...legs]))
  for (const { id, qty, price } of executions) {
    const booked = fills.get(id)
    if (booked === undefined) problems.push(`execution ${id} is not booked`)
    else if (booked.qty !== qty || booked.price !== price)
      problems.push(`execution ${id} is booked as ${booked.qty} at ${booked.price}`)
    else if (!known.has(booked.order)) problems.push(`execution ${id} is booked to ${booked.order}`)
  }
  const theirs = new Set(executions.map(({ id }) => id))
  for (const id of fills.keys()) if (!theirs.has(id)) problems.push(`fill ${id} is of no execution`)
}

function checkMoney({ book }: JournalFile, { holdings, open }: Account, problems: string[]): void {
  for (const [id, symbol] of SYMBOLS.entries()) {
    const here = book?.positions.get(id) ?? 0
    const there = holdings.positionOf(symbol).qty
    if (here !== there) problems.push(`position ${symbol} is ${there} there and ${here} here`)
  }
  const { cash } = holdings.balance(open)
  if (Math.abs(cash - (book?.cash ?? 0)) > 0.005)
    problems.push(`cash is ${cash} there and ${book?.cash} here`)
}

interface BarRow {
  readonly start: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
  readonly trades: number
  readonly filled: number
}

const MINUTE = 60_000
const FIVE = 5 * MINUTE
/** A bar is told so soon after its end, by the venue's clock. */
const TOLD_WITHIN = 20_000

async function checkBars(world: World, until: number, problems: string[]): Promise<number> {
  let count = 0
  const all = new Map(SYMBOLS.map((symbol) => [symbol, archived(world.archive, symbol, MINUTE)]))
  const from = Math.min(...[...all.values()].flatMap((bars) => [...bars.keys()]))
  const told = await venueBars(world, from)
  for (const [symbol, ours] of all) {
    const higher = archived(world.archive, symbol, FIVE)
    const first = Math.min(...ours.keys())
    const theirs = new Map([...(told.get(symbol) ?? [])].filter(([start]) => start >= first))
    for (const [start, bar] of theirs) {
      if (start + MINUTE > until - TOLD_WITHIN) continue
      const here = ours.get(start)
      const name = `bar ${symbol} ${new Date(start).toISOString()}`
      if (here === undefined) problems.push(`${name} is missing`)
      else if (here.filled === 1) problems.push(`${name} was filled in, and the venue has one`)
      else if (lineOf(here) !== lineOf(bar))
        problems.push(`${name} is ${lineOf(here)} here and ${lineOf(bar)} there`)
      count++
    }
    for (const { start, filled } of ours.values()) {
      if (filled === 0 && !theirs.has(start))
        problems.push(`bar ${symbol} ${new Date(start).toISOString()} is not the venue's`)
    }
    // The first of all may have begun before its minutes were asked for.
    for (const bar of [...higher.values()].slice(1)) checkHigher(symbol, bar, ours, problems)
  }
  return count
}

/** A bar of five minutes is those of its minutes that there are. */
function checkHigher(
  symbol: string,
  bar: BarRow,
  minutes: ReadonlyMap<number, BarRow>,
  problems: string[],
): void {
  const { start } = bar
  const parts = [0, 1, 2, 3, 4].flatMap((i) => minutes.get(start + i * MINUTE) ?? [])
  const sum = (of: (one: BarRow) => number): number => parts.reduce((n, one) => n + of(one), 0)
  const whole = {
    start,
    open: parts[0]?.open ?? 0,
    high: Math.max(...parts.map(({ high }) => high)),
    low: Math.min(...parts.map(({ low }) => low)),
    close: parts.at(-1)?.close ?? 0,
    volume: sum(({ volume }) => volume),
    trades: sum(({ trades }) => trades),
  }
  if (lineOf(bar) === lineOf(whole)) return
  const name = `five minutes ${symbol} ${new Date(start).toISOString()}`
  problems.push(`${name} are ${lineOf(bar)}, and their minutes ${lineOf(whole)}`)
}

const lineOf = ({ open, high, low, close, volume, trades }: Omit<BarRow, 'filled'>): string =>
  [open, high, low, close, volume, trades].join(' ')

/** By start: nothing may be there twice, as a row and in a chunk. */
function archived(path: string, symbol: string, timeframe: number): ReadonlyMap<number, BarRow> {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    const rows = db
      .prepare(
        `select v.ts as start, v.open, v.high, v.low, v.close, v.volume, v.trades, coalesce(b.filled, 0) as filled
         from intraday_bars v join symbols s using (symbol)
         left join bars b on b.symbol_id = s.id and b.timeframe = ?2 and b.start = v.ts
         where v.symbol = ?1 and v.timeframe = ?3 and v.adjustment = 'raw' order by v.ts`,
      )
      .all(symbol, timeframe, timeframeOf(timeframe)) as unknown as BarRow[]
    const bars = new Map(rows.map((row) => [row.start, row]))
    assert.equal(bars.size, rows.length, `${symbol} has bars twice`)
    return bars
  } finally {
    db.close()
  }
}

type VenueBar = Omit<BarRow, 'filled'>

/** All bars since a time, by symbol and start. In one request: this process is too busy to keep connections well. */
async function venueBars(
  { server }: World,
  from: number,
): Promise<ReadonlyMap<string, ReadonlyMap<number, VenueBar>>> {
  const query = new URLSearchParams({
    symbols: SYMBOLS.join(','),
    timeframe: '1Min',
    start: new Date(from).toISOString(),
    limit: '10000',
    feed: 'iex',
  })
  const headers = { 'APCA-API-KEY-ID': 'local', 'APCA-API-SECRET-KEY': 'local' }
  const answer = await fetch(`${server.urls.rest}/v2/stocks/bars?${query.toString()}`, { headers })
  const { bars, next_page_token: more } = (await answer.json()) as {
    bars: Record<
      string,
      { t: string; o: number; h: number; l: number; c: number; v: number; n: number }[]
    >
    next_page_token: string | null
  }
  if (more !== null) throw new Error('a proof has at most 10,000 bars')
  return new Map(
    Object.entries(bars).map(([symbol, rows]) => [
      symbol,
      new Map(
        rows.map(({ t, o, h, l, c, v, n }) => {
          const start = Date.parse(t)
          return [start, { start, open: o, high: h, low: l, close: c, volume: v, trades: n }]
        }),
      ),
    ]),
  )
}
