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
  unauthorized: [10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 33004],
  'bad-request': [
    10001, 10029, 110003, 110094, 170130, 170132, 170133, 170134, 170135, 170136, 170137, 170138,
    170140, 110004, 110006, 110007, 110012, 110044, 110045, 170131, 110017, 110020, 110009, 170810,
    110066, 110008, 110010, 170142, 170139, 170143,
  ],
  'not-found': [110001, 170213],
  unsupported: [10017, 10404],
  'outcome-unknown': [
    10000, 10016, 10019, 10403, 10429, 429, 170001, 170005, 170007, 170032, 170146, 170147, 20003,
    20006, 500000,
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
  for (const code of [10014, 110072, 170141]) assert.ok(isDuplicate(of(code)), String(code))
  for (const code of [34040, 110025, 110026, 110043]) assert.ok(isDone(of(code)), String(code))
  assert.ok(isDone(of(10001, 'The order remains unchanged as the parameters entered match')))
  assert.equal(meaningOf(10001, 'params error'), 'bad-request')
  assert.ok(isUnsupported(of(10404)))
})

test('takes a 403 for the rate only where it says so', () => {
  const told = (body: string) => fault('unauthorized', 'answered 403', { status: 403, body })

  assert.equal(refine(told('access too frequent')).code, 'rate-limited')
  assert.equal(
    refine(told('The Amazon CloudFront distribution is configured')).code,
    'unauthorized',
  )
})
