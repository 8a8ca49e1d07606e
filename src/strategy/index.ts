export type {
  BracketIntent,
  Context,
  Holding,
  Ladder,
  OrderIntent,
  Peer,
  QuoteLevel,
  RestPolicy,
  Trail,
} from './context.ts'
export { defineStrategy, HOOK_NAMES, type Hooks, type Needs, type Strategy, z } from './define.ts'
