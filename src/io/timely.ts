/*
 * Timely: the same world, which gives no good answer while our clock is ahead of the one that the answer tells (`date`).
 * By a clock that is ahead a bar that still forms is taken for whole, and what is to come for what is not there: both
 * would be kept as they are. A clock that is behind only comes late.
 */
import { fault } from '../core/fault.ts'
import { failed } from '../core/result.ts'
import { DAY, MINUTE } from '../core/time.ts'
import type { Io } from './io.ts'
import { dateIn } from './rate.ts'
import { withRequests } from './with-requests.ts'

/** Dates are whole seconds, and an answer takes its time. */
const AHEAD_MS_MAX = MINUTE
/** What is further away is no wrong clock but another time, as that of a local venue which stands still. */
const ELSEWHERE_MS = DAY

/** @param speed Time of the venue per time of the machine. */
export const timely = (io: Io, speed: number): Io =>
  withRequests(io, async (request) => {
    const answer = await io.http.request(request)
    const told = answer.ok && answer.value.status === 200 ? answer.value.headers : {}
    const aheadMs = io.now() - (dateIn(told['date']) ?? Infinity)
    if (!(aheadMs > AHEAD_MS_MAX * Math.max(1, speed) && aheadMs < ELSEWHERE_MS)) return answer
    const seconds = Math.round(aheadMs / 1_000)
    const what = `the clock of this machine is ${seconds} s ahead of the provider's`
    return failed(fault('venue-unavailable', `${what}, so nothing is taken; mend the clock`))
  })
