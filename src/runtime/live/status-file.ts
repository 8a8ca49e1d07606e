/*
 * Status file: the health of a run as a file beside its journal, so that another process can ask how it is. It is written
 * at most once a second, whole or not at all; what it says is as old as `writtenAt` tells. A run that was killed leaves its
 * last one, which its reader knows by its age, and where both have the same process ids, by its process.
 */
import { readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { z } from 'zod'
import { ailmentsOf, type Health } from './health.ts'

const EVERY_MS = 1_000
/** One that is older was written by a process that is gone or stands still. */
const AGE_MS_MAX = 10_000

export interface Status extends Health {
  readonly schema: 'skein-status/1'
  readonly pid: number
  /** Where that id means its process: another container, or another machine, has other ones. */
  readonly pidsOf?: string
  /** Time of the machine. */
  readonly writtenAt: number
}

const form = z.looseObject({
  schema: z.literal('skein-status/1'),
  pid: z.int(),
  pidsOf: z.string().optional(),
  writtenAt: z.number(),
})

export const statusPathOf = (journal: string): string => `${journal}.status`

export class StatusFile {
  readonly #path: string
  readonly #onError: (why: string) => void
  #phase = ''
  #wroteAt = -Infinity

  /** @param onError Told where it cannot be written; the run goes on. */
  constructor(journal: string, onError: (why: string) => void) {
    this.#path = statusPathOf(journal)
    this.#onError = onError
  }

  /** Does nothing where it was written within the second, and the phase is the same. */
  write(health: Health): void {
    const now = performance.now()
    if (health.phase === this.#phase && now - this.#wroteAt < EVERY_MS) return
    this.#phase = health.phase
    this.#wroteAt = now
    const about = { schema: 'skein-status/1', pid: process.pid, pidsOf: here() } as const
    const status: Status = { ...about, writtenAt: Date.now(), ...health }
    try {
      writeFileSync(`${this.#path}.part`, `${JSON.stringify(status)}\n`)
      renameSync(`${this.#path}.part`, this.#path)
    } catch (error) {
      this.#onError(`the status is not told: ${error instanceof Error ? error.message : ''}`)
    }
  }
}

export interface Asked {
  readonly status: Status
  readonly ageMs: number
  /** None where the run is healthy. */
  readonly ailments: readonly string[]
}

/** Undefined where no run has written one. Throws where the file may not be read, or is no status. */
export function askStatus(journal: string, now: number): Asked | undefined {
  let text: string
  try {
    text = readFileSync(statusPathOf(journal), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  // Written by us, and checked for being that.
  const status = form.parse(JSON.parse(text)) as unknown as Status
  const ageMs = Math.max(0, now - status.writtenAt)
  const isOver = status.phase === 'stopped' || status.phase === 'failed'
  // One that lives would have written another since its clock was set back.
  const aheadMs = status.writtenAt - now
  const silence = isOver ? undefined : silenceOf(status, { ageMs, aheadMs })
  const ailments = [...(silence === undefined ? [] : [silence]), ...ailmentsOf(status)]
  return { status, ageMs, ailments }
}

function silenceOf(
  { pid, pidsOf = here() }: Status,
  { ageMs, aheadMs }: { readonly ageMs: number; readonly aheadMs: number },
): string | undefined {
  // An id of another place says nothing here: there only the age does.
  const isGone = pidsOf === here() && !isAlive(pid)
  const wasSetBack = aheadMs > AGE_MS_MAX
  if (!isGone && !wasSetBack && ageMs <= AGE_MS_MAX) return undefined
  const forHow = wasSetBack ? 'since the clock was set back' : `for ${Math.round(ageMs / 1_000)} s`
  return `process ${pid} ${isGone ? 'is gone' : 'stands still'}: it has said nothing ${forHow}`
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // It is there, and of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/**
 * The machine, and where its system tells, the namespace of its process ids, which a container has of its own:
 * `desk-1 pid:[4026531836]`, see pid_namespaces(7). The first namespace has the same number on every machine.
 */
function here(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname()
  }
}
