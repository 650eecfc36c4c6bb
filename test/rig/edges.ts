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
