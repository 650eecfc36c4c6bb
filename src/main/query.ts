import { openAtNeed, openOrderLog } from '../orders/log.ts'
import { createOrders } from '../orders/orders.ts'
import type { Config } from '../platform/config.ts'
import { readLag } from '../projections/read.ts'
import { createQuery } from '../query/server.ts'
import { startProcess } from './process.ts'
import type { RunningProcess } from './process.ts'

const LOG_CLOSE_MS = 5_000

/** The read models over HTTP, and operators' orders; reads go on while the log is away. */
export function startQuery (config: Config): Promise<RunningProcess> {
  const portals = config.portals.filter(p => p.role !== 'target').map(p => p.name)
  return startProcess('query', config, ({ log, pool, logger, registry }) => {
    const orderLog = openAtNeed(() => openOrderLog(config, { clientId: 'dealbridge-orders', logger }))
    const orders = createOrders({ pool, log: orderLog, routes: config.routes })
    return {
      room: createQuery({ pool, logger, registry, orders, lag: () => readLag(log, pool) }, { ...config.query, portals }),
      close: () => orderLog.close(LOG_CLOSE_MS)
    }
  })
}
