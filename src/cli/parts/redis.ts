import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { Found } from './found.ts'
import type { Part, Place } from './part.ts'
import { writeWhole } from './process.ts'

/** Address of Redis, database 0. */
export function redisAddress (place: Place): string {
  return `redis://127.0.0.1:${place.portBase + 3}`
}

/** Redis as a cache that survives an orderly stop: a snapshot at the end and every 300 s. */
export function redisPart (place: Place, found: Found): Part {
  const port = place.portBase + 3
  const config = join(place.dir, 'redis.conf')
  const data = join(place.dir, 'redis')
  return {
    name: 'redis',
    ports: [port],
    marker: config,
    pidFile: join(place.dir, 'redis.pid'),
    logFile: join(place.dir, 'logs', 'redis.log'),
    stop: 'SIGTERM',
    prepare: async () => {
      await Promise.resolve()
      mkdirSync(data, { recursive: true })
      // Without its own title the process keeps its command line, by which it is found again.
      const lines = ['bind 127.0.0.1', `port ${port}`, `dir ${JSON.stringify(data)}`, 'maxmemory 2gb', 'maxmemory-policy allkeys-lru', 'save 300 1', 'set-proc-title no', 'daemonize no', 'loglevel notice']
      writeWhole(config, lines.join('\n') + '\n')
    },
    launch: () => ({ command: found.redisServer, args: [config], cwd: place.dir }),
    probe: () => ping(port)
  }
}

function ping (port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(2000, () => socket.destroy(new Error('Redis did not answer in 2 s')))
    socket.once('connect', () => socket.write('PING\r\n'))
    socket.once('error', reject)
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.toString().startsWith('+PONG')) resolve()
      else reject(new Error(`Redis answered ${answer.toString().trim()}`))
    })
  })
}
