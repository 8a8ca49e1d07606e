/*
 * Cuts: as kills.ts, but with each kill the power goes: of what the run wrote, only that is left which it had synced, or
 * that and a random part of the rest. What it had promised, that an order is written down before it leaves, must hold.
 */
import { join } from 'node:path'
import { seeded } from '../../src/core/random.ts'
import { checkCrash } from './check.ts'
import { cutEnvironment, Disk, readFolder, writeFolder } from './disk.ts'
import { dieAt, finish, killOnce, note, type Pace, type Told } from './kills.ts'
import { World } from './world.ts'

export interface Cut extends Told {
  /** Syncs that were promised to hold, and changes that a cut could take away. */
  readonly syncs: number
  readonly unsynced: number
  /** Orders that had reached the venue and were not in a journal after a cut. */
  readonly lost: readonly string[]
}

/** @param library cut.c, compiled. */
export async function cutAtRandom(seed: number, times: number, library: string): Promise<Cut> {
  const random = seeded(seed)
  const world = await World.open(seed)
  const landed = new Map<string, number>()
  const problems: string[] = []
  const lost: string[] = []
  const log = join(world.folder, 'cut.log')
  const environment = () => cutEnvironment(library, world.data, log)
  const pace: Pace = { startMs: 1_000 }
  let [syncs, unsynced] = [0, 0]
  try {
    for (let i = 0; i < times && problems.length === 0; i++) {
      const disk = new Disk(readFolder(world.data))
      // The first when an order has reached the venue for certain.
      const ended =
        i === 0
          ? await dieAt(world, 'submit: the answer begins', 1, environment())
          : await killOnce(world, random, pace, environment())
      note(landed, ended, problems)
      disk.follow(log)
      syncs += disk.syncs
      unsynced += disk.waiting
      writeFolder(world.data, disk.cut(i % 2 === 0 ? 'lost' : 'torn', random))
      const crash = checkCrash(world)
      problems.push(...crash.problems)
      lost.push(...crash.lost)
    }
    const told = await finish(world, problems)
    return { ...told, kills: times, landed, syncs, unsynced, lost }
  } finally {
    await world.close()
  }
}
