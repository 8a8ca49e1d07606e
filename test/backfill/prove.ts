/*
 * Prove: a backfill of full size: `node test/backfill/prove.ts [symbols] [kills] [speed]`; 1,000 symbols, 20 kills and speed
 * 4 where not told. Four timeframes over a year, against the local venue with a limit of 200 requests a minute: once without
 * a kill, once with. Exit code 1 where a row is missing or wrong, the requests are more than 1.05 times the least, a minute
 * has more than 200, the venue has refused one, or a kill costs more than a page.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seeded } from '../../src/core/random.ts'
import { madeSymbols } from '../../src/simulators/past.ts'
import { PER_MINUTE, World } from './world.ts'

const TIMEFRAMES = ['15m', '1h', '4h', '1d'] as const
const MORE_MAX = 1.05

export interface Terms {
  readonly symbols: number
  readonly kills: number
  readonly speed: number
  readonly seed: number
  /** Length of the past; a year where not told. */
  readonly days?: number
}

export interface Proved {
  readonly problems: readonly string[]
  readonly text: string
}

/** One backfill on a venue of its own, from the first request to the comparison of every row. */
export async function proveBackfill({
  symbols,
  kills,
  speed,
  seed,
  days = 365,
}: Terms): Promise<Proved> {
  const folder = mkdtempSync(join(tmpdir(), 'skein-backfill-'))
  const to = Date.UTC(2026, 0, 1)
  const world = await World.open({
    folder,
    symbols: madeSymbols(symbols),
    timeframes: TIMEFRAMES,
    from: to - days * 86_400_000,
    to,
    speed,
    seed,
  })
  try {
    const archive = join(folder, 'archive.db')
    const planned = await world.plan(archive)
    const began = performance.now()
    const random = seeded(seed)
    // Each in a part of its own, so that the last one comes before the end whatever is drawn.
    const part = (0.85 * planned['requests']!) / Math.max(1, kills)
    const { last, lives } = await world.workAndKill(archive, kills, random, part)
    const seconds = (performance.now() - began) / 1_000
    const { asked, busiestMinute, repeated } = world
    const refused = asked.filter(({ status }) => status === 429).length
    const { problems, rows, least, hash } = await world.compare(archive)
    const ratio = asked.length / least
    const wrong = [
      ...problems.slice(0, 10),
      ...(problems.length > 10 ? [`and ${problems.length - 10} more series`] : []),
      ...(last.code === 0 ? [] : [`the last worker ended with ${last.code}: ${last.stderr}`]),
      ...((asked.length - repeated) / least <= MORE_MAX
        ? []
        : [`${ratio.toFixed(3)} times the least`]),
      ...(busiestMinute <= PER_MINUTE ? [] : [`${busiestMinute} requests in a minute`]),
      ...(refused === 0 ? [] : [`${refused} requests were refused`]),
      ...(lives.length === kills ? [] : [`${lives.length} of ${kills} kills landed`]),
      ...(repeated <= lives.length
        ? []
        : [`${repeated} pages were read again after ${lives.length} kills`]),
    ]
    const text =
      `${symbols} symbols x ${TIMEFRAMES.length} timeframes, ${days} days: ${rows} rows by ${asked.length} requests, ` +
      `${least} at least (${ratio.toFixed(3)}), ${planned['requests']} planned, ${planned['singleRequests']} with one symbol each; ` +
      `at most ${busiestMinute} in a minute, ${refused} refused; ${lives.length} kills, ${repeated} pages read again; ` +
      `${seconds.toFixed(0)} s at speed ${speed}; content ${hash.slice(0, 16)}`
    return { problems: wrong, text }
  } finally {
    await world.close()
    rmSync(folder, { recursive: true })
  }
}

if (import.meta.main) {
  const [symbols = 1_000, kills = 20, speed = 4] = process.argv.slice(2).map(Number)
  const seed = Number(process.env['SKEIN_SEED'] ?? Date.now() % 2 ** 31)
  process.stdout.write(`seed ${seed}\n`)
  const hashes: string[] = []
  for (const times of kills === 0 ? [0] : [0, kills]) {
    const { problems, text } = await proveBackfill({ symbols, kills: times, speed, seed })
    process.stdout.write(`${text}\n`)
    hashes.push(text.slice(text.lastIndexOf(' ')))
    for (const problem of problems) process.stdout.write(`  ${problem}\n`)
    if (problems.length > 0) process.exitCode = 1
  }
  if (new Set(hashes).size > 1) {
    process.stdout.write('the content differs\n')
    process.exitCode = 1
  }
}
