// Backtest, paper run and a paper run that is killed again and again decide the same and end the same.
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Command } from '../src/core/command.ts'
import { canonical } from '../src/core/hash.ts'
import type { Bar } from '../src/core/market.ts'
import { integer, seeded } from '../src/core/random.ts'
import type { Tape } from '../src/core/tape.ts'
import { backtest, type BacktestResult, type Watch } from '../src/runtime/tape/backtest.ts'
import { buildSession } from '../src/runtime/session/build.ts'
import { paper, type PaperResult } from '../src/runtime/tape/paper.ts'
import { barsOf } from '../src/runtime/session/recorder.ts'
import { replay } from '../src/runtime/replay/replay.ts'
import { openArchive, openJournal } from '../src/store/index.ts'
import { type Kind, setupOf, tapeOf } from './modes/tape.ts'

const KILLS = { bars: 20, trades: 20 } as const
const SEED = Number(process.env['SKEIN_SEED'] ?? 1)
const INBOX = { capacity: 10_000, maxAgeMs: 60_000 }

for (const kind of ['bars', 'trades'] as const) {
  test(`a paper run on ${kind} at full speed decides and ends as the backtest`, async (t) => {
    const folder = temporary(t)
    const expected = await truth(kind)
    const tape = tapeOf(kind)
    const journal = openJournal(join(folder, 'journal.db'))
    const archive = await openArchive(join(folder, 'archive.db'))
    const setup = await setupOf(tape)
    const result = await paper({
      tape,
      setup,
      journal,
      archive,
      speed: 'max',
      inbox: INBOX,
      snapshotEvery: 150,
    })
    await archive.close()
    assert.deepEqual(endOf(result), endOf(expected.result))
    const { watch, samples } = sampling()
    const again = await replay(buildSession(await setupOf(tape)), journal, watch)
    journal.close()
    assert.deepEqual([again.hash, again.differing], [result.hash, 0])
    // A report is made of them.
    assertSame(samples, expected.samples)
    await checkBars(folder, expected.bars)
  })

  test(`a paper run on ${kind} killed ${KILLS[kind]} times loses and doubles nothing`, async (t) => {
    const folder = temporary(t)
    const expected = await truth(kind)
    const random = seeded(SEED)
    const recovered = new Map<string, number>()
    let kills = 0
    let result: PaperResult | undefined
    while (result === undefined) {
      // The later the kill, the more turns: in the end the run comes through by itself.
      const after =
        kills < KILLS[kind] ? integer(random, 1, Math.ceil(expected.result.turns / 20)) : Infinity
      const ended = await runChild(kind, folder, after)
      recovered.set(ended.from, (recovered.get(ended.from) ?? 0) + 1)
      result = ended.result
      if (result === undefined) kills++
    }
    t.diagnostic(`seed ${SEED}, ${kills} kills, recovered from ${JSON.stringify([...recovered])}`)
    assert.equal(kills, KILLS[kind], 'every kill hit the run before it ended')
    assert.ok((recovered.get('snapshot') ?? 0) > 0, 'snapshots were recovered from')
    assert.deepEqual(endOf(result), endOf(expected.result))
    const journal = openJournal(join(folder, 'journal.db'))
    const submitted: string[] = []
    let previous = 0
    for (const turn of journal.since(0)) {
      assert.equal(turn.n, ++previous, 'turns follow each other')
      submitted.push(...turn.batches.flatMap(({ commands }) => idsOf(commands)))
    }
    journal.close()
    assert.equal(new Set(submitted).size, submitted.length, 'no order id is sent twice')
    assertSame(submitted, expected.submitted)
    await checkBars(folder, expected.bars)
  })
}

interface Truth {
  readonly result: BacktestResult
  readonly bars: readonly Bar[]
  readonly submitted: readonly string[]
  readonly samples: readonly Sample[]
}

type Sample = readonly number[]

/** Notes equity and exposure as a report is told them; of one moment the last counts. */
function sampling(): { readonly watch: Watch; readonly samples: Sample[] } {
  const samples: Sample[] = []
  const watch: Watch = {
    sample: (...sample) => {
      if (samples.at(-1)?.[0] === sample[0]) samples.pop()
      samples.push(sample)
    },
  }
  return { watch, samples }
}

/** What the backtest of the same tape does. */
async function truth(kind: Kind): Promise<Truth> {
  const tape = tapeOf(kind)
  const bars: Bar[] = []
  const submitted: string[] = []
  const { samples } = await sampled(tape)
  const result = await backtest({
    tape,
    setup: await setupOf(tape),
    watch: {
      notices: {
        types: ['bar.closed'],
        handle: (notice) => notice.type === 'bar.closed' && bars.push(notice.bar),
      },
      turn: ({ batches }) => submitted.push(...batches.flatMap(({ commands }) => idsOf(commands))),
    },
  })
  assert.ok(submitted.length > 100, `${submitted.length} orders are enough to mean something`)
  return { result, bars, submitted, samples }
}

async function sampled(tape: Tape): Promise<{ readonly samples: readonly Sample[] }> {
  const { watch, samples } = sampling()
  await backtest({ tape, setup: await setupOf(tape), watch })
  return { samples }
}

const idsOf = (commands: readonly Command[]): string[] =>
  commands.flatMap((command) =>
    command.type === 'submit' ? [command.order, ...(command.legs ?? [])].map(({ id }) => id) : [],
  )

const endOf = ({ hash, intents, turns, equity, at }: PaperResult | BacktestResult) => ({
  hash,
  intents,
  turns,
  equity,
  at,
})

/** Every bar that closed is in the archive, once, as it was; and nothing else is. */
async function checkBars(folder: string, expected: readonly Bar[]): Promise<void> {
  const archive = await openArchive(join(folder, 'archive.db'))
  const { universe } = await setupOf(tapeOf('bars'))
  const found: Bar[] = []
  for (const { symbol, timeframe } of await archive.series()) {
    for await (const page of archive.bars({ symbol, timeframe })) {
      found.push(...barsOf(page, universe.find(symbol)!.id, timeframe))
    }
  }
  await archive.close()
  const order = (a: Bar, b: Bar): number => a.symbol - b.symbol || a.start - b.start
  assertSame(found.toSorted(order), expected.toSorted(order))
}

/** As deepEqual, but a difference between long lists is told by its first place. */
function assertSame(found: readonly unknown[], expected: readonly unknown[]): void {
  const first = found.findIndex((one, i) => canonical(one) !== canonical(expected[i] ?? null))
  if (first >= 0) assert.deepEqual(found[first], expected[first], `place ${first}`)
  assert.equal(found.length, expected.length)
}

interface Ended {
  readonly from: string
  readonly result: PaperResult | undefined
}

/** Runs the child and kills it once it has told so many new turns. */
function runChild(kind: Kind, folder: string, killAfter: number): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = fork(join(import.meta.dirname, 'modes/child.ts'), [kind, folder], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let from = 'killed before it began'
    let result: PaperResult | undefined
    let errors = ''
    child.stderr!.on('data', (text: Buffer) => (errors += text.toString()))
    child.on('message', (message: { from?: string; turn?: number; result?: PaperResult }) => {
      from = message.from ?? from
      result = message.result
      if ((message.turn ?? 0) >= killAfter) child.kill('SIGKILL')
    })
    child.on('exit', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve({ from, result })
      else reject(new Error(`the child ended with ${code ?? signal}: ${errors}`))
    })
  })
}

function temporary(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-modes-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
