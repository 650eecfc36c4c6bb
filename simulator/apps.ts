import { createHash } from 'node:crypto'
import type { AppConfig, PortalSettings } from './config.ts'

/** An app as it stands on the portal now. */
export interface App { readonly config: AppConfig, installed: boolean, version: number, application_token: string }
export interface Apps {
  find: (clientId: string) => App | undefined
  /** Throws when the portal knows no such app. */
  named: (clientId: string) => App
  dump: () => unknown
  load: (state: unknown) => void
}

/** The apps of one portal's configuration. */
export function createApps (settings: PortalSettings): Apps {
  const apps = new Map(settings.apps.map((config): [string, App] => [config.client_id, {
    config, installed: config.installed ?? true, version: config.version ?? 1,
    application_token: config.application_token ?? createHash('md5').update(`${settings.name} ${config.client_id}`).digest('hex')
  }]))
  return {
    find: clientId => apps.get(clientId),
    named: (clientId) => {
      const app = apps.get(clientId)
      if (app === undefined) throw new Error(`${settings.name} has no app ${clientId}`)
      return app
    },
    dump: () => Object.fromEntries([...apps].map(([id, { installed, version, application_token }]) => [id, { installed, version, application_token }])),
    load: (state) => {
      for (const [id, kept] of Object.entries(state as Record<string, Omit<App, 'config'>>)) {
        const app = apps.get(id)
        if (app !== undefined) Object.assign(app, kept)
      }
    }
  }
}
