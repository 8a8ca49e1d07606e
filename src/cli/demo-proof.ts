/*
 * Proof: what the demo says of itself, held against the venue: its generator, its audit log and its REST. Where anything
 * differs, the demo has failed.
 */
import type { BarColumns } from '../core/columns.ts'
import type { Tape } from '../core/tape.ts'
import { iso, MINUTE, ms, SECOND } from '../core/time.ts'
import { integer, money } from '../report/format.ts'
import type { AlpacaServer, Key } from '../simulators/alpaca/index.ts'
import type { Trading } from './live-run.ts'
import { RunFailed } from './output.ts'

export interface Proven extends Trading {
  readonly server: AlpacaServer
  /** The generator's bars: what the venue's trades add up to. */
  readonly history: Tape
  readonly key: Key
  /** Of the market: how long streams are refused once they are cut. */
  readonly outageMs: number
}

interface Claim {
  readonly name: string
  readonly isTrue: boolean
  readonly text: string
}

/** A bar that closed so shortly before the end may not have arrived; of the market. */
const ON_ITS_WAY_MS = 30 * SECOND
/** Of the market: so long after an outage a stream may still wait before it is tried again, and the gap be fetched. */
const BACK_MS = 2 * MINUTE

/** Prints each claim. Throws RunFailed where one is not true. */
export async function prove(about: Proven): Promise<void> {
  const { live, file } = about
  const written = writtenIn(file)
  const claims = [
    await barsClaim(about),
    outageClaim(about),
    ordersClaim(about, written),
    fillsClaim(about, written),
    await accountClaim(about, written),
  ]
  const shown = claims.map(
    ({ name, isTrue, text }) => `  ${isTrue ? 'ok  ' : 'FAIL'}  ${name.padEnd(9)} ${text}`,
  )
  process.stderr.write(`proof, after ${live.engine.turns} turns:\n${shown.join('\n')}\n`)
  const wrong = claims.filter(({ isTrue }) => !isTrue).map(({ name }) => name)
  if (wrong.length > 0) throw new RunFailed(`not as it should be: ${wrong.join(', ')}`)
}

/** What the journal says was sent and heard. */
interface Written {
  readonly submits: ReadonlySet<string>
  readonly rejected: ReadonlySet<string>
  readonly fills: ReadonlySet<string>
  readonly fillsTold: number
  /** Times that the account was set to what the venue says. */
  readonly accounts: number
}

function writtenIn(file: Trading['file']): Written {
  const submits = new Set<string>()
  const rejected = new Set<string>()
  const fills = new Set<string>()
  let fillsTold = 0
  let accounts = 0
  for (const { inputs, batches } of file.journal.since(0)) {
    for (const { commands } of batches) {
      for (const command of commands) if (command.type === 'submit') submits.add(command.order.id)
    }
    for (const input of inputs) {
      if (input.type === 'account') accounts++
      if (input.type === 'order.rejected') rejected.add(input.id)
      if (input.type !== 'order.filled') continue
      fillsTold++
      fills.add(input.fill)
    }
  }
  return { submits, rejected, fills, fillsTold, accounts }
}

/** Every bar of the generator is stored, as it is there, and no other is. */
async function barsClaim(about: Proven): Promise<Claim> {
  const { live, archive, history } = about
  const name = 'bars'
  const listed = await archive.series()
  const from = Math.min(...listed.map(({ first }) => first))
  const until = (cutOff(about) ?? live.engine.now) - ON_ITS_WAY_MS
  let count = 0
  for (const series of history.series) {
    if (series.kind !== 'bars') continue
    const { symbol } = series
    const stored = new Map<number, string>()
    for await (const page of archive.bars({ symbol, timeframe: '1m' })) {
      // Minutes without a trade, filled in by the engine, are none of the venue's.
      for (let i = 0; i < page.length; i++)
        if (page.filled[i] !== 1) stored.set(page.start[i]!, rowOf(page, i))
    }
    count += stored.size
    for await (const [start, made] of rowsFrom(series.pages(), from)) {
      const found = stored.get(start)
      stored.delete(start)
      if (found === made) continue
      if (found === undefined && start + MINUTE > until) break
      const text = `${symbol} ${iso(ms(start))}: made ${made}, stored ${found ?? 'nothing'}`
      return { name, isTrue: false, text }
    }
    const [strange] = stored
    if (strange === undefined) continue
    const text = `${symbol} ${iso(ms(strange[0]))}: the venue made no ${strange[1]}`
    return { name, isTrue: false, text }
  }
  const of = `${integer(count)} bars of ${history.series.length} symbols`
  return { name, isTrue: count > 0, text: `${of} stored, each as the venue made it, none missing` }
}

async function* rowsFrom(
  pages: AsyncIterable<BarColumns>,
  from: number,
): AsyncGenerator<readonly [number, string]> {
  for await (const page of pages) {
    for (let i = 0; i < page.length; i++)
      if (page.start[i]! >= from) yield [page.start[i]!, rowOf(page, i)]
  }
}

const rowOf = (page: BarColumns, i: number): string =>
  [page.open, page.high, page.low, page.close, page.volume, page.trades]
    .map((column) => column[i])
    .join(' ')

/** The streams were cut, and what was missed came over REST. */
function outageClaim(about: Proven): Claim {
  const { server, venue } = about
  const { gaps = 0, gapBars = 0 } = venue.statistics ?? {}
  const cuts = server.audit.counts()['cut-off'] ?? 0
  const isCutOff = cutOff(about) !== undefined
  const text =
    cuts === 0
      ? 'the run was stopped before it'
      : isCutOff
        ? `${cuts} streams cut; the run was stopped within it`
        : `${cuts} streams cut, ${gaps} gap, healed with ${integer(gapBars)} bars that were fetched`
  return { name: 'outage', isTrue: cuts === 0 || isCutOff || (gaps > 0 && gapBars > 0), text }
}

/** When the streams were cut, where the run was stopped before it could be told what it had missed. */
function cutOff({ server, venue, live, outageMs }: Proven): number | undefined {
  const at = server.audit.faults.find(({ fault }) => fault === 'cut-off')?.at
  if (at === undefined || (venue.statistics?.gapBars ?? 0) > 0) return undefined
  return live.engine.now < at + outageMs + BACK_MS ? at : undefined
}

/** What was decided here is what the venue got, once each. */
function ordersClaim({ server }: Proven, { submits, rejected }: Written): Claim {
  const got = server.audit.requests
    .filter(({ method, path, status }) => method === 'POST' && path === '/v2/orders' && status > 0)
    .map(({ body }) => (JSON.parse(body) as { readonly client_order_id: string }).client_order_id)
  const once = new Set(got)
  const strange = got.filter((id) => !submits.has(id))
  const lost = [...submits].filter((id) => !once.has(id) && !rejected.has(id))
  const [twice] = got.filter((id, i) => got.indexOf(id) !== i)
  const isTrue = strange.length === 0 && lost.length === 0 && twice === undefined
  const text = isTrue
    ? `${integer(once.size)} sent, the same ${integer(once.size)} at the venue, none twice`
    : `${strange.length} only at the venue, ${lost.length} only here, twice: ${twice ?? 'none'}`
  return { name: 'orders', isTrue, text }
}

/** Each execution of the venue is known here. That each counts once, however often it is told, the cash shows. */
function fillsClaim({ server }: Proven, { fills, fillsTold }: Written): Claim {
  const executed = server.audit.orders.filter(
    ({ event }) => event === 'fill' || event === 'partial_fill',
  ).length
  const known = `${integer(executed)} executions at the venue, ${integer(fills.size)} known here`
  const again = fillsTold - fills.size
  const text = again === 0 ? known : `${known}, ${again} of them told again and counted once`
  return { name: 'fills', isTrue: executed === fills.size, text }
}

/**
 * Both sides hold the same: nothing, as the demo ends flat. Cash was never set to the venue's word after the start, so it
 * is what fills add up to.
 */
async function accountClaim(about: Proven, { accounts }: Written): Promise<Claim> {
  const { live } = about
  const { positions, cash } = live.engine.ours
  const theirs = (await read(about, '/v2/positions')) as readonly { readonly symbol: string }[]
  const account = (await read(about, '/v2/account')) as { readonly cash: string }
  const isTrue =
    positions.length === 0 &&
    theirs.length === 0 &&
    Math.abs(Number(account.cash) - cash) < 0.005 &&
    accounts === 1
  const text =
    `${positions.length} positions here, ${theirs.length} at the venue; ` +
    `cash ${money(cash)} here, ${money(Number(account.cash))} there`
  return { name: 'account', isTrue, text: accounts === 1 ? text : `${text}, set ${accounts} times` }
}

async function read({ server, key }: Proven, path: string): Promise<unknown> {
  const headers = { 'APCA-API-KEY-ID': key.key, 'APCA-API-SECRET-KEY': key.secret }
  const answer = await fetch(`${server.urls.rest}${path}`, { headers })
  if (!answer.ok) throw new RunFailed(`GET ${path}: answered ${answer.status}`)
  return await answer.json()
}
