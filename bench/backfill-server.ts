// A server of pages: `node bench/backfill-server.ts <symbols> <days>`. Bars of 15 minutes as Alpaca tells them, made once for each query.
import { createServer } from 'node:http'
import { barJson, type Json } from '../src/simulators/alpaca/quotes-json.ts'
import { madeSymbols, Past } from '../src/simulators/past.ts'
import { PAGE_ROWS, spanOf } from './backfill-pages.ts'

const [count, days] = process.argv.slice(2).map(Number)
const symbols = madeSymbols(count!)
const past = new Past({ seed: 5, symbols, ...spanOf(days!) })
const rows = symbols.flatMap((symbol) =>
  past
    .rows(symbol, 'steps', (steps) => steps)
    .map((bar) => ({ symbol, t: bar.t, json: barJson(bar, false) })),
)
const made = new Map<string, readonly Buffer[]>()

/** All pages of some symbols in a range; of all, and the whole, where none are told. */
function pagesOf(query: URLSearchParams): readonly Buffer[] {
  const [start, end, asked] = [query.get('start'), query.get('end'), query.get('symbols')]
  const key = `${start} ${end} ${asked}`
  const known = made.get(key)
  if (known !== undefined) return known
  const [from, to] = [Date.parse(start ?? '1970-01-01'), Date.parse(end ?? '2100-01-01')]
  const wanted = new Set(asked?.split(',') ?? symbols)
  const within = rows.filter(({ symbol, t }) => t >= from && t <= to && wanted.has(symbol))
  const pages: Buffer[] = []
  for (let at = 0; at === 0 || at < within.length; at += PAGE_ROWS) {
    const bars: Record<string, Json[]> = {}
    for (const { symbol, json } of within.slice(at, at + PAGE_ROWS))
      (bars[symbol] ??= []).push(json)
    const next = at + PAGE_ROWS < within.length ? String(pages.length + 1) : null
    pages.push(Buffer.from(JSON.stringify({ bars, next_page_token: next })))
  }
  made.set(key, pages)
  return pages
}

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url ?? '/', 'http://server')
  const page = pagesOf(searchParams)[Number(searchParams.get('page_token') ?? 0)]!
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': page.length })
  response.end(page)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  process.send?.({ port, pages: pagesOf(new URLSearchParams()).length, rows: rows.length })
})
process.on('disconnect', () => process.exit(0))
