export { marketMaker } from './market-maker.ts'
export { smaCross } from './sma-cross.ts'
