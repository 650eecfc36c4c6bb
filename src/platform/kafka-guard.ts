import net from 'node:net'
import tls from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { monotonicMs } from './clock.ts'

/** What kafkajs asks of a socket factory. */
export interface SocketRequest { host: string, port: number, ssl: ConnectionOptions, onConnect: () => void }

interface TimeoutEvent { payload: { broker: string, apiName: string } }
interface Watched {
  readonly events: { readonly REQUEST_TIMEOUT: string }
  on (...subscription: never[]): unknown
}

export interface HangGuard {
  socketFactory (request: SocketRequest): net.Socket
  /** Gives the client back, watched. Every producer, consumer and admin is passed through here. */
  attach<T extends Watched> (client: T): T
}

/**
 * Turns clients away from a broker that keeps its sockets open and does not answer.
 *
 * kafkajs neither closes a connection after a request time-out nor asks for new metadata, so the partitions of a
 * frozen broker stood still for as long as it was frozen; with this guard they move again after 4 to 7 s. For
 * `suspectMs` after a time-out new connections to that broker fail at once. 0 on a single broker: there is no other.
 */
export function hangGuard (suspectMs: number): HangGuard {
  const open = new Map<string, Set<net.Socket>>()
  const suspectUntil = new Map<string, number>()

  function socketFactory ({ host, port, ssl, onConnect }: SocketRequest): net.Socket {
    const key = `${host}:${port}`
    if ((suspectUntil.get(key) ?? 0) > monotonicMs()) return refused(key)
    const socket = ssl
      ? tls.connect({ host, port, ...(net.isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    const sockets = open.get(key) ?? new Set()
    open.set(key, sockets.add(socket))
    socket.once('close', () => sockets.delete(socket))
    return socket
  }

  function attach<T extends Watched> (client: T): T {
    const turnAway = ({ payload: { broker, apiName } }: TimeoutEvent): void => {
      suspectUntil.set(broker, monotonicMs() + suspectMs)
      for (const socket of open.get(broker) ?? []) socket.destroy(new Error(`${apiName} of ${broker} timed out`))
    }
    client.on(...[client.events.REQUEST_TIMEOUT, turnAway] as never[])
    return client
  }

  return { socketFactory, attach }
}

function refused (key: string): net.Socket {
  const socket = new net.Socket()
  setImmediate(() => socket.destroy(new Error(`${key} is suspect`)))
  return socket
}
