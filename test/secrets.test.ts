/*
 * Secrets: a run with keys that are known goes through everything that leaves a trace (a run that ends in order, commands
 * beside it, one that crashes, a venue that answers with what it was sent), with Node's own debug output on. Then every
 * byte that was written or printed is searched. The same search finds them where a guard is switched off.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type TestContext, test } from 'node:test'
import { startOpenVenue } from './alpaca/local.ts'
import { put, start, temporary } from './cli/skein.ts'

const KEYS = { key: 'CANARYkey0a7f/19+c3', secret: 'CANARYsecret"5e/b2+d8==' }
const CONFIG = ['--config', 'skein.yaml']
const RUN = ['run', '--mode', 'paper', '--venue', 'alpaca', ...CONFIG]
/** What is found here and there of a secret: as it is, in a url, in JSON, and as bytes in text. */
const FORMS: readonly string[] = Object.values(KEYS).flatMap((canary) => [
  canary,
  encodeURIComponent(canary),
  JSON.stringify(canary).slice(1, -1),
  Buffer.from(canary).toString('base64'),
  Buffer.from(canary).toString('hex'),
])

/** A guard that is replaced while its module is loaded, in every process that is started. */
interface Bite {
  readonly file: string
  readonly find: string
  readonly replace: string
}

class Traces {
  readonly folder: string
  readonly #env: Readonly<Record<string, string>>
  #printed = ''

  constructor(t: TestContext, bite?: Bite) {
    this.folder = temporary(t)
    this.#env = {
      ALPACA_KEY: KEYS.key,
      ALPACA_SECRET: KEYS.secret,
      NODE_DEBUG: 'undici,http,fetch,websocket',
      ...(bite === undefined ? {} : bitten(bite)),
    }
  }

  configure(venue: string, rest = ''): void {
    const yaml = [
      'universe: [SPY, AAPL]',
      'instrument: { calendar: 24/7 }',
      'store: { leases: ./data/leases.db }',
      'report: { html: ./out/report.html, json: ./out/report.json }',
      `venues: { alpaca: { key: "\${ALPACA_KEY}", secret: "\${ALPACA_SECRET}", ${venue} } }`,
    ]
    put(this.folder, 'skein.yaml', `${yaml.join('\n')}\n${rest}`)
  }

  /** Runs a command to its end, and keeps what it printed. `work` begins when it says that. */
  async run(
    words: readonly string[],
    during?: { readonly seen: RegExp; readonly work: () => Promise<unknown> },
  ): Promise<number> {
    const running = start(this.folder, words, { env: this.#env })
    if (during !== undefined) {
      await running.seen(during.seen)
      await during.work()
      running.child.kill('SIGTERM')
    }
    const { code, stdout, stderr } = await running.ended
    this.#printed += stdout + stderr
    return code
  }

  get printed(): string {
    return this.#printed
  }

  /** Where a canary is, in files and in what was printed. */
  found(): readonly string[] {
    const names = readdirSync(this.folder, { recursive: true, withFileTypes: true })
    const files = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
    const texts = new Map(files.map((path) => [path, readFileSync(path).toString('latin1')]))
    texts.set('what was printed', this.#printed)
    return [...texts]
      .filter(([, text]) => FORMS.some((form) => text.includes(form)))
      .map(([name]) => name)
  }
}

function bitten({ file, find, replace }: Bite): Readonly<Record<string, string>> {
  const root = join(import.meta.dirname, '..')
  const url = pathToFileURL(join(root, file)).href
  assert.equal(
    readFileSync(join(root, file), 'utf8').split(find).length,
    2,
    `${file} has its guard`,
  )
  const hook = pathToFileURL(join(root, 'tools/teeth-hook.ts')).href
  return { TEETH: JSON.stringify({ url, find, replace }), NODE_OPTIONS: `--import=${hook}` }
}

async function local(t: TestContext): Promise<string> {
  const server = await startOpenVenue(t, { keys: [KEYS] })
  return `local: { port: ${new URL(server.urls.rest).port} }`
}

/** A venue that says in its refusal what it was sent, as a proxy might. */
async function echoing(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ message: `forbidden: ${request.rawHeaders.join(' ')}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const http = `trading: "http://${host}", data: "http://${host}"`
  return `hosts: { ${http}, stream: "ws://${host}", orders: "ws://${host}/stream" }`
}

/** Throws where nobody catches it, once the run trades. */
const CRASH = `
import { defineStrategy, z } from 'skein'
setTimeout(() => { throw new Error('a bug of a strategy') }, 4000)
export default defineStrategy({
  name: 'crash', params: z.strictObject({}), needs: () => ({ bars: '1m' }), symbol: () => ({}),
})
`

test(
  'no secret is in any file or output of a run, its commands, its crash or a refusal',
  { timeout: 300_000 },
  async (t) => {
    const traces = new Traces(t)
    const venue = await local(t)
    traces.configure(venue)
    const beside = async (): Promise<void> => {
      await traces.run(['control', 'pause', ...CONFIG])
      await traces.run(['status', '--json', ...CONFIG])
      await traces.run(['doctor', ...CONFIG])
    }
    const codes = [await traces.run(RUN, { seen: /trading;/, work: beside })]
    codes.push(await traces.run(['replay', 'data/journal.db']))

    traces.configure(venue, 'strategies: [{ use: ./crash.ts }]\n')
    put(traces.folder, 'crash.ts', CRASH)
    codes.push(await traces.run([...RUN, '--journal', 'data/crash.db']))

    traces.configure(await echoing(t))
    codes.push(await traces.run(['doctor', ...CONFIG]))
    codes.push(await traces.run([...RUN, '--journal', 'data/refused.db']))

    assert.deepEqual(codes, [0, 0, 1, 1, 1], traces.printed)
    assert.match(traces.printed, /a bug of a strategy/)
    assert.match(traces.printed, /FETCH \d+: sending request to GET /)
    assert.match(traces.printed, /forbidden: .*\[redacted\]/)
    assert.deepEqual(traces.found(), [])
  },
)

test(
  'the search finds a secret that JSON would keep, and one that a refusal repeats',
  { timeout: 300_000 },
  async (t) => {
    const kept = new Traces(t, {
      file: 'src/runtime/config/secret.ts',
      find: 'toJSON(): undefined {\n    return undefined',
      replace: 'toJSON(): string {\n    return this.#text',
    })
    kept.configure(await local(t))
    await kept.run(RUN, { seen: /trading;/, work: () => Promise.resolve() })
    assert.match(kept.found().join(), /journal\.db/)

    const repeated = new Traces(t, {
      file: 'src/io/redact.ts',
      find: 'let clean = from\n',
      replace: 'return from\n    let clean = from\n',
    })
    repeated.configure(await echoing(t))
    await repeated.run(['doctor', ...CONFIG])
    assert.deepEqual(repeated.found(), ['what was printed'])
  },
)
