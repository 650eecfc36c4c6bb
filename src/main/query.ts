import type { Config } from '../platform/config.ts'
import { readLag } from '../projections/read.ts'
import { createQuery } from '../query/server.ts'
import { startProcess } from './process.ts'
import type { RunningProcess } from './process.ts'

/** The read models over HTTP. */
export function startQuery (config: Config): Promise<RunningProcess> {
  const portals = config.portals.filter(p => p.role !== 'target').map(p => p.name)
  return startProcess('query', config, ({ log, pool, logger, registry }) => ({
    room: createQuery({ pool, logger, registry, lag: () => readLag(log, pool) }, { ...config.query, portals })
  }))
}
