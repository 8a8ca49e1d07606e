// Messages of Bybit that others recorded or copied from its documents: all of them are read, and nothing in them is lost.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isObject, type Json } from '../src/io/json.ts'
import { type CategoryName, categoryOf } from '../src/venues/bybit/category.ts'
import {
  parseExecution,
  parseOrder,
  parsePosition,
  parseWallet,
  specOf,
} from '../src/venues/bybit/wire.ts'
import { venueId } from '../src/core/brand.ts'
import { recorded, SKIPPED } from './cli/skein.ts'

const folder = recorded('venue_messages')
const skip = folder === undefined ? SKIPPED : false

/** The rows of all files whose names match, by file. */
function rowsOf(name: RegExp): readonly (readonly [file: string, row: unknown])[] {
  const at = join(folder!, 'bybit')
  return readdirSync(at)
    .filter((file) => name.test(file))
    .flatMap((file) => {
      const json = JSON.parse(readFileSync(join(at, file), 'utf8')) as Json
      const result = isObject(json['result']) ? json['result']['list'] : json['data']
      return (Array.isArray(result) ? (result as unknown[]) : []).map((row) => [file, row] as const)
    })
}

const walletOf = (name: CategoryName) => (row: unknown) => parseWallet(row, categoryOf(name))
const specIn = (name: CategoryName) => (row: unknown) =>
  specOf(row, venueId('bybit'), categoryOf(name))

const READ = [
  ['orders', /^(http_get_orders|http_get_order_|ws_account_order)/, parseOrder],
  ['executions', /^(http_get_executions|ws_account_execution(_adl)?\.json)/, parseExecution],
  ['positions', /^(http_get_positions|ws_account_position)/, parsePosition],
  ['wallets', /^(http_get_wallet|ws_account_wallet)/, walletOf('linear')],
  ['wallets of a coin', /^(http_get_wallet|ws_account_wallet)/, walletOf('inverse')],
  ['linear instruments', /^http_get_instruments_linear/, specIn('linear')],
  ['inverse instruments', /^http_get_instruments_inverse/, specIn('inverse')],
  ['options', /^http_get_instruments_option/, specIn('option')],
  ['spot instruments', /^http_get_instruments_spot/, specIn('spot')],
] as const

for (const [what, files, parse] of READ) {
  test(`reads every one of the recorded ${what}`, { skip }, () => {
    const rows = rowsOf(files)

    assert.ok(rows.length > 0)
    const unread = rows.filter(([, row]) => parse(row) === undefined)
    assert.deepEqual(unread, [])
  })
}
