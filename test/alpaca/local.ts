// Local: a venue for tests that moves by hand: four symbols, a Wednesday morning in New York.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { ms } from '../../src/core/time.ts'
import {
  AlpacaServer,
  generatedMarket,
  type ServerOptions,
  withCoins,
} from '../../src/simulators/alpaca/index.ts'
import { generateTape } from '../../src/simulators/market.ts'

export const SYMBOLS = ['AAPL', 'MSFT', 'SPY', 'BTC/USD']
/** 10:00 in New York, half an hour into the session. */
export const START = Date.UTC(2026, 0, 7, 15)
export const KEY = { key: 'test-key', secret: 'test-secret' }
export const HEADERS = { 'APCA-API-KEY-ID': KEY.key, 'APCA-API-SECRET-KEY': KEY.secret }

export function startVenue(options: Partial<ServerOptions> = {}): Promise<AlpacaServer> {
  const market = { seed: 3, symbols: SYMBOLS, start: ms(Date.UTC(2026, 0, 6)), sessions: 3 }
  return AlpacaServer.start({
    port: 0,
    speed: 0,
    startAt: START,
    keys: [KEY],
    tape: withCoins(generateTape({ ...market, kind: 'trades' })),
    ...options,
  })
}

/** Two symbols that trade around the clock, from now on; it stops with the test. */
export async function startOpenVenue(
  t: TestContext,
  options: Partial<ServerOptions> = {},
): Promise<AlpacaServer> {
  const market = { seed: 7, symbols: ['SPY', 'AAPL'], startAt: ms(START), days: 1 }
  const server = await AlpacaServer.start({
    ...generatedMarket({ ...market, isAlwaysOpen: true }),
    port: 0,
    speed: 1,
    keys: [{ key: 'local', secret: 'local' }],
    ...options,
  })
  t.after(() => server.stop())
  return server
}

/** Longest wait for a condition, on a machine that may be busy. */
const WAIT_MS = 120_000

/** Lets the process work, and the venue too where `stepMs` is given, until a condition holds. */
export async function until(
  condition: () => boolean,
  what: string,
  venue?: { readonly server: AlpacaServer; readonly stepMs: number },
): Promise<void> {
  const began = performance.now()
  while (!condition()) {
    assert.ok(performance.now() - began < WAIT_MS, `waited too long until ${what}`)
    if (venue !== undefined) await venue.server.advance(venue.stepMs)
    await setImmediate()
  }
}
