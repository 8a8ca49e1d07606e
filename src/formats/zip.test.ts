import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32, deflateRawSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { unzipEntry, zipEntries } from './zip.ts'

/** A zip of one entry whose sizes and offset are 64-bit numbers, without a 64-bit end record: as Lean's are. */
function longZip(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content)
  const title = Buffer.from(name)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(title.length, 26)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(8, 10)
  entry.writeUInt32LE(crc32(content), 16)
  entry.writeUInt32LE(0xffffffff, 20)
  entry.writeUInt32LE(0xffffffff, 24)
  entry.writeUInt16LE(title.length, 28)
  entry.writeUInt16LE(20, 30)
  const extra = Buffer.alloc(20)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(16, 2)
  extra.writeBigUInt64LE(BigInt(content.length), 4)
  extra.writeBigUInt64LE(BigInt(packed.length), 12)
  const start = local.length + title.length + packed.length
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(start, 16)
  return Buffer.concat([local, title, packed, entry, title, extra, end])
}

const text = Buffer.from('19980102 00:00,973100,975300,965300,973600,2150000\n'.repeat(50))

describe('zip', () => {
  it('reads stored and deflated entries', () => {
    const bytes = Buffer.from(
      zipSync({ 'a.csv': [text, { level: 0 }], 'b/c.csv': [text, { level: 9 }] }),
    )
    const entries = zipEntries(bytes) ?? []
    assert.deepEqual(
      entries.map(({ name, method, bytes: size }) => [name, method, size]),
      [
        ['a.csv', 0, text.length],
        ['b/c.csv', 8, text.length],
      ],
    )
    for (const entry of entries) assert.deepEqual(unzipEntry(bytes, entry), text)
  })

  it('reads 64-bit sizes without a 64-bit end record', () => {
    const bytes = longZip('spy.csv', text)
    const [entry] = zipEntries(bytes) ?? []
    assert.ok(entry)
    assert.equal(entry.bytes, text.length)
    assert.deepEqual(unzipEntry(bytes, entry), text)
  })

  it('finds every damaged byte of the data and every cut', () => {
    const bytes = Buffer.from(zipSync({ 'a.csv': text }))
    const [entry] = zipEntries(bytes) ?? []
    assert.ok(entry)
    for (let i = 35; i < 35 + entry.packedBytes; i++) {
      const copy = Buffer.from(bytes)
      copy[i] = (copy[i] ?? 0) ^ 1
      assert.equal(unzipEntry(copy, entry), undefined, `byte ${i}`)
    }
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(zipEntries(bytes.subarray(0, length)), undefined, `cut at ${length}`)
    }
  })

  it('unpacks no more than the entry promised', () => {
    const bytes = Buffer.from(zipSync({ 'a.csv': text }))
    const [entry] = zipEntries(bytes) ?? []
    assert.ok(entry)
    assert.equal(unzipEntry(bytes, { ...entry, bytes: 10 }), undefined)
  })
})
