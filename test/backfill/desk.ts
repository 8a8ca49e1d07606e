// Desk: a folder with a configuration, and the local venue with bars of five symbols over ten sessions.
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { ms } from '../../src/core/time.ts'
import { AlpacaServer } from '../../src/simulators/alpaca/index.ts'
import type { ServerOptions } from '../../src/simulators/alpaca/server.ts'
import { generateTape } from '../../src/simulators/market.ts'
import { KEY, START } from '../alpaca/local.ts'
import { put, skein, temporary } from '../cli/skein.ts'

export const SYMBOLS = ['NVDA', 'TSLA', 'AMD', 'META', 'NFLX']
const FROM = Date.UTC(2025, 11, 29)

export async function desk(t: TestContext, options: Partial<ServerOptions> = {}) {
  const market = { seed: 3, symbols: SYMBOLS, start: ms(FROM), sessions: 10 }
  const server = await AlpacaServer.start({
    port: 0,
    speed: 0,
    startAt: START,
    keys: [KEY],
    tape: generateTape({ ...market, kind: 'bars' }),
    ...options,
  })
  t.after(() => server.stop())
  const folder = temporary(t)
  const { rest } = server.urls
  const hosts = `hosts: { trading: "${rest}", data: "${rest}" }`
  process.env['ALPACA_KEY'] = KEY.key
  process.env['ALPACA_SECRET'] = KEY.secret
  put(
    folder,
    'skein.yaml',
    `venues: { alpaca: { key: \${ALPACA_KEY}, secret: \${ALPACA_SECRET}, ${hosts} } }\n`,
  )
  const run = (...words: readonly string[]) => skein(folder, ...words, '--config', 'skein.yaml')
  const json = async (...words: readonly string[]): Promise<unknown> => {
    const { stdout, stderr } = await run(...words, '--json')
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout)
  }
  return { server, folder, run, json, archive: join(folder, 'data/archive.db') }
}

export const WISH = ['--symbols', SYMBOLS.join(','), '--from', '2025-12-29', '--to', '2026-01-07']
