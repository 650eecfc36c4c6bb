import { areFree } from '../../src/cli/parts/ports.ts'
import { startFaultProxy } from './fault-proxy.ts'
import type { FaultProxy } from './fault-proxy.ts'

/** The fault proxies of a run by the name of their edge, `who>whom`. */
export interface Edges {
  /** Puts a proxy before `target` and gives the port to use instead. */
  add (name: string, target: number): Promise<number>
  get (name: string): FaultProxy
  names (): string[]
  healAll (): Promise<void>
  close (): Promise<void>
}

/** Proxies on the ports that `nextPort` gives; outside the system's own range, so that one that refuses gets its port back. */
export function createEdges (nextPort: () => number): Edges {
  const proxies = new Map<string, FaultProxy>()
  return {
    async add (name, target) {
      const proxy = await startFaultProxy({ target, listen: nextPort() })
      proxies.set(name, proxy)
      return proxy.port
    },
    get (name) {
      const proxy = proxies.get(name)
      if (proxy === undefined) throw new Error(`there is no edge ${name}`)
      return proxy
    },
    names: () => [...proxies.keys()],
    healAll: async () => { await Promise.all([...proxies.values()].map(proxy => proxy.heal())) },
    close: async () => { await Promise.all([...proxies.values()].map(proxy => proxy.close())) }
  }
}

/** The first of `count` ports in a row that are free now, below the range that systems give to outgoing connections. */
export async function freeBlock (count: number, chance: () => number): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const base = 12_000 + Math.floor(chance() * (19_000 / count)) * count
    if (await areFree(Array.from({ length: count }, (_, i) => base + i))) return base
  }
  throw new Error(`no ${count} free ports in a row were found`)
}
