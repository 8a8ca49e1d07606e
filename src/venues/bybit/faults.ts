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
  ...all([10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027], 'unauthorized'),
  ...all([-2015, 33004, 10028, 100028], 'unauthorized'),
  ...all([10001, 10029], 'bad-request'),
  ...all([10017, 10404], 'unsupported'),
  [10002, 'stale'],
  ...all([10006, 10018, 170222], 'limited'),
  // Limiters in front of the matcher or behind it, timeouts, restarts: it may have been taken.
  ...all([429, 10000, 10016, 10019, 10403, 10429, 20003, 20006], 'outcome-unknown'),
  ...all([170001, 170005, 170007, 170032, 170146, 170147, 500000], 'outcome-unknown'),
  // What failed for a reason that is not told, or is under way.
  ...all([40004, 110035, 170035, 170149, 170150, 170191, 170195], 'outcome-unknown'),
  ...all([170196, 170212, 170234, 170310, 170311, 3400214], 'outcome-unknown'),
  // Orders that are gone, or are not there.
  ...all([110001, 170213], 'not-found'),
  ...all([110008, 110010, 170139, 170142, 170143, 170190], 'bad-request'),
  // Still being processed: nothing was changed.
  [110079, 'limited'],
  ...all([10014, 110030, 110072, 170141], 'duplicate'),
  // Triggers that are on their side of the price already.
  ...all([110092, 110093, 170203, 170204], 'bad-request'),
  // Prices, quantities, money, modes, caps.
  ...all([110003, 110094, 170130, 170132, 170133, 170134, 170135], 'bad-request'),
  ...all([170136, 170137, 170138, 170140], 'bad-request'),
  ...all([110004, 110006, 110007, 110012, 110044, 110045, 170131], 'bad-request'),
  ...all([110009, 110017, 110020, 110066, 170810], 'bad-request'),
  ...all([30208, 110021, 110022, 110064, 110118, 110120, 110121], 'bad-request'),
  ...all([170033, 170034, 170124, 170148, 170192, 170193, 170194], 'bad-request'),
  ...all([170197, 170198, 170199, 170200, 170207, 170218], 'bad-request'),
  ...all([170228, 170229, 170313, 170341, 170371, 170372, 170381, 170382], 'bad-request'),
  ...all([110011, 110016, 110039, 110040, 110046, 110051, 110052, 110053], 'bad-request'),
  ...all([110080, 110085, 110086, 110087, 110089, 110090, 3400139], 'bad-request'),
  // What this account, this contract or this moment does not allow.
  ...all([110005, 110018, 110019, 110023, 110031, 110032, 110034, 110037], 'bad-request'),
  ...all([110041, 110042, 110057, 110063, 110067, 110068, 110069, 110070], 'bad-request'),
  ...all([110071, 110074, 110077, 110088, 110095, 110096, 110097, 110098], 'bad-request'),
  ...all([110099, 110100, 110101, 110102, 110103, 110104, 110105, 110106], 'bad-request'),
  ...all([110107, 110115, 110117, 110119, 170346, 170360], 'bad-request'),
  ...all([30133, 30134, 30135, 30136, 3100197, 3100326], 'bad-request'),
  ...all([3200316, 3200317, 3200320, 3200403], 'bad-request'),
  ...all([170010, 170011, 170019, 170031, 170036, 170037, 170105, 170115], 'bad-request'),
  ...all([170116, 170117, 170121, 170144, 170145, 170151, 170157, 170159], 'bad-request'),
  ...all([170201, 170202, 170206, 170210, 170215, 170216, 170217, 170219], 'bad-request'),
  ...all([170220, 170221, 170223, 170224, 170226, 170227, 170230, 170241], 'bad-request'),
  ...all([170312, 170344, 170348, 170355, 170358, 170359, 170709], 'bad-request'),
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

/**
 * A fault of the http client, with what Bybit means by the status. 429 is its "system level frequency protection", as is the
 * code of that number: of neither it says where it stands, so a write may have been taken.
 */
export function refine(told: Fault): Fault {
  const { context = {}, message } = told
  const { status, method } = context
  if (status === 429 && method !== 'GET') return fault('outcome-unknown', message, context)
  const isRate = status === 403 && TOO_FREQUENT.test(String(context['body']))
  return isRate ? fault('rate-limited', message, { ...context, meaning: 'banned' }) : told
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
