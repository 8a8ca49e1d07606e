// skein venue: a local venue that speaks a real venue's wire, for trying adapters and clients without keys or money.
import { Command } from 'commander'
import { alpacaCommand } from './venue-alpaca.ts'
import { bybitCommand } from './venue-bybit.ts'

export const venueCommand = (): Command =>
  new Command('venue')
    .description('Local venues that speak the wire of real ones.')
    .addHelpText('after', '\nExample:\n  skein venue alpaca --seed 7')
    .addCommand(alpacaCommand())
    .addCommand(bybitCommand())
