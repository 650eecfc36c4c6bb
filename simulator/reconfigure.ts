import { settle } from './config.ts'
import type { PortalConfig, PortalSettings } from './config.ts'

/** What can change while a portal runs; what is not named stays. */
export type Reconfiguration = Pick<PortalConfig, 'zone' | 'latency_ms' | 'command_ms' | 'limits' | 'funnels' | 'currencies' | 'types' | 'users' | 'scope' | 'secret' | 'robots' | 'switches'>

const CHANGEABLE = ['zone', 'latency_ms', 'command_ms', 'limits', 'funnels', 'currencies', 'types', 'users', 'scope', 'secret', 'robots', 'switches'] as const

/** Changes the settings in place: everything that reads them sees the new ones at once. Throws as at the start. */
export function reconfigure (settings: PortalSettings, change: Reconfiguration): void {
  for (const name of Object.keys(change)) if (!(CHANGEABLE as readonly string[]).includes(name)) throw new Error(`${name} cannot change while the portal runs: only ${CHANGEABLE.join(', ')}`)
  Object.assign(settings, settle({ ...settings, ...change, limits: { ...settings.limits, ...change.limits }, switches: { ...settings.switches, ...change.switches } }))
}
