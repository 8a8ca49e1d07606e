// skein venue alpaca, as a person runs it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { it } from 'node:test'

const BIN = join(import.meta.dirname, '../bin/skein.js')

/** Runs the command until it says that Ctrl-C stops it, then works, then stops it. */
async function run(args: readonly string[], work: (url: string) => Promise<void>) {
  const child = spawn(process.execPath, [BIN, 'venue', 'alpaca', '--port', '0', ...args])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  child.stderr.setEncoding('utf8').on('data', (part: string) => (text += part))
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', () => {
      if (text.includes('Ctrl-C stops it.')) resolve()
    })
  })
  try {
    await Promise.race([ready, ended])
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0]
    if (url !== undefined) await work(url)
  } finally {
    child.kill('SIGINT')
  }
  return { code: await ended, text }
}

it('skein venue alpaca serves a market, follows the clock, and stops in order at Ctrl-C', async () => {
  const market = ['--symbols', 'SPY,BTC/USD', '--days', '1', '--start', '2026-01-07T15:00:00Z']
  const faces: string[] = []
  const { code, text } = await run([...market, '--keys', 'a:b', '--speed', '600'], async (url) => {
    const headers = { 'APCA-API-KEY-ID': 'a', 'APCA-API-SECRET-KEY': 'b' }
    const read = async (path: string): Promise<string> =>
      (await fetch(url + path, { headers })).text()
    faces.push(await read('/v2/clock'))
    const query = 'symbols=SPY&timeframe=1Min&start=2026-01-07T15:01:00Z'
    let bars = ''
    while (!bars.includes('"v"')) bars = await read(`/v2/stocks/bars?${query}`)
    faces.push(bars)
  })

  assert.equal(code, 0, text)
  assert.match(faces[0] ?? '', /"is_open":true/)
  assert.match(faces[1] ?? '', /"t":"2026-01-07T15:01:00Z"/)
  assert.match(text, /account {9}key a, secret b/)
  assert.match(text, /stopped: \d+ requests, 0 order events/)
})

it('skein venue alpaca says what is wrong with its options', async () => {
  const { code, text } = await run(['--keys', 'nothing'], async () => {})

  assert.equal(code, 2)
  assert.match(text, /key:secret,key:secret/)
})
