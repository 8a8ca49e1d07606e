/*
 * Local clock: a run at a local venue takes the venue's time, which may begin on any day and run at any pace. The pace is
 * configured, because both sides must count by the very same one; here it is measured, so that a wrong one is told.
 */
import { unreachable } from '../../core/assert.ts'
import { BadInput } from '../../core/bad-input.ts'
import type { Ms } from '../../core/brand.ts'
import { type Fault, fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import { MINUTE } from '../../core/time.ts'
import type { InboxOptions } from '../../engine/inbox.ts'
import { pause } from '../../io/clock.ts'
import { HttpClient } from '../../io/http.ts'
import type { Io } from '../../io/io.ts'
import { Budget } from '../../io/rate.ts'
import { MACHINE_MS, scaledIo } from '../../io/scaled.ts'
import { headersOf, Rest } from '../../venues/alpaca/rest.ts'
import { parseClock } from '../../venues/alpaca/wire-history.ts'
import { timeOf } from '../../venues/bybit/rest.ts'
import { alpacaTermsOf } from './alpaca.ts'
import { bybitTermsOf } from './bybit.ts'
import type { Config, VenueName } from '../config/config.ts'
import { type Timing, TIMING } from '../live/options.ts'

/** Between the first two looks at the venue's clock. Where they tell a wrong pace it doubles: the machine may be busy. */
const MEASURED_MS = 250
const LOOKS = 5
/** Of several answers the fastest tells the time best. */
const TRIES = 3
/** What a measured pace may be off: an answer takes a few of the milliseconds that are measured. */
const PACE_SLACK = 0.2
/** Whoever only wants to know the time does not wait longer. */
const LOOK_MS = 2_000

/**
 * Limits of a run, where they would leave the machine too little time: a process that stands still for a second is no
 * dead one because the minutes of its venue are seconds.
 */
export function limitsAt(
  speed: number,
  inbox: InboxOptions,
  visibilityMs: number,
): { readonly timing: Partial<Timing>; readonly inbox: InboxOptions } {
  const least = (usualMs: number): number =>
    speed > 1 ? Math.max(usualMs, MACHINE_MS * speed) : usualMs
  const { orderAgeMsMax, gapMsMax, exitMs, closeMs } = TIMING
  return {
    timing: {
      visibilityMs: least(visibilityMs),
      orderAgeMsMax: least(orderAgeMsMax),
      gapMsMax: least(gapMsMax),
      // The end of a run is the machine's work, and may take its time.
      exitMs: exitMs * Math.max(1, speed),
      closeMs: closeMs * Math.max(1, speed),
    },
    inbox: { ...inbox, maxAgeMs: least(inbox.maxAgeMs) },
  }
}

interface Moment {
  /** Time of the venue, at `monotonic` of the machine. */
  readonly at: number
  readonly monotonic: number
}

/** Asks a local venue what time it is. */
type Ask = () => Promise<Result<Ms>>

/** The Io on the clock of the configured local venue; the same Io where none is. Throws BadInput for a wrong pace. */
export async function onLocalClock(
  io: Io,
  config: Config,
  venue: VenueName = 'alpaca',
): Promise<Result<Io>> {
  const speed = config.venues?.[venue]?.local?.speed
  if (speed === undefined) return ok(io)
  const budget = new Budget(io, { name: `${venue} clock`, limit: 100, windowMs: MINUTE })
  const { ask, host } = clockOf(venue, { io, config, budget })
  try {
    const first = await momentOf(ask, io)
    if (!first.ok) return failed(notThere(first.fault, venue, host))
    let pace = NaN
    for (let i = 0; i < LOOKS; i++) {
      await pause(io, MEASURED_MS * 2 ** i)
      const look = await momentOf(ask, io)
      if (!look.ok) return look
      const { at, monotonic } = look.value
      pace = (at - first.value.at) / (monotonic - first.value.monotonic)
      if (Math.abs(pace - speed) <= Math.max(speed, pace) * PACE_SLACK)
        return ok(scaledIo(io, { speed, at: at + (io.monotonic() - monotonic) * speed }))
    }
    const place = config.source.place(['venues', venue, 'local', 'speed'])
    const allowed = `the --speed of the venue, which runs at about ${shown(pace)}`
    throw new BadInput(place, "is not the venue's", speed, allowed)
  } finally {
    budget.close()
  }
}

/** The time of the local Alpaca; undefined where it does not answer at once. */
export async function localMoment(io: Io, config: Config): Promise<Ms | undefined> {
  const { keys, hosts } = alpacaTermsOf(config)
  const client = new HttpClient(io, {
    baseUrl: hosts.trading,
    headers: headersOf(keys),
    attemptsMax: 1,
    timeoutMs: LOOK_MS,
  })
  const answer = await client.read({ path: '/v2/clock' })
  return answer.ok ? parseClock(answer.value.body)?.at : undefined
}

function clockOf(
  venue: VenueName,
  { io, config, budget }: { io: Io; config: Config; budget: Budget },
): { readonly ask: Ask; readonly host: string } {
  const told = (at: Ms | undefined, path: string): Result<Ms> =>
    at === undefined ? failed(fault('corrupt-data', `GET ${path}: no clock`)) : ok(at)
  switch (venue) {
    case 'alpaca': {
      const { keys, hosts } = alpacaTermsOf(config)
      const host = hosts.trading
      const rest = new Rest({ io, keys, budget, baseUrl: host })
      const ask: Ask = async () => {
        const answer = await rest.get('/v2/clock')
        return answer.ok ? told(parseClock(answer.value)?.at, '/v2/clock') : answer
      }
      return { ask, host }
    }
    case 'bybit': {
      const host = bybitTermsOf(config).hosts.rest
      const client = new HttpClient(io, { baseUrl: host, budget })
      const ask: Ask = async () => {
        const answer = await client.read({ path: '/v5/market/time' })
        return answer.ok ? told(timeOf(answer.value.body), '/v5/market/time') : answer
      }
      return { ask, host }
    }
    default:
      return unreachable(venue)
  }
}

async function momentOf(ask: Ask, io: Io): Promise<Result<Moment>> {
  let best:
    | { readonly at: number; readonly monotonic: number; readonly roundMs: number }
    | undefined
  for (let i = 0; i < TRIES; i++) {
    const asked = io.monotonic()
    const answer = await ask()
    if (!answer.ok) return answer
    const roundMs = io.monotonic() - asked
    if (best !== undefined && roundMs >= best.roundMs) continue
    best = { at: answer.value, monotonic: asked + roundMs / 2, roundMs }
  }
  return ok(best!)
}

const notThere = (told: Fault, venue: VenueName, host: string): Fault => ({
  ...told,
  message: `${told.message}; is "skein venue ${venue}" running at ${host}?`,
})

const shown = (pace: number): string => pace.toFixed(pace < 10 ? 1 : 0)
