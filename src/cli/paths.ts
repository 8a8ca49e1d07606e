// Paths: where the files of a configuration are, and how a person would name them.
import { relative, resolve } from 'node:path'
import type { Config } from '../runtime/config/config.ts'

/** A path of the configuration: relative to its folder, shown relative to where the command runs. */
export const storedAt = (config: Config, path: string): string =>
  shownPath(resolve(config.source.folder, path))

/** A path as a person who stands in the working directory would write it. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), resolve(path))
  return near === '' || near.startsWith('..') ? path : near
}
