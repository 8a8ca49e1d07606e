// skein data: recorded files and a venue's history into the archive, what is there, and back into files.
import { Command } from 'commander'
import { exportCommand } from './data-export.ts'
import { fetchCommand } from './data-fetch.ts'
import { importCommand } from './data-import.ts'
import { listCommand } from './data-list.ts'

export function dataCommand(): Command {
  return new Command('data')
    .description('Recorded market data: into the archive, what is there, and out again.')
    .addHelpText('after', '\nExample:\n  skein data import recorded/us-equity\n  skein data list')
    .addCommand(importCommand())
    .addCommand(fetchCommand())
    .addCommand(listCommand())
    .addCommand(exportCommand())
}
