export type { BracketIntent, Context, Holding, OrderIntent, Trail } from './context.ts'
export { defineStrategy, type Hooks, type Needs, type Strategy, z } from './define.ts'
