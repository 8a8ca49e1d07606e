// Account: what the venue says of the account of the keys.
import { fault } from '../../core/fault.ts'
import { failed, ok, type Result } from '../../core/result.ts'
import type { Rest } from './rest.ts'
import { ACCOUNT_FIELDS, flawOf, parseAccount, type WireAccount } from './wire.ts'

export async function accountOf(rest: Rest): Promise<Result<WireAccount>> {
  const answer = await rest.get('/v2/account')
  if (!answer.ok) return answer
  const account = parseAccount(answer.value)
  if (account !== undefined) return ok(account)
  const flaw = flawOf(answer.value, ACCOUNT_FIELDS)
  return failed(fault('corrupt-data', `GET /v2/account: account${flaw}`))
}
