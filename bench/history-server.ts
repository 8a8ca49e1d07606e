/*
 * History server: as much of Alpaca as a backfill needs, in a process of its own: pages of minute bars, all symbols alike.
 * Texts are made once, so that it takes little of the machine from those who are measured.
 *
 *   node bench/history-server.ts     says {"port": n}
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { calendarOf } from '../src/core/calendar.ts'
import { expectedStarts } from '../src/core/expected.ts'
import { iso, ms } from '../src/core/time.ts'

interface Window {
  readonly rows: number
  readonly json: Buffer
}

const windows = new Map<string, Window>()

/** The bars of one symbol in a range. */
function windowOf(start: string, end: string): Window {
  const key = `${start} ${end}`
  const known = windows.get(key)
  if (known !== undefined) return known
  const span = { from: ms(Date.parse(start)), to: ms(Date.parse(end) + 1) }
  const starts = [...expectedStarts(calendarOf('us-equity'), '1m', span)]
  const bars = starts.map((at, i) => {
    const close = 100 + (i % 97) / 100
    const prices = { o: 100, h: 101, l: 99.5, c: close }
    return JSON.stringify({ t: iso(ms(at)), ...prices, v: 1_000 + i, n: 1 + (i % 50), vw: close })
  })
  const made = { rows: bars.length, json: Buffer.from(`[${bars.join(',')}]`) }
  windows.set(key, made)
  return made
}

function answer(path: string, response: ServerResponse): void {
  const { searchParams } = new URL(path, 'http://venue')
  const asked = (name: string): string => searchParams.get(name) ?? ''
  const symbols = asked('symbols').split(',')
  const { rows, json } = windowOf(asked('start'), asked('end'))
  const perPage = Math.floor(Number(asked('limit')) / Math.max(1, rows))
  assert.ok(perPage >= 1, `a page holds the ${rows} bars of a symbol`)
  const first = Number(searchParams.get('page_token') ?? 0)
  const next = first + perPage
  const token = next < symbols.length ? `"${next}"` : 'null'
  const parts = [
    ...symbols
      .slice(first, next)
      .flatMap((symbol, i) => [Buffer.from(`${i === 0 ? '{"bars":{' : ','}"${symbol}":`), json]),
    Buffer.from(`},"next_page_token":${token}}`),
  ]
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': length })
  response.cork()
  for (const part of parts) response.write(part)
  response.end()
}

const server = createServer((request, response) => answer(request.url!, response))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.send!({ port: (server.address() as AddressInfo).port })
process.once('disconnect', () => process.exit())
