import { randomInt } from 'node:crypto'
import net from 'node:net'
import { areFree } from '../../src/cli/parts/ports.ts'

// Below the range from which systems take ports for outgoing connections: one from there may be taken before a program listens on it.
const FIRST = 12_000
const BLOCK = 60
const BLOCKS = 330
/** How many ports of a block its owner may use; the last one is held to show that the block is taken. */
export const BLOCK_PORTS = BLOCK - 1

let singles: { readonly base: number, next: number } | null = null

/** The first of 59 free ports in a row that no other test takes as long as this process lives. */
export async function claimPorts (): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const base = FIRST + BLOCK * randomInt(BLOCKS)
    const isMine = await hold(base + BLOCK_PORTS)
    if (isMine && await areFree(Array.from({ length: BLOCK_PORTS }, (_, i) => base + i))) return base
  }
  throw new Error(`no ${BLOCK_PORTS} free ports in a row were found`)
}

/** A port that is free now and that no other test takes. */
export async function freePort (): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (singles === null || singles.next === BLOCK_PORTS) singles = { base: await claimPorts(), next: 0 }
    const port = singles.base + singles.next
    singles.next += 1
    if (await areFree([port])) return port
  }
  throw new Error('no free port was found')
}

/** Listens on a port until this process ends; false when somebody else does. */
function hold (port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => { socket.destroy() })
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => { server.unref(); resolve(true) })
  })
}
