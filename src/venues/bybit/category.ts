/*
 * Category: what is different from one kind of Bybit's products to another. A run trades one of them, so a batch is always
 * of one category.
 *
 *             batch  a batch costs  position  stops  klines  trades are told  book
 *   linear    20     its orders     yes       yes    yes     by symbol        50
 *   inverse   20     its orders     yes       yes    yes     by symbol        50
 *   option    20     1              yes       no     no      by coin          25
 *   spot      10     its orders     coins     no     yes     by symbol        50
 *
 * https://bybit-exchange.github.io/docs/v5/rate-limit, /order/batch-place, /websocket/public (read 2026-11)
 */
import { unreachable } from '../../core/assert.ts'
import type { Query } from './rest.ts'

export const CATEGORY_NAMES = ['linear', 'inverse', 'option', 'spot'] as const
export type CategoryName = (typeof CATEGORY_NAMES)[number]

export interface Category {
  readonly name: CategoryName
  /** What people call one of it. */
  readonly word: string
  /** What is gained, lost and paid with. */
  readonly coin: string
  /** Names the lists of an account. */
  readonly lists: Query
  readonly batch: number
  /** What a batch takes of the quota. */
  readonly costOf: (orders: number) => number
  /** Spot has coins instead: what is held is in the wallet, and open sales lock it. */
  readonly hasPositions: boolean
  readonly hasStops: boolean
  readonly hasKlines: boolean
  /** Levels of the book's topic. */
  readonly depth: number
  /** Names the topic of its trades. */
  readonly tradesOf: (symbol: string) => string
  /** As the dead man's switch calls it. */
  readonly product: string
  readonly deadManTopic: string
}

const itself = (symbol: string): string => symbol
const each = (orders: number): number => orders
const DERIVATIVES = {
  batch: 20,
  costOf: each,
  hasPositions: true,
  hasStops: true,
  hasKlines: true,
  depth: 50,
  tradesOf: itself,
  product: 'DERIVATIVES',
  deadManTopic: 'dcp.future',
} as const

/** @param coin The coin of the run; the usual one of the category where not told. */
export function categoryOf(name: CategoryName, coin = USUAL[name]): Category {
  const category = { category: name }
  switch (name) {
    case 'linear':
    case 'inverse': {
      const lists = { ...category, settleCoin: coin }
      const word = name === 'linear' ? 'perpetual' : 'inverse contract'
      return { ...DERIVATIVES, name, word, coin, lists }
    }
    case 'option':
      return {
        ...DERIVATIVES,
        name,
        word: 'option',
        coin,
        lists: category,
        costOf: () => 1,
        hasStops: false,
        hasKlines: false,
        depth: 25,
        tradesOf: baseOf,
        product: 'OPTIONS',
        deadManTopic: 'dcp.option',
      }
    case 'spot':
      return {
        ...DERIVATIVES,
        name,
        word: 'pair',
        coin,
        lists: category,
        batch: 10,
        hasPositions: false,
        hasStops: false,
        product: 'SPOT',
        deadManTopic: 'dcp.spot',
      }
    default:
      return unreachable(name)
  }
}

const USUAL: Readonly<Record<CategoryName, string>> = {
  linear: 'USDT',
  inverse: 'BTC',
  option: 'USDT',
  spot: 'USDT',
}

/** `BTC-27MAR26-70000-C` → `BTC` */
export const baseOf = (symbol: string): string => symbol.slice(0, symbol.indexOf('-'))
