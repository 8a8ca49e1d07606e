/*
 * Authentication: the first frame of a connection that is of an account, private or for orders.
 *
 *   {"op":"auth","args":["KEY",1767625455000,"hex of HMAC-SHA256(secret, GET/realtime1767625455000)"]}
 */
import { createHmac } from 'node:crypto'
import type { Ms } from '../../core/brand.ts'
import type { Keys } from './rest.ts'

/** A signature is good for so long. */
const EXPIRY_MS = 10_000

/** `now` is the venue's time. A stamp that may be older may be so here too. */
export function authentication({ key, secret }: Keys, now: Ms, recvWindowMs = 0): string {
  const expires = now + Math.max(EXPIRY_MS, recvWindowMs)
  const sign = createHmac('sha256', secret).update(`GET/realtime${expires}`).digest('hex')
  return JSON.stringify({ op: 'auth', args: [key, expires, sign] })
}
