// Words of a scenario → facts and wishes; and commands, notices and orders → words.
import { unreachable } from '../core/assert.ts'
import { fillId, type Ms, type OrderId, type SymbolId, venueId } from '../core/brand.ts'
import type { Command } from '../core/command.ts'
import { fault } from '../core/fault.ts'
import type { Control, Input, OrderFact } from '../core/input.ts'
import { type Instrument, money } from '../core/instrument.ts'
import type { Notice } from '../core/notice.ts'
import type { Order, OrderRequest, Side } from '../core/order.ts'
import { lengthMs, ms, type Timeframe } from '../core/time.ts'
import type {
  BracketIntent,
  Context,
  Ladder,
  OrderIntent,
  QuoteLevel,
} from '../strategy/context.ts'

/** What the words of a story name. */
export interface Names {
  readonly at: Ms
  /** A symbol of the universe; the first where there is no name. */
  instrument(name?: string): Instrument
  /** `#1` → the id of the first order. */
  order(name: string): OrderId
  /** The instrument of an order. */
  instrumentOf(id: OrderId): Instrument
  nextFill(): string
}

/** The words after each of some keywords: `limit 100 ioc` → limit: 100, ioc: true. */
class Words {
  readonly list: readonly string[]

  constructor(text: string) {
    this.list = text.split(/\s+/)
  }

  at(i: number): string {
    const word = this.list[i]
    if (word === undefined) throw new Error(`word ${i + 1} is missing in "${this.list.join(' ')}"`)
    return word
  }

  number(i: number): number {
    const x = Number(this.at(i))
    if (Number.isNaN(x) && this.at(i) !== 'NaN') throw new Error(`"${this.at(i)}" is a number`)
    return x
  }

  has(keyword: string): boolean {
    return this.list.includes(keyword)
  }

  /** The number that follows a keyword. */
  after(keyword: string, distance = 1): number | undefined {
    const i = this.list.indexOf(keyword)
    return i < 0 ? undefined : this.number(i + distance)
  }

  textAfter(keyword: string): string | undefined {
    const i = this.list.indexOf(keyword)
    return i < 0 ? undefined : this.at(i + 1)
  }

  from(i: number): string {
    return this.list.slice(i).join(' ')
  }
}

/** The fact that a line tells. */
export function factOf(text: string, names: Names): Input {
  const words = new Words(text)
  const { at } = names
  switch (words.at(0)) {
    case 'trade': {
      const size = words.after('x') ?? 1
      const symbol = names.instrument(words.at(1)).id
      return { type: 'trade', at, trade: { symbol, ts: at, price: words.number(2), size } }
    }
    case 'quote': {
      const [bid, ask] = [words.number(2), words.number(4)]
      const symbol = names.instrument(words.at(1)).id
      const quote = { symbol, ts: at, bid, bidSize: 100, ask, askSize: 100 }
      return { type: 'quote', at, quote }
    }
    case 'bar':
    case 'warmup':
      return barOf(words, names)
    case 'account': {
      const amount = money(words.number(1))
      const { venue } = names.instrument()
      return { type: 'account', at, venue, equity: amount, cash: amount, buyingPower: amount }
    }
    case 'venue': {
      const type = words.at(1) === 'up' ? 'venue.up' : 'venue.down'
      const stream = words.list[2] === 'feed' ? 'feed' : 'orders'
      return {
        type,
        at,
        venue: words.list[3] ? venueId(words.at(3)) : names.instrument().venue,
        stream,
      }
    }
    default:
      return orderFactOf(words, names) ?? controlInput(words, names)
  }
}

function barOf(words: Words, names: Names): Input {
  const { at } = names
  const symbol = names.instrument(words.at(1)).id
  const [open, high, low, close] = [2, 3, 4, 5].map((i) => words.number(i)) as [
    number,
    number,
    number,
    number,
  ]
  const timeframe = (words.list[6] ?? '1m') as Timeframe
  const start = ms(at - lengthMs(timeframe))
  const bar = { symbol, timeframe, start, open, high, low, close, volume: 1_000, trades: 10 }
  return { type: 'bar', at, bar, source: words.at(0) === 'bar' ? 'venue' : 'warmup' }
}

function orderFactOf(words: Words, names: Names): OrderFact | undefined {
  const { at } = names
  if (words.list[1]?.startsWith('#') !== true) return undefined
  const id = names.order(words.at(1))
  const { qty, px } = gridOf(names.instrumentOf(id))
  const base = { at, id, ts: at }
  switch (words.at(0)) {
    case 'accepted':
      return { type: 'order.accepted', ...base, venueId: `v-${id}` }
    case 'filled':
      return {
        type: 'order.filled',
        ...base,
        fill: fillId(words.textAfter('as') ?? names.nextFill()),
        qty: qty(words.number(2)),
        price: words.after('@')!,
        fee: money(words.after('fee') ?? 0),
      }
    case 'busted': {
      const fill = fillId(words.textAfter('of') ?? '')
      const trade = { qty: qty(words.number(2)), price: words.after('@')! }
      return { type: 'order.busted', ...base, bust: fillId(`bust of ${fill}`), fill, ...trade }
    }
    case 'canceled':
      return { type: 'order.canceled', ...base }
    case 'expired':
      return { type: 'order.expired', ...base }
    case 'rejected':
      return { type: 'order.rejected', ...base, fault: fault('bad-request', words.from(2)) }
    case 'refused':
      return { type: 'cancel.rejected', ...base, fault: fault('bad-request', words.from(2)) }
    case 'amended': {
      const changes = [words.after('qty'), words.after('limit'), words.after('stop')] as const
      return {
        type: 'order.amended',
        ...base,
        ...(changes[0] === undefined ? {} : { qty: qty(changes[0]) }),
        ...(changes[1] === undefined ? {} : { limit: px(changes[1]) }),
        ...(changes[2] === undefined ? {} : { stop: px(changes[2]) }),
      }
    }
    default:
      return undefined
  }
}

const gridOf = (instrument: Instrument) => ({
  qty: (x: number) => instrument.qty(x),
  px: (x: number) => instrument.px(x),
})

function controlInput(words: Words, names: Names): Input {
  const verb = words.at(0)
  const [on, why] = [words.list[1] === 'on', 'the story says so']
  const control = (): Control => {
    switch (verb) {
      case 'pause':
      case 'resume':
      case 'cancel-all':
      case 'flatten':
      case 'stop':
        return { do: verb }
      case 'kill-switch':
      case 'safe-mode':
        return { do: verb, on, why }
      case 'release': {
        const symbol = words.list[2]
        const strategy = words.at(1)
        if (symbol === undefined) return { do: verb, strategy }
        return { do: verb, strategy, symbol: names.instrument(symbol).id }
      }
      default:
        throw new Error(`"${words.list.join(' ')}" is no fact that a story knows`)
    }
  }
  return { type: 'control', at: names.at, control: control(), by: 'story' }
}

/** Does what a strategy wishes in a line; `text` is without its name. */
export function perform(ctx: Context, text: string, names: Pick<Names, 'order'>): void {
  const words = new Words(text)
  switch (words.at(0)) {
    case 'buy':
      ctx.buy(intentOf(words, 1))
      return
    case 'sell':
      ctx.sell(intentOf(words, 1))
      return
    case 'bracket':
      ctx.bracket(bracketOf(words))
      return
    case 'cancel':
      ctx.cancel(names.order(words.at(1)))
      return
    case 'rest':
      ctx.rest(ladderOf(words))
      return
    case 'close':
      ctx.close()
      return
    case 'signal':
      ctx.signal(words.at(1))
      return
    default:
      throw new Error(`"${text}" is no wish that a story knows`)
  }
}

/** `rest 10 @ 99.9 10 @ 99.8 | 10 @ 100.1`: bids before the bar, asks after it. */
function ladderOf(words: Words): Ladder {
  const middle = words.list.indexOf('|')
  const levels = (from: number, to: number) => {
    const found: QuoteLevel[] = []
    for (let i = from; i < to; i += 3)
      found.push({ qty: words.number(i), price: words.number(i + 2) })
    return found
  }
  return { bids: levels(1, middle), asks: levels(middle + 1, words.list.length) }
}

function intentOf(words: Words, i: number): OrderIntent {
  const [limit, stop] = [words.after('limit'), words.after('stop')]
  return {
    qty: words.number(i),
    ...(limit === undefined ? {} : { limit }),
    ...(stop === undefined ? {} : { stop }),
    ...(words.has('ioc') ? { tif: 'ioc' as const } : {}),
    ...(words.has('gtc') ? { tif: 'gtc' as const } : {}),
    ...(words.has('reduce-only') ? { reduceOnly: true as const } : {}),
  }
}

function bracketOf(words: Words): BracketIntent {
  const [entry, target, activate] = ['entry', 'target', 'trail'].map((word) => words.after(word))
  return {
    side: words.at(1) as Side,
    qty: words.number(2),
    stop: words.after('stop')!,
    ...(entry === undefined ? {} : { entry }),
    ...(target === undefined ? {} : { target }),
    ...(activate === undefined ? {} : { trail: { activate, distance: words.after('trail', 2)! } }),
  }
}

/** `#1`, from the counter at the end of an id. */
export const nameOf = (id: OrderId): string => `#${parseInt(id.split('-').at(-1)!, 36)}`

/** What has to be said because there are several. */
export interface Shown {
  readonly strategies: boolean
  readonly symbolOf: ((symbol: SymbolId) => string) | undefined
}

export function commandText(command: Command, shown: Shown): string {
  const name = nameOf(command.type === 'submit' ? command.order.id : command.id)
  if (command.type === 'cancel') return `cancel ${name}`
  if (command.type === 'amend') {
    const { qty, limit, stop } = command
    return `amend ${name}${said('qty', qty)}${said('limit', limit)}${said('stop', stop)}`
  }
  const { order, legs = [] } = command
  const strategy = shown.strategies ? ` ${order.strategy}` : ''
  const symbol = shown.symbolOf === undefined ? '' : ` ${shown.symbolOf(order.symbol)}`
  const others = legs.map((leg) => `${nameOf(leg.id)} ${requestText(leg)}`).join(', ')
  const end = legs.length === 0 ? '' : ` with ${others}`
  return `submit ${name}${strategy}${symbol} ${requestText(order)}${end}`
}

function requestText(request: OrderRequest): string {
  const { side, qty, type, limit, stop, tif } = request
  const prices = type === 'market' ? ' market' : `${said('stop', stop)}${said('limit', limit)}`
  const flags = [
    tif === 'day' ? '' : ` ${tif}`,
    request.postOnly === true ? ' post-only' : '',
    request.reduceOnly === true ? ' reduce-only' : '',
  ]
  return `${side} ${qty}${prices}${flags.join('')}`
}

const said = (word: string, value: number | undefined): string =>
  value === undefined ? '' : ` ${word} ${value}`

/** A notice in words; undefined for those that only repeat what the turn's inputs say. */
export function noticeText(notice: Notice, shown: Shown): string | undefined {
  const by = (strategy: string): string => (shown.strategies ? ` ${strategy}` : '')
  switch (notice.type) {
    case 'order.denied': {
      const { strategy, denial } = notice
      return `denied${by(strategy)} ${denial.code}: ${denial.detail}`
    }
    case 'signal': {
      const { name, data, strategy } = notice
      const { why } = data
      return `signal${by(strategy)} ${name} ${typeof why === 'string' ? why : JSON.stringify(data)}`
    }
    case 'strategy.halted':
      return `halted ${notice.strategy} ${notice.error}`
    case 'safe-mode':
    case 'kill-switch':
      return `${notice.type} ${notice.on ? 'on' : 'off'}: ${notice.why}`
    case 'symbol.halted':
      return `${notice.on ? 'halted' : 'released'} ${notice.cause}: ${notice.why}`
    case 'drawdown':
      return `drawdown ${notice.level}`
    case 'position.adopted':
      return `${notice.isDone ? 'adopted' : 'not adopted'} ${notice.before} -> ${notice.qty} @ ${notice.avgPrice}`
    case 'transferred':
      return `transferred ${notice.amount}`
    case 'limits.changed':
      return notice.changes.map(({ limit, after }) => `limit ${limit} ${after}`).join(', ')
    case 'bar.gap':
      return `gap ${notice.timeframe} of ${(notice.to - notice.from) / 1_000} s`
    case 'trade.late':
      return `late ${notice.trade.price}`
    case 'external':
      return `external ${notice.order.venueId} ${notice.order.filled}/${notice.order.qty}`
    case 'bar.closed':
    case 'order.placed':
    case 'quote.marked':
    case 'order.changed':
    case 'fill':
    case 'fill.late':
    case 'position.changed':
      return undefined
    default:
      return unreachable(notice)
  }
}

/** `#1 open 4/10`. */
export function orderText({ id, phase, reason, filled, qty }: Order): string {
  return `${nameOf(id)} ${phase}${reason === undefined ? '' : ` ${reason}`} ${filled}/${qty}`
}
