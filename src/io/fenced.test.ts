import assert from 'node:assert/strict'
import { it } from 'node:test'
import { fencedIo } from './fenced.ts'
import { VirtualWorld } from './virtual.ts'

it('lets nothing leave that changes something, once there is a reason, and reads on', async () => {
  const world = new VirtualWorld({ seed: 1 })
  const heard: string[] = []
  world.serveHttp('venue.test', async ({ method }) => {
    heard.push(method)
    return { status: 200, headers: {}, body: new Uint8Array() }
  })
  let why: string | undefined
  const io = fencedIo(world.node('a'), () => why)
  const ask = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE') => {
    const request = { method, url: 'https://venue.test/', timeoutMs: 1_000 }
    return await world.settled(io.http.request(request))
  }

  const before = await ask('POST')
  why = 'another engine has the account'
  const after = [await ask('POST'), await ask('PATCH'), await ask('DELETE'), await ask('GET')]

  assert.equal(before.ok, true)
  assert.deepEqual(
    after.map((answer) => (answer.ok ? 'answered' : answer.fault.context?.['sent'])),
    ['no', 'no', 'no', 'answered'],
  )
  assert.deepEqual(heard, ['POST', 'GET'])
})
