/*
 * Board: a run at a venue as lines: health, symbols, orders, and what has happened. It is told every turn, and a moment's
 * figures when it is drawn; it knows no terminal.
 */
import { styleText } from 'node:util'
import { unreachable } from '../core/assert.ts'
import type { SymbolId } from '../core/brand.ts'
import type { Turn } from '../core/command.ts'
import type { Input } from '../core/input.ts'
import type { Instrument } from '../core/instrument.ts'
import { named } from '../core/named.ts'
import type { Notice } from '../core/notice.ts'
import { iso } from '../core/time.ts'
import type { Universe } from '../core/universe.ts'
import { clean, count, fit, integer, money, percent, signed, widthOf } from '../report/format.ts'
import type { Moment } from './moment.ts'
import type { Size } from './screen.ts'

type StreamInput = Extract<Input, { readonly type: 'venue.up' | 'venue.down' }>

export interface BoardOptions {
  readonly title: string
  readonly universe: Universe
  readonly isColoured: boolean
  /** What has happened, as it happens. */
  readonly onLine?: (line: string) => void
}

interface Row {
  readonly instrument: Instrument
  /** First and last close. */
  first: number
  last: number
  /** Up or down with the last bar: 1, -1, 0. */
  move: number
}

/** Lines that are kept of what has happened. */
const LOG_MAX = 200
const FILLS_SHOWN = 4
/** Columns of one symbol's block, with the space after it: with all of it, and without change and profit. */
const WIDE = 38
const NARROW = 25
const EQUITY_MAX = 2_000

type Style = Parameters<typeof styleText>[0]

export class Board {
  readonly #options: BoardOptions
  readonly #rows: readonly Row[]
  readonly #log: string[] = []
  /** The last fills, newest first. */
  #traded: readonly string[] = []
  readonly #equity: number[] = []
  #bars = 0
  #warmUp = 0
  #fills = 0
  #denied = 0
  #at = 0
  readonly #down = new Map<string, string>()

  constructor(options: BoardOptions) {
    this.#options = options
    this.#rows = options.universe.all.map((instrument) => ({
      instrument,
      first: NaN,
      last: NaN,
      move: 0,
    }))
  }

  /** What has happened so far, oldest first. */
  get log(): readonly string[] {
    return this.#log
  }

  /** Bars of the time before the run. */
  get warmUp(): number {
    return this.#warmUp
  }

  take(turn: Turn): void {
    this.#at = turn.at
    for (const input of turn.inputs) this.#onInput(input)
    for (const notice of turn.notices) this.#onNotice(notice)
  }

  /** @param at Time of the run; that of the last turn where not told. */
  say(text: string, at = this.#at): void {
    const line = `${at === 0 ? '        ' : iso(at).slice(11, 19)}  ${clean(text)}`
    this.#log.push(line)
    if (this.#log.length > LOG_MAX) this.#log.shift()
    this.#options.onLine?.(line)
  }

  /** One line that tells the most. */
  summary(moment: Moment): string {
    const health = this.#down.size === 0 ? 'up' : `${[...this.#down.keys()].join(' and ')} down`
    return [
      `${iso(moment.at).slice(11, 19)}  ${health}`,
      `${integer(this.#bars)} bars`,
      `${integer(moment.orders)} orders`,
      `${integer(this.#fills)} fills`,
      `${moment.held.length} positions`,
      `equity ${money(moment.equity)}`,
      `${integer(moment.requests)} requests, ${integer(moment.saved)} saved`,
    ].join(', ')
  }

  lines(moment: Moment | undefined, { columns, rows }: Size): readonly string[] {
    const head = moment === undefined ? [this.#title(columns)] : this.#head(moment, columns)
    // What has happened gets what is left, fills last; the table gives way to three lines of it.
    const room = Math.max(0, rows - head.length - 5)
    const table = (width: number): string[] =>
      moment === undefined ? [] : this.#table(moment, columns, width)
    const wide = table(WIDE)
    const cut = (wide.length <= room ? wide : table(NARROW)).slice(0, room)
    const left = Math.max(0, rows - head.length - cut.length - 2)
    const log = left === 0 ? [] : this.#log.slice(-left)
    const fills = this.#traded.slice(0, Math.max(0, left - log.length - 1))
    return [
      ...head,
      '',
      ...cut,
      ...(cut.length > 0 ? [''] : []),
      ...log.map((line) => this.#shade(fit(line, columns))),
      ...(fills.length > 0 ? ['', ...fills.map((line) => fit(line, columns))] : []),
    ]
  }

  #onInput(input: Input): void {
    if (input.type === 'bar') {
      const row = this.#rows[input.bar.symbol]!
      const { close } = input.bar
      // What came before the run is where its changes are counted from.
      if (input.source === 'warmup' || Number.isNaN(row.first)) row.first = close
      row.move = Math.sign(close - row.last) || 0
      row.last = close
      if (input.source === 'venue') this.#bars++
      else this.#warmUp++
      return
    }
    if (input.type === 'trade') {
      const row = this.#rows[input.trade.symbol]!
      const { price } = input.trade
      if (Number.isNaN(row.first)) row.first = price
      row.move = Math.sign(price - row.last) || row.move
      row.last = price
      return
    }
    const isStream = input.type === 'venue.up' || input.type === 'venue.down'
    if (isStream) this.#onStream(input, input.type === 'venue.up')
  }

  #onStream({ stream, symbols, why }: StreamInput, isUp: boolean): void {
    const all = stream === 'feed' ? 'market data' : 'order events'
    const name =
      symbols === undefined
        ? all
        : `${all} of ${named(symbols.map((symbol) => this.#nameOf(symbol)))}`
    const reason = why === undefined || why === '' ? '' : `: ${why}`
    const was = this.#down.get(name)
    if (isUp) {
      this.#down.delete(name)
      // What is up is up for all.
      for (const part of this.#down.keys())
        if (symbols === undefined && part.startsWith(`${name} of `)) this.#down.delete(part)
      if (was !== undefined) this.say(`${name} are back${reason}`)
      return
    }
    if (was !== undefined) return
    this.#down.set(name, reason)
    this.say(`${name} are LOST${reason}; no new risk until they are back`)
  }

  #onNotice(notice: Notice): void {
    switch (notice.type) {
      case 'fill':
        this.#fills++
        this.#traded = [this.#fillText(notice), ...this.#traded].slice(0, FILLS_SHOWN)
        return
      case 'order.denied':
        this.#denied++
        return
      case 'safe-mode':
      case 'kill-switch':
        this.say(`${notice.type} ${notice.on ? 'ON' : 'off'}: ${notice.why}`)
        return
      case 'symbol.halted':
        this.say(
          `${this.#nameOf(notice.symbol)} ${notice.on ? 'HALTED' : 'released'}: ${notice.why}`,
        )
        return
      case 'strategy.halted':
        this.say(`${notice.strategy} HALTED on ${this.#nameOf(notice.symbol)}: ${notice.error}`)
        return
      case 'drawdown':
        this.say(`drawdown ${percent(notice.drawdown)}: level ${notice.level}`)
        return
      case 'fill.late':
        this.say(`order ${notice.order.id} was ${notice.was} and has filled all the same`)
        return
      // A part of the moment.
      case 'position.changed':
      // Told as alerts.
      case 'limits.changed':
      case 'transferred':
      case 'position.adopted':
      case 'external':
      case 'bar.closed':
      case 'bar.gap':
      case 'trade.late':
      case 'order.placed':
      case 'order.changed':
      case 'quote.marked':
      case 'signal':
        return
      default:
        unreachable(notice)
    }
  }

  /** `15:07:41  sell 42 AAPL at 44.04: -1.20`. */
  #fillText({ at, order, fill, profit }: Extract<Notice, { readonly type: 'fill' }>): string {
    const { symbol, tickSize } = this.#options.universe.at(order.symbol)
    const what = `${order.side} ${fill.qty} ${symbol} at ${priceText(fill.price, tickSize)}`
    return `${iso(at).slice(11, 19)}  ${what}${profit === 0 ? '' : `: ${signed(profit)}`}`
  }

  #title(columns: number, right = ''): string {
    const left = fit(this.#options.title, Math.max(10, columns - right.length - 2))
    return `${this.#paint('bold', left)}${' '.repeat(Math.max(1, columns - left.length - right.length))}${right}`
  }

  #head(moment: Moment, columns: number): string[] {
    const { equityStart, equity } = moment
    this.#equity.push(equity)
    if (this.#equity.length > EQUITY_MAX) this.#equity.splice(0, EQUITY_MAX / 2)
    const clock = `${iso(moment.at).slice(0, 19).replace('T', ' ')} UTC`
    const pace = moment.speed === 1 ? '' : ` (${moment.speed}x)`
    const right = `${clock}${pace}  ${stopwatch(moment.elapsedMs)}`
    const streams = ['market data', 'order events']
    const down = [...this.#down.keys()]
    const up = streams.filter((name) => !this.#down.has(name))
    const isAgreed = moment.open === 0
    const reports = count(moment.reports, 'report')
    const change = equity - equityStart
    const figures = [
      [`bars ${integer(this.#bars)}`, `orders ${integer(moment.orders)} (${moment.live} live)`],
      [`fills ${integer(this.#fills)}`, `positions ${moment.held.length}`],
      [`denied ${integer(this.#denied)}`],
    ].flat()
    return [
      this.#title(columns, right),
      '',
      line(
        'health',
        [
          // What is wrong comes first: what has no room is left out.
          ...down.map((name) => this.#paint('red', `${name} DOWN`)),
          ...(isAgreed ? [] : [this.#paint('red', count(moment.open, 'open difference'))]),
          ...up.map((name) => this.#paint('green', `${name} up`)),
          `inbox ${Math.round(moment.inbox * 100)}%`,
          `slowest turn ${Math.round(moment.slowestMs)} ms`,
          isAgreed ? `${reports}, agree with the venue` : reports,
        ],
        columns,
      ),
      line('trading', figures, columns),
      line(
        'requests',
        [
          `${integer(moment.requests)} sent`,
          `${integer(moment.saved)} saved by asking for many at once`,
          ...(moment.gaps > 0
            ? [`${count(moment.gaps, 'gap')}, ${count(moment.gapBars, 'missed bar')} fetched`]
            : []),
        ],
        columns,
      ),
      line(
        'equity',
        [
          `${money(equity)} ${this.#paint(change < 0 ? 'red' : 'green', `(${signed(change)})`)}`,
          this.#paint('cyan', spark(this.#equity, Math.max(8, Math.min(40, columns - 44)))),
        ],
        columns,
      ),
    ]
  }

  /** The symbols in blocks beside each other, read downwards. */
  #table({ held }: Moment, columns: number, width: number): string[] {
    const positions = new Map(held.map((position) => [position.symbol, position]))
    const across = Math.max(1, Math.floor((columns + 2) / width))
    const height = Math.ceil(this.#rows.length / across)
    return Array.from({ length: height }, (_, i) =>
      Array.from({ length: across }, (_unused, k) => this.#rows[k * height + i])
        .map((row) =>
          row === undefined ? '' : this.#block(row, positions.get(row.instrument.id), width),
        )
        .join('  ')
        .trimEnd(),
    )
  }

  #block(
    { instrument, first, last, move }: Row,
    position: Moment['held'][number] | undefined,
    width: number,
  ): string {
    const name = fit(instrument.symbol, 8).padEnd(8)
    if (Number.isNaN(last)) return `${name}${'–'.padStart(9)}`.padEnd(width - 2)
    const arrow = move > 0 ? '▲' : move < 0 ? '▼' : ' '
    const tone = move > 0 ? 'green' : move < 0 ? 'red' : 'white'
    const changed = last / first - 1
    const part = `${changed > 0 ? '+' : ''}${percent(changed)}`
    const { qty = 0, avgPrice: from = 0 } = position ?? {}
    const profit = qty === 0 ? '' : signed(instrument.profit(qty, { from, to: last }))
    const held = qty === 0 ? '' : `${qty}`
    const text = priceText(last, instrument.tickSize)
    const price = this.#paint(tone, `${text.padStart(9)}${arrow}`)
    if (width === NARROW) return `${name}${price}${held.padStart(5)}`
    return [
      name,
      price,
      part.padStart(7),
      held.padStart(5),
      this.#paint(profit.startsWith('-') ? 'red' : 'green', profit.padStart(6)),
    ].join('')
  }

  #nameOf(symbol: SymbolId): string {
    return this.#options.universe.at(symbol).symbol
  }

  #shade(text: string): string {
    if (/LOST|DOWN|HALTED|ON:|warn:|error:/.test(text)) return this.#paint('yellow', text)
    return text
  }

  #paint(style: Style, text: string): string {
    return this.#options.isColoured && text.trim() !== ''
      ? styleText(style, text, { validateStream: false })
      : text
  }
}

/** With all the digits of its steps, so that no coin is worth 0.00; cents at least. */
const priceText = (price: number, tickSize: number): string => {
  const digits = Math.ceil(-Math.log10(tickSize) - 1e-9)
  return digits <= 2 ? money(price) : price.toFixed(digits)
}

/** `0:09`, `12:34`. */
const stopwatch = (elapsedMs: number): string => {
  const seconds = Math.floor(elapsedMs / 1_000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** As many of the parts as fit. */
function line(name: string, parts: readonly string[], columns: number): string {
  const head = name.padEnd(9)
  let text = head
  for (const part of parts) {
    const longer = text === head ? `${text}${part}` : `${text}   ${part}`
    if (widthOf(longer) > columns) break
    text = longer
  }
  return text
}

const LEVELS = '▁▂▃▄▅▆▇█'

/** The last of each part of the values, as a line of bars. */
function spark(values: readonly number[], width: number): string {
  const least = Math.min(...values)
  const range = Math.max(...values) - least
  const count = Math.min(width, values.length)
  return Array.from({ length: count }, (_, i) => {
    const value = values[Math.ceil(((i + 1) * values.length) / count) - 1]!
    return LEVELS[range === 0 ? 0 : Math.round(((value - least) / range) * (LEVELS.length - 1))]
  }).join('')
}
