/*
 * Wire of the market-data stream: its control messages, its subscribe frames, and the rarer data messages.
 *
 * https://docs.alpaca.markets/docs/streaming-market-data (read 2026-11)
 */
import { decimalOf, isObject, textOf } from '../../io/json.ts'

export const CHANNELS = ['trades', 'quotes', 'bars', 'updatedBars', 'statuses'] as const
export type Channel = (typeof CHANNELS)[number]
/** Symbols per channel. */
export type Wanted = Readonly<Partial<Record<Channel, readonly string[]>>>

export type ControlMessage =
  | { readonly type: 'connected' }
  | { readonly type: 'authenticated' }
  | {
      readonly type: 'subscription'
      readonly channels: Readonly<Record<Channel, readonly string[]>>
    }
  | { readonly type: 'error'; readonly code: number; readonly message: string }

/**
 * `{"T":"success","msg":"connected"}`, `{"T":"success","msg":"authenticated"}`,
 * `{"T":"error","code":405,"msg":"symbol limit exceeded"}`, and the complete set after every change:
 * `{"T":"subscription","trades":["AAPL"],"quotes":["AAPL","MSFT"],"bars":["*"],"updatedBars":[],"dailyBars":[],…}`.
 * Undefined where the message is none of these.
 */
export function parseControl(
  message: Readonly<Record<string, unknown>>,
): ControlMessage | undefined {
  switch (message['T']) {
    case 'success': {
      const what = message['msg']
      return what === 'connected' || what === 'authenticated' ? { type: what } : undefined
    }
    case 'error':
      return {
        type: 'error',
        code: decimalOf(message['code']) ?? 0,
        message: textOf(message['msg']) ?? '',
      }
    case 'subscription': {
      const listOf = (channel: Channel): readonly string[] => {
        const list = message[channel]
        return Array.isArray(list) ? list.filter((symbol) => typeof symbol === 'string') : []
      }
      return {
        type: 'subscription',
        channels: {
          trades: listOf('trades'),
          quotes: listOf('quotes'),
          bars: listOf('bars'),
          updatedBars: listOf('updatedBars'),
          statuses: listOf('statuses'),
        },
      }
    }
    default:
      return undefined
  }
}

/** The frame that asks for the symbols of one batch: `{"action":"subscribe","bars":["AAPL"],"updatedBars":["AAPL"]}`. */
export const changeFrame = (
  action: 'subscribe' | 'unsubscribe',
  wanted: Wanted,
): Readonly<Record<string, unknown>> => ({ action, ...wanted })

/** A batch of symbols out of what is wanted; channels in which none of them is wanted are left out. */
export function wantedOf(wanted: Wanted, symbols: readonly string[]): Wanted {
  const batch = new Set(symbols)
  return Object.fromEntries(
    CHANNELS.map(
      (channel) =>
        [channel, (wanted[channel] ?? []).filter((symbol) => batch.has(symbol))] as const,
    ).filter(([, list]) => list.length > 0),
  )
}

/** What the venue did not acknowledge: `bars of NVDA`; empty where all of it is there. */
export function missingOf(wanted: Wanted, acknowledged: Wanted): readonly string[] {
  return CHANNELS.flatMap((channel) => {
    const there = new Set(acknowledged[channel])
    return (wanted[channel] ?? [])
      .filter((symbol) => !there.has(symbol))
      .map((symbol) => `${channel} of ${symbol}`)
  })
}

/** What the venue sends beyond what we want. */
export const strangeOf = (wanted: Wanted, acknowledged: Wanted): readonly string[] =>
  missingOf(acknowledged, wanted)

/** `{"T":"s","S":"AAPL","sc":"H","sm":"Trading Halt","rc":"T12","rm":"…","z":"C","t":"…"}` */
export interface Status {
  readonly symbol: string
  readonly code: string
  /** Undefined where the status is about something else: an imbalance, an indication, a short-sale restriction. */
  readonly isHalted?: boolean
  /** In the venue's words. */
  readonly words: string
}

/**
 * Codes of the CTA tapes (A, B) and of UTP (C, O) that stop trading, and that start it again; the resumption of quotes
 * alone (Q) is none. https://docs.alpaca.markets/docs/real-time-stock-pricing-data#trading-status (read 2026-11)
 */
const HALTS: ReadonlyMap<string, boolean> = new Map([
  ['2', true],
  ['F', true],
  ['H', true],
  ['P', true],
  ['3', false],
  ['T', false],
])

export function parseStatus(message: unknown): Status | undefined {
  if (!isObject(message) || message['T'] !== 's') return undefined
  const symbol = textOf(message['S'])
  const code = textOf(message['sc'])
  if (symbol === undefined || code === undefined) return undefined
  const isHalted = HALTS.get(code)
  const told = [message['sm'], message['rc'], message['rm']].map((part) => textOf(part))
  return {
    symbol,
    code,
    ...(isHalted === undefined ? {} : { isHalted }),
    words: [code, ...told.filter((part) => part !== undefined)].join(' '),
  }
}
