// One edge between two programs, over TCP. It knows nothing of what they say, so it stands before Kafka, PostgreSQL, Redis,
// the registry, ingest and the portals alike. Steered by method calls; `heal` brings everything back and ends the connections
// on which something was swallowed, since their two sides no longer agree on where they are.
import net from 'node:net'
import type { AddressInfo } from 'node:net'

/**
 * What an edge does to those who use it. Without a mode it passes everything on.
 * `latency`: each piece comes `ms` later. `rate`: at most `bytesPerSecond` each way and connection.
 * `refuse`: nobody listens; what is open goes on. `half-open`: new connections are taken and never answered.
 * `swallow-reply`: requests pass, and of the replies nothing after the first `afterBytes` of each connection.
 * `swallow-request`: what the client sends goes nowhere. `stall`: everything stands still until it is healed.
 */
export type Mode =
  | { readonly kind: 'latency', readonly ms: number }
  | { readonly kind: 'rate', readonly bytesPerSecond: number }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'half-open' }
  | { readonly kind: 'swallow-reply', readonly afterBytes: number }
  | { readonly kind: 'swallow-request' }
  | { readonly kind: 'stall' }

export interface FaultProxy {
  /** The port that clients use; it stays the same for the proxy's life. */
  readonly port: number
  /** Takes effect on open connections too, but for `refuse` and `half-open`. */
  set (mode: Mode): Promise<void>
  /** Ends all open connections, by a reset or in order. Gives how many there were. */
  cut (how: 'rst' | 'fin'): number
  /** Passes everything on again; what stood still goes on, what was swallowed stays lost. */
  heal (): Promise<void>
  /** Connections and pieces that a mode or a cut has touched since the start. */
  touched (): number
  close (): Promise<void>
}

interface Pair { readonly client: net.Socket, readonly server: net.Socket | null, readonly pipes: readonly Pipe[], isSpoilt: boolean }
interface Pipe { flush (): void }

/** Listens on `listen` (0: any free port) of 127.0.0.1 and passes on to `target` there. */
export async function startFaultProxy (options: { target: number, listen?: number }): Promise<FaultProxy> {
  let mode: Mode | null = null
  let touched = 0
  const pairs = new Set<Pair>()

  const server = net.createServer({ noDelay: true }, (client) => {
    if (mode?.kind === 'half-open') touched += 1
    const upstream = mode?.kind === 'half-open' ? null : net.connect({ port: options.target, host: '127.0.0.1', noDelay: true })
    const pipes: Pipe[] = []
    const pair: Pair = { client, server: upstream, pipes, isSpoilt: upstream === null }
    pairs.add(pair)
    const spoil = (): void => { pair.isSpoilt = true }
    const touch = (): void => { touched += 1 }
    if (upstream !== null) {
      pipes.push(createPipe(client, upstream, { mode: () => mode, isReply: false, spoil, touch }), createPipe(upstream, client, { mode: () => mode, isReply: true, spoil, touch }))
      upstream.on('error', () => client.resetAndDestroy())
      upstream.on('close', () => { pairs.delete(pair) })
    }
    client.on('error', () => upstream?.resetAndDestroy())
    client.on('close', () => { if (upstream === null) pairs.delete(pair); else upstream.end() })
  })
  const listen = (port: number): Promise<void> => new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1' }, () => { server.off('error', reject); resolve() })
  })
  await listen(options.listen ?? 0)
  const { port } = server.address() as AddressInfo

  function cut (how: 'rst' | 'fin'): number {
    const open = [...pairs]
    touched += open.length
    for (const { client, server: upstream } of open) for (const socket of [client, upstream]) end(socket, how)
    return open.length
  }

  return {
    port,
    cut,
    async set (next) {
      await unrefuse(server, () => listen(port), next)
      mode = next
      for (const pair of pairs) for (const pipe of pair.pipes) pipe.flush()
      if (next.kind !== 'refuse') return
      touched += 1
      server.close()
    },
    async heal () {
      mode = null
      await unrefuse(server, () => listen(port), null)
      for (const pair of pairs) {
        if (pair.isSpoilt) for (const socket of [pair.client, pair.server]) end(socket, 'rst')
        else for (const pipe of pair.pipes) pipe.flush()
      }
    },
    touched: () => touched,
    async close () {
      for (const { client, server: upstream } of pairs) for (const socket of [client, upstream]) socket?.destroy()
      if (server.listening) await new Promise<void>((resolve) => { server.close(() => resolve()) })
    }
  }
}

/** Pieces of one direction in their order; each is held back, dropped or written as the mode says when its turn comes. */
function createPipe (from: net.Socket, to: net.Socket, edge: { mode: () => Mode | null, isReply: boolean, spoil: () => void, touch: () => void }): Pipe {
  const waiting: { readonly chunk: Buffer | null, readonly at: number }[] = []
  let timer: NodeJS.Timeout | undefined
  let freeAt = 0
  let swallowing: Mode | null = null
  let passed = 0

  function delayOf (size: number): number {
    const mode = edge.mode()
    if (mode?.kind === 'latency') return mode.ms
    if (mode?.kind !== 'rate') return 0
    freeAt = Math.max(freeAt, performance.now()) + size / mode.bytesPerSecond * 1000
    return freeAt - performance.now()
  }

  /** How many bytes of a piece go on. */
  function letThrough (size: number): number {
    const mode = edge.mode()
    const isMine = mode?.kind === 'swallow-reply' ? edge.isReply : mode?.kind === 'swallow-request' && !edge.isReply
    if (!isMine || mode === null) return size
    if (swallowing !== mode) [swallowing, passed] = [mode, 0]
    const room = mode.kind === 'swallow-reply' ? Math.max(0, mode.afterBytes - passed) : 0
    passed += size
    return Math.min(size, room)
  }

  function send (chunk: Buffer | null): void {
    if (chunk === null) { to.end(); return }
    const through = letThrough(chunk.length)
    if (through < chunk.length) { edge.touch(); edge.spoil() }
    if (through > 0 && !to.destroyed && to.writable) to.write(chunk.subarray(0, through))
  }

  function flush (): void {
    clearTimeout(timer)
    const isOver = edge.mode()?.kind !== 'latency' && edge.mode()?.kind !== 'rate'
    while (waiting.length > 0 && edge.mode()?.kind !== 'stall') {
      const first = waiting[0]
      const left = first === undefined ? 0 : first.at - performance.now()
      if (left > 0 && !isOver) { timer = setTimeout(flush, left); return }
      waiting.shift()
      send(first?.chunk ?? null)
    }
  }

  function take (chunk: Buffer | null): void {
    const kind = edge.mode()?.kind
    if (chunk !== null && (kind === 'stall' || kind === 'latency' || kind === 'rate')) edge.touch()
    waiting.push({ chunk, at: performance.now() + delayOf(chunk?.length ?? 0) })
    flush()
  }
  from.on('data', take)
  from.on('end', () => { take(null) })
  from.once('close', () => { if (waiting.length === 0) clearTimeout(timer) })
  return { flush }
}

function end (socket: net.Socket | null, how: 'rst' | 'fin'): void {
  if (how === 'rst') socket?.resetAndDestroy()
  else socket?.end()
}

/** Listens again when it does not and the next mode allows it. */
async function unrefuse (server: net.Server, listen: () => Promise<void>, next: Mode | null): Promise<void> {
  if (!server.listening && next?.kind !== 'refuse') await listen()
}
