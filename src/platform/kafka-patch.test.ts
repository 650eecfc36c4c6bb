import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../test/support/eventually.ts'
import { patchKafkajs } from './kafka-patch.ts'

interface Inside { connect (): Promise<unknown>, disconnect (): Promise<unknown>, isConnected (): boolean, send (exchange: object): Promise<unknown>, readonly bytesBuffered: number }
const load = createRequire(import.meta.url)
const Connection = load('kafkajs/src/network/connection') as new (options: object) => Inside
const Encoder = load('kafkajs/src/protocol/encoder') as new () => object

test('an answer that broke off with its connection does not stand before the answers of the next one', async (t) => {
  patchKafkajs()
  patchKafkajs()
  let connections = 0
  const server = net.createServer((socket) => {
    connections += 1
    // The first one begins an answer of 100 bytes and is cut in the middle.
    if (connections === 1) { socket.end(Buffer.from([0, 0, 0, 100, 7, 7, 7, 7, 7, 7])); return }
    socket.on('data', request => socket.write(Buffer.concat([Buffer.from([0, 0, 0, 8]), request.subarray(8, 12), Buffer.from([1, 2, 3, 4])])))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const quiet = { debug: () => undefined, error: () => undefined, warn: () => undefined, info: () => undefined, namespace: () => quiet }
  const connection = new Connection({
    host: '127.0.0.1', port: (server.address() as AddressInfo).port, logger: quiet, requestTimeout: 2000, connectionTimeout: 2000,
    socketFactory: ({ host, port, onConnect }: { host: string, port: number, onConnect: () => void }) => net.connect({ host, port }, onConnect)
  })
  t.after(async () => { await connection.disconnect(); server.close() })
  await connection.connect()
  await eventually(() => connection.bytesBuffered > 0 && !connection.isConnected())
  await connection.connect()
  const answer = await connection.send({
    request: { apiKey: 3, apiName: 'Metadata', apiVersion: 0, encode: () => Promise.resolve(new Encoder()) },
    response: { decode: (payload: Buffer) => Promise.resolve(payload), parse: (payload: Buffer) => Promise.resolve(payload) }
  })
  assert.deepEqual(answer, Buffer.from([1, 2, 3, 4]))
})
