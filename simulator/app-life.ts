import { randomBytes } from 'node:crypto'
import type { App, Apps } from './apps.ts'
import type { Bindings } from './bindings.ts'
import type { Events } from './events.ts'
import type { OAuth } from './oauth.ts'

/** What an administrator does with apps. Each act sends its event to the app's `handler`. */
export interface AppLife { install: (clientId: string) => void, update: (clientId: string) => void, uninstall: (clientId: string, clean?: boolean) => void }

export function createAppLife (deps: { apps: Apps, bindings: Bindings, oauth: OAuth, events: Events }): AppLife {
  const { apps, bindings, oauth, events } = deps
  const forget = (app: App): void => { bindings.remove(({ clientId }) => clientId === app.config.client_id) }
  return {
    install: (clientId) => {
      const app = apps.named(clientId)
      app.installed = true
      events.life(app, 'ONAPPINSTALL', { VERSION: app.version, ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'ru' })
    },
    // The update brings a new application token and takes the app's own bindings away.
    update: (clientId) => {
      const app = apps.named(clientId)
      forget(app)
      app.application_token = randomBytes(16).toString('hex')
      events.life(app, 'ONAPPUPDATE', { PREVIOUS_VERSION: app.version, VERSION: ++app.version, ACTIVE: 'Y', INSTALLED: 'Y', LANGUAGE_ID: 'ru' })
    },
    uninstall: (clientId, clean = false) => {
      const app = apps.named(clientId)
      forget(app)
      app.installed = false
      oauth.revoke(clientId)
      events.life(app, 'ONAPPUNINSTALL', { LANGUAGE_ID: 'ru', CLEAN: clean ? '1' : '0' })
    }
  }
}
