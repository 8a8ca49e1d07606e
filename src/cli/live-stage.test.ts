import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeAll } from './live-stage.ts'

test('closes what comes after one that cannot be closed, and tells why', async () => {
  const told: string[] = []
  const closed: string[] = []

  await closeAll(
    {
      lease: () => {
        throw new Error('leases.db has no room left')
      },
      archive: () => Promise.reject(new Error('its thread is gone')),
      journal: () => closed.push('journal'),
      venue: async () => closed.push('venue'),
    },
    (text) => told.push(text),
  )

  assert.deepEqual(closed, ['journal', 'venue'])
  assert.deepEqual(told, [
    'warn: not closed in order: lease: leases.db has no room left',
    'warn: not closed in order: archive: its thread is gone',
  ])
})
