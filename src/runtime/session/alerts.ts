// Alerts: which notices of the engine a person must hear of, and in which words.
import { unreachable } from '../../core/assert.ts'
import type { LimitChange } from '../../core/input.ts'
import type { DrawdownLevel, Notice } from '../../core/notice.ts'
import type { Universe } from '../../core/universe.ts'
import { percent } from '../../engine/denials.ts'
import { settingOf } from '../config/limit-changes.ts'

export interface Told {
  readonly level: 'info' | 'warn' | 'error'
  readonly text: string
}

/** Undefined where the notice is everyday, or whoever caused it tells it: halts by reconciliation, the kill switch. */
export function alertOf(notice: Notice, universe: Universe): Told | undefined {
  switch (notice.type) {
    case 'fill.late': {
      const { order, fill, was } = notice
      const { id, filled, qty } = order
      return error(
        `order ${id} had ended as ${was} and has traded: fill ${fill}, ${filled} of ${qty}`,
      )
    }
    case 'fill': {
      const { order, fill, busts } = notice
      if (busts === undefined) return undefined
      return error(`fill ${busts} of ${order.id} was taken back: ${fill.qty} at ${fill.price}`)
    }
    case 'external': {
      const { venueId, symbol, side, qty, filled } = notice.order
      const name = universe.at(symbol).symbol
      const text = `EXTERNAL order ${venueId} in ${name} is not ours: ${side} ${qty}, filled ${filled}`
      return { level: 'warn', text }
    }
    case 'safe-mode':
      return notice.on ? error(`safe mode: ${notice.why}`) : undefined
    case 'strategy.halted': {
      const { strategy, symbol, error: why } = notice
      return error(`${strategy} is halted on ${universe.at(symbol).symbol}: ${why}`)
    }
    case 'signal': {
      const { strategy, symbol, name, data } = notice
      if (name !== 'bracket.broken') return undefined
      const { why, entry } = data
      return error(
        `${strategy} on ${universe.at(symbol).symbol}: ${String(why)} (bracket ${String(entry)})`,
      )
    }
    case 'position.adopted': {
      const { before, qty, avgPrice, strategy, isDone } = notice
      const name = universe.at(notice.symbol).symbol
      if (!isDone) return error(`${name} is not adopted: our position has moved to ${before}`)
      const whose = strategy === undefined ? 'it belongs to no strategy' : `it is ${strategy}'s`
      const text = `${name} was ${before} here and is ${qty} at ${avgPrice} now, as at the venue`
      return { level: 'warn', text: `${text}; ${whose}, and no stop protects what was added` }
    }
    case 'drawdown': {
      const { level, drawdown } = notice
      const text = Number.isNaN(drawdown)
        ? `the drawdown is not known: ${LADDER[level]}`
        : `the drawdown is ${percent(drawdown)}: ${LADDER[level]}`
      return { level: level === 'normal' || level === 'warning' ? 'warn' : 'error', text }
    }
    case 'transferred':
      return {
        level: 'warn',
        text: `${transferText(notice)}; the peaks of the drawdown moved with it`,
      }
    case 'limits.changed':
      return { level: 'warn', text: notice.changes.map((change) => changeText(change)).join('; ') }
    case 'bar.closed':
    case 'bar.gap':
    case 'trade.late':
    case 'order.placed':
    case 'quote.marked':
    case 'order.changed':
    case 'order.denied':
    case 'position.changed':
    case 'symbol.halted':
    case 'kill-switch':
      return undefined
    default:
      return unreachable(notice)
  }
}

/** What each level of the drawdown does. */
const LADDER: Readonly<Record<DrawdownLevel, string>> = {
  normal: 'level normal, nothing is held back',
  warning: 'level warning, sizes are scaled down',
  halt: 'level halt, no new risk is taken',
  emergency: 'level emergency, everything is closed',
}

/** `risk.maxDailyLoss is 300, and was 500`. */
export const changeText = (change: LimitChange): string =>
  `${settingOf(change)} is ${change.after}, and was ${change.before}`

/** `500 left the account without a trade` */
export const transferText = ({ amount }: Extract<Notice, { type: 'transferred' }>): string =>
  `${Math.abs(amount)} ${amount < 0 ? 'left' : 'came to'} the account without a trade`

const error = (text: string): Told => ({ level: 'error', text })
