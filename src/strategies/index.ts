export { smaCross } from './sma-cross.ts'
