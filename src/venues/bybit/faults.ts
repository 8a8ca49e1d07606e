/*
 * Faults: the one table that turns what Bybit says into a Fault.
 *
 * Bybit answers 200 to nearly everything; what happened is in `retCode`, and of a batch in the code of each item. A code
 * says one of four things of a write: it was refused for certain, it was refused by a limiter before anything was looked
 * at, it was there before (an earlier attempt was taken), or nothing is known. A code that is not here is not known
 * either: that costs a lookup, and a wrong guess would cost an order.
 *
 * https://bybit-exchange.github.io/docs/v5/error (read 2026-11)
 */
import { type Fault, fault, type FaultCode } from '../../core/fault.ts'

/** `not-executed` refusals are sent again where there is time; `done` means that there was nothing to do. */
type Meaning = FaultCode | 'stale' | 'limited' | 'duplicate' | 'done'

const all = (codes: readonly number[], meaning: Meaning): [number, Meaning][] =>
  codes.map((code) => [code, meaning])

const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  // Keys, rights, region: no try mends them.
  ...all([10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 33004], 'unauthorized'),
  ...all([10001, 10029], 'bad-request'),
  ...all([10017, 10404], 'unsupported'),
  [10002, 'stale'],
  ...all([10006, 10018, 170222], 'limited'),
  // Limiters in front of the matcher or behind it, timeouts, restarts: it may have been taken.
  ...all([429, 10000, 10016, 10019, 10403, 10429, 20003, 20006], 'outcome-unknown'),
  ...all([170001, 170005, 170007, 170032, 170146, 170147, 500000], 'outcome-unknown'),
  // Orders that are gone, or are not there.
  ...all([110001, 170213], 'not-found'),
  ...all([110008, 110010, 170139, 170142, 170143], 'bad-request'),
  // Still being processed: nothing was changed.
  [110079, 'limited'],
  ...all([10014, 110072, 170141], 'duplicate'),
  // Prices, quantities, money, modes, caps.
  ...all([110003, 110094, 170130, 170132, 170133, 170134, 170135], 'bad-request'),
  ...all([170136, 170137, 170138, 170140], 'bad-request'),
  ...all([110004, 110006, 110007, 110012, 110044, 110045, 170131], 'bad-request'),
  ...all([110009, 110017, 110020, 110066, 170810], 'bad-request'),
  ...all([34040, 110025, 110026, 110043], 'done'),
])

/** An amend to what the order is already has the code of a wrong parameter. */
const UNCHANGED = /remains unchanged|not modified/i
/** The words of HTTP 403 that mean the rate; others mean the region or the key. */
const TOO_FREQUENT = /too frequent/i

const FAULTS: Readonly<Record<Exclude<Meaning, FaultCode>, FaultCode>> = {
  stale: 'rate-limited',
  limited: 'rate-limited',
  duplicate: 'outcome-unknown',
  done: 'bad-request',
}

export function meaningOf(code: number, message: string): Meaning {
  if (code === 10001 && UNCHANGED.test(message)) return 'done'
  return MEANINGS.get(code) ?? 'outcome-unknown'
}

/** The fault of a code. One that leaves a write open only lets a read be asked again. */
export function faultOf(
  { code, message }: { readonly code: number; readonly message: string },
  what: string,
  isWrite: boolean,
): Fault {
  const meaning = meaningOf(code, message)
  const plain = meaning in FAULTS ? FAULTS[meaning as keyof typeof FAULTS] : (meaning as FaultCode)
  const shown = !isWrite && plain === 'outcome-unknown' ? 'venue-unavailable' : plain
  return fault(shown, `${what}: bybit says ${code}, ${message}`, { retCode: code, meaning })
}

/** A fault of the http client, with what Bybit means by the status. */
export function refine(told: Fault): Fault {
  if (told.context?.['status'] !== 403) return told
  const isRate = TOO_FREQUENT.test(String(told.context['body']))
  return isRate ? fault('rate-limited', told.message, { ...told.context, meaning: 'banned' }) : told
}

const means = (told: Fault, meaning: Meaning): boolean => told.context?.['meaning'] === meaning

/** An earlier attempt with the same id was taken. */
export const isDuplicate = (told: Fault): boolean => means(told, 'duplicate')
/** Our stamp was too old or too new: nothing was looked at. */
export const isStale = (told: Fault): boolean => means(told, 'stale')
/** The quota refused it: nothing was looked at. */
export const isLimited = (told: Fault): boolean => means(told, 'limited')
/** There was nothing to change. */
export const isDone = (told: Fault): boolean => means(told, 'done')
/** Batches, or this path, are not offered. */
export const isUnsupported = (told: Fault): boolean =>
  told.code === 'unsupported' || told.context?.['status'] === 404
