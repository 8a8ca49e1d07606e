// Render: orders, executions, positions and money as Bybit writes them: numbers are text, times are milliseconds as text.
import type { Json } from '../../io/json.ts'
import type { Instrument } from '../../core/instrument.ts'
import { openProfit } from '../../core/position.ts'
import { decimal } from '../decimal.ts'
import type { Account } from './account.ts'
import { type Category, coinsOf, deliveryOf } from './category.ts'
import { type BybitOrder, type Execution, isOpen, leavesOf } from './order.ts'

export const SIDES = { buy: 'Buy', sell: 'Sell' } as const

const numberOf = (value: number | undefined): string => decimal(value ?? 0)

export function orderRow(order: BybitOrder): Json {
  const { instrument, filled, value, fee, trigger, price } = order
  const leaves = leavesOf(order)
  return {
    symbol: instrument.symbol,
    orderId: order.id,
    orderLinkId: order.linkId,
    side: SIDES[order.side],
    orderType: order.type,
    orderStatus: order.status,
    timeInForce: order.tif,
    price: numberOf(price),
    qty: decimal(order.qty),
    leavesQty: decimal(leaves),
    leavesValue: decimal(price === undefined ? 0 : instrument.notional(leaves, price)),
    cumExecQty: decimal(filled),
    cumExecValue: decimal(value),
    cumExecFee: decimal(fee),
    avgPrice: filled > 0 ? decimal(instrument.isInverse ? filled / value : value / filled) : '',
    positionIdx: order.positionIdx,
    reduceOnly: order.reduceOnly,
    closeOnTrigger: false,
    cancelType: isOpen(order) || order.status === 'Filled' ? 'UNKNOWN' : order.cancelType,
    rejectReason: order.rejectReason,
    createType: 'CreateByUser',
    stopOrderType: trigger === undefined ? '' : 'Stop',
    triggerPrice: trigger === undefined ? '' : decimal(trigger),
    triggerDirection: order.direction,
    triggerBy: trigger === undefined ? '' : 'LastPrice',
    takeProfit: '',
    stopLoss: '',
    tpslMode: '',
    orderIv: '',
    blockTradeId: '',
    isLeverage: '',
    lastPriceOnCreated: '',
    marketUnit: '',
    smpType: 'None',
    smpGroup: 0,
    smpOrderId: '',
    placeType: '',
    createdTime: String(order.createdAt),
    updatedTime: String(order.updatedAt),
  }
}

/** A purchase in spot pays its fee in what was bought. */
const isPaidInCoins = ({ instrument, side }: BybitOrder): boolean =>
  instrument.kind === 'crypto' && side === 'buy'

export function executionRow(execution: Execution): Json {
  const { order, price, qty, fee, isMaker } = execution
  const { instrument } = order
  const value = instrument.notional(qty, price)
  const isInCoins = isPaidInCoins(order)
  return {
    symbol: order.instrument.symbol,
    orderId: order.id,
    orderLinkId: order.linkId,
    side: SIDES[order.side],
    orderPrice: numberOf(order.price),
    orderQty: decimal(order.qty),
    orderType: order.type,
    stopOrderType: order.trigger === undefined ? 'UNKNOWN' : 'Stop',
    leavesQty: decimal(execution.leaves),
    createType: 'CreateByUser',
    execFee: decimal(fee),
    feeCurrency: isInCoins ? coinsOf(instrument.symbol).base : instrument.spec.currency,
    execId: execution.id,
    execPrice: decimal(price),
    execQty: decimal(qty),
    execType: 'Trade',
    execValue: decimal(value),
    execTime: String(execution.ts),
    isMaker,
    feeRate: decimal(fee / (isInCoins ? qty : value)),
    closedSize: decimal(execution.closed),
    markPrice: decimal(price),
    indexPrice: '',
    underlyingPrice: '',
    blockTradeId: '',
    seq: execution.seq,
  }
}

export function positionRow(
  account: Account,
  instrument: Instrument,
  about: { readonly price: number; readonly at: number },
): Json {
  const position = account.positionOf(instrument.symbol)
  const { qty, avgPrice } = position
  const { price, at } = about
  const mark = Number.isNaN(price) ? avgPrice : price
  const value = qty === 0 ? 0 : instrument.notional(qty, avgPrice)
  return {
    positionIdx: account.hedged.has(instrument.symbol) ? (qty < 0 ? 2 : 1) : 0,
    riskId: 1,
    riskLimitValue: '2000000',
    symbol: instrument.symbol,
    side: qty > 0 ? 'Buy' : qty < 0 ? 'Sell' : '',
    size: decimal(Math.abs(qty)),
    avgPrice: decimal(avgPrice),
    entryPrice: decimal(avgPrice),
    positionValue: decimal(value),
    tradeMode: 0,
    positionStatus: 'Normal',
    autoAddMargin: 0,
    adlRankIndicator: 0,
    leverage: '10',
    positionBalance: '0',
    markPrice: decimal(mark),
    liqPrice: '',
    bustPrice: '',
    positionMM: decimal(value / 20),
    positionIM: decimal(value / 10),
    tpslMode: 'Full',
    takeProfit: '',
    stopLoss: '',
    trailingStop: '0',
    unrealisedPnl: decimal(openProfit(position, mark, instrument)),
    curRealisedPnl: '0',
    cumRealisedPnl: '0',
    seq: account.executions.at(-1)?.seq ?? 0,
    isReduceOnly: false,
    createdTime: String(at),
    updatedTime: String(at),
  }
}

export function walletRow(account: Account): Json {
  const { cash, equity, free } = account.balance()
  const { coin, dollars } = account
  const usd = (amount: number): string => decimal(amount * dollars)
  const bound = decimal(Math.max(0, equity - free))
  const held = account.isSpot ? account.instruments.map((each) => coinRow(account, each)) : []
  // In spot what is held is coins of their own.
  const own = account.isSpot ? cash : equity
  return {
    accountType: 'UNIFIED',
    accountIMRate: '0',
    accountMMRate: '0',
    accountLTV: '0',
    totalEquity: usd(equity),
    totalWalletBalance: usd(cash),
    totalMarginBalance: usd(equity),
    totalAvailableBalance: usd(Math.max(0, free)),
    totalPerpUPL: usd(equity - cash),
    totalInitialMargin: usd(Math.max(0, equity - free)),
    totalMaintenanceMargin: '0',
    coin: [
      {
        coin,
        equity: decimal(own),
        usdValue: usd(own),
        walletBalance: decimal(cash),
        availableToWithdraw: decimal(Math.max(0, free)),
        availableToBorrow: '',
        borrowAmount: '0',
        accruedInterest: '0',
        locked: account.isSpot ? decimal(Math.max(0, cash - free)) : '0',
        totalOrderIM: '0',
        totalPositionIM: account.isSpot ? '0' : bound,
        totalPositionMM: '0',
        unrealisedPnl: decimal(own - cash),
        cumRealisedPnl: '0',
        bonus: '0',
        spotBorrow: '0',
        collateralSwitch: true,
        marginCollateral: true,
      },
      ...held,
    ],
  }
}

function coinRow(account: Account, instrument: Instrument): Json {
  const { balance, locked, value } = account.coinsOf(instrument)
  return {
    coin: coinsOf(instrument.symbol).base,
    equity: decimal(balance),
    usdValue: decimal(value),
    walletBalance: decimal(balance),
    locked: decimal(locked),
    totalOrderIM: '0',
    totalPositionIM: '0',
    unrealisedPnl: '0',
    borrowAmount: '0',
    spotBorrow: '0',
  }
}

export function instrumentRow(instrument: Instrument, category: Category): Json {
  const { symbol, tickSize, lotSize } = instrument
  const { base, quote } = coinsOf(symbol)
  const common = { symbol, baseCoin: base, quoteCoin: quote, status: 'Trading' }
  const minNotional = decimal(instrument.spec.minNotional)
  if (category === 'spot') {
    return {
      ...common,
      innovation: '0',
      marginTrading: 'none',
      priceFilter: { tickSize: decimal(tickSize) },
      lotSizeFilter: {
        basePrecision: decimal(lotSize),
        quotePrecision: '0.0000001',
        minOrderQty: decimal(lotSize),
        maxOrderQty: '10000000',
        minOrderAmt: minNotional,
        maxOrderAmt: '100000000',
        maxLimitOrderQty: '10000000',
        maxMarketOrderQty: '10000000',
      },
    }
  }
  const settleCoin = instrument.spec.currency
  if (category === 'option') {
    return {
      ...common,
      settleCoin,
      optionsType: /-C(?:-|$)/.test(symbol) ? 'Call' : 'Put',
      launchTime: '1585526400000',
      deliveryTime: String(deliveryOf(symbol)),
      deliveryFeeRate: '0.00015',
      priceFilter: {
        minPrice: decimal(tickSize),
        maxPrice: '1999999',
        tickSize: decimal(tickSize),
      },
      lotSizeFilter: {
        minOrderQty: decimal(lotSize),
        maxOrderQty: '500',
        qtyStep: decimal(lotSize),
      },
    }
  }
  return {
    ...common,
    contractType: category === 'inverse' ? 'InversePerpetual' : 'LinearPerpetual',
    settleCoin,
    launchTime: '1585526400000',
    deliveryTime: '0',
    deliveryFeeRate: '',
    priceScale: String(Math.max(0, decimal(tickSize).length - 2)),
    unifiedMarginTrade: true,
    fundingInterval: 480,
    copyTrading: 'none',
    isPreListing: false,
    leverageFilter: { minLeverage: '1', maxLeverage: '100', leverageStep: '0.01' },
    priceFilter: { minPrice: decimal(tickSize), maxPrice: '1999999', tickSize: decimal(tickSize) },
    lotSizeFilter: {
      minOrderQty: decimal(lotSize),
      maxOrderQty: '10000000',
      maxMktOrderQty: '10000000',
      postOnlyMaxOrderQty: '10000000',
      qtyStep: decimal(lotSize),
      minNotionalValue: minNotional,
    },
  }
}
