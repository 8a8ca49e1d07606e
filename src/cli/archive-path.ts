// Archive path: the options that say which archive a `data` command is about.
import type { Command } from 'commander'
import { storedAt } from './inputs.ts'
import { configOf, type ConfigOptions, withConfigFile } from './settings.ts'
import { pathOf } from './values.ts'

export interface ArchiveOptions extends Pick<ConfigOptions, 'config'> {
  readonly archive?: string
}

export function withArchiveOptions(command: Command): Command {
  const text = 'the archive; that of the configuration, data/archive.db, if not given'
  return withConfigFile(command).option('--archive <file>', text, pathOf)
}

export function archivePathOf(options: ArchiveOptions): string {
  const config = configOf(options)
  return options.archive ?? storedAt(config, config.store.archive)
}
