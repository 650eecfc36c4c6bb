import { prepareRoute } from '../dispatcher/plan.ts'
import type { PreparedRoute } from '../dispatcher/plan.ts'
import { ConfigError } from '../platform/config.ts'
import type { Config } from '../platform/config.ts'
import { messageOf } from '../platform/logger.ts'

/** Compiles every mapping; all mistakes at once. */
export function prepareRoutes (config: Config): Map<string, { to: string, prepared: PreparedRoute }> {
  const mistakes: { file: string, path: string, message: string }[] = []
  const prepared = new Map<string, { to: string, prepared: PreparedRoute }>()
  for (const [name, route] of config.routes) {
    try {
      const domain = config.portals.find(p => p.name === name)?.domain ?? ''
      prepared.set(name, { to: route.to, prepared: prepareRoute({ name, domain }, route.mapping) })
    } catch (error) {
      mistakes.push({ file: route.mappingPath, path: '', message: messageOf(error) })
    }
  }
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  return prepared
}
