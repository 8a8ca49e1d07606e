/*
 * Source: files on disk and the texts in them, whatever packs them.
 *
 * What a file is, its first bytes say, not its name: gzip, zip, or text. A zip has one text for each csv
 * entry. Packed data is checked to its last byte, by the checksums that gzip and zip carry.
 */
import { constants } from 'node:buffer'
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { constants as zlib, gunzipSync } from 'node:zlib'
import { BadInput } from '../core/bad-input.ts'
import { unzipEntry, zipEntries } from './zip.ts'

/** One text: a file, or an entry of a zip file. */
export interface Part {
  readonly file: string
  readonly entry?: string
  /** For messages: the path, and the entry after a colon. */
  readonly name: string
}

/** Most files that a folder may hold, so that a wrong path does not read a whole disk. */
const FILES_MAX = 100_000
/** A text is one string, which has a limit of its own. */
const BYTES_MAX = Math.min(400 * 1024 * 1024, constants.MAX_STRING_LENGTH)
const PEEK_BYTES = 64 * 1024

// Folders of a Lean data set that are not market data.
const OTHER_FOLDERS = new Set(['map_files', 'factor_files', 'coarse'])
const ENDINGS = /\.(csv|csv\.gz|zip)$/i

/** The files of market data at `path`: itself, or all below a folder, sorted by name. */
export async function filesAt(path: string): Promise<readonly string[]> {
  const info = await stat(path).catch((error: unknown) => {
    const what = isMissing(error) ? 'does not exist' : 'cannot be read'
    throw new BadInput({ file: path }, what, undefined, 'an existing file or folder')
  })
  if (!info.isDirectory()) return [path]
  const names = await readdir(path, { recursive: true })
  const files = names
    .filter((name) => ENDINGS.test(name))
    .filter((name) => !name.split(/[/\\]/).some((folder) => OTHER_FOLDERS.has(folder)))
    .filter((name) => !/_openinterest\.zip$/i.test(name))
    .toSorted()
  if (files.length === 0) {
    const allowed = 'a folder with .csv, .csv.gz or .zip files'
    throw new BadInput({ file: path }, 'has no market data', undefined, allowed)
  }
  if (files.length > FILES_MAX) {
    throw new BadInput({ file: path }, 'has too many files', files.length, `at most ${FILES_MAX}`)
  }
  return files.map((name) => join(path, name))
}

/** The texts of a file. Reads the whole file only if it is a zip, for its list of entries. */
export async function partsOf(file: string): Promise<readonly Part[]> {
  if (packing(await head(file, 4)) !== 'zip') return [{ file, name: file }]
  const entries = zipEntries(await readFile(file))
  if (entries === undefined) throw broken(file)
  const names = entries.map(({ name }) => name).filter((name) => /\.csv$/i.test(name))
  if (names.length === 0) {
    throw new BadInput({ file }, 'has no csv entry', undefined, 'a zip of csv files')
  }
  return names.toSorted().map((entry) => ({ file, entry, name: `${file}:${entry}` }))
}

/** The whole text of a part. */
export async function readText(part: Part, maxBytes: number = BYTES_MAX): Promise<string> {
  const bytes = await readFile(part.file)
  return textOf(part, unpack(part, bytes, Math.min(maxBytes, BYTES_MAX)))
}

/** The first lines of a part, whole lines only. */
export async function peekText(part: Part, maxBytes: number = BYTES_MAX): Promise<string> {
  const { size } = await stat(part.file)
  if (part.entry !== undefined || size <= PEEK_BYTES) return readText(part, maxBytes)
  const bytes = await head(part.file, PEEK_BYTES)
  const isGzip = packing(bytes) === 'gzip'
  // The end of the data is missing here on purpose, which this flush forgives.
  const plain = isGzip
    ? tryUnpack(
        part,
        () => gunzipSync(bytes, { finishFlush: zlib.Z_SYNC_FLUSH, maxOutputLength: maxBytes }),
        maxBytes,
      )
    : bytes
  const end = plain.subarray(0, PEEK_BYTES).lastIndexOf(10)
  return textOf(part, end < 0 ? plain : plain.subarray(0, end + 1))
}

async function head(file: string, length: number): Promise<Buffer> {
  const handle = await open(file).catch(() => {
    throw new BadInput({ file }, 'cannot be read', undefined, 'a file that may be read')
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

function packing(bytes: Uint8Array): 'gzip' | 'zip' | 'none' {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip'
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return 'zip'
  return 'none'
}

function unpack(part: Part, bytes: Buffer, maxBytes: number): Uint8Array {
  const kind = packing(bytes)
  if (kind === 'none') {
    if (/\.(gz|zip)$/i.test(part.file) && bytes.length > 0) {
      const allowed = 'gzip or zip data in a file that is named so'
      throw new BadInput({ file: part.name }, 'is not packed as its name says', undefined, allowed)
    }
    if (bytes.length > maxBytes) throw tooBig(part, maxBytes)
    return bytes
  }
  if (kind === 'gzip') {
    return tryUnpack(part, () => gunzipSync(bytes, { maxOutputLength: maxBytes }), maxBytes)
  }
  const entry = zipEntries(bytes)?.find(({ name }) => name === part.entry)
  if (entry === undefined) throw broken(part.file)
  if (entry.bytes > maxBytes) throw tooBig(part, maxBytes)
  const plain = unzipEntry(bytes, entry)
  if (plain === undefined) throw broken(part.name)
  return plain
}

function tryUnpack(part: Part, work: () => Buffer, maxBytes: number): Buffer {
  try {
    return work()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooBig(part, maxBytes)
    const what =
      code === 'Z_BUF_ERROR' ? 'is cut off: its gzip data ends early' : 'is broken gzip data'
    throw new BadInput({ file: part.name }, what, undefined, 'a complete gzip file')
  }
}

const broken = (file: string): BadInput =>
  new BadInput({ file }, 'is a broken or cut off zip file', undefined, 'a complete zip file')

const tooBig = (part: Part, maxBytes: number): BadInput =>
  new BadInput({ file: part.name }, 'unpacks to too much', undefined, `at most ${maxBytes} bytes`)

function textOf(part: Part, bytes: Uint8Array): string {
  if (bytes.length === 0) {
    throw new BadInput({ file: part.name }, 'is empty', undefined, 'a header row and data rows')
  }
  const allowed = 'text in UTF-8'
  if (bytes.subarray(0, PEEK_BYTES).includes(0)) {
    throw new BadInput({ file: part.name }, 'is binary or UTF-16', undefined, allowed)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new BadInput({ file: part.name }, 'is not text', undefined, allowed)
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
