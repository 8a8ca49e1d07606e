import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redactor } from './redact.ts'

const { text } = redactor()

test('an address is shown without its password', () => {
  for (const [given, shown] of [
    ['postgres://me:pw@db/bars', 'postgres://me:[redacted]@db/bars'],
    [
      '--database=postgresql://me:p@ss:w@db:5432/bars',
      '--database=postgresql://me:[redacted]@db:5432/bars',
    ],
    ['at https://:pw@host', 'at https://:[redacted]@host'],
    ['postgres://me@db/bars?password=pw&x=1', 'postgres://me@db/bars?password=[redacted]&x=1'],
    // Without a password, nothing is left out.
    ['postgres://me@db:5432/bars', 'postgres://me@db:5432/bars'],
    ['wss://stream.example:443/v2/iex', 'wss://stream.example:443/v2/iex'],
    ['http://127.0.0.1:80/a@b:c@d', 'http://127.0.0.1:80/a@b:c@d'],
  ] as const) {
    assert.equal(text(given), shown)
  }
})

test('what stands behind a name that means a secret is not shown', () => {
  for (const given of [
    '?signature=abc123',
    '"token":"abc123"',
    'Bearer abc123',
    'passphrase = abc123',
  ]) {
    assert.doesNotMatch(text(given), /abc123/)
    assert.match(text(given), /\[redacted\]/)
  }
  assert.equal(text('?page_token=abc123'), '?page_token=abc123')
})
