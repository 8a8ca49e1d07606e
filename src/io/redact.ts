/*
 * Redaction: what a message, a fault or a log line must not show. Two nets: the values of the secrets that we hold,
 * wherever they turn up, and the values behind names that mean a secret (`APCA-API-SECRET-KEY`, `?signature=`, `token`) or a place that
 * has one (`postgres://user:password@host`).
 */

/** Names whose values are never shown: headers, members of objects, parameters of urls. */
const SECRET_NAME =
  /(?:secret|(?<!page[-_]?)token|passw|passphrase|authori[sz]ation|credential|signature|cookie|api[-_]?key|key[-_]?id|access[-_]?key)|^(?:auth|sign|key)$|[-_](?:auth|sign)$/i
/** `name=value` and `"name":"value"` within text. */
const PAIR =
  /((?:^|[?&\s{,"'])[\w-]*?(?:secret|(?<!page[-_]?)token|passw\w*|passphrase|signature|api[-_]?key|key[-_]?id|access[-_]?key)[\w-]*"?\s*[=:]\s*"?)([^\s"&,}]+)/gi
/** Short names that mean a secret only as a member: `{"action":"auth","key":"…"}`. */
const MEMBER = /("(?:key|auth|sign)"\s*:\s*")([^"]+)/gi
/** `Bearer abc`, `Basic abc`. */
const SCHEME = /\b(Bearer|Basic)\s+[\w.~+/=-]+/g

/** `postgres://user:password@host`: up to the last @ of what names the host, for a password may have one, too. */
const USER_INFO = /\b([a-z][\w+.-]*:\/\/[^\s:/@]*):[^\s/]+@/gi

/** What stands in the place of a secret. */
export const REDACTED = '[redacted]'
/** A secret shorter than this is not looked for: it would hide half of every message. */
const SECRET_LENGTH_MIN = 4
const DEPTH_MAX = 8

export interface Redactor {
  readonly text: (text: string) => string
  /** A copy of plain data; what is deeper than 8 levels is cut off. */
  readonly data: (value: unknown) => unknown
}

/** @param secrets Values that are never shown, with their encoded forms. */
export function redactor(secrets: readonly string[] = []): Redactor {
  const forms = secrets
    .filter((secret) => secret.length >= SECRET_LENGTH_MIN)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      Buffer.from(secret).toString('base64'),
      JSON.stringify(secret).slice(1, -1),
    ])
  // The longest first, so that no part of a secret is left behind by a shorter one.
  const values = [...new Set(forms)].toSorted((a, b) => b.length - a.length)
  const text = (from: string): string => {
    let clean = from
    for (const value of values) clean = clean.replaceAll(value, REDACTED)
    return clean
      .replace(PAIR, `$1${REDACTED}`)
      .replace(MEMBER, `$1${REDACTED}`)
      .replace(SCHEME, `$1 ${REDACTED}`)
      .replace(USER_INFO, `$1:${REDACTED}@`)
  }
  const data = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'string') return text(value)
    if (typeof value === 'bigint') return value.toString()
    if (typeof value !== 'object' || value === null) return value
    if (depth >= DEPTH_MAX) return '[deep]'
    if (value instanceof Error) return text(value.message)
    if (value instanceof Uint8Array) return `[${value.length} bytes]`
    if (Array.isArray(value)) return value.map((item) => data(item, depth + 1))
    const entries = Object.entries(value).map(([name, member]) => [
      text(name),
      SECRET_NAME.test(name) && member !== undefined ? REDACTED : data(member, depth + 1),
    ])
    return Object.fromEntries(entries)
  }
  return { text, data: (value) => data(value) }
}
