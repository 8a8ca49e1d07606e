// Storage: what a journal that cannot be written means for orders. The journal is a real file, the venue a list.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs, { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { openWorkPlace } from '../../src/cli/archive-place.ts'
import { barColumns, type BarColumns } from '../../src/core/columns.ts'
import type { Batch } from '../../src/core/command.ts'
import { ok } from '../../src/core/result.ts'
import { MINUTE, ms } from '../../src/core/time.ts'
import type { Broker } from '../../src/core/venue.ts'
import { Engine } from '../../src/engine/engine.ts'
import { RISK_DEFAULTS } from '../../src/engine/risk-limits.ts'
import { VirtualWorld } from '../../src/io/virtual.ts'
import { type Config, defineConfig, toSimOptions } from '../../src/runtime/config/config.ts'
import { Gateway } from '../../src/runtime/live/gateway.ts'
import { Pump } from '../../src/runtime/live/pump.ts'
import { Recorder } from '../../src/runtime/session/recorder.ts'
import { RunFile } from '../../src/runtime/replay/run-file.ts'
import { BUSY_MS, openDatabase } from '../../src/store/database.ts'
import { lockFile } from '../../src/store/file-lock.ts'
import { openArchive, openJournal, StoreError } from '../../src/store/index.ts'
import { ARCHIVE_SCHEMA } from '../../src/store/migrations.ts'
import { defineStrategy, z } from '../../src/strategy/index.ts'
import { A, limitsOf, SIM, trade, universeOf } from '../../src/testing/builders.ts'
import { minutes } from '../../src/testing/made-bars.ts'
import { temporary } from '../cli/skein.ts'

/** Buys with every trade. */
const eager = defineStrategy({
  name: 'eager',
  params: z.strictObject({}),
  needs: () => ({ trades: true }),
  symbol: (ctx) => {
    let n = 0
    return {
      // No two are alike, or the second would be denied as a mistake.
      onTrade: () => {
        ctx.buy({ qty: 1, limit: ++n / 100 })
      },
    }
  },
})

const LIMITLESS = {
  ...RISK_DEFAULTS,
  tradingHours: 'always',
  maxTradesPerDay: Infinity,
  ordersPerMinute: Infinity,
  maxOpenOrders: 10_000,
  maxExposureFraction: Infinity,
  maxPositionNotional: Infinity,
  maxOrderNotional: Infinity,
  maxPositionFraction: Infinity,
  priceBand: Infinity,
} as const

/** A pump between a journal in a folder and a venue that takes everything. */
async function desk(t: TestContext, folder: string) {
  const world = new VirtualWorld({ seed: 1 })
  const io = world.node('engine')
  const sent: string[] = []
  const broker: Broker = {
    execute: (batch: Batch) => {
      for (const command of batch.commands) {
        if (command.type === 'submit') sent.push(command.order.id)
      }
      return Promise.resolve(batch.commands.map(() => ok({ venueId: 'v' })))
    },
    report: () => Promise.reject(new Error('nobody asks')),
  }
  const engine = new Engine({
    universe: universeOf('A'),
    uses: [{ name: 'e', strategy: eager, params: {}, on: [A] }],
    limits: new Map([[SIM, limitsOf()]]),
    risk: LIMITLESS,
    run: 'r',
    currency: 'USD',
    calendar: '24/7',
    base: '1m',
    latenessMs: 0,
    maxFill: 0,
  })
  const away = mkdtempSync(join(tmpdir(), 'skein-storage-archive-'))
  const archive = await openArchive(join(away, 'archive.db'))
  t.after(async () => {
    await archive.close()
    rmSync(away, { recursive: true, force: true })
  })
  const journal = openJournal(join(folder, 'journal.db'))
  const account = {
    type: 'account',
    at: world.now,
    venue: SIM,
    equity: 1e6,
    cash: 1e6,
    buyingPower: 1e6,
  }
  const pump: Pump = new Pump({
    io,
    engine,
    journal,
    gateway: new Gateway({
      brokers: new Map([[SIM, broker]]),
      now: () => io.now(),
      sink: (input) => pump.push(input),
    }),
    recorder: new Recorder(archive, engine),
    inbox: { capacity: 10_000, maxAgeMs: 60_000 },
    snapshotEvery: 1_000_000,
    snapshot: () => '{}',
  })
  let failure: Error | undefined
  void pump.failure.then((error) => (failure = error))
  pump.push(account as Parameters<Pump['push']>[0])
  pump.start()
  return {
    sent,
    journal,
    /** A trade, and the time for what follows from it. Gives why the pump stopped, where it did. */
    step: async (): Promise<Error | undefined> => {
      const at = ms(world.now)
      pump.push({ type: 'trade', at, trade: trade({ ts: at }) })
      await world.run(10)
      return failure
    },
  }
}

/** Ids that a journal holds, read from the file. */
function intentsIn(path: string): string[] {
  const db = new DatabaseSync(path)
  try {
    assert.equal(String(Object.values(db.prepare('pragma integrity_check').get()!)[0]), 'ok')
    return db
      .prepare('select batches from turns order by n')
      .all()
      .flatMap(({ batches }) => JSON.parse(String(batches)) as Batch[])
      .flatMap(({ commands }) =>
        commands.flatMap((command) => (command.type === 'submit' ? [command.order.id] : [])),
      )
  } finally {
    db.close()
  }
}

test('F094 while another process has the journal, no order leaves, and what had left is in it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-storage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { step, sent } = await desk(t, folder)
  for (let i = 0; i < 3; i++) assert.equal(await step(), undefined)
  const before = [...sent]
  assert.equal(before.length, 3)

  const other = new DatabaseSync(join(folder, 'journal.db'))
  other.exec('begin immediate')
  const failure = await step()
  other.exec('rollback')
  other.close()

  assert.match(failure?.message ?? '', /is locked by another process/)
  assert.deepEqual(sent, before)
  assert.deepEqual(intentsIn(join(folder, 'journal.db')), before)
})

/** Pages of a disk that is soon full. */
const DISK = 'size=700k'

test('F096 on a full disk no order leaves, what had left is there, and with space it goes on', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-storage-'))
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0
  if (process.getuid?.() !== 0 || !mount(DISK)) {
    rmSync(folder, { recursive: true, force: true })
    t.skip('skipped: a small disk needs root and mount')
    return
  }
  t.after(() => {
    spawnSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true, force: true })
  })
  const { step, sent } = await desk(t, folder)
  let failure: Error | undefined
  for (let i = 0; i < 5_000 && failure === undefined; i++) failure = await step()

  assert.match(failure?.message ?? '', /has no room left/)
  assert.ok(sent.length > 10, `${sent.length} orders before`)
  assert.ok(mount('remount,size=8m'))
  assert.deepEqual(intentsIn(join(folder, 'journal.db')), sent)
  const again = openJournal(join(folder, 'journal.db'))
  again.setMeta('goes', 'on')
  again.close()
})

const CONFIG = defineConfig({})
const SETUP = {
  universe: universeOf('A'),
  uses: [],
  risk: RISK_DEFAULTS,
  sim: toSimOptions(CONFIG),
  run: 'r',
  currency: 'USD',
  base: '1m' as const,
  bars: { latenessMs: 0, maxFill: 0 },
}

/** What a run that goes on reads of its journal. Throws where it does not go on. */
function readAll(path: string): string {
  const file = RunFile.begin(path, CONFIG, SETUP, { name: 'tape', series: [] })
  try {
    const { journal, header } = file
    return JSON.stringify([[...journal.since(0)], journal.latest(), header])
  } finally {
    file.close()
  }
}

test('F098 a journal with damaged or missing bytes is refused with the place, or reads as it was written', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-storage-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'journal.db')
  readAll(path)
  const { step, journal } = await desk(t, folder)
  for (let i = 0; i < 20; i++) await step()
  journal.snapshot(20, '{"state":[1,2,3]}')
  journal.close()
  const whole = readAll(path)
  const bytes = readFileSync(path)
  const read = (name: string, content: Uint8Array): string => {
    const copy = join(folder, name)
    writeFileSync(copy, content)
    try {
      return readAll(copy)
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error))
      return error.message
    }
  }

  const told = { turn: 0, other: 0, none: 0 }
  for (let at = 0; at < bytes.length; at += 97) {
    const damaged = Buffer.from(bytes)
    // Most digits stay digits so, and the text is still JSON.
    damaged[at]! ^= 1
    const got = read(`flipped-${at}.db`, damaged)
    assert.ok(got === whole || !got.startsWith('['), `byte ${at} changes what is read`)
    if (got === whole) told.none++
    else if (/turn \d+ of .* is damaged: its checksum is another; restore/.test(got)) told.turn++
    else told.other++
  }
  for (let length = 4_096; length < bytes.length; length += 4_096)
    assert.doesNotMatch(read(`cut-${length}.db`, bytes.subarray(0, length)), /^\[/)

  t.diagnostic(JSON.stringify(told))
  assert.ok(told.turn > 20 && told.none > 0, JSON.stringify(told))
})

test('F544 a run goes on after an update that brings new settings, and not with settings of its own changed', (t) => {
  const path = join(temporary(t), 'journal.db')
  const begun = (config: Config): RunFile =>
    RunFile.begin(path, config, SETUP, { name: 'tape', series: [] })
  const run = begun(CONFIG)
  const { config, ...header } = JSON.parse(run.journal.meta('run')!)
  // As an older Skein wrote it, which knew neither.
  const { batching: _batching, sim, ...settings } = config
  const { queue: _queue, ...older } = sim
  const hashes = { configHash: 'older', fixedHash: 'older' }
  run.journal.setMeta(
    'run',
    JSON.stringify({ ...header, ...hashes, config: { ...settings, sim: older } }),
  )
  run.close()

  assert.doesNotThrow(() => begun(CONFIG).close())
  for (const changed of [{ sim: { queue: 'touch' } }, { account: { cash: 1 } }] as const)
    assert.throws(() => begun(defineConfig(changed)), /unfinished run r of another configuration/)
})

test('F454 who opens a journal in the moment in which a run begins it writes over nothing', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-reader-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'journal.db')
  openJournal(path).close()
  const real = fs.fstatSync
  t.after(() => {
    fs.fstatSync = real
    syncBuiltinESMExports()
  })
  // The reader has seen how long the log is, and then the run opens it too, and orders.
  const orders = (): void => {
    const run = openJournal(path)
    t.after(() => run.close())
    const batches = [{ venue: SIM, kind: 'cancel' as const, commands: [] }]
    run.append({ n: 1, at: ms(1), inputs: [], notices: [], batches })
  }
  fs.fstatSync = ((file: number) => {
    const seen = real(file)
    fs.fstatSync = real
    syncBuiltinESMExports()
    orders()
    return seen
  }) as typeof real
  syncBuiltinESMExports()

  assert.doesNotThrow(() => openJournal(path).close())

  // What a start finds after both are gone.
  const left = join(folder, 'left.db')
  for (const tail of ['', '-wal']) copyFileSync(path + tail, left + tail)
  const found = openJournal(left)
  assert.deepEqual(
    [...found.since(0)].map(({ n }) => n),
    [1],
  )
  found.close()
})

test('F455 a run that is moved aside while its journal is read is whole, and so is the next one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-aside-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'journal.db')
  const begun = (run: string): RunFile =>
    RunFile.begin(path, CONFIG, { ...SETUP, run }, { name: 'tape', series: [] })
  const one = begun('one')
  const reader = RunFile.open(path)
  t.after(() => reader.close())
  one.end({ hash: '', intents: '', turns: 0, isOver: true })
  one.close()

  begun('two').close()

  const runIn = (name: string): string | undefined => {
    const journal = openJournal(join(folder, name))
    const header = journal.meta('run')
    journal.close()
    return header === undefined ? undefined : JSON.parse(header).run
  }
  assert.deepEqual([runIn('journal-one.db'), runIn('journal.db')], ['one', 'two'])
  assert.equal(reader.header?.run, 'one')
})

test('F430 a page that finds no room does not leave the number of its symbol to the next page', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-numbers-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'archive.db')
  const archive = await openArchive(path, { maxBytes: 400_000 })
  const bars = (length: number, price: number): BarColumns => {
    const made = barColumns(length)
    for (let i = 0; i < length; i++) {
      made.start[i] = i * MINUTE
      // Thirds have no unit: they are rows, and as many as fill the file.
      for (const column of [made.open, made.high, made.low, made.close]) column[i] = price + i / 3
    }
    return made
  }
  const merge = (symbol: string, of: BarColumns) =>
    archive.jobs.merge({
      timeframe: '1m',
      adjustment: 'raw',
      rank: 'final',
      series: [{ symbol, bars: of }],
    })

  // The second waits in the archive already when the first fails.
  const [large, small] = await Promise.allSettled([
    merge('AAPL', bars(20_000, 100)),
    merge('AAPL', bars(40, 100)),
  ])
  await archive.close()
  const again = await openArchive(path)
  t.after(() => again.close())
  await again.putBars('MSFT', '1m', bars(2, 400))

  assert.equal(large.status === 'rejected' && large.reason.code, 'disk-full')
  assert.equal(small.status, 'fulfilled')
  const series = await again.series()
  assert.deepEqual(
    series.map((one) => `${one.symbol} ${one.bars}`),
    ['AAPL 40', 'MSFT 2'],
  )
})

test('F505 a worker of jobs waits for an archive that another process writes', async (t) => {
  const file = join(temporary(t), 'archive.db')
  const worker = await openWorkPlace({ file })
  const other = await openArchive(file, { busyMs: BUSY_MS + 2_000 })
  t.after(() => Promise.all([worker.close(), other.close()]))
  const importing = new DatabaseSync(file)
  t.after(() => importing.close())
  importing.exec('begin immediate')

  const kept = Promise.allSettled([worker.putBars('AAPL', '1m', minutes(0, 2))])
  // Whoever has no more than the usual patience has long given up when the import ends.
  await assert.rejects(other.putBars('MSFT', '1m', minutes(0, 2)), /is locked by another process/)
  importing.exec('rollback')

  assert.deepEqual(await kept, [{ status: 'fulfilled', value: { written: 2 } }])
})

test('F541 a start is killed while it copies an old archive, and the next one leaves no half copy', (t) => {
  const folder = temporary(t)
  const path = join(folder, 'archive.db')
  const migrations = ARCHIVE_SCHEMA.migrations.slice(0, -1)
  openDatabase(path, { schema: { ...ARCHIVE_SCHEMA, migrations } }).close()
  const version = migrations.length
  const half = (name: string, { isOld }: { readonly isOld: boolean }): string => {
    const file = join(folder, name)
    writeFileSync(file, 'half a copy')
    if (isOld) fs.utimesSync(file, 0, 0)
    return file
  }
  half(`archive.db.backup-v${version}.killed.partial`, { isOld: true })
  half(`archive.db.backup-v${version}.killed.partial-journal`, { isOld: true })
  // What others still write is theirs.
  const others = [
    half(`archive.db.backup-v${version}.young.partial`, { isOld: false }),
    half(`archive.db.backup-v${version}.locked.partial`, { isOld: false }),
    half(`other.db.backup-v${version}.killed.partial`, { isOld: true }),
  ]
  writeFileSync(others[1]!, '')
  const lock = lockFile(others[1]!)
  fs.utimesSync(others[1]!, 0, 0)

  openDatabase(path, { schema: ARCHIVE_SCHEMA }).close()
  lock?.release()

  const copies = fs.readdirSync(folder).filter((name) => name.includes('.partial'))
  assert.deepEqual(copies.toSorted(), others.map((file) => basename(file)).toSorted())
})
