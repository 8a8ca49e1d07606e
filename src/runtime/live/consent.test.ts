import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineConfig } from '../config/config.ts'
import { checkAccount, checkConsent } from './consent.ts'

const money = (isReal: boolean) => ({
  isReal,
  path: ['venues', 'alpaca', 'paper'] as const,
  words: { real: false, none: true },
})
const config = defineConfig({ venues: { alpaca: { paper: false, keyFile: 'keys' } } })

it('lets a run begin where configuration and command line mean the same', () => {
  checkConsent({ mode: 'paper', account: undefined }, config, money(false))
  checkConsent({ mode: 'dry-run', account: undefined }, config, money(true))
  checkConsent({ mode: 'live', account: '123456789' }, config, money(true))
})

it('refuses real money that was meant only once', () => {
  const check = (mode: 'paper' | 'live', isConfiguredLive: boolean, account?: string) => () =>
    checkConsent({ mode, account }, config, money(isConfiguredLive))

  assert.throws(check('paper', true), /paper is configured for real money, and this is a paper run/)
  assert.throws(check('live', false, '123456789'), /paper is no real money, and this is a live run/)
  assert.throws(check('live', true), /--account is missing; allowed: the number of the account/)
})

it('refuses another account than the one that was named', () => {
  const opened = { name: 'account at venue', number: '123456789' }

  assert.throws(
    () => checkAccount({ mode: 'live', account: '987654321' }, opened),
    /--account is not the account of the keys: "987654321"; allowed: .* ends in 6789/,
  )
  assert.doesNotThrow(() => checkAccount({ mode: 'live', account: '123456789' }, opened))
  assert.doesNotThrow(() => checkAccount({ mode: 'paper', account: undefined }, opened))
})
