/*
 * Stream server: Alpaca's market-data stream in a process of its own, for benches. It answers connect, auth and
 * subscribe, and floods all connections with the same frames whenever its parent says so. It ends with its parent.
 *
 *   node bench/stream-server.ts <messages per frame> <frames>     says {"port": n}, then takes "flood" any number of times
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { WebSocketServer } from 'ws'
import { framesOf } from './decode-alpaca.ts'

const WRITE_BYTES = 60_000
/** Frames that are made; more are the same again. */
const DISTINCT = 2_000

/** As a server sends it: one text frame, not masked. */
function textFrame(payload: Uint8Array): Buffer {
  const { length } = payload
  assert.ok(length < 65_536, 'a frame has a length of 16 bits')
  const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 255]
  return Buffer.concat([Buffer.from(head), payload])
}

/** The frames in pieces of about `WRITE_BYTES`. */
function piecesOf(perFrame: number, count: number): Buffer[] {
  const frames = framesOf('json', Math.min(count, DISTINCT), perFrame).map(textFrame)
  const pieces: Buffer[] = []
  let piece: Buffer[] = []
  let bytes = 0
  for (let i = 0; i < count; i++) {
    const frame = frames[i % frames.length]!
    piece.push(frame)
    bytes += frame.length
    if (bytes < WRITE_BYTES && i < count - 1) continue
    pieces.push(Buffer.concat(piece))
    piece = []
    bytes = 0
  }
  return pieces
}

async function flood(socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) if (!socket.write(piece)) await once(socket, 'drain')
}

async function main(): Promise<void> {
  assert.ok(process.send !== undefined, 'the stream server is started by a bench')
  const pieces = piecesOf(Number(process.argv[2]), Number(process.argv[3]))
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false })
  const sockets = new Set<Socket>()
  server.on('connection', (connection, { socket }) => {
    const say = (message: object): void => connection.send(JSON.stringify([message]))
    say({ T: 'success', msg: 'connected' })
    connection.on('message', (data: Buffer) => {
      const { action, ...wanted } = JSON.parse(data.toString('utf8'))
      if (action === 'auth') say({ T: 'success', msg: 'authenticated' })
      if (action === 'subscribe') say({ T: 'subscription', ...wanted })
    })
    sockets.add(socket)
    connection.on('close', () => sockets.delete(socket))
  })
  process.on('message', () => {
    for (const socket of sockets) void flood(socket, pieces)
  })
  process.on('disconnect', () => process.exit())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  process.send({ port: address.port })
}

await main()
