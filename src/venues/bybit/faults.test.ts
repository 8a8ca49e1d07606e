import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultCode } from '../../core/fault.ts'
import {
  faultOf,
  isDone,
  isDuplicate,
  isLimited,
  isStale,
  isUnsupported,
  meaningOf,
  refine,
} from './faults.ts'
import { fault } from '../../core/fault.ts'

/** Every code that the venue's pages and others' experience name, and what it means for a write. */
const CODES: Readonly<Partial<Record<FaultCode, readonly number[]>>> = {
  unauthorized: [
    -2015, 10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 33004, 100028,
  ],
  'bad-request': [
    10001, 10029, 30133, 30134, 30135, 30136, 30208, 110003, 110004, 110005, 110006, 110007, 110008,
    110009, 110010, 110011, 110012, 110016, 110017, 110018, 110019, 110020, 110021, 110022, 110023,
    110031, 110032, 110034, 110037, 110039, 110040, 110041, 110042, 110044, 110045, 110046, 110051,
    110052, 110053, 110057, 110063, 110064, 110066, 110067, 110068, 110069, 110070, 110071, 110074,
    110077, 110080, 110085, 110086, 110087, 110088, 110089, 110090, 110092, 110093, 110094, 110095,
    110096, 110097, 110098, 110099, 110100, 110101, 110102, 110103, 110104, 110105, 110106, 110107,
    110115, 110117, 110118, 110119, 110120, 110121, 170010, 170011, 170019, 170031, 170033, 170034,
    170036, 170037, 170105, 170115, 170116, 170117, 170121, 170124, 170130, 170131, 170132, 170133,
    170134, 170135, 170136, 170137, 170138, 170139, 170140, 170142, 170143, 170144, 170145, 170148,
    170151, 170157, 170159, 170190, 170192, 170193, 170194, 170197, 170198, 170199, 170200, 170201,
    170202, 170203, 170204, 170206, 170207, 170210, 170215, 170216, 170217, 170218, 170219, 170220,
    170221, 170223, 170224, 170226, 170227, 170228, 170229, 170230, 170241, 170312, 170313, 170341,
    170344, 170346, 170348, 170355, 170358, 170359, 170360, 170371, 170372, 170381, 170382, 170709,
    170810, 3100197, 3100326, 3200316, 3200317, 3200320, 3200403, 3400139,
  ],
  'not-found': [110001, 170213],
  unsupported: [10017, 10404],
  'outcome-unknown': [
    429, 10000, 10016, 10019, 10403, 10429, 20003, 20006, 40004, 110035, 170001, 170005, 170007,
    170032, 170035, 170146, 170147, 170149, 170150, 170191, 170195, 170196, 170212, 170234, 170310,
    170311, 500000, 3400214,
  ],
}

test('gives each code of the venue its one meaning', () => {
  for (const [code, numbers] of Object.entries(CODES)) {
    for (const number of numbers) {
      assert.equal(faultOf({ code: number, message: '' }, 'POST', true).code, code, String(number))
    }
  }
})

test('takes a code that nobody knows for an unknown outcome of a write, and for a failed read', () => {
  const told = { code: 987_654, message: 'new' }

  assert.equal(faultOf(told, 'POST', true).code, 'outcome-unknown')
  assert.equal(faultOf(told, 'GET', false).code, 'venue-unavailable')
})

test('tells apart what was refused before it was looked at, what is there, and what needs nothing', () => {
  const of = (code: number, message = '') => faultOf({ code, message }, 'POST', true)

  assert.ok(isStale(of(10002)))
  for (const code of [10006, 10018, 170222, 110079]) assert.ok(isLimited(of(code)), String(code))
  for (const code of [10014, 110030, 110072, 170141]) assert.ok(isDuplicate(of(code)), String(code))
  for (const code of [34040, 110025, 110026, 110043]) assert.ok(isDone(of(code)), String(code))
  assert.ok(isDone(of(10001, 'The order remains unchanged as the parameters entered match')))
  assert.equal(meaningOf(10001, 'params error'), 'bad-request')
  assert.ok(isUnsupported(of(10404)))
})

test('takes a 429 for a write that may have been taken, as the code of that number', () => {
  const told = (method: string) => fault('rate-limited', 'answered 429', { status: 429, method })

  assert.equal(refine(told('POST')).code, 'outcome-unknown')
  assert.equal(refine(told('GET')).code, 'rate-limited')
})

test('takes a 403 for the rate only where it says so', () => {
  const told = (body: string) => fault('unauthorized', 'answered 403', { status: 403, body })

  assert.equal(refine(told('access too frequent')).code, 'rate-limited')
  assert.equal(
    refine(told('The Amazon CloudFront distribution is configured')).code,
    'unauthorized',
  )
})
