// Conflicts: settings that are right one by one, and wrong together.
import type { Settings } from './schema.ts'
import type { Problem } from './problems.ts'

/** All conflicts of checked settings. */
export const conflictsOf = (settings: Settings): Problem[] => [
  ...symbolConflicts(settings),
  ...currencyConflicts(settings),
  ...nameConflicts(settings),
  ...ladderConflicts(settings),
  ...fileConflicts(settings),
  ...keyConflicts(settings),
  ...localConflicts(settings),
  ...entryConflicts(settings),
]

/** True for a `use` that is the path of a file and not the name of a built-in strategy. */
export const isPath = (use: string): boolean => /[/\\]|\.[cm]?[jt]s$/.test(use)

function symbolConflicts({ universe, strategies }: Settings): Problem[] {
  const symbols =
    universe === 'all'
      ? undefined
      : universe.map((one) => (typeof one === 'string' ? one : one.symbol))
  const known = new Set(symbols)
  const twice = (list: readonly string[], path: (i: number) => Problem['path']): Problem[] =>
    repeats(list).map((i) => ({
      path: path(i),
      what: 'is there twice',
      value: list[i],
      allowed: 'every symbol once',
    }))
  return [
    ...twice(symbols ?? [], (i) => ['universe', i]),
    ...strategies.flatMap(({ on }, n) => {
      if (on === 'all') return []
      const path = (i: number) => ['strategies', n, 'on', i]
      const strangers = on.flatMap((one, i) =>
        symbols === undefined || known.has(one) ? [] : [outside(one, symbols, path(i))],
      )
      return [...twice(on, path), ...strangers]
    }),
  ]
}

const MAX_LISTED = 20

/** The problem of a symbol that is not in the universe. */
export const outside = (
  symbol: string,
  symbols: readonly string[],
  path: Problem['path'],
): Problem => ({
  path,
  what: 'is not in the universe',
  value: symbol,
  allowed: [...symbols.slice(0, MAX_LISTED), ...(symbols.length > MAX_LISTED ? ['...'] : [])].join(
    ', ',
  ),
})

/** Money of two currencies cannot be added, and nothing here knows a rate. */
function currencyConflicts({ universe, instrument, account }: Settings): Problem[] {
  const listings = universe === 'all' ? [] : universe
  const given = [
    { path: ['instrument', 'currency'], currency: instrument.currency },
    ...listings.map((one, i) => ({
      path: ['universe', i, 'currency'],
      currency: typeof one === 'string' ? undefined : one.currency,
    })),
  ]
  return given
    .filter(({ currency }) => currency !== undefined && currency !== account.currency)
    .map(({ path, currency }) => ({
      path,
      what: 'is not the currency of the account',
      value: currency,
      allowed: account.currency,
    }))
}

/** Files name their strategy themselves: `loadUses` compares those. */
function nameConflicts({ strategies }: Settings): Problem[] {
  const names = strategies.map(({ use, as }, i) => as ?? (isPath(use) ? `file ${i}` : use))
  return repeats(names).map((i) => twiceNamed(names[i]!, strategies[i]!.as === undefined, i))
}

/** The problem of two strategies of one name: orders and results could not be told apart. */
export const twiceNamed = (name: string, isByUse: boolean, i: number): Problem => ({
  path: ['strategies', i, isByUse ? 'use' : 'as'],
  what: 'is the name of an earlier strategy',
  value: name,
  allowed: `another name in strategies[${i}].as`,
})

function ladderConflicts({ risk }: Settings): Problem[] {
  const { warning, halt, emergency } = risk.drawdown
  const { recoverWarning, recoverHalt, recoverEmergency } = risk.drawdown
  const below = (
    [low, lowest]: readonly [string, number],
    [high, highest]: readonly [string, number | 'off'],
  ): Problem[] =>
    highest === 'off' || lowest < highest
      ? []
      : [
          {
            path: ['risk', 'drawdown', low],
            what: `is not below ${high}`,
            value: lowest,
            allowed: `a number < ${highest}, which is risk.drawdown.${high}`,
          },
        ]
  return [
    ...(warning === 'off' ? [] : below(['warning', warning], ['halt', halt])),
    ...(halt === 'off' ? [] : below(['halt', halt], ['emergency', emergency])),
    ...(warning === 'off' || halt !== 'off'
      ? []
      : below(['warning', warning], ['emergency', emergency])),
    ...below(['recoverWarning', recoverWarning], ['warning', warning]),
    ...below(['recoverHalt', recoverHalt], ['halt', halt]),
    ...below(['recoverEmergency', recoverEmergency], ['emergency', emergency]),
  ]
}

/** The journal has a file of its own, so that two writers never wait for each other. */
function fileConflicts({ store, report }: Settings): Problem[] {
  const files = [
    { path: ['store', 'journal'], file: store.journal },
    { path: ['store', 'archive'], file: store.archive },
    { path: ['report', 'html'], file: report.html },
    { path: ['report', 'json'], file: report.json },
  ].filter(({ file }) => file !== undefined)
  return repeats(files.map(({ file }) => file)).map((i) => ({
    ...files[i]!,
    what: 'is a file that has another use',
    value: files[i]!.file,
    allowed: 'a file of its own',
  }))
}

/** Keys come from one place. That they come at all is asked of who needs them: a journal keeps none. */
const keyConflicts = ({ venues = {} }: Settings): Problem[] =>
  Object.entries(venues).flatMap(([venue, settings]) => keyConflictsOf(venue, settings))

function keyConflictsOf(
  venue: string,
  { key, secret, keyFile }: NonNullable<NonNullable<Settings['venues']>['alpaca' | 'bybit']>,
): Problem[] {
  const at = (name: string): Problem['path'] => ['venues', venue, name]
  if (keyFile !== undefined && (key !== undefined || secret !== undefined)) {
    const allowed = 'either keyFile, or key and secret'
    return [{ path: at('keyFile'), what: 'is there beside key or secret', allowed }]
  }
  if ((key === undefined) === (secret === undefined)) return []
  const [missing, other] = key === undefined ? ['key', 'secret'] : ['secret', 'key']
  return [{ path: at(missing), what: 'is missing', allowed: `both, as ${other} is given` }]
}

/** A clock that is not the machine's is for a venue of this machine, and for no money. */
function localConflicts({ venues = {} }: Settings): Problem[] {
  const { alpaca, bybit } = venues
  const live = {
    alpaca: alpaca?.paper === false ? 'paper: false' : undefined,
    bybit: bybit?.environment === 'mainnet' ? 'environment: mainnet' : undefined,
  }
  return (['alpaca', 'bybit'] as const).flatMap((venue) =>
    localConflictsOf(venue, { local: undefined, hosts: {}, ...venues[venue] }, live[venue]),
  )
}

function localConflictsOf(
  venue: string,
  { local, hosts }: { readonly local: unknown; readonly hosts: object },
  live: string | undefined,
): Problem[] {
  if (local === undefined) return []
  const path = ['venues', venue, 'local']
  if (live !== undefined) return [{ path, what: `is there with ${live}`, allowed: 'one of them' }]
  if (Object.keys(hosts).length === 0) return []
  return [{ path, what: 'is there beside hosts', allowed: 'one of them: a port says all hosts' }]
}

/** Bybit's demo takes orders over REST only. */
function entryConflicts({ venues }: Settings): Problem[] {
  const { environment, orderEntry, local, hosts } = venues?.bybit ?? {}
  const isOffered = environment !== 'demo' || local !== undefined || hosts?.trade !== undefined
  if (orderEntry !== 'socket' || isOffered) return []
  const path = ['venues', 'bybit', 'orderEntry']
  return [{ path, what: 'is not offered by the demo', value: orderEntry, allowed: 'rest' }]
}

/** The indexes of what was in the list before. */
function repeats(list: readonly unknown[]): number[] {
  const seen = new Set<unknown>()
  return list.flatMap((one, i) => {
    if (seen.has(one)) return [i]
    seen.add(one)
    return []
  })
}
