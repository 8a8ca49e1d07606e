/*
 * Probe: loaded into a run from outside (`node --import`), in its main thread and in the archive's.
 *
 * It tells each named step that the process passes as a byte on a pipe, which outlives the process, and kills the process
 * with SIGKILL at the step that it was told. It also answers for the venue when the run asks for the time, because a
 * busy machine would measure it badly. It wraps what the run calls; the run itself knows nothing of it.
 */
import { subscribe } from 'node:diagnostics_channel'
import files, { writeSync } from 'node:fs'
import promised from 'node:fs/promises'
import { flushCompileCache, registerHooks, syncBuiltinESMExports } from 'node:module'
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'
import type { Turn } from '../../src/core/command.ts'
import type { Input } from '../../src/core/input.ts'
import { ok } from '../../src/core/result.ts'
import { byteOf, MARKS, ORDERS, type Orders, type Step } from './steps.ts'

const orders = JSON.parse(process.env[ORDERS] ?? '') as Orders
let left = orders.die?.times ?? 0

/** A test that was killed itself leaves no run behind: its venue is gone with it, and the run would look for it for ever. */
if (isMainThread) {
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
  }, 1_000).unref()
}

function pass(step: Step): void {
  writeSync(MARKS, Uint8Array.of(byteOf(step)))
  if (step === orders.die?.at && --left === 0) process.kill(process.pid, 'SIGKILL')
}

type Call = (...args: readonly unknown[]) => unknown

/** Puts a method in the place of another, which it is given. */
function replace(owner: object, name: string, made: (original: Call, self: unknown) => Call): void {
  const method: unknown = Reflect.get(owner, name)
  if (typeof method !== 'function') throw new Error(`there is no ${name} to be watched`)
  Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
    const original: Call = (...given) => Reflect.apply(method, this, given)
    return made(original, this)(...args)
  })
}

/** Calls `before` and `after` around a method; `after` of a promise comes when it is fulfilled. */
function watch(
  owner: object,
  name: string,
  { before, after }: { readonly before?: () => void; readonly after?: () => void },
): void {
  replace(owner, name, (original) => (...args) => {
    before?.()
    const result = original(...args)
    if (!(result instanceof Promise)) {
      after?.()
      return result
    }
    return result.then((value: unknown) => {
      after?.()
      return value
    })
  })
}

const at = (step: Step) => (): void => pass(step)

let isTrading = false
let isStopping = false
/** While a turn is done again, by a start or by a proof. */
let isAgain = false

/** The main thread. */
async function watchRun(): Promise<void> {
  shortenDays()
  await tellTime()
  await watchStart()
  await watchTurns()
  await watchJournal()
  watchCopies()
  await watchRequests()
  await watchEnd()
}

/** A configuration counts in days, and a life lasts seconds. */
function shortenDays(): void {
  const { dayMs } = orders
  if (dayMs === undefined) return
  const url = new URL('../../src/runtime/config/config.ts', import.meta.url).href
  registerHooks({
    load(loaded, context, next) {
      const found = next(loaded, context)
      if (loaded !== url) return found
      const text = Buffer.from(found.source as Uint8Array).toString()
      const source = text.replace('keepDays * DAY', `keepDays * ${dayMs}`)
      if (source === text) throw new Error(`${url} has no days to be shortened`)
      return { ...found, source }
    },
  })
}

async function tellTime(): Promise<void> {
  const { Rest } = await import('../../src/venues/alpaca/rest.ts')
  const { wallAt, venueAt, speed, session } = orders.clock
  replace(Rest.prototype, 'get', (get) => (...args) => {
    if (args[0] !== '/v2/clock') return get(...args)
    const passed = performance.timeOrigin + performance.now() - wallAt
    const timestamp = new Date(venueAt + passed * speed).toISOString()
    const { nextOpen: next_open, close: next_close } = session
    return Promise.resolve(ok({ timestamp, is_open: true, next_open, next_close }))
  })
}

async function watchStart(): Promise<void> {
  const [{ RunFile }, { Engine }, { LiveSession }, { Pump }] = await Promise.all([
    import('../../src/runtime/replay/run-file.ts'),
    import('../../src/engine/engine.ts'),
    import('../../src/runtime/live/session.ts'),
    import('../../src/runtime/live/pump.ts'),
  ])
  const [{ AlpacaVenue }, { AlpacaBroker }, { AlpacaFeed }] = await Promise.all([
    import('../../src/venues/alpaca/venue.ts'),
    import('../../src/venues/alpaca/broker.ts'),
    import('../../src/venues/alpaca/feed.ts'),
  ])
  watch(RunFile, 'begin', {
    before: at('start: before the journal is opened'),
    after: at('start: the journal is open'),
  })
  watch(Engine.prototype, 'restore', {
    after: () =>
      pass(isTrading ? 'proof: the snapshot is restored' : 'start: the snapshot is restored'),
  })
  watch(LiveSession.prototype, 'redo', {
    before: () => (isAgain = true),
    after: () => {
      isAgain = false
      pass(isTrading ? 'proof: a turn is done again' : 'start: a turn is done again')
    },
  })
  watch(AlpacaVenue.prototype, 'open', {
    before: at('start: before the venue is opened'),
    after: at('start: the venue is open'),
  })
  watch(AlpacaBroker.prototype, 'report', {
    before: () => pass(isTrading ? 'report: it is asked for' : 'start: the report is asked for'),
    after: () => pass(isTrading ? 'report: it is here' : 'start: the report is here'),
  })
  watch(Pump.prototype, 'turn', {
    before: at('start: before a turn by hand'),
    after: at('start: after a turn by hand'),
  })
  watch(AlpacaFeed.prototype, 'subscribe', { after: at('start: the feed is subscribed') })
  watch(Pump.prototype, 'start', {
    before: () => {
      pass('start: before the first slice')
      isTrading = true
      // A process that is killed writes no cache of its own.
      flushCompileCache()
    },
  })
}

const holds = (inputs: readonly Input[], type: Input['type']): boolean =>
  isTrading && inputs.some((input) => input.type === type)

async function watchTurns(): Promise<void> {
  const [{ Engine }, { Notices }, { Pump }, { Gateway }] = await Promise.all([
    import('../../src/engine/engine.ts'),
    import('../../src/engine/notices.ts'),
    import('../../src/runtime/live/pump.ts'),
    import('../../src/runtime/live/gateway.ts'),
  ])
  let isIdleComing = false
  replace(Engine.prototype, 'turn', (turn) => (...args) => {
    if (isAgain) return turn(...args)
    const inputs = args[1] as readonly Input[]
    if (isTrading) pass('flush: before the turn')
    if (holds(inputs, 'order.filled')) pass('fill: before its turn')
    const done = turn(...args) as Turn
    if (isTrading && done.batches.length > 0) pass('flush: the turn is done')
    if (holds(inputs, 'order.filled')) pass('fill: its turn is done')
    if (holds(inputs, 'order.accepted')) pass('acceptance: its turn is done')
    if (!isIdleComing) {
      isIdleComing = true
      setImmediate(() => {
        isIdleComing = false
        writeSync(MARKS, Uint8Array.of(byteOf('idle')))
      })
    }
    return done
  })
  replace(Gateway.prototype, 'send', (send) => (...args) => {
    send(...args)
    if (isTrading && (args[0] as Turn).batches.length > 0) pass('flush: the gateway has it')
  })
  watch(Notices.prototype, 'deliver', {
    before: () => {
      if (isTrading) pass('notices: before they are delivered')
    },
    after: () => {
      if (isTrading) pass('notices: they are delivered')
    },
  })
  replace(Pump.prototype, 'push', (push) => (...args) => {
    const { type } = args[0] as Input
    if (type === 'order.filled') pass('fill: it is heard')
    if (type === 'order.accepted') pass('acceptance: it is heard')
    push(...args)
  })
}

async function watchJournal(): Promise<void> {
  const [{ SqliteJournal }, { JournalPast }] = await Promise.all([
    import('../../src/store/journal.ts'),
    import('../../src/store/journal-past.ts'),
  ])
  /** What the open transaction is for. */
  let writing: 'flush' | 'learned' | 'snapshot' | 'proof' | 'beginning' | 'drop' = 'learned'
  replace(SqliteJournal.prototype, 'append', (append) => (...args) => {
    const { inputs, batches } = args[0] as Turn
    const isFlush = isTrading && batches.length > 0
    writing = isFlush ? 'flush' : 'learned'
    append(...args)
    if (isFlush) pass('flush: the journal has it')
    if (holds(inputs, 'order.filled')) pass('fill: the journal has it')
    writing = 'learned'
  })
  replace(SqliteJournal.prototype, 'snapshot', (snapshot) => (...args) => {
    pass(isStopping ? 'stop: before the last snapshot' : 'snapshot: before it is made')
    writing = 'snapshot'
    snapshot(...args)
    writing = 'learned'
    if (isStopping) pass('stop: after the last snapshot')
  })
  for (const [name, what] of [
    ['keep', 'proof'],
    ['begin', 'beginning'],
    ['drop', 'drop'],
  ] as const) {
    replace(JournalPast.prototype, name, (call) => (...args) => {
      writing = what
      const result = call(...args)
      writing = 'learned'
      return result
    })
  }
  replace(DatabaseSync.prototype, 'exec', (exec) => (...args) => {
    const [sql] = args
    const isEnd = sql === 'commit' && isTrading
    if (isEnd) pass(`${writing}: before the commit`)
    exec(...args)
    if (isEnd) pass(`${writing}: after the commit`)
    if (sql === 'begin immediate' && isTrading && writing !== 'snapshot')
      pass(`${writing}: the transaction is begun`)
  })
  replace(StatementSync.prototype, 'run', (run, self) => (...args) => {
    const result = run(...args)
    const { sourceSQL } = self as StatementSync
    if (writing === 'flush' && sourceSQL.startsWith('insert into turns'))
      pass('flush: the turn is written')
    if (isTrading && sourceSQL.includes('into snapshots')) pass('snapshot: it is written')
    return result
  })
}

/** What is written of turns before they are dropped: it has its name when it is whole. */
function watchCopies(): void {
  const isCopy = (path: unknown): boolean => String(path).includes('.jsonl.gz')
  replace(files, 'createWriteStream', (create) => (...args) => {
    const stream = create(...args) as files.WriteStream
    if (isCopy(args[0])) stream.on('open', at('copy: it is begun'))
    return stream
  })
  replace(promised, 'rename', (rename) => async (...args) => {
    if (isCopy(args[0])) pass('copy: it is written')
    await rename(...args)
    if (isCopy(args[0])) pass('copy: it has its name')
  })
  syncBuiltinESMExports()
}

/** What undici tells of requests (https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md, read 2026-11). */
async function watchRequests(): Promise<void> {
  const { AlpacaBroker } = await import('../../src/venues/alpaca/broker.ts')
  const on = (channel: string, what: string): void =>
    subscribe(`undici:${channel}`, (message) => {
      const { request } = message as { request: { method: string; path: string } }
      if (!request.path.startsWith('/v2/orders') || request.method === 'GET') return
      pass(`${request.method === 'POST' ? 'submit' : 'cancel'}: ${what}` as Step)
    })
  on('request:create', 'before the request')
  on('client:sendHeaders', 'before the first byte')
  on('request:bodySent', 'the request is sent')
  on('request:headers', 'the answer begins')
  on('request:trailers', 'the answer is read')
  watch(AlpacaBroker.prototype, 'execute', { after: at('submit: the answer is understood') })
}

async function watchEnd(): Promise<void> {
  const [{ Recorder }, { Live }, { RunFile }, { AlpacaVenue }] = await Promise.all([
    import('../../src/runtime/session/recorder.ts'),
    import('../../src/runtime/live/live.ts'),
    import('../../src/runtime/replay/run-file.ts'),
    import('../../src/venues/alpaca/venue.ts'),
  ])
  watch(Recorder.prototype, 'flush', {
    before: at('archive: bars are handed over'),
    after: at('archive: the bars are told as written'),
  })
  watch(Live.prototype, 'stop', {
    before: () => {
      isStopping = true
      pass('stop: it is begun')
    },
  })
  watch(AlpacaVenue.prototype, 'close', {
    before: at('stop: before the venue is closed'),
    after: at('stop: the venue is closed'),
  })
  watch(RunFile.prototype, 'close', {
    before: () => {
      if (isStopping) pass('stop: before the journal is closed')
    },
  })
}

/** The archive's thread. */
async function watchArchive(): Promise<void> {
  const { BarTable } = await import('../../src/store/bar-table.ts')
  watch(BarTable.prototype, 'begin', { after: at('archive: the transaction is begun') })
  watch(BarTable.prototype, 'write', { after: at('archive: a series is written') })
  watch(BarTable.prototype, 'commit', {
    before: at('archive: before the commit'),
    after: at('archive: after the commit'),
  })
}

await (isMainThread ? watchRun() : watchArchive())
