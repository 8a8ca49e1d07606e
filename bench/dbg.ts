import { bench } from './quote-turn.bench.ts'
console.log(bench.run.skein('full'))
