import assert from 'node:assert/strict'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { startFaultProxy } from './fault-proxy.ts'
import type { FaultProxy } from './fault-proxy.ts'

interface Client { readonly socket: net.Socket, said: () => string, ended: () => string | null }
interface Room { readonly proxy: FaultProxy, heard: () => string, connect: () => Promise<Client> }

/** A server that answers each piece with the same piece in capitals, behind a proxy. */
async function open (t: TestContext): Promise<Room> {
  let heard = ''
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => { heard += chunk.toString(); socket.write(chunk.toString().toUpperCase()) })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const proxy = await startFaultProxy({ target: (server.address() as AddressInfo).port })
  t.after(async () => { await proxy.close(); server.close() })
  const connect = (): Promise<Client> => new Promise((resolve, reject) => {
    let said = ''
    let end: string | null = null
    const socket = net.connect(proxy.port, '127.0.0.1', () => resolve({ socket, said: () => said, ended: () => end }))
    socket.on('data', (chunk) => { said += chunk.toString() })
    socket.on('end', () => { end ??= 'fin' })
    socket.on('error', (error: NodeJS.ErrnoException) => { end ??= error.code ?? 'error'; reject(error) })
    t.after(() => socket.destroy())
  })
  return { proxy, heard: () => heard, connect }
}

/** A client that has sent one word and got its answer. */
async function greeted (room: Room): Promise<Client> {
  const client = await room.connect()
  client.socket.write('one ')
  await eventually(() => client.said() === 'ONE ')
  return client
}

test('without a mode everything passes, and an end is passed on', async (t) => {
  const client = await greeted(await open(t))
  client.socket.end()
  await eventually(() => client.ended() === 'fin')
})

test('latency: a piece and its answer come later by twice the delay, in order', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'latency', ms: 150 })
  const began = performance.now()
  client.socket.write('two ')
  client.socket.write('three ')
  await eventually(() => client.said().includes('TWO THREE'), { everyMs: 5 })
  assert.ok(performance.now() - began >= 295, `${performance.now() - began} ms`)
  assert.ok(room.proxy.touched() > 0)
})

test('rate: no more bytes a second than it says', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'rate', bytesPerSecond: 10_000 })
  const began = performance.now()
  client.socket.write('x'.repeat(3000))
  await eventually(() => client.said().length === 3004, { everyMs: 5 })
  assert.ok(performance.now() - began >= 290, `${performance.now() - began} ms`)
})

test('refuse: a new connection is refused, an open one goes on, and the port is the same afterwards', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'refuse' })
  await assert.rejects(room.connect(), { code: 'ECONNREFUSED' })
  client.socket.write('two')
  await eventually(() => client.said() === 'ONE TWO')
  await room.proxy.heal()
  await greeted(room)
})

test('half-open: a new connection is taken and never answered; healing ends it', async (t) => {
  const room = await open(t)
  await room.proxy.set({ kind: 'half-open' })
  const client = await room.connect()
  client.socket.write('lost')
  await room.proxy.set({ kind: 'latency', ms: 1 })
  await greeted(room)
  assert.deepEqual([client.said(), room.heard()], ['', 'one '])
  await room.proxy.heal()
  await eventually(() => client.ended() === 'ECONNRESET')
})

test('swallow-reply: the request arrives, and of the reply only the first bytes', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'swallow-reply', afterBytes: 2 })
  client.socket.write('two')
  await eventually(() => room.heard() === 'one two')
  await eventually(() => client.said() === 'ONE TW')
  client.socket.write('three')
  await eventually(() => room.heard() === 'one twothree')
  await room.proxy.heal()
  await eventually(() => client.ended() === 'ECONNRESET')
  assert.equal(client.said(), 'ONE TW')
})

test('swallow-request: what the client says never arrives', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'swallow-request' })
  client.socket.write('two')
  await eventually(() => room.proxy.touched() === 1)
  await room.proxy.heal()
  await eventually(() => client.ended() === 'ECONNRESET')
  await greeted(room)
  assert.equal(room.heard(), 'one one ')
})

test('stall: nothing moves either way until it is healed, then all of it arrives', async (t) => {
  const room = await open(t)
  const client = await greeted(room)
  await room.proxy.set({ kind: 'stall' })
  client.socket.write('two')
  await eventually(() => room.proxy.touched() === 1)
  assert.equal(room.heard(), 'one ')
  await room.proxy.heal()
  await eventually(() => client.said() === 'ONE TWO')
})

for (const [how, seen] of [['rst', 'ECONNRESET'], ['fin', 'fin']] as const) {
  test(`cut by ${how}: every open connection ends so, and new ones pass`, async (t) => {
    const room = await open(t)
    const [one, other] = [await greeted(room), await greeted(room)]
    assert.equal(room.proxy.cut(how), 2)
    await eventually(() => one.ended() === seen && other.ended() === seen)
    await greeted(room)
  })
}
