/*
 * Quote server: the local Bybit in a process of its own, whose answers to orders take a while, for benches.
 *
 *   node bench/quote-server.ts <symbols>     says {"rest", "market", "account", "trade"}; takes {"latencyMs"}, and {}: says
 *                                            how many calls about orders came of the maker
 */
import assert from 'node:assert/strict'
import { ms } from '../src/core/time.ts'
import { BybitServer, generatedMarket } from '../src/simulators/bybit/index.ts'
import { KEY, OTHER, symbolsOf, UNLIMITED } from './quote-market.ts'

assert.ok(process.send !== undefined, 'the quote server is started by a bench')
const [count] = process.argv.slice(2).map(Number)
const startAt = ms(Date.now())
const market = generatedMarket({ seed: 3, symbols: symbolsOf(count!), startAt, days: 1 })
const limits = { orders: UNLIMITED, reads: UNLIMITED, requests: UNLIMITED }
const server = await BybitServer.start({
  port: 0,
  speed: 1,
  keys: [KEY, OTHER],
  cash: 1e9,
  ...market,
  limits,
  startAt,
})
const answerLate = (latencyMs: number): void => {
  server.nemesis.clear()
  for (const path of ['create', 'amend', 'cancel'].map((verb) => `/v5/order/${verb}`))
    server.nemesis.inject({ on: 'rest', method: 'POST', path, fault: 'slow', by: `${latencyMs}ms` })
  const holding = '"op":"order.'
  server.nemesis.inject({ on: 'entry', fault: 'delay', holding, by: `${latencyMs}ms` })
}
const { rest, publicStream, privateStream, tradeStream } = server.urls
process.on('message', ({ latencyMs }: { readonly latencyMs?: number }) => {
  if (latencyMs !== undefined) answerLate(latencyMs)
  const { requests, frames } = server.audit
  const asked = requests.filter(
    ({ path, account }) => path.startsWith('/v5/order/') && account === KEY.key,
  )
  const framed = frames.filter(
    ({ stream, direction, text }) =>
      stream === 'entry' && direction === 'in' && text.includes('"op":"order.'),
  )
  process.send?.({ calls: asked.length + framed.length })
})
process.on('disconnect', () => process.exit())
process.send({ rest, market: publicStream, account: privateStream, trade: tradeStream })
