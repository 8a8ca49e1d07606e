// skein backfill: plans the history of many symbols as jobs, and works them.
import { Command } from 'commander'
import { BadInput } from '../core/bad-input.ts'
import type { Ms } from '../core/brand.ts'
import { integer } from '../report/format.ts'
import { forecast, type Forecast } from '../jobs/forecast.ts'
import { type Plan, plan } from '../jobs/plan.ts'
import { slicesOf } from '../jobs/slices.ts'
import { backfillOf, type Desk, openNewDesk, openWorkDesk, type WorkDesk } from './desk.ts'
import {
  checkRange,
  type WishOptions,
  withWishOptions,
  withWorkOptions,
  type WorkOptions,
} from './jobs-options.ts'
import { type Config } from '../runtime/config/config.ts'
import { pageLimitsOf } from '../runtime/venues/alpaca.ts'
import { workWith } from './jobs-work.ts'
import { RunFailed } from './output.ts'
import { membersOf } from './settings.ts'

export function backfillCommand(): Command {
  return new Command('backfill')
    .description('The history of many symbols, kept complete by jobs in the fewest requests.')
    .addHelpText(
      'after',
      '\nExample:\n  skein backfill plan --symbols NVDA,TSLA --timeframes 1h,1d --from 2025-01-01\n' +
        '  skein backfill run --symbols all --from 2025-01-01 --to 2026-01-01',
    )
    .addCommand(
      withWishOptions(new Command('plan'))
        .description('Writes the definitions, and says what they would cost.')
        .action(planOnly),
    )
    .addCommand(
      withWorkOptions(withWishOptions(new Command('run')))
        .description('Plans, and works until all is there.')
        .action(planAndWork),
    )
}

async function planOnly(options: WishOptions): Promise<void> {
  checkRange(options)
  const desk = await openNewDesk(options)
  try {
    const planned = await planWish({ ...desk, at: await desk.now() }, options, async () => {
      const world = await openWorkDesk(options)
      try {
        return await universeOf(world)
      } finally {
        await world.close()
      }
    })
    process.stdout.write(`${options.json === true ? JSON.stringify(planned) : told(planned)}\n`)
  } finally {
    await desk.close()
  }
}

async function planAndWork(options: WishOptions & WorkOptions): Promise<void> {
  checkRange(options)
  const desk = await openWorkDesk(options)
  try {
    const at = desk.io.now()
    const planned = await planWish({ ...desk, at }, options, () => universeOf(desk))
    if (options.json !== true) process.stderr.write(`${told(planned)}\n`)
    await workWith(desk, { ...options, untilDone: true, rows: planned.rows })
  } finally {
    await desk.close()
  }
}

interface Planned extends Forecast {
  readonly definitions: number
  readonly created: number
  readonly changed: number
  readonly symbols: number
  readonly invalid: readonly string[]
}

interface Planning extends Pick<Desk, 'config' | 'store'> {
  readonly at: Ms
}

/** @param all Asks the provider, where all symbols are wished for. */
async function planWish(
  planning: Planning,
  options: WishOptions,
  all: () => Promise<readonly string[]>,
): Promise<Planned> {
  const { config, store, at } = planning
  const { timeframes, from, to, adjustment, batch, single, derive } = options
  const wish = {
    symbols: await symbolsOf(config, options, all),
    timeframes,
    from,
    to,
    adjustment,
    provider: config.history.providers[0]!,
    batchVersion: single === true ? 1 : 2,
    batchSymbols: batch,
    isDeriving: derive === true,
    priority: 100,
  } as const
  const made = plan(wish, await store.definitions())
  if (made.all.length === 0) {
    const place = { file: 'command line', field: '--symbols' }
    throw new BadInput(place, 'has no ticker', wish.symbols, 'symbols such as SPY or BTC/USD')
  }
  const counts = await store.putDefinitions(made.definitions, at)
  return {
    definitions: made.all.length,
    ...counts,
    symbols: new Set(made.all.flatMap((definition) => definition.symbols)).size,
    invalid: made.invalid,
    ...(await costOf(planning, made)),
  }
}

async function universeOf(desk: WorkDesk): Promise<readonly string[]> {
  const backfill = backfillOf(desk, 'plan')
  try {
    const all = await backfill.universe()
    if (all.ok) return all.value
    throw new RunFailed(all.fault.message)
  } finally {
    backfill.close()
  }
}

async function costOf({ config, store, at }: Planning, { all }: Plan): Promise<Forecast> {
  const coverage = await store.coverage({})
  // What the provider has refused is not asked for.
  const refused = await store.quarantined(config.history.providers[0]!)
  const quarantined = new Set(refused.map(({ symbol }) => symbol))
  const slices = all.flatMap((definition) => {
    const { symbols, timeframe, adjustment } = definition
    const of = coverage.filter(
      (span) =>
        span.timeframe === timeframe &&
        span.adjustment === adjustment &&
        symbols.includes(span.symbol),
    )
    const lack = { definition, coverage: of, pending: [], quarantined, now: at }
    return slicesOf(lack, Infinity)
  })
  return forecast(all, slices, pageLimitsOf(config))
}

async function symbolsOf(
  config: Config,
  { symbols }: WishOptions,
  all: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (symbols?.length === 1 && symbols[0]?.toLowerCase() === 'all') return all()
  if (symbols !== undefined) return membersOf(config, symbols)
  const { universe } = config
  if (universe !== 'all') return universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const place = { file: 'command line', field: '--symbols' }
  throw new BadInput(place, 'is missing', undefined, 'symbols such as SPY, all, or a universe')
}

function told(planned: Planned): string {
  const { definitions, created, changed, symbols, invalid, runs, rows } = planned
  const { requests, isSampled, leastRequests, singleRequests } = planned
  const wrong = invalid.length === 0 ? '' : `; no tickers: ${invalid.join(', ')}`
  return (
    `${definitions} definitions of ${symbols} symbols, ${created} new, ${changed} changed${wrong}\n` +
    `to fetch: ${integer(rows)} rows in ${integer(runs)} windows by ` +
    `${isSampled ? 'about ' : ''}${integer(requests)} requests; ` +
    `${integer(leastRequests)} at least, ${integer(singleRequests)} with one symbol each`
  )
}
