// Child: one measurement in a fresh process: `node --expose-gc bench/child.ts <name> <side> <size>`.
import assert from 'node:assert/strict'
import type { Bench } from './bench.ts'

const [name, side, size] = process.argv.slice(2)
assert.ok(side === 'skein' || side === 'reference', `a side is skein or reference, not ${side}`)
assert.ok(size === 'full' || size === 'quick', `a size is full or quick, not ${size}`)
const { bench }: { readonly bench: Bench } = await import(`./${name}.bench.ts`)
process.stdout.write(JSON.stringify(await bench.run[side](size)))
