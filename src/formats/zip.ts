/*
 * Zip: the entries of a zip file (APPNOTE.TXT 6.3.10, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT,
 * read 2026-11-20), unpacked by node:zlib and checked against their checksums.
 *
 * fflate was tried: it takes the 64-bit sizes of an entry only where the file also has a 64-bit end record,
 * which the zips of Lean do not have, so it sees 4 GiB in each of them; and it does not check what it unpacked.
 */
import { crc32, inflateRawSync } from 'node:zlib'

export interface ZipEntry {
  readonly name: string
  /** 0 stored, 8 deflated; others are not read. */
  readonly method: number
  readonly packedBytes: number
  readonly bytes: number
  readonly checksum: number
  readonly offset: number
}

const END = Buffer.from([0x50, 0x4b, 5, 6])
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const IN_EXTRA = 0xffffffff

/** The central directory; undefined where the file is broken or cut off. */
export function zipEntries(bytes: Buffer): readonly ZipEntry[] | undefined {
  return orUndefined(() => {
    const end = bytes.lastIndexOf(END)
    const commentBytes = bytes.readUInt16LE(end + 20)
    if (end + 22 + commentBytes > bytes.length) return undefined
    let at = startOfDirectory(bytes, end)
    const count = bytes.readUInt16LE(end + 10)
    const entries: ZipEntry[] = []
    while (at + 46 <= end && bytes.readUInt32LE(at) === ENTRY) {
      const nameEnd = at + 46 + bytes.readUInt16LE(at + 28)
      const extraEnd = nameEnd + bytes.readUInt16LE(at + 30)
      const long = longNumbers(bytes.subarray(nameEnd, extraEnd))
      // The order of the 64-bit numbers is that of the fields they stand for.
      const number = (field: number) => {
        const short = bytes.readUInt32LE(at + field)
        return short === IN_EXTRA ? (long.shift() ?? short) : short
      }
      const size = number(24)
      const packedBytes = number(20)
      const offset = number(42)
      entries.push({
        name: bytes.toString('utf8', at + 46, nameEnd),
        method: bytes.readUInt16LE(at + 10),
        packedBytes,
        bytes: size,
        checksum: bytes.readUInt32LE(at + 16),
        offset,
      })
      at = extraEnd + bytes.readUInt16LE(at + 32)
    }
    return count === 0xffff || entries.length === count ? entries : undefined
  })
}

/** What an entry holds; undefined where it is broken, or unpacks to more than it says. */
export function unzipEntry(bytes: Buffer, entry: ZipEntry): Buffer | undefined {
  return orUndefined(() => {
    const { offset, packedBytes } = entry
    if (bytes.readUInt32LE(offset) !== LOCAL) return undefined
    const from = offset + 30 + bytes.readUInt16LE(offset + 26) + bytes.readUInt16LE(offset + 28)
    const packed = bytes.subarray(from, from + packedBytes)
    if (packed.length !== packedBytes || (entry.method !== 0 && entry.method !== 8))
      return undefined
    // One byte of room above the promised size: an entry that needs it is not what it says.
    const limits = { maxOutputLength: entry.bytes + 1 }
    const plain = entry.method === 0 ? packed : inflateRawSync(packed, limits)
    return plain.length === entry.bytes && crc32(plain) === entry.checksum ? plain : undefined
  })
}

function startOfDirectory(bytes: Buffer, end: number): number {
  const short = bytes.readUInt32LE(end + 16)
  if (short !== IN_EXTRA) return short
  // The locator stands before the end record and points to the 64-bit end record.
  const longEnd = Number(bytes.readBigUInt64LE(end - 20 + 8))
  return Number(bytes.readBigUInt64LE(longEnd + 48))
}

function longNumbers(extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    const numbers: number[] = []
    const size = extra.readUInt16LE(at + 2)
    for (let i = 0; i + 8 <= size; i += 8) numbers.push(Number(extra.readBigUInt64LE(at + 4 + i)))
    return numbers
  }
  return []
}

/** Reading past the end throws RangeError, broken deflate data an error of zlib: both mean a broken file. */
function orUndefined<T>(work: () => T | undefined): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}
