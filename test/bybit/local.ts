// Local: a Bybit for tests: three perpetuals that trade around the clock, moved by hand where not told otherwise.
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { ms } from '../../src/core/time.ts'
import {
  BybitServer,
  generatedMarket,
  type ServerOptions,
} from '../../src/simulators/bybit/index.ts'

export const SYMBOLS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT']
export const START = ms(Date.UTC(2026, 0, 7, 15))
export const KEY = { key: 'test-key', secret: 'test-secret' }

export function startVenue(options: Partial<ServerOptions> = {}): Promise<BybitServer> {
  const startAt = ms(options.startAt ?? START)
  const market = generatedMarket({ seed: 3, symbols: SYMBOLS, startAt, days: 1 })
  return BybitServer.start({ port: 0, speed: 0, keys: [KEY], ...market, ...options, startAt })
}

/** Longest wait for a condition, on a machine that may be busy. */
const WAIT_MS = 120_000
const LOOK_MS = 5

/** Lets the process work until a condition holds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const began = performance.now()
  while (!condition()) {
    assert.ok(performance.now() - began < WAIT_MS, `waited too long until ${what}`)
    await wait(LOOK_MS)
  }
}
