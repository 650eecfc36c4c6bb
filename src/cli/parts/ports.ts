import { createServer } from 'node:net'
import { AppError } from '../../platform/errors.ts'
import type { Part } from './part.ts'
import { until } from './until.ts'

/** Throws `part_failed`, naming port and remedy, when a port of `part` stays taken; waits 2 s for one that is being given up. */
export async function assertPortsFree (part: Part): Promise<void> {
  for (const port of part.ports) {
    await until(() => bindOnce(port), { deadlineMs: 2000, everyMs: 100 }).catch((error: unknown) => {
      throw new AppError('part_failed', `Port ${port}, which ${part.name} needs, is used by another program; stop that program or choose another --port-base`, { cause: error })
    })
  }
}

/** Whether every one of `ports` can be bound on 127.0.0.1 now. */
export async function areFree (ports: readonly number[]): Promise<boolean> {
  const results = await Promise.allSettled(ports.map(port => bindOnce(port)))
  return results.every(result => result.status === 'fulfilled')
}

function bindOnce (port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => { server.close(() => { resolve() }) })
  })
}
