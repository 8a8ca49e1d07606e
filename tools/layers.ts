// Layers: which folder of src may import which, and which packages. ARCHITECTURE.md has the same table.

export interface Layer {
  readonly may: readonly string[]
  readonly packages?: readonly string[]
  readonly isPure?: true
}

const LOWER = ['core', 'indicators', 'options', 'strategy', 'io', 'engine', 'formats', 'strategies']
const MIDDLE = ['venues', 'venues/*', 'store', 'report', 'simulators', 'jobs', 'ops']

/** Folder → folders and packages that it may import. A folder may import itself. */
const LAYERS: Readonly<Record<string, Layer>> = {
  core: { may: [], isPure: true },
  indicators: { may: ['core'], isPure: true },
  options: { may: ['core'], isPure: true },
  strategy: { may: ['core'], packages: ['zod'], isPure: true },
  io: { may: ['core'], packages: ['undici', 'ws'] },
  engine: { may: ['core', 'strategy'], isPure: true },
  formats: { may: ['core', 'io'], packages: ['csv-parse'] },
  strategies: { may: ['core', 'strategy', 'indicators', 'options'], isPure: true },
  venues: { may: ['core', 'io', 'venues/*'] },
  'venues/*': { may: ['core', 'io'], packages: ['@msgpack/msgpack'] },
  store: { may: ['core', 'io'], packages: ['pg'] },
  report: { may: ['core'], packages: ['lightweight-charts'] },
  simulators: {
    may: ['core', 'io', 'venues/sim'],
    packages: ['ws', '@msgpack/msgpack', 'yaml', 'zod'],
  },
  jobs: { may: ['core', 'io'] },
  ops: { may: ['core', 'io'], packages: ['prom-client'] },
  'runtime/*': { may: [...LOWER, ...MIDDLE], packages: ['zod', 'yaml'] },
  server: { may: ['core', 'runtime/*'] },
  cli: {
    may: ['core', 'runtime/*', 'jobs', 'server', 'simulators', 'formats', 'store', 'report'],
    packages: ['commander'],
  },
  testing: { may: ['core', 'strategy', 'engine', 'io', 'venues/sim'], packages: ['fast-check'] },
}

/** The rooms of `runtime`: each may import those before it. */
export const ROOMS = ['config', 'session', 'tape', 'live', 'venues', 'replay', 'history', 'doctor']

/** `core`, `venues/bybit`, `runtime/live`; `venues` for files directly in it; the file's own name for those in src itself. */
export function folderOf(path: string): string {
  const [, first = '', second = '', third] = path.split('/')
  const hasRooms = first === 'venues' || first === 'runtime'
  return hasRooms && third !== undefined ? `${first}/${second}` : first
}

/** Undefined for a folder that is in no row, and for files of `runtime` that are in no room of it. */
export function layerOf(folder: string): Layer | undefined {
  const [first, room] = folder.split('/')
  if (first === 'runtime' && !ROOMS.includes(room ?? '')) return undefined
  return LAYERS[room === undefined ? folder : `${first}/*`]
}

/** May files of one folder import those of the other? */
export function mayImport(from: string, to: string): boolean {
  if (from === to) return true
  const may = layerOf(from)?.may ?? []
  const [first, room] = to.split('/')
  if (room === undefined) return may.includes(to)
  if (first === 'runtime' && from.startsWith('runtime/')) return roomAt(to) < roomAt(from)
  return may.includes(to) || may.includes(`${first}/*`)
}

const roomAt = (folder: string): number => ROOMS.indexOf(folder.slice('runtime/'.length))
