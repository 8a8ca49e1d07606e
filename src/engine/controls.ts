// Controls: what a person or a supervisor says to a run that goes on becomes what is allowed, cancelled and closed.
import { unreachable } from '../core/assert.ts'
import { isOfBatching, withChanges } from '../core/batching.ts'
import type { Control, LimitChange } from '../core/input.ts'
import { isRisk, type Order } from '../core/order.ts'
import type { Bars } from './bars.ts'
import type { Desk } from './desk.ts'
import type { Facts } from './facts.ts'
import type { Lane } from './lanes.ts'

export interface ControlParts {
  readonly desk: Desk
  readonly facts: Facts
  readonly bars: Bars
  readonly halt: (lane: Lane, why: string) => void
}

export class Controls {
  readonly #desk: Desk
  readonly #facts: Facts
  readonly #bars: Bars

  readonly #halt: (lane: Lane, why: string) => void

  constructor({ desk, facts, bars, halt }: ControlParts) {
    this.#desk = desk
    this.#facts = facts
    this.#bars = bars
    this.#halt = halt
  }

  take(control: Control): void {
    const { risk, notices } = this.#desk.parts
    switch (control.do) {
      case 'pause':
      case 'resume':
        risk.state.setPaused(control.do === 'pause')
        return
      case 'cancel-all':
      case 'cancel-risk':
        this.#cancel(control.do, control.strategy)
        return
      case 'flatten':
        for (const lane of this.#desk.lanes) {
          if ((control.strategy ?? lane.strategy) !== lane.strategy) continue
          this.#desk.close(lane)
          for (const order of this.#desk.ordersOf(lane)) this.#desk.cancelAgain(order)
        }
        return
      case 'stop':
        risk.state.setStopping(true)
        this.#bars.closeAll()
        this.#desk.markouts.end()
        return
      case 'drain':
        risk.state.setStopping(control.on)
        return
      case 'hold':
        risk.state.setHold(control)
        return
      case 'halt-symbol': {
        const { symbol, cause, on, why, isLess } = control
        risk.state.setHalt({ symbol, cause, why, ...(isLess && { isLess }) }, on)
        notices.publish({ type: 'symbol.halted', symbol, cause, on, why })
        return
      }
      case 'safe-mode':
      case 'kill-switch': {
        const { on, why } = control
        if (control.do === 'safe-mode') risk.state.setSafeMode(on ? why : null)
        else this.#killSwitch(on ? why : null)
        notices.publish({ type: control.do, on, why })
        return
      }
      case 'adopt':
        this.#facts.adopt(control)
        return
      case 'dust':
        this.#desk.parts.portfolio.setDust(control.symbol, control.qty)
        return
      case 'retune': {
        const { changes } = control
        this.#retune(changes)
        notices.publish({ type: 'limits.changed', at: this.#desk.now, changes })
        return
      }
      case 'halt': {
        const lane = this.#desk.laneOf(control.strategy, control.symbol)
        if (lane !== undefined && lane.halted === undefined) this.#halt(lane, control.why)
        return
      }
      case 'release':
        for (const lane of this.#desk.lanes) {
          if (lane.strategy !== control.strategy) continue
          if (control.symbol === undefined || control.symbol === lane.symbol) lane.release()
        }
        return
      default:
        unreachable(control)
    }
  }

  #retune(changes: readonly LimitChange[]): void {
    const { risk, outbox } = this.#desk.parts
    const ofBatching = changes.filter((change) => isOfBatching(change))
    const ofRisk = changes.filter((change) => !isOfBatching(change))
    if (ofRisk.length > 0) risk.retune(ofRisk)
    if (ofBatching.length > 0) outbox.switch(withChanges(outbox.batching, ofBatching))
  }

  #killSwitch(why: string | null): void {
    this.#desk.parts.risk.state.setKillSwitch(why)
    if (why !== null) this.#cancel('cancel-risk')
  }

  /** The market order of a close: it would only be sent again. */
  #isSale({ id, strategy, symbol }: Order): boolean {
    return this.#desk.laneOf(strategy, symbol)?.closing?.order === id
  }

  /** An order that could turn a position round may add risk; legs and closes protect. */
  #cancel(what: 'cancel-all' | 'cancel-risk', strategy?: string): void {
    for (const order of Array.from(this.#desk.parts.orders.allLive())) {
      if ((strategy ?? order.strategy) !== order.strategy) continue
      if (what === 'cancel-risk' && !isRisk(order)) continue
      if (this.#isSale(order)) continue
      this.#desk.cancelOrder(order)
      this.#desk.cancelAgain(order)
    }
  }
}
