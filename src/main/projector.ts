import type { Config } from '../platform/config.ts'
import { createProjector } from '../projections/projector.ts'
import { startProcess } from './process.ts'
import type { RunningProcess } from './process.ts'

/** The log becomes read models. */
export function startProjector (config: Config): Promise<RunningProcess> {
  return startProcess('projector', config, ({ log, pool, logger, registry }) => ({ room: createProjector({ log, pool, logger, registry }) }))
}
