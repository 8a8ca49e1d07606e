// Uses: the strategies of a configuration, found by name or by file, with their parameters checked.
import { statSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BadInput } from '../../core/bad-input.ts'
import type { SymbolId } from '../../core/brand.ts'
import type { Universe } from '../../core/universe.ts'
import type { Use } from '../../engine/lanes.ts'
import * as builtIn from '../../strategies/index.ts'
import type { Strategy } from '../../strategy/index.ts'
import type { Config } from './config.ts'
import { isPath, outside, twiceNamed } from './conflicts.ts'
import { needsProblems } from './needs.ts'
import { badInput, type Problem, problemsOf } from './problems.ts'
import { noteStrategyFile } from './strategy-files.ts'
import { suggestion } from './suggestion.ts'

const NAME = /^[a-z0-9-]{1,20}$/
const NAME_ALLOWED = '1 to 20 lower-case letters, digits and hyphens'

/** The strategies that need no file, by name. */
export const BUILT_IN: ReadonlyMap<string, Strategy> = new Map(
  Object.values(builtIn)
    .filter(isStrategy)
    .map((strategy) => [strategy.name, strategy]),
)

/**
 * The strategies of a configuration, ready for the engine. A file is run: it may do whatever a program may.
 *
 * Throws BadInput for a name that is not known or there twice, a file that is missing, throws or holds no
 * strategy, parameters that the strategy's schema refuses, and symbols outside the universe.
 */
export async function loadUses(config: Config, universe: Universe): Promise<Use[]> {
  const uses: Use[] = []
  const problems: Problem[] = []
  const symbols = universe.all.map(({ symbol }) => symbol)
  for (const [i, { use, as, on, params }] of config.strategies.entries()) {
    const strategy = isPath(use) ? await fromFile(use, config, i) : named(use, config, i)
    const name = as ?? strategy.name
    if (isPath(use)) noteStrategyFile(urlOf(use, config), name)
    if (uses.some((other) => other.name === name)) {
      problems.push(twiceNamed(name, as === undefined, i))
    }
    const path = ['strategies', i, 'params']
    const schema = strict(strategy)
    const parsed = schema.safeParse(params)
    if (!parsed.success) problems.push(...problemsOf(parsed.error, schema, params, path))
    if (parsed.success) problems.push(...needsProblems(strategy, parsed.data, use, i))
    const ids = on === 'all' ? universe.all.map(({ id }) => id) : found(on, i)
    uses.push({ name, strategy, params: parsed.data ?? {}, on: ids })
  }
  if (problems.length > 0) throw badInput(problems, config.source)
  return uses

  function found(on: readonly string[], i: number): SymbolId[] {
    return on.flatMap((symbol, k) => {
      const id = universe.find(symbol)?.id
      if (id !== undefined) return [id]
      problems.push(outside(symbol, symbols, ['strategies', i, 'on', k]))
      return []
    })
  }
}

/** A misspelled parameter must not pass in silence, unless the author says what becomes of other keys. */
const strict = ({ params }: Strategy): Strategy['params'] =>
  params.def.catchall === undefined ? params.strict() : params

function named(use: string, config: Config, i: number): Strategy {
  const strategy = BUILT_IN.get(use)
  if (strategy !== undefined) return strategy
  const names = [...BUILT_IN.keys()]
  const allowed = `${names.join(', ')}, or a path to a file such as ./my.ts`
  throw refusal(config, i, `is not known${suggestion(use, names)}`, use, allowed)
}

const fileOf = (use: string, config: Config): string => resolve(config.source.folder, use)
const urlOf = (use: string, config: Config): string => pathToFileURL(fileOf(use, config)).href

async function fromFile(use: string, config: Config, i: number): Promise<Strategy> {
  const file = fileOf(use, config)
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
    throw refusal(config, i, 'is no file', use, 'a path relative to the configuration')
  }
  resolveSkein()
  let exported: Readonly<Record<string, unknown>>
  try {
    exported = await import(urlOf(use, config))
  } catch (error) {
    // What a program throws while it is loaded is about the program: it is told, and kept as the cause.
    const what = `throws when loaded (${told(error, file)})`
    const refused = refusal(config, i, what, use, 'a file that loads')
    refused.cause = error
    throw refused
  }
  return exportedStrategy(exported, config, i)
}

function exportedStrategy(
  exported: Readonly<Record<string, unknown>>,
  config: Config,
  i: number,
): Strategy {
  const { use } = config.strategies[i]!
  const strategies = [...new Set(Object.values(exported))].filter(isStrategy)
  const strategy = isStrategy(exported['default']) ? exported['default'] : strategies[0]
  if (strategy === undefined) {
    const allowed = 'a strategy of defineStrategy as the default or the only export'
    throw refusal(config, i, 'exports no strategy', use, allowed)
  }
  if (strategies.length > 1 && strategy !== exported['default']) {
    const names = strategies.map(({ name }) => name).join(', ')
    throw refusal(config, i, `exports several strategies (${names})`, use, 'one, or a default')
  }
  if (!NAME.test(strategy.name)) {
    throw refusal(config, i, `holds a strategy named ${strategy.name}`, use, NAME_ALLOWED)
  }
  return strategy
}

const refusal = (
  config: Config,
  i: number,
  what: string,
  value: unknown,
  allowed: string,
): BadInput => badInput([{ path: ['strategies', i, 'use'], what, value, allowed }], config.source)

/** The error in one line, with the line of the file where the stack names it, as path or as URL. */
function told(error: unknown, file: string): string {
  if (!(error instanceof Error)) return String(error)
  const [first = ''] = error.message.split('\n')
  for (const name of [pathToFileURL(file).href, file]) {
    const [, after] = error.stack?.split(`${name}:`, 2) ?? []
    const line = /^\d+/.exec(after ?? '')?.[0]
    if (line !== undefined) return `line ${line}: ${first}`
  }
  return first
}

/** By its shape: a file may come with its own copy of zod, of the same major version. */
function isStrategy(value: unknown): value is Strategy {
  if (typeof value !== 'object' || value === null) return false
  const { name, params, needs, symbol }: Partial<Record<keyof Strategy, unknown>> = value
  return (
    typeof name === 'string' &&
    typeof needs === 'function' &&
    typeof symbol === 'function' &&
    typeof params === 'object' &&
    params !== null &&
    '_zod' in params &&
    'strict' in params
  )
}

let isResolving = false

/**
 * Lets a file anywhere import 'skein' and 'skein/indicators' and get this package, which need not be installed
 * beside it: the names are resolved as this file would resolve them, by the exports of package.json.
 */
function resolveSkein(): void {
  if (isResolving) return
  isResolving = true
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === 'skein' || specifier.startsWith('skein/')
        ? nextResolve(specifier, { ...context, parentURL: import.meta.url })
        : nextResolve(specifier, context),
  })
}
