/*
 * Job time: what time it is for commands that look at jobs. Nobody has to be asked for it but a local venue, whose days may
 * be other days; where that does not run, it is as late as at the last tick of its jobs.
 */
import type { Ms } from '../../core/brand.ts'
import type { JobStore } from '../../core/jobs.ts'
import { iso, ms } from '../../core/time.ts'
import { systemTime } from '../../io/clock.ts'
import { systemIo } from '../../io/system.ts'
import { HEARTBEAT } from '../../jobs/tick.ts'
import type { Config } from '../config/config.ts'
import { localMoment } from '../venues/local-clock.ts'

export interface JobTime {
  readonly at: Ms
  /** In words, where it is not a clock that tells it. */
  readonly note: string | undefined
}

/** @param now The clock of the database, where jobs are in one. */
export async function jobTime(
  config: Config,
  store: Pick<JobStore, 'beats'>,
  now: () => Ms = () => systemTime.now(),
): Promise<JobTime> {
  const port = config.venues?.alpaca?.local?.port
  if (port === undefined) return { at: now(), note: undefined }
  const io = systemIo()
  try {
    const told = await localMoment(io, config)
    if (told !== undefined) return { at: told, note: undefined }
  } finally {
    await io.close()
  }
  const beat = (await store.beats()).find(({ name }) => name === HEARTBEAT)
  const at = beat === undefined ? now() : ms(beat.at)
  const whose = beat === undefined ? 'of this machine' : 'of the last tick'
  return {
    at,
    note: `no local venue answers at 127.0.0.1:${port}; the time ${whose} is taken: ${iso(at)}`,
  }
}
