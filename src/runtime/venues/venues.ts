/*
 * Venues: name → adapter, loaded when it is asked for. `sim` is the simulated venue of tapes, which needs no
 * connection: tape/paper.ts runs it.
 */
import { BadInput, type Place } from '../../core/bad-input.ts'
import { type VenueId, venueId } from '../../core/brand.ts'
import { ok, type Result } from '../../core/result.ts'
import type { InstrumentSpec } from '../../core/instrument.ts'
import type { Revision } from '../../core/store.ts'
import type { Universe } from '../../core/universe.ts'
import type { Limits, Venue } from '../../core/venue.ts'
import type { Io } from '../../io/io.ts'
import type { TimedRequest } from '../../io/timed.ts'
import { booked, type BookedOptions } from '../../jobs/booked.ts'
import { systemIo } from '../../io/system.ts'
import { type Books, PaperVenue, paperLimits } from '../../venues/sim/index.ts'
import { type Config, toSimOptions, type VenueName } from '../config/config.ts'
import { checkConsent, type Consent, type Money } from '../live/consent.ts'
import type { FormingBars } from '../live/forming-bars.ts'
import { limitsAt, onLocalClock } from './local-clock.ts'

export interface VenueOptions {
  readonly config: Config
  readonly io: Io
  readonly universe: Universe
  /** What the run may do with money. */
  readonly consent: Consent
  /** What no input can say: a report should be asked for. */
  readonly onTrouble: (why: string) => void
  /** A bar that the venue told again with other values: nothing that was decided changes. */
  readonly onRevision?: (revision: Revision) => void
  /** Told of minutes while they form. */
  readonly forming?: Pick<FormingBars, 'bar' | 'trade'> | undefined
  /** Told each request over a socket: those over http are timed by the Io. */
  readonly onTimed?: ((request: TimedRequest) => void) | undefined
  /** What a person may like to know. */
  readonly tell?: (text: string) => void
  /** The ledger of a run's requests for market data, which jobs on the same key count too. */
  readonly ledger?: BookedOptions['ledger']
  /** Where simulated fills are kept. */
  readonly books?: Books
  /** What `instrumentsAt` has given for the same symbols just before: a venue that lists all of them is not asked again. */
  readonly told?: readonly InstrumentSpec[] | undefined
}

interface Registered {
  /** What the configuration says of money. */
  money(config: Config): Money
  /** False where the venue tells no bars: they are made of trades. */
  hasBars(config: Config): boolean
  /** True where no order may reach the venue: they are filled here, on its feed. */
  isSimulated(config: Config): boolean
  make(options: VenueOptions): Promise<Venue>
  /** What it can bear, without its keys. */
  limits(config: Config): Promise<Limits>
}

const VENUES: Readonly<Record<VenueName, Registered>> = {
  alpaca: {
    money: (config) => ({
      isReal: config.venues?.alpaca?.paper === false,
      path: ['venues', 'alpaca', 'paper'],
      words: { real: false, none: true },
    }),
    hasBars: () => true,
    isSimulated: (config) => config.venues?.alpaca?.fills === 'simulated',
    async make({ config, io, universe, onTrouble, onRevision, forming, ledger, tell = () => {} }) {
      const [{ AlpacaVenue }, { NO_ORDER_EVENTS }, { alpacaTermsOf }] = await Promise.all([
        import('../../venues/alpaca/venue.ts'),
        import('../../venues/alpaca/order-events.ts'),
        import('./alpaca.ts'),
      ])
      const symbols = universe.all.map(({ symbol }) => symbol)
      const watched = this.isSimulated(config) ? { orderEvents: NO_ORDER_EVENTS } : {}
      const terms = { ...alpacaTermsOf(config), ...watched }
      const about = { provider: 'alpaca', worker: 'run', onTrouble: tell }
      return new AlpacaVenue({
        ...terms,
        io: ledger === undefined ? io : booked(io, { ...about, ledger, counts: isOfData }),
        universe,
        symbols,
        onTrouble,
        // It tells bars when they are closed.
        ...(forming && { onTrade: forming.trade }),
        onRevision: (told) => {
          // A print that was corrected or busted changes its bar, which is told again by itself.
          if (told.type !== 'bar') return
          const { symbol, filled: _none, ...values } = told.bar
          const revision = { ...values, symbol: universe.at(symbol).symbol, seenAt: told.at }
          onRevision?.({ ...revision, source: 'alpaca updatedBars' })
        },
      })
    },
    async limits(config) {
      const { alpacaLimitsOf } = await import('./alpaca.ts')
      return alpacaLimitsOf(config)
    },
  },
  bybit: {
    money: (config) => ({
      isReal: config.venues?.bybit?.environment === 'mainnet',
      path: ['venues', 'bybit', 'environment'],
      words: { real: 'mainnet', none: config.venues?.bybit?.environment ?? 'testnet' },
    }),
    hasBars: (config) => config.venues?.bybit?.category !== 'option',
    isSimulated: (config) => config.venues?.bybit?.fills === 'simulated',
    async make({ config, io, universe, onTrouble, onTimed, told, forming }) {
      const [{ BybitVenue }, { bybitTermsOf }] = await Promise.all([
        import('../../venues/bybit/venue.ts'),
        import('./bybit.ts'),
      ])
      const symbols = universe.all.map(({ symbol }) => symbol)
      const isWatchedOnly = this.isSimulated(config)
      const terms = { ...bybitTermsOf(config), isWatchedOnly }
      const known = told && { told }
      const tap = this.hasBars(config)
        ? { ...(forming && { onForming: forming.bar }) }
        : { ...(forming && { onTrade: forming.trade }) }
      return new BybitVenue({
        ...terms,
        ...known,
        ...tap,
        io,
        universe,
        symbols,
        onTrouble,
        onTimed,
      })
    },
    async limits(config) {
      const { bybitLimitsOf } = await import('./bybit.ts')
      return bybitLimitsOf(config)
    },
  },
}

/** Alpaca counts requests for market data apart from those of trading. */
const isOfData = (url: string): boolean =>
  /^\/(?:v2\/stocks|v1beta|v1\/corporate-actions)/.test(new URL(url).pathname)

export const isVenueName = (name: string): name is VenueName => Object.hasOwn(VENUES, name)

/** Venues that a run can connect to. */
export const VENUE_NAMES: readonly string[] = Object.keys(VENUES)

/** The Io of a run, for commands: they reach the world through the runtime. */
export interface VenueIo {
  /** On the venue's clock, where that is a local venue. */
  readonly io: Io
  /** Its time per time of the machine. */
  readonly speed: number
  /** Limits of the run at its pace. */
  readonly limits: ReturnType<typeof limitsAt>
  close(): Promise<void>
}

/** Gives why the clock of a local venue could not be read. Throws BadInput where it is not as configured. */
export async function venueIo(name: string, config: Config): Promise<Result<VenueIo>> {
  const machine = systemIo()
  let io: Result<Io> | undefined
  try {
    const venue = registered(name, { file: 'command line', field: '--venue' })
    io = await onLocalClock(machine, config, venue)
    if (!io.ok) return io
    const speed = config.venues?.[venue]?.local?.speed ?? 1
    const { visibilityMs } = await VENUES[venue].limits(config)
    const limits = limitsAt(speed, config.inbox, visibilityMs)
    return ok({ io: io.value, speed, limits, close: () => machine.close() })
  } finally {
    if (io?.ok !== true) await machine.close()
  }
}

/** Throws BadInput for an unknown name. */
function registered(name: string, place: Place): VenueName {
  if (isVenueName(name)) return name
  throw new BadInput(place, 'is unknown', name, VENUE_NAMES.join(', '))
}

/** True where the orders of a run at the venue are filled here, on its feed. */
export const isSimulatedAt = (name: string, config: Config): boolean =>
  isVenueName(name) && VENUES[name].isSimulated(config)

/** False where bars are made of the trades of the venue's feed. */
export const hasBarsAt = (name: string, config: Config): boolean =>
  !isVenueName(name) || VENUES[name].hasBars(config)

export const venueIdOf = (name: string): VenueId => venueId(name)

/** What a venue can bear, for a run that is done again without it. Throws BadInput for an unknown name. */
export async function limitsOf(name: string, config: Config): Promise<Limits> {
  const found = VENUES[registered(name, { file: config.source.file, field: 'venue' })]
  const limits = await found.limits(config)
  if (!found.isSimulated(config)) return limits
  return paperLimits(limits, { ...toSimOptions(config), venue: venueIdOf(name) })
}

/** A venue by its name, where it is meant. Throws BadInput for what is not configured, and for money that was not meant. */
function meant(name: string, { config, consent }: Pick<VenueOptions, 'config' | 'consent'>) {
  const found = VENUES[registered(name, { file: 'command line', field: '--venue' })]
  if (!found.isSimulated(config)) checkConsent(consent, config, found.money(config))
  else if (consent.mode === 'live') {
    const place = config.source.place(['venues', name, 'fills'])
    throw new BadInput(place, 'is simulated, and this is a live run', 'simulated', 'venue')
  }
  return found
}

/**
 * What a venue says of the instruments of a universe, for what a configuration does not state of them. Throws as
 * `venueOf` does.
 */
export async function instrumentsAt(
  name: string,
  options: VenueOptions,
): Promise<Result<readonly InstrumentSpec[]>> {
  const venue = await meant(name, options).make(options)
  try {
    return (await venue.instruments?.()) ?? ok([])
  } finally {
    await venue.close()
  }
}

/** The adapter of a name, not yet open. Throws BadInput for what is not configured, and for money that was not meant. */
export async function venueOf(name: string, options: VenueOptions): Promise<Venue> {
  const found = meant(name, options)
  const venue = await found.make(options)
  if (!found.isSimulated(options.config)) return venue
  const { io, universe, books, config } = options
  const sim = toSimOptions(config)
  return new PaperVenue({
    io,
    universe,
    market: venue,
    sim,
    ...(books === undefined ? {} : { books }),
  })
}
