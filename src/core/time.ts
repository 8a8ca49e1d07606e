// Time as data: milliseconds, durations, timeframes and bucket arithmetic. Nothing here reads a clock.
import { assert } from './assert.ts'
import type { Ms } from './brand.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** The timeframes of bars, from the finest to the coarsest. */
export const TIMEFRAMES = ['1s', '1m', '5m', '15m', '1h', '4h', '1d'] as const
export type Timeframe = (typeof TIMEFRAMES)[number]

const LENGTHS: Readonly<Record<Timeframe, number>> = {
  '1s': SECOND,
  '1m': MINUTE,
  '5m': 5 * MINUTE,
  '15m': 15 * MINUTE,
  '1h': HOUR,
  '4h': 4 * HOUR,
  '1d': DAY,
}

/** Brands an integer number of milliseconds since the epoch. Throws on fractions, NaN and infinity. */
export function ms(at: number): Ms {
  assert(Number.isSafeInteger(at), () => `a time is an integer of milliseconds, not ${at}`)
  return at as Ms
}

/** `at` moved by `deltaMs`, which may be negative. */
export const plus = (at: Ms, deltaMs: number): Ms => (at + deltaMs) as Ms

/** Length of a bar in milliseconds. A '1d' bar is a trading day: 24 h is its nominal length. */
export const lengthMs = (timeframe: Timeframe): number => LENGTHS[timeframe]

/** The timeframe whose bars are so long. */
export function timeframeOf(lengthOfBar: number): Timeframe {
  const timeframe = TIMEFRAMES.find((name) => LENGTHS[name] === lengthOfBar)
  assert(timeframe !== undefined, () => `${lengthOfBar} ms are a timeframe`)
  return timeframe
}

/** Starts of bars are multiples of this. A '1d' bar starts where its market's day does, so its grid is whole minutes. */
export const gridMs = (timeframe: Timeframe): number =>
  timeframe === '1d' ? MINUTE : lengthMs(timeframe)

/** 2100-01-01: later stamps are seconds taken for milliseconds, or worse. */
export const END_OF_TIME = Date.UTC(2100, 0, 1)

export const isTimeframe = (text: string): text is Timeframe => Object.hasOwn(LENGTHS, text)

/** Start of the bucket that holds `ts`, for buckets aligned to the UTC epoch. */
export const bucketStart = (ts: number, bucketMs: number): Ms =>
  (Math.floor(ts / bucketMs) * bucketMs) as Ms

/** A duration such as `250ms`, `30s`, `5m`, `4h` or `1d` in milliseconds; undefined where it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  const unit = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }[match[2] as 'ms']
  return Number(match[1]) * unit
}

/** `2026-03-23T13:30:00.000Z`, for people and messages. */
export const iso = (at: number): string => new Date(at).toISOString()
