/*
 * Keeper: the process between a test and its Postgres. When the test ends, however it ends, the channel to it closes: then
 * the server is stopped and its folder removed.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Below the ports that the system gives to clients: none of those may take ours while the server is down. */
const PORTS = { first: 20_000, count: 12_000 }

export type Order = 'restart' | 'stop'
export type Told =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly why: string }

/**
 * Settings of a server by its room. In service: memory as its documentation advises for 8 GB, and log files that are
 * written over, which a server has that has run for a while; a new one fills each with zeros first
 * (https://www.postgresql.org/docs/18/runtime-config-resource.html#GUC-SHARED-BUFFERS, runtime-config-wal.html).
 */
const ROOMS = {
  small: ['shared_buffers=32MB', 'max_wal_size=256MB'],
  'in service': ['shared_buffers=2GB', 'max_wal_size=4GB', 'wal_init_zero=off'],
} as const
export type Room = keyof typeof ROOMS

const [bin = '', uidText = '', roomText] = process.argv.slice(2)
const room: Room = roomText === 'in service' ? roomText : 'small'
const user = uidText === '' ? {} : { uid: Number(uidText), gid: Number(uidText) }
const folder = mkdtempSync(join(tmpdir(), 'skein-postgres-'))
const data = join(folder, 'data')
let server: ChildProcess | undefined
let isOver = false

const tell = (told: Told): void => {
  // The channel may close at this moment: that is told by `disconnect`, and not by an error here.
  if (process.connected) process.send?.(told, undefined, undefined, () => {})
}

/** What the server says until it is ready, or until it has ended. */
async function start(port: number): Promise<void> {
  // No socket of a file: its path may be longer than the system allows for one.
  const flags = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories=']
  const settings = [...flags, 'max_connections=60', ...ROOMS[room]].flatMap((one) => ['-c', one])
  const args = ['-D', data, '-p', `${port}`, ...settings]
  const child = spawn(join(bin, 'postgres'), args, {
    ...user,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  server = child
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let said = ''
  child.stderr.on('data', (text: Buffer) => {
    said = (said + text.toString()).slice(-4_000)
    if (said.includes('ready to accept connections')) resolve()
  })
  child.once('exit', () => reject(new Error(said)))
  await promise
}

async function stop(): Promise<void> {
  const child = server
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  // At once, as in a crash: nobody needs what it holds, or whoever restarts it wants just that.
  child.kill('SIGQUIT')
  await ended
}

async function end(): Promise<void> {
  if (isOver) return
  isOver = true
  await stop()
  rmSync(folder, { recursive: true, force: true })
  process.exit(0)
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

/** Gives its port. Between the look at one and its use another server may have taken it. */
async function startOnFreePort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    try {
      await start(port)
      return port
    } catch (error) {
      if (!/Address already in use/.test(String(error))) throw error
    }
  }
}

async function main(): Promise<void> {
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid)
  const how = ['--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8', '--locale=C']
  execFileSync(join(bin, 'initdb'), ['-D', data, ...how], { ...user, cwd: folder, stdio: 'pipe' })
  const port = await startOnFreePort()
  tell({ type: 'ready', port })
  process.on('message', (order: Order) => {
    if (order === 'stop') void end()
    else
      void stop()
        .then(() => start(port))
        .then(() => tell({ type: 'ready', port }))
        .catch(failed)
  })
}

const failed = (error: unknown): void => {
  tell({ type: 'failed', why: error instanceof Error ? error.message : String(error) })
  void end()
}

process.on('disconnect', () => void end())
// Whatever ends the keeper, the server ends too.
process.on('exit', () => server?.kill('SIGQUIT'))
// The signals of a terminal reach the whole group: it is the test that says when this is over.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
await main().catch(failed)
